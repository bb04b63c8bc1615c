"""Say in words what the page shows: is all well, and if not, what, since when, and what to do; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from monitor.alerting.inputs import WATCHDOG
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Config
from monitor.web.alert_groups import (
    AlertGroup,
    Scene,
    by_rule,
    group_of,
    known_rules,
    without_anchor,
)
from monitor.web.banners import Banner, Troubles, banners_of
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

MAX_ROWS = 300
"""More rows than that nobody reads; those without trouble are left out first."""

Row = TypeVar("Row", TargetRow, QueryRow)
Parts = tuple[list[list[Alert]], list[list[Alert]], list[list[Alert]]]
"""Alerts by rule: active, muted, resolved."""

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


def page_of(
    snapshot: Snapshot,
    now: datetime,
    judged_at: datetime | None = None,
    *,
    config: Config | None = None,
    troubles: Troubles | None = None,
    asked: str = "",
    shows_evidence: bool = False,
) -> Page:
    """Put a snapshot into words.

    `judged_at`: when the rules about the monitor itself were last judged, now by default. `troubles`:
    what is wrong with the monitor itself. `asked`: the fingerprint of an alert that is shown in any case.
    `shows_evidence`: only to who has given a password.
    """
    alerts = [alert for alert in snapshot.alerts if alert.name != WATCHDOG]
    rules = known_rules(snapshot, config)
    asked = asked if _FINGERPRINT.fullmatch(asked) else ""
    scene = Scene(
        snapshot,
        now,
        judged_at or now,
        rules,
        _roots(alerts),
        asked,
        shows_evidence,
        _runbooks_url(config),
    )
    parts = free, _, _ = _in_parts(alerts, rules)
    said = [(group, headline(group, rules.get(group[0].name), now)) for group in free]
    troubles = troubles or Troubles()
    taken: set[str] = set()
    shown = [
        tuple(without_anchor(group_of(group, scene), taken) for group in part)
        for part in parts
    ]
    queries = _trouble_first(query_row(view, now) for view in snapshot.queries.values())
    targets = _trouble_first(
        target_row(view, snapshot, now) for view in snapshot.targets.values()
    )
    verdict = verdict_of(snapshot, said, now, sick=troubles.sick)
    return Page(
        now=now,
        verdict=verdict,
        banners=banners_of(troubles, verdict, now),
        active=shown[0],
        muted=shown[1],
        resolved=shown[2],
        targets=tuple(targets[:MAX_ROWS]),
        targets_left_out=max(0, len(targets) - MAX_ROWS),
        queries=tuple(queries[:MAX_ROWS]),
        left_out=max(0, len(queries) - MAX_ROWS),
        receivers=tuple(
            receiver_row(view, now) for view in snapshot.receivers.values()
        ),
        asked_for=asked,
        asked=""
        if any(group.has_asked_for for part in shown for group in part)
        else asked,
    )


def _runbooks_url(config: Config | None) -> str:
    return (
        f"{config.external_url}/runbooks/"
        if config is not None and config.external_url
        else ""
    )


def _trouble_first(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.tone == "ok")


def _in_parts(alerts: Sequence[Alert], rules: Mapping[str, KnownRule]) -> Parts:
    """Group what speaks for itself, what is muted, and what is over with the newest first."""
    active = [alert for alert in alerts if alert.state is not AlertState.RESOLVED]
    free = by_rule((alert for alert in active if alert.muted_by is None), rules)
    muted = by_rule((alert for alert in active if alert.muted_by is not None), rules)
    over = by_rule(
        (alert for alert in alerts if alert.state is AlertState.RESOLVED), rules
    )
    newest_first = [sorted(group, key=_ended_at, reverse=True) for group in over]
    return (
        free,
        muted,
        sorted(newest_first, key=lambda group: _ended_at(group[0]), reverse=True),
    )


def _ended_at(alert: Alert) -> datetime:
    return alert.resolved_at or alert.active_at


def _roots(alerts: Sequence[Alert]) -> dict[str, str]:
    """Name the alerts that others are muted under, by fingerprint; to compute those of all takes long."""
    if not any(alert.muted_by for alert in alerts):
        return {}
    return {alert.fingerprint: alert.name for alert in alerts if alert.muted_by is None}
