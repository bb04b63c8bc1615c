"""Compute what the page shows, in words: is all well, and if not, what, since when, and what to do; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from monitor.alerting.alert_names import WATCHDOG
from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Config
from monitor.web.alert_groups import (
    AlertGroup,
    PageContext,
    group_of,
    known_rules,
    without_anchor,
)
from monitor.web.alert_order import by_rule, newest_first
from monitor.web.banners import Banner, Troubles, banners_of, deploy_banners
from monitor.web.headline import KnownRule, headline
from monitor.web.tables import (
    QueryRow,
    ReceiverRow,
    TargetRow,
    query_row,
    receiver_row,
    target_row,
)
from monitor.web.verdict import Verdict, verdict_of
from monitor.web.views import Scene

MAX_ROWS = 300
"""More rows than that nobody reads; those without trouble are left out first."""

Row = TypeVar("Row", TargetRow, QueryRow)

_NO_TROUBLES = Troubles()
# What is in an address may be anything; only what looks like a fingerprint is put on the page.
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page, in the order in which it stands there."""

    now: datetime
    verdict: Verdict
    banners: tuple[Banner, ...]
    active: tuple[AlertGroup, ...]
    muted: tuple[AlertGroup, ...]
    resolved: tuple[AlertGroup, ...]
    targets: tuple[TargetRow, ...]
    targets_left_out: int
    queries: tuple[QueryRow, ...]
    left_out: int
    receivers: tuple[ReceiverRow, ...]
    asked_for: str = ""
    """The fingerprint in the address."""
    asked: str = ""
    """The same, where no alert that is shown has it."""


@dataclass(frozen=True, slots=True)
class _Sections:
    """Alerts by rule, in the order in which they stand on the page, by the section that they stand in."""

    active: list[list[Alert]]
    muted: list[list[Alert]]
    resolved: list[list[Alert]]


@dataclass(frozen=True, slots=True)
class _PageRows(Generic[Row]):
    shown: tuple[Row, ...]
    left_out: int


def page_of(
    scene: Scene,
    config: Config | None = None,
    troubles: Troubles = _NO_TROUBLES,
    *,
    asked: str = "",
) -> Page:
    """Put what is known into words.

    `config`: for the rules about the monitor itself, and where it is reached from outside. `troubles`: what
    is wrong with the monitor itself. `asked`: the fingerprint of an alert that is shown in any case; what
    does not look like one is not looked for.
    """
    snapshot, now = scene.snapshot, scene.now
    alerts = [alert for alert in snapshot.alerts if alert.name != WATCHDOG]
    context = page_context(scene, config, asked)
    sections = _sections(alerts, context.rules)
    verdict = _verdict(scene, sections.active, context.rules, troubles)
    # In this order: an alert that is active keeps its anchor, and one that resolved before gets none.
    anchors: set[str] = set()
    active = _groups(sections.active, context, anchors)
    muted = _groups(sections.muted, context, anchors)
    resolved = _groups(sections.resolved, context, anchors)
    is_shown = any(group.has_asked_for for group in (*active, *muted, *resolved))
    targets = _trouble_first(
        target_row(view, snapshot, now) for view in snapshot.targets.values()
    )
    queries = _trouble_first(query_row(view, now) for view in snapshot.queries.values())
    return Page(
        now=now,
        verdict=verdict,
        banners=(
            *banners_of(troubles, verdict, now),
            *deploy_banners(snapshot.deploys),
        ),
        active=active,
        muted=muted,
        resolved=resolved,
        targets=targets.shown,
        targets_left_out=targets.left_out,
        queries=queries.shown,
        left_out=queries.left_out,
        receivers=tuple(
            receiver_row(view, now) for view in snapshot.receivers.values()
        ),
        asked_for=context.asked,
        asked="" if is_shown else context.asked,
    )


def page_context(
    scene: Scene, config: Config | None = None, asked: str = ""
) -> PageContext:
    """Return what all groups of one page share; `asked` is the fingerprint in its address."""
    return PageContext(
        scene,
        rules=known_rules(scene.snapshot, config),
        roots=_roots(scene.snapshot.alerts),
        asked=asked if _FINGERPRINT.fullmatch(asked) else "",
        runbooks_url=_runbooks_url(config),
    )


def active_groups(
    alerts: Sequence[Alert], context: PageContext
) -> tuple[AlertGroup, ...]:
    """Describe those of some alerts that are pending or firing, the worst rule first, muted ones last."""
    shown = [alert for alert in alerts if alert.name != WATCHDOG]
    sections = _sections(shown, context.rules)
    return _groups([*sections.active, *sections.muted], context, set())


def _verdict(
    scene: Scene,
    active: Sequence[Sequence[Alert]],
    rules: Mapping[str, KnownRule],
    troubles: Troubles,
) -> Verdict:
    said = []
    for group in active:
        text = headline(group, rules.get(group[0].name), scene.now)
        said.append((group, text))
    return verdict_of(scene.snapshot, said, scene.now, sick=troubles.sick)


def _groups(
    section: Sequence[Sequence[Alert]], context: PageContext, anchors: set[str]
) -> tuple[AlertGroup, ...]:
    """Describe the groups of a section; `anchors` are those above it, and gets those within."""
    return tuple(
        without_anchor(group_of(alerts, context), anchors) for alerts in section
    )


def _runbooks_url(config: Config | None) -> str:
    if config is None or not config.external_url:
        return ""
    return f"{config.external_url}/runbooks/"


def _trouble_first(rows: Iterable[Row]) -> _PageRows[Row]:
    """Return the rows that are shown, those in trouble first, which is seen by their tone."""
    ordered = sorted(rows, key=lambda row: row.tone == "ok")
    return _PageRows(tuple(ordered[:MAX_ROWS]), max(0, len(ordered) - MAX_ROWS))


def _sections(alerts: Sequence[Alert], rules: Mapping[str, KnownRule]) -> _Sections:
    """Sort alerts into what speaks for itself, what is muted, and what is over."""
    active: list[Alert] = []
    muted: list[Alert] = []
    over: list[Alert] = []
    for alert in alerts:
        if alert.state is AlertState.RESOLVED:
            over.append(alert)
        elif alert.muted_by is not None:
            muted.append(alert)
        else:
            active.append(alert)
    return _Sections(
        by_rule(active, rules),
        by_rule(muted, rules),
        newest_first(by_rule(over, rules)),
    )


def _roots(alerts: Sequence[Alert]) -> dict[str, str]:
    """Return the names of the alerts that others may be muted under, by fingerprint."""
    return {alert.fingerprint: alert.name for alert in alerts if alert.muted_by is None}
