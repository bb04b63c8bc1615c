"""Say since when what is shown is known to hold, by when data last confirmed it; pure."""

from __future__ import annotations

from datetime import datetime

from monitor.alerting.snapshot import QueryStatus, QueryView, Snapshot
from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Every


def has_data(view: QueryView, now: datetime) -> bool:
    """Tell whether what the last success said can still be relied on."""
    if view.status not in (QueryStatus.OK, QueryStatus.SKIPPED):
        return False
    return view.expires_at is not None and now < view.expires_at


def confirmed_at(
    alert: Alert, snapshot: Snapshot, judged_at: datetime
) -> datetime | None:
    """Tell when data last said what the alert says; None where none did since the monitor started.

    `judged_at` is when the rules about the monitor itself, which need no run, were last judged.
    """
    if alert.state is AlertState.RESOLVED:
        return alert.resolved_at
    view = snapshot.queries.get((alert.scope.target, alert.scope.subject))
    if view is None or alert.name not in {rule.name for rule in view.job.query.rules}:
        return None if alert.held else judged_at
    if not alert.held or view.data_at is None:
        return view.data_at
    # Its query can run while the rule lacks a column: that data does not speak of this alert.
    root = snapshot.roots.get(alert.muted_by or "")
    return view.data_at if root is None else min(view.data_at, root.active_at)


def waits(alert: Alert, snapshot: Snapshot, now: datetime) -> bool:
    """Tell whether an alert is held for no other reason than that its query's next run is still to come."""
    view = snapshot.queries.get((alert.scope.target, alert.scope.subject))
    if view is None or not alert.held or alert.muted_by is not None:
        return False
    is_due_later = view.next_run_at is not None and now < view.next_run_at
    if view.status is QueryStatus.WAITING:
        return is_due_later and not isinstance(view.job.query.schedule, Every)
    return is_due_later and has_data(view, now) and not view.is_news_at(now)


def is_current(alert: Alert, snapshot: Snapshot, now: datetime) -> bool:
    """Tell whether the alert's state is what data says now: not held, and its query still gives data."""
    if alert.state is AlertState.RESOLVED:
        return True
    view = snapshot.queries.get((alert.scope.target, alert.scope.subject))
    if view is None or alert.name not in {rule.name for rule in view.job.query.rules}:
        return not alert.held
    return not alert.held and has_data(view, now)
