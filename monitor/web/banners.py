"""List what is wrong with the monitor itself, beside whatever is wrong with the databases; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from monitor.model.deploys import Deploys
from monitor.model.wording import counted
from monitor.web.verdict import Tone, Verdict
from monitor.web.views import LastReload
from monitor.web.words import When, when

_TRY_RECEIVER = "Once there is one, this tries it: token-monitor notify --test NAME"


@dataclass(frozen=True, slots=True)
class Troubles:
    """What is wrong with the monitor itself; empty where nothing is.

    `sick`: why it does not do its work, so that nothing that is shown can be relied on. `unnotified`:
    why nobody would hear of an alert. `warnings`: likely mistakes in the configuration. `notes`: what else
    its operator should know.
    """

    sick: str = ""
    unnotified: str = ""
    reload: LastReload | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Banner:
    """A strip beside the headline."""

    tone: Tone
    text: str
    details: tuple[str, ...] = ()
    since: When | None = None


def banners_of(
    troubles: Troubles, verdict: Verdict, now: datetime
) -> tuple[Banner, ...]:
    """Write a strip for each trouble that the headline does not speak of."""
    found = []
    if troubles.sick and not verdict.is_sick:
        text = "The monitor does not watch: what is shown is as it was last seen"
        found.append(Banner("bad", text, (troubles.sick,)))
    if troubles.unnotified:
        details = (troubles.unnotified, _TRY_RECEIVER)
        found.append(Banner("bad", "Nobody is notified", details))
    if troubles.reload is not None and troubles.reload.problems:
        text = "The changed configuration was refused, the old one is in force"
        found.append(
            Banner(
                "warn", text, troubles.reload.problems, when(troubles.reload.at, now)
            )
        )
    if troubles.warnings:
        found.append(
            Banner(
                "warn", "The configuration may not do what was meant", troubles.warnings
            )
        )
    found += [Banner("warn", note) for note in troubles.notes]
    return tuple(found)


def deploy_banners(deploys: Deploys) -> tuple[Banner, ...]:
    """Write a strip about the deployments that go on, and whose alerts wait; none where there is none."""
    details = []
    for target, declared in deploys.items():
        for deploy in declared.under_way:
            by = f", declared by {deploy.by}" if deploy.by else ""
            details.append(f"{target} {deploy.words}{by}")
    if not details:
        return ()
    size = counted(len(details), "deployment")
    return (
        Banner("info", f"{size} under way: alerts about changes wait", tuple(details)),
    )
