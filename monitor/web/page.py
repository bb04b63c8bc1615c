"""Say in words what the page shows: is all well, and if not, what, since when, and what to do; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from monitor.ages import confirmed_at, has_data, is_current
from monitor.durations import format_duration
from monitor.judgements import WATCHDOG
from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Every, Severity
from monitor.patience import patience
from monitor.store import (
    QueryStatus,
    QueryView,
    ReceiverView,
    Snapshot,
    TargetView,
    missing_columns,
)
from monitor.web.api import reason_of
from monitor.web.verdict import Tone, Verdict, sick_verdict, verdict_of
from monitor.web.words import When, duration, until, when

MAX_ROWS = 300
"""More rows than that nobody reads; those without trouble are left out first."""

_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_TONES: dict[Severity, Tone] = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.INFO: "info"}
_STATUS_TONES: dict[str, Tone] = {"ok": "ok", "waiting": "wait", "skipped": "warn", "blocked": "warn"}
_TOLD_OFFSET_SECONDS = 2.0
"""Less of a clock's offset changes nothing that is shown."""
_OWN_LABELS = frozenset({"alertname", "severity", "target"})


@dataclass(frozen=True, slots=True)
class AlertCard:
    """One alert as a person reads it."""

    name: str
    target: str
    tone: Tone
    severity: str
    state: str
    since: When
    at_least: bool
    confirmed: When | None
    is_current: bool
    labels: tuple[tuple[str, str], ...]
    summary: str
    description: str
    repair: str
    runbook: str
    note: str


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target: does it answer, since when not, who answered."""

    name: str
    tone: Tone
    status: str
    since: When | None
    contact: When | None
    server: str
    trouble: str


@dataclass(frozen=True, slots=True)
class QueryRow:
    """One query on one target: how its last run went."""

    query: str
    target: str
    summary: str
    tone: Tone
    status: str
    trouble: str
    last_run: When | None
    last_success: When | None
    duration: str
    cadence: str
    next_run: When | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class ReceiverRow:
    """One receiver: does it take what it is sent, and what waits for it."""

    name: str
    tone: Tone
    status: str
    since: When | None
    last: When | None
    taken: When | None
    outbox: int
    oldest: When | None
    trouble: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page, in the order in which it stands there."""

    now: datetime
    verdict: Verdict
    firing: tuple[AlertCard, ...]
    pending: tuple[AlertCard, ...]
    muted: tuple[AlertCard, ...]
    resolved: tuple[AlertCard, ...]
    targets: tuple[TargetRow, ...]
    queries: tuple[QueryRow, ...]
    left_out: int
    receivers: tuple[ReceiverRow, ...]


def page_of(snapshot: Snapshot, now: datetime, judged_at: datetime | None = None, *, sick: str = "") -> Page:
    """Put a snapshot into words; evidence is left out.

    `judged_at`: when the rules about the monitor itself were last judged, now by default. `sick`: why
    the monitor does not do its work; then nothing that is shown can be relied on.
    """
    alerts = [alert for alert in snapshot.alerts if alert.name != WATCHDOG]
    names = {alert.fingerprint: alert.name for alert in alerts}
    free = [alert for alert in alerts if alert.muted_by is None]
    rows = sorted(
        (_query_row(view, now) for view in snapshot.queries.values()), key=lambda row: row.tone == "ok"
    )

    def cards(chosen: Iterable[Alert], *, newest: bool = False) -> tuple[AlertCard, ...]:
        ordered = sorted(chosen, key=lambda a: (_RANK[a.severity], a.held, a.active_at, a.labels))
        if newest:
            ordered.sort(key=lambda a: a.resolved_at or a.active_at, reverse=True)
        return tuple(_card(alert, names, snapshot, now, judged_at or now) for alert in ordered)

    return Page(
        now=now,
        verdict=sick_verdict(sick) if sick else verdict_of(snapshot, free, now),
        firing=cards(a for a in free if a.state is AlertState.FIRING),
        pending=cards(a for a in free if a.state is AlertState.PENDING),
        muted=cards(a for a in alerts if a.muted_by is not None and a.state is not AlertState.RESOLVED),
        resolved=cards((a for a in alerts if a.state is AlertState.RESOLVED), newest=True),
        targets=tuple(_target_row(view, snapshot, now) for view in snapshot.targets.values())[:MAX_ROWS],
        queries=tuple(rows[:MAX_ROWS]),
        left_out=max(0, len(rows) - MAX_ROWS),
        receivers=tuple(_receiver_row(view, now) for view in snapshot.receivers.values()),
    )


def _card(
    alert: Alert, names: dict[str, str], snapshot: Snapshot, now: datetime, judged_at: datetime
) -> AlertCard:
    texts = dict(alert.annotations)
    confirmed = confirmed_at(alert, snapshot, judged_at)
    since = alert.resolved_at if alert.state is AlertState.RESOLVED else alert.active_at
    return AlertCard(
        name=alert.name,
        target=alert.scope.target,
        tone="ok" if alert.state is AlertState.RESOLVED else _TONES[alert.severity],
        severity=alert.severity.value,
        state=alert.state.value,
        since=when(since or alert.active_at, now),
        at_least=alert.since_at_least and alert.state is not AlertState.RESOLVED,
        confirmed=None if confirmed is None else when(confirmed, now),
        is_current=is_current(alert, snapshot, now),
        labels=tuple((name, value) for name, value in alert.labels if name not in _OWN_LABELS),
        summary=texts.get("summary", ""),
        description=texts.get("description", ""),
        repair="" if alert.state is AlertState.RESOLVED else texts.get("repair", ""),
        runbook=texts.get("runbook_url", texts.get("runbook", "")),
        note=_note(alert, names),
    )


def _note(alert: Alert, names: dict[str, str]) -> str:
    if alert.muted_by is not None:
        return f"muted under {names.get(alert.muted_by, 'its root alert')}: no data until that is mended"
    if alert.held:
        return "held: no data now, so it stays as it was"
    return alert.resolve_reason.replace("_", " ")


def _target_row(view: TargetView, snapshot: Snapshot, now: datetime) -> TargetRow:
    name, trouble = view.target.name, ""
    if view.up is False and view.last_failure is not None:
        failure = view.last_failure
        trouble = (
            f"{failure.reason.value}{f' ({failure.detail})' if failure.detail else ''}: {failure.message}"
        )
    elif missing := missing_columns(snapshot, name, now):
        trouble = "missing: " + ", ".join(sorted(str(column) for column in missing))
    tone: Tone = "wait" if view.up is None else "ok" if view.up else "bad"
    status = {None: "not met yet", True: "up", False: "down"}[view.up]
    if view.up and _is_silent(view, snapshot.views_of(name), now):
        tone, status = "warn", "not heard of"
    return TargetRow(
        name=name,
        tone=tone,
        status=status,
        since=when(view.lost_since, now) if view.lost_since else None,
        contact=when(view.met_at, now) if view.met_at else None,
        server=_server(view),
        trouble=trouble,
    )


def _is_silent(view: TargetView, queries: list[QueryView], now: datetime) -> bool:
    """Tell whether it should have answered of late, by its most frequent query, and nobody knows."""
    allowed = min((time for one in queries if (time := patience(one.job)) is not None), default=None)
    return view.met_at is not None and allowed is not None and now - view.met_at > allowed


def _server(view: TargetView) -> str:
    """Say who answered last, and what of it bears on its data."""
    if view.server is None:
        return ""
    name = " ".join(part for part in (view.server.flavor, view.server.version) if part)
    name += f" on {view.server.hostname}" if view.server.hostname else ""
    facts = ["read-only"] if view.server.read_only else []
    if view.replica_lag_seconds is not None:
        facts.append(f"replica {view.replica_lag_seconds:g} s behind")
    offset = view.clock_offset_seconds
    if offset is not None and abs(offset) >= _TOLD_OFFSET_SECONDS:
        facts.append(f"clock {abs(offset):.0f} s {'ahead' if offset > 0 else 'behind'}")
    return f"{name} ({'; '.join(facts)})" if facts else name


def _query_row(view: QueryView, now: datetime) -> QueryRow:
    target, name = view.job.key
    reason, message = reason_of(view)
    status = "stale" if view.status is QueryStatus.OK and not has_data(view, now) else view.status.value
    schedule = view.job.query.schedule
    cadence = (
        f"every {format_duration(schedule.interval)}"
        if isinstance(schedule, Every)
        else f"cron {schedule.expression}"
    )
    return QueryRow(
        query=name,
        target=target,
        summary=view.job.query.summary,
        tone=_STATUS_TONES.get(status, "bad"),
        status=status,
        trouble=message if reason == "blocked" else f"{reason}: {message}" if reason else "",
        last_run=when(view.last_run_at, now) if view.last_run_at else None,
        last_success=when(view.last_success_at, now) if view.last_success_at else None,
        duration="" if view.duration_seconds is None else duration(view.duration_seconds),
        cadence=cadence,
        next_run=until(view.next_run_at, now) if view.next_run_at else None,
        is_current=has_data(view, now),
    )


def _receiver_row(view: ReceiverView, now: datetime) -> ReceiverRow:
    last = view.last_delivery
    is_failing = view.health.failing_since is not None
    tone: Tone = "bad" if is_failing else "ok" if last else "wait"
    return ReceiverRow(
        name=view.name,
        tone=tone,
        status="failing" if is_failing else "ok" if last else "nothing sent yet",
        since=when(view.health.failing_since, now) if view.health.failing_since else None,
        last=when(last.at, now) if last else None,
        taken=when(view.taken_at, now) if view.taken_at else None,
        outbox=view.health.waiting,
        oldest=when(view.health.oldest_at, now) if view.health.oldest_at and view.health.waiting else None,
        trouble=f"{last.reason}: {last.message}" if last and is_failing else "",
    )
