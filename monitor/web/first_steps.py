"""Choose what to do next where nothing was seen yet: for who opens the page for the first time; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from monitor.alerting.contact import TargetView
from monitor.alerting.snapshot import Snapshot
from monitor.web.verdict import is_for_later


@dataclass(frozen=True, slots=True)
class FirstStep:
    """What to do, and the command that does it; empty where none does."""

    text: str
    command: str = ""


_NO_TARGET: Final = (
    FirstStep(
        "Say in config.toml which database is to be watched, by a table [targets.NAME];"
        " this writes a first file:",
        "token-monitor init --database NAME",
    ),
    FirstStep(
        "If a list names the targets (targets_file or [http_sd]), it is empty now."
    ),
)
_NO_QUERY: Final = (
    FirstStep(
        "The targets leave out every query: see queries and except of [targets.NAME] in"
        " config.toml, and what this says:",
        "token-monitor validate",
    ),
)
_UNDER_WAY: Final = (
    FirstStep("The first queries are under way; most results come within ten seconds."),
)
_TAKEN_IN: Final = FirstStep(
    "The monitor tries again by itself. A changed config.toml is taken in by SIGHUP, or by a POST to"
    " /-/reload."
)


def first_steps(snapshot: Snapshot, now: datetime) -> tuple[FirstStep, ...]:
    """Return what to do while no target has answered since the start; nothing once one has."""
    targets, queries = snapshot.targets.values(), snapshot.queries.values()
    if not targets:
        return _NO_TARGET
    if not queries:
        return _NO_QUERY
    if any(view.met_at is not None for view in targets):
        return ()
    refusing = [view for view in targets if view.up is False]
    if refusing:
        return (_way_in(refusing[0]), _TAKEN_IN)
    is_all_later = all(is_for_later(view, now) for view in queries)
    return () if is_all_later else _UNDER_WAY


def _way_in(view: TargetView) -> FirstStep:
    """Return what opens a target that does not let the monitor in."""
    name = view.target.name
    if not view.lets_account_in:
        return FirstStep(
            f"{name} refuses the monitor's account: its password is wrong, or an administrator has"
            " yet to run what this prints:",
            f"token-monitor grants --target {name}",
        )
    return FirstStep(
        f"{name} cannot be reached: compare host, port or unix_socket of [targets.{name}] in"
        " config.toml with the server's; this says what is wrong with it:",
        "token-monitor validate --connect",
    )
