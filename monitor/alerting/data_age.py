"""Compute since when what is shown is known to hold, by when data last confirmed it; pure."""

from __future__ import annotations

from datetime import datetime

from monitor.alerting.snapshot import QueryStatus, QueryView, Snapshot
from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Cron


def has_data(view: QueryView, now: datetime) -> bool:
    """Return whether what the last success said can still be relied on."""
    if view.status not in (QueryStatus.OK, QueryStatus.SKIPPED):
        return False
    return view.expires_at is not None and now < view.expires_at


def confirmed_at(
    alert: Alert, snapshot: Snapshot, judged_at: datetime
) -> datetime | None:
    """Return when data last said what the alert says; None where none did since the monitor started.

    `judged_at` is when the rules about the monitor itself, which need no run, were last evaluated.
    """
    if alert.state is AlertState.RESOLVED:
        return alert.resolved_at
    view = _view_behind(alert, snapshot)
    if view is None:
        return None if alert.held else judged_at
    if not alert.held or view.data_at is None:
        return view.data_at
    # Its query can run while the rule lacks a column: that data does not speak of this alert.
    root = snapshot.roots.get(alert.muted_by or "")
    if root is None:
        return view.data_at
    return min(view.data_at, root.active_at)


def is_waiting(alert: Alert, snapshot: Snapshot, now: datetime) -> bool:
    """Return whether an alert is held for no other reason than that its query's next run is still to come."""
    view = snapshot.queries.get((alert.scope.target, alert.scope.subject))
    if view is None or view.next_run_at is None:
        return False
    if not alert.held or alert.muted_by is not None:
        return False
    if view.next_run_at <= now:
        return False
    if view.status is QueryStatus.WAITING:
        # By an interval the first run is at once: who waits for that has no data.
        return isinstance(view.job.query.schedule, Cron)
    return has_data(view, now) and not view.is_news_at(now)


def is_current(alert: Alert, snapshot: Snapshot, now: datetime) -> bool:
    """Return whether the alert's state is what data says now: not held, and its query still gives data."""
    if alert.state is AlertState.RESOLVED:
        return True
    if alert.held:
        return False
    view = _view_behind(alert, snapshot)
    return view is None or has_data(view, now)


def _view_behind(alert: Alert, snapshot: Snapshot) -> QueryView | None:
    """Return the query of which an alert is a finding; None of an alert about the monitor itself."""
    view = snapshot.queries.get((alert.scope.target, alert.scope.subject))
    if view is None:
        return None
    # A rule about the monitor itself, too, can have a query as its subject.
    own_names = {rule.name for rule in view.job.query.rules}
    return view if alert.name in own_names else None
