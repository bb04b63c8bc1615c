"""Fold each result into a frozen snapshot, all that the page and /metrics ever read; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.alerting.contact import TargetView, after_run
from monitor.alerting.load import after_run_paid
from monitor.alerting.query_runs import view_after_derived, views_after
from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.model.alerts import Alert, Delivery, ReceiverHealth, Scope
from monitor.model.cause_graph import CauseRule
from monitor.model.chunked_map import updated
from monitor.model.declared import Declared
from monitor.model.deploys import NOTHING_DECLARED, Deploys, TargetDeploys
from monitor.model.for_each import ANY_TURNS, Turns
from monitor.model.positions import Position
from monitor.model.results import Result, Sample
from monitor.model.settings import ColumnName, Job, JobKey
from monitor.model.silences import Silences

RERUN_GRACE = timedelta(minutes=1)
"""Beside its time limit: how long a query that is run again at once may wait for its turn."""

MAX_CAUSE_WAIT = timedelta(minutes=5)
"""How long at most what is explained waits for its cause: of a slow cause, nobody waits for a whole interval."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """That a job is computed from the results of another one."""

    on: JobKey
    derived: JobKey


def dependents_of(derived: Iterable[Job]) -> dict[str, tuple[Dependence, ...]]:
    """Return what is computed from the results of a target's jobs, by its name."""
    found: dict[str, tuple[Dependence, ...]] = {}
    for job in derived:
        for one in job.query.derived_by.inputs:
            dependence = Dependence(one.key, job.key)
            found[one.target] = (*found.get(one.target, ()), dependence)
    return found


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
    """The jobs that ask each target: with a thousand targets nobody may look through all for one."""
    crons: tuple[JobKey, ...] = ()
    """The jobs that run at the times of a cron."""
    deploys: Deploys = field(default_factory=dict)
    """The deployments that were declared, by the names of their targets."""
    silences: Silences = field(default_factory=dict)
    """Those that are active, those to come, and those that were over of late, by their ids."""
    derived: tuple[JobKey, ...] = ()
    """The jobs that are computed from others' results: in `queries`, but of no target that they would ask."""
    dependents: Mapping[str, tuple[Dependence, ...]] = field(default_factory=dict)
    """What of them is computed from which job of a target, by its name."""

    def is_lost(self, target: str) -> bool:
        """Return whether a target lets nobody in; False of one that is not known yet."""
        view = self.targets.get(target)
        return view is not None and view.up is False

    def blocking_columns(self, target: str, now: datetime) -> frozenset[ColumnName]:
        """Return the columns without which a target's queries are not run: missing, as far as is known.

        None of a lost target, whose next success says that it is back.
        """
        if self.is_lost(target):
            return frozenset()
        return self.missing_columns(target, now)

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

    def shown_keys_of(self, target: str) -> list[JobKey]:
        """Return the keys of all that has samples of a target: its jobs, and what is derived for it."""
        of_target = [key for key in self.derived if key[0] == target]
        return [*self.keys_of.get(target, ()), *of_target]

    def shown_views_of(self, target: str) -> list[QueryView]:
        """Return what is known of all that has samples of a target."""
        return [self.queries[key] for key in self.shown_keys_of(target)]

    def stretches_on(self, target: str) -> dict[JobKey, int]:
        """Return how many times its own interval each job of a target is to have."""
        jobs = [view.job for view in self.views_of(target)]
        return self.targets[target].load.stretches_of(jobs)

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

    @property
    def declared(self) -> Declared:
        """Return all that is declared."""
        return Declared(self.deploys, self.silences)

    def deploys_of(self, target: str) -> TargetDeploys:
        """Return what was declared of a target."""
        return self.deploys.get(target, NOTHING_DECLARED)

    def job_of(self, key: JobKey) -> Job | None:
        """Return the job that has a key now; None where none has."""
        view = self.queries.get(key)
        return None if view is None else view.job

    def position_of(self, key: JobKey) -> Position | None:
        """Return how far a job's walk has come; None where it has not begun."""
        view = self.queries.get(key)
        return None if view is None else view.position

    def turns_of(self, key: JobKey) -> Turns:
        """Return which of a query's items go first in its next run."""
        view = self.queries.get(key)
        return ANY_TURNS if view is None else view.turns

    def samples_on(self, target: str) -> Iterator[Sample]:
        """Return the samples that the queries of a target last gave; looked up when they are asked for."""
        for view in self.views_of(target):
            yield from view.samples

    def root_over(self, alert: Alert) -> Alert | None:
        """Return the alert under which this one is muted; None where it is muted under none."""
        return self.roots.get(alert.muted_by or "")

    def wait_for(self, target: str, causes: Iterable[CauseRule]) -> timedelta:
        """Return how long what these rules explain waits for them to be heard first: an interval of their queries."""
        longest = timedelta(0)
        for cause in causes:
            view = self.queries.get((target, cause.query))
            if view is not None:
                period = view.paced.query.schedule.period
                longest = max(longest, min(period, MAX_CAUSE_WAIT))
        return longest

    def schemas_of(self, target: str) -> list[QueryView]:
        """Return what is known of a target's schema queries."""
        views = self.views_of(target)
        return [view for view in views if view.job.query.schema is not None]


def with_run(
    snapshot: Snapshot, result: Result, next_run_at: datetime | None
) -> Snapshot:
    """Record one result, and when its job runs next.

    One of a job that a reload removed or changed meanwhile is left out, and one that did not begin where its
    walk stands: returns the snapshot itself.
    """
    name = result.job.target.name
    views = snapshot.views_of(name)
    view = snapshot.queries.get(result.job.key)
    if view is None or not view.is_next(result):
        return snapshot
    target = after_run(snapshot.targets[name], result)
    # Nearly always nobody looks at them.
    jobs = (one.job for one in views)
    account = after_run_paid(target.load, result, jobs, target.target.load)
    target = replace(target, load=account)
    changed = views_after(view, views, result, target, next_run_at)
    return replace(
        snapshot,
        queries=updated(snapshot.queries, changed),
        targets=updated(snapshot.targets, {name: target}),
    )


def with_derived(
    snapshot: Snapshot, result: Result, expires_at: datetime | None
) -> Snapshot:
    """Record what a derived value came to, and until when that holds: no target was asked for it."""
    view = snapshot.queries[result.job.key]
    return _with_query(snapshot, view_after_derived(view, result, expires_at))


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


def with_deploys(snapshot: Snapshot, deploys: Deploys) -> Snapshot:
    """Record which deployments are declared, and with each target how many of it go on."""
    changed: dict[str, TargetView] = {}
    for name in {*snapshot.deploys, *deploys}:
        view = snapshot.targets.get(name)
        declared = deploys.get(name, NOTHING_DECLARED)
        if view is not None:
            changed[name] = replace(view, deploys_open=len(declared.under_way))
    return replace(
        snapshot, deploys=deploys, targets=updated(snapshot.targets, changed)
    )


def with_declared(snapshot: Snapshot, declared: Declared) -> Snapshot:
    """Record what is declared, as far as it changed."""
    if declared.deploys is not None:
        snapshot = with_deploys(snapshot, declared.deploys)
    if declared.silences is not None:
        snapshot = replace(snapshot, silences=declared.silences)
    return snapshot


def with_missed(snapshot: Snapshot, key: JobKey, count: int) -> Snapshot:
    """Record runs that were due and not made, since the job's last one was not over."""
    view = snapshot.queries.get(key)
    if view is None or count < 1:
        return snapshot
    skipped = replace(view, status=QueryStatus.SKIPPED, missed=view.missed + count)
    return _with_query(snapshot, skipped)


def with_next_run(snapshot: Snapshot, key: JobKey, at: datetime | None) -> Snapshot:
    """Record when the job runs next."""
    return with_next_runs(snapshot, {key: at})


def with_next_runs(
    snapshot: Snapshot, next_runs: Mapping[JobKey, datetime | None]
) -> Snapshot:
    """Record when jobs run next, of many at the cost of one change."""
    planned = {
        key: snapshot.queries[key].planned(at)
        for key, at in next_runs.items()
        if key in snapshot.queries
    }
    if not planned:
        return snapshot
    return replace(snapshot, queries=updated(snapshot.queries, planned))


def with_series_left_out(
    snapshot: Snapshot, key: JobKey, left_out: Mapping[str, int]
) -> Snapshot:
    """Record how many series of a job have no place in what which rule remembers; {} where all have one."""
    view = snapshot.queries.get(key)
    if view is None or view.series_left_out == left_out:
        return snapshot
    return _with_query(snapshot, replace(view, series_left_out=left_out))


def _with_query(snapshot: Snapshot, view: QueryView) -> Snapshot:
    return replace(snapshot, queries=updated(snapshot.queries, {view.job.key: view}))
