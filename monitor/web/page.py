"""Say in words what the page shows: is all well, and if not, what, since when, and what to do; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from monitor.durations import format_duration
from monitor.judgements import WATCHDOG
from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Every, Severity
from monitor.store import QueryStatus, QueryView, ReceiverView, Snapshot, TargetView
from monitor.web.api import reason_of
from monitor.web.verdict import Tone, Verdict, has_data, verdict_of
from monitor.web.words import When, age, duration, until, when

MAX_ROWS = 300
"""More rows than that nobody reads; those without trouble are left out first."""

_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_TONES: dict[Severity, Tone] = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.INFO: "info"}
_STATUS_TONES: dict[str, Tone] = {"ok": "ok", "waiting": "wait", "skipped": "warn", "blocked": "warn"}
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


@dataclass(frozen=True, slots=True)
class ReceiverRow:
    """One receiver: does it take what it is sent, and what waits for it."""

    name: str
    tone: Tone
    status: str
    outbox: int
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


def page_of(snapshot: Snapshot, now: datetime) -> Page:
    """Put a snapshot into words; evidence is left out."""
    alerts = [alert for alert in snapshot.alerts if alert.name != WATCHDOG]
    names = {alert.fingerprint: alert.name for alert in alerts}
    free = [alert for alert in alerts if alert.muted_by is None]
    rows = sorted(
        (_query_row(view, now) for view in snapshot.queries.values()), key=lambda row: row.tone == "ok"
    )

    def cards(chosen: Iterable[Alert], *, newest: bool = False) -> tuple[AlertCard, ...]:
        ordered = sorted(chosen, key=lambda a: (_RANK[a.severity], a.active_at, a.labels))
        if newest:
            ordered.sort(key=lambda a: a.resolved_at or a.active_at, reverse=True)
        return tuple(_card(alert, names, now) for alert in ordered)

    return Page(
        now=now,
        verdict=verdict_of(snapshot, free, now),
        firing=cards(a for a in free if a.state is AlertState.FIRING),
        pending=cards(a for a in free if a.state is AlertState.PENDING),
        muted=cards(a for a in alerts if a.muted_by is not None and a.state is not AlertState.RESOLVED),
        resolved=cards((a for a in alerts if a.state is AlertState.RESOLVED), newest=True),
        targets=tuple(_target_row(view, now) for view in snapshot.targets.values())[:MAX_ROWS],
        queries=tuple(rows[:MAX_ROWS]),
        left_out=max(0, len(rows) - MAX_ROWS),
        receivers=tuple(_receiver_row(view, now) for view in snapshot.receivers.values()),
    )


def _card(alert: Alert, names: dict[str, str], now: datetime) -> AlertCard:
    texts = dict(alert.annotations)
    note = ""
    if alert.muted_by is not None:
        note = f"muted under {names.get(alert.muted_by, 'its root alert')}: no data until that is mended"
    elif alert.held:
        note = "held: no data now, so it stays as it was"
    elif alert.resolve_reason:
        note = alert.resolve_reason.replace("_", " ")
    since = alert.resolved_at if alert.state is AlertState.RESOLVED else alert.active_at
    return AlertCard(
        name=alert.name,
        target=alert.scope.target,
        tone="ok" if alert.state is AlertState.RESOLVED else _TONES[alert.severity],
        severity=alert.severity.value,
        state=alert.state.value,
        since=when(since or alert.active_at, now),
        at_least=alert.since_at_least and alert.state is not AlertState.RESOLVED,
        labels=tuple((name, value) for name, value in alert.labels if name not in _OWN_LABELS),
        summary=texts.get("summary", ""),
        description=texts.get("description", ""),
        repair=texts.get("repair", ""),
        runbook=texts.get("runbook_url", texts.get("runbook", "")),
        note=note,
    )


def _target_row(view: TargetView, now: datetime) -> TargetRow:
    server = ""
    if view.server is not None:
        server = " ".join(part for part in (view.server.flavor, view.server.version) if part)
        server += f" on {view.server.hostname}" if view.server.hostname else ""
        server += " (read-only)" if view.server.read_only else ""
    trouble = ""
    if view.up is False and view.last_failure is not None:
        failure = view.last_failure
        trouble = (
            f"{failure.reason.value}{f' ({failure.detail})' if failure.detail else ''}: {failure.message}"
        )
    elif view.missing:
        trouble = "missing: " + ", ".join(sorted(str(column) for column in view.missing))
    tone: Tone = "wait" if view.up is None else "ok" if view.up else "bad"
    return TargetRow(
        name=view.target.name,
        tone=tone,
        status={None: "not met yet", True: "up", False: "down"}[view.up],
        since=when(view.lost_since, now) if view.lost_since else None,
        server=server,
        trouble=trouble,
    )


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
    )


def _receiver_row(view: ReceiverView, now: datetime) -> ReceiverRow:
    last = view.last_delivery
    if view.failing_since is not None:
        reason = f"{last.reason}: {last.message}" if last else ""
        return ReceiverRow(
            view.name, "bad", f"failing for {age(now - view.failing_since)}", view.outbox, reason
        )
    text = f"took the last {age(now - last.at)} ago" if last else "nothing sent yet"
    return ReceiverRow(view.name, "ok" if last else "wait", text, view.outbox, "")
