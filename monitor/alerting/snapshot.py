"""Fold each result into a frozen snapshot, all that the page and /metrics ever read; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from monitor.alerting.contact import TargetView, after_run
from monitor.alerting.freshness import expiry, known_until, news_until
from monitor.alerting.pacing import after_run_paid, stretches_of, with_pace
from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.model.alerts import Alert, Delivery, ReceiverHealth, Scope
from monitor.model.chunked_map import ChunkedMap, updated
from monitor.model.deferral import Deferred, may_wait
from monitor.model.errors import Reason
from monitor.model.positions import Position
from monitor.model.results import Blocked, Failure, Outcome, Result, Success
from monitor.model.schedules import Every
from monitor.model.settings import ColumnName, Config, Job, JobKey
from monitor.model.walked import kept_position

_OBJECT_DENIED = (1142, 1143, 1370)
"""A table, a column, a routine: what a GRANT can be given for, by name."""

RERUN_GRACE = timedelta(minutes=1)
"""Beside its time limit: how long a query that is run again at once may wait for its turn."""


@dataclass(frozen=True, slots=True)
class ReceiverView:
    """What is known of one receiver: how it does, and the outcome of the last delivery."""

    name: str
    health: ReceiverHealth = field(default_factory=ReceiverHealth)
    last_delivery: Delivery | None = None
    taken_at: datetime | None = None
    """When it last took what it was sent."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that readers see, at one instant: a new value for each change, shared by all threads."""

    queries: Mapping[JobKey, QueryView] = field(default_factory=dict)
    targets: Mapping[str, TargetView] = field(default_factory=dict)
    alerts: tuple[Alert, ...] = ()
    receivers: Mapping[str, ReceiverView] = field(default_factory=dict)
    roots: Mapping[str, Alert] = field(default_factory=dict)
    """The alerts under which others are muted, by fingerprint."""
    keys_of: Mapping[str, tuple[JobKey, ...]] = field(default_factory=dict)
    """The jobs of each target: with a thousand targets nobody may look through all for one."""
    crons: tuple[JobKey, ...] = ()
    """The jobs that run at the times of a cron."""

    def is_lost(self, target: str) -> bool:
        """Return whether a target lets nobody in; False of one that is not known yet."""
        view = self.targets.get(target)
        return view is not None and view.up is False

    def missing_columns(
        self, target: str, now: datetime, *, or_unknown: bool = False
    ) -> frozenset[ColumnName]:
        """Return the columns that are missing as far as is known, while that holds: for three intervals.

        What a schema query said last holds on while it fails. `or_unknown`: also those that it may not see.
        """
        view = self.targets.get(target)
        if view is None:
            return frozenset()
        missing = view.known_missing
        if or_unknown:
            missing |= view.unknown
        if not missing:
            return missing
        # While it fails nobody renews its word, which must not block for ever: docs/adr/0006.
        is_known = any(one.holds_at(now) for one in self.schemas_of(target))
        return missing if is_known else frozenset()

    def views_of(self, target: str) -> list[QueryView]:
        """Return what is known of a target's jobs, in the order of the configuration."""
        return [self.queries[key] for key in self.keys_of.get(target, ())]

    def stretches_on(self, target: str) -> dict[JobKey, int]:
        """Return how many times its own interval each job of a target is to have."""
        jobs = [view.job for view in self.views_of(target)]
        return stretches_of(self.targets, jobs)

    def views_beside(self, key: JobKey) -> list[QueryView]:
        """Return what is known of the other jobs of a job's target."""
        target, _ = key
        return [view for view in self.views_of(target) if view.job.key != key]

    def view_behind(self, scope: Scope) -> QueryView | None:
        """Return what is known of the query that a scope is about; None where it is about none."""
        return self.queries.get((scope.target, scope.subject))

    def query_of(self, alert: Alert) -> QueryView | None:
        """Return the query of which an alert is a finding; None of an alert about the monitor itself."""
        view = self.view_behind(alert.scope)
        # A rule about the monitor itself, too, can have a query as its subject.
        return view if view is not None and view.has_rule(alert.name) else None

    def position_of(self, key: JobKey) -> Position | None:
        """Return how far a job's walk has come; None where it has not begun."""
        view = self.queries.get(key)
        return None if view is None else view.position

    def root_over(self, alert: Alert) -> Alert | None:
        """Return the alert under which this one is muted; None where it is muted under none."""
        return self.roots.get(alert.muted_by or "")

    def schemas_of(self, target: str) -> list[QueryView]:
        """Return what is known of a target's schema queries."""
        views = self.views_of(target)
        return [view for view in views if view.job.query.schema is not None]


def empty_snapshot(config: Config, at: datetime | None = None) -> Snapshot:
    """Return the beginning: every job waits, no target was met."""
    return for_config(Snapshot(), config, at)


def for_config(
    snapshot: Snapshot, config: Config, at: datetime | None = None
) -> Snapshot:
    """Move to another configuration: what it did not change keeps its view; the rest begins `at`."""
    keys_of: dict[str, tuple[JobKey, ...]] = {}
    crons = tuple(
        job.key for job in config.jobs if not isinstance(job.query.schedule, Every)
    )
    queries: dict[JobKey, QueryView] = {}
    with_schema: set[str] = set()
    for job in config.jobs:
        queries[job.key] = _kept(snapshot.queries.get(job.key), job, at)
        keys_of[job.target.name] = (*keys_of.get(job.target.name, ()), job.key)
        if job.query.schema is not None:
            with_schema.add(job.target.name)
    targets: dict[str, TargetView] = {}
    for target in config.targets:
        view = snapshot.targets.get(target.name)
        if view is None or view.target != target:
            view = TargetView(target)
        if target.name not in with_schema:
            # Without a schema query nobody would ever say that a column is back.
            view = replace(view, missing=None, unknown=frozenset())
        targets[target.name] = view
    receivers: dict[str, ReceiverView] = {}
    for receiver in config.receivers:
        name, new = receiver.name, ReceiverView(receiver.name)
        receivers[name] = snapshot.receivers.get(name, new)
    return replace(
        snapshot,
        queries=ChunkedMap(queries),
        targets=ChunkedMap(targets),
        receivers=receivers,
        keys_of=keys_of,
        crons=crons,
    )


def with_result(snapshot: Snapshot, result: Result) -> Snapshot:
    """Record one result, where its job's next run is planned as it was."""
    view = snapshot.queries.get(result.job.key)
    return with_run(snapshot, result, view.next_run_at if view else None)


def with_run(
    snapshot: Snapshot, result: Result, next_run_at: datetime | None
) -> Snapshot:
    """Record one result, and when its job runs next.

    One of a job that a reload removed or changed meanwhile is left out, and one that did not begin where its
    walk stands: returns the snapshot itself.
    """
    view = snapshot.queries.get(result.job.key)
    if view is None or not view.is_next(result):
        return snapshot
    view = replace(view, next_run_at=next_run_at)
    name = result.job.target.name
    views = snapshot.views_of(name)
    target = after_run(snapshot.targets[name], result)
    target = after_run_paid(target, result, views)
    changed: dict[JobKey, QueryView] = {}
    if target.was_lost_by(result):
        for other in views:
            changed[other.job.key] = _lost_with_target(other, result)
    changed[result.job.key] = _after(view, result)
    for key in snapshot.keys_of[name]:
        before = changed.get(key) or snapshot.queries[key]
        paced = with_pace(before, target, has_run=key == result.job.key)
        if paced is not before:
            changed[key] = paced
    return replace(
        snapshot,
        queries=updated(snapshot.queries, changed),
        targets=updated(snapshot.targets, {name: target}),
    )


def with_excuse(snapshot: Snapshot, jobs: Iterable[Job], now: datetime) -> Snapshot:
    """Record that these are run again at once, since what they failed of is over."""
    queries = {
        job.key: replace(
            snapshot.queries[job.key],
            excused_until=now + job.query.timeout + RERUN_GRACE,
        )
        for job in jobs
        if job.key in snapshot.queries
    }
    return replace(snapshot, queries=updated(snapshot.queries, queries))


def with_alerts(snapshot: Snapshot, alerts: Iterable[Alert]) -> Snapshot:
    """Publish these alerts: pending, firing, and recently resolved."""
    shown = tuple(alerts)
    named = {alert.muted_by for alert in shown} - {None}
    roots = {
        alert.fingerprint: alert
        for alert in shown
        if alert.muted_by is None and alert.fingerprint in named
    }
    return replace(snapshot, alerts=shown, roots=roots)


def with_missed(snapshot: Snapshot, key: JobKey, count: int) -> Snapshot:
    """Record runs that were due and not made, since the job's last one was not over."""
    view = snapshot.queries.get(key)
    if view is None or count < 1:
        return snapshot
    skipped = replace(view, status=QueryStatus.SKIPPED, missed=view.missed + count)
    return _with_query(snapshot, skipped)


def with_next_run(snapshot: Snapshot, key: JobKey, at: datetime | None) -> Snapshot:
    """Record when the job runs next."""
    view = snapshot.queries.get(key)
    if view is None:
        return snapshot
    planned = replace(view, next_run_at=at)
    # What a cron said holds until its next run, which the plan after a success is the first to show.
    is_cron = not isinstance(view.job.query.schedule, Every)
    if is_cron and view.data_at and view.expires_at:
        planned = replace(
            planned,
            expires_at=expiry(view.job, view.data_at, at),
            news_until=news_until(view.job, view.data_at, at),
        )
    return _with_query(snapshot, planned)


def _with_query(snapshot: Snapshot, view: QueryView) -> Snapshot:
    return replace(snapshot, queries=updated(snapshot.queries, {view.job.key: view}))


def _kept(view: QueryView | None, job: Job, at: datetime | None) -> QueryView:
    if view is None:
        return QueryView(job, since=at)
    if not view.job.runs_as(job):
        return QueryView(job, since=at, position=kept_position(view.position, job))
    stretch = view.stretch if may_wait(job) else 1
    return replace(view, job=job, stretch=stretch)


def _after(view: QueryView, result: Result) -> QueryView:
    outcome = result.outcome
    if isinstance(outcome, Blocked):
        return _without_data(view, QueryStatus.BLOCKED, outcome)
    if isinstance(outcome, Deferred):
        return view.put_off(outcome)
    ran = _after_run(view, result)
    match outcome:
        case Success():
            return _after_success(ran, result, outcome)
        case Failure():
            return _after_failure(ran, result, outcome)
        case _:
            assert_never(outcome)


def _after_run(view: QueryView, result: Result) -> QueryView:
    """Return a view after a run that was made, whatever came of it."""
    return replace(
        view,
        outcome=result.outcome,
        last_run_at=result.finished_at,
        duration_seconds=result.duration_seconds,
        regained=frozenset(),
        excused_until=None,
        deferral=None,
    )


def _after_success(view: QueryView, result: Result, success: Success) -> QueryView:
    return replace(
        view,
        status=QueryStatus.OK,
        samples=success.samples,
        last_success_at=result.finished_at,
        data_at=result.scheduled_at,
        expires_at=expiry(view.paced, result.scheduled_at, view.next_run_at),
        news_until=news_until(view.job, result.scheduled_at, view.next_run_at),
        first_failure_at=None,
        consecutive_failures=0,
        denied=success.refusals,
        position=success.position or view.position,
    )


def _after_failure(view: QueryView, result: Result, failure: Failure) -> QueryView:
    # What the target explains (lost, full, behind its source) is not a failure of the query.
    is_its_own = not failure.is_of_target
    is_of_object = failure.reason is Reason.ACCESS_DENIED
    if is_of_object and failure.code in _OBJECT_DENIED:
        # A failure of another kind says nothing of what is refused.
        view = replace(view, denied=(failure,))
    return replace(
        _kept_data(_without_data(view, QueryStatus.FAILED, failure), view, failure),
        first_failure_at=view.first_failure_at or result.scheduled_at,
        consecutive_failures=view.consecutive_failures + is_its_own,
    )


def _kept_data(without: QueryView, view: QueryView, failure: Failure) -> QueryView:
    """Return a view after a failure with what its last whole sweep said: a piece that fails does not undo it."""
    until = known_until(view.job, view.position, failure)
    return replace(without, samples=view.samples if until else (), expires_at=until)


def _lost_with_target(view: QueryView, result: Result) -> QueryView:
    """Withdraw what a query gave before its target was lost: it cannot be known any more."""
    if view.status is QueryStatus.WAITING:
        return view
    return replace(
        _without_data(view, QueryStatus.FAILED, result.outcome),
        first_failure_at=view.first_failure_at or result.scheduled_at,
    )


def _without_data(view: QueryView, status: QueryStatus, outcome: Outcome) -> QueryView:
    # Series go at the first failure, not when they are old: docs/adr/0005.
    return replace(
        view,
        status=status,
        outcome=outcome,
        samples=(),
        expires_at=None,
        deferral=None,
    )
