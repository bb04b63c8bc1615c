"""Take a result into the snapshot, and say what that makes due: runs at once, jobs that are blocked; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeAlias

from monitor.alerting.blocking import newly_blocked, shows_columns
from monitor.alerting.denials import denied_tables, tables_seen_again, with_seen
from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot, with_excuse, with_run
from monitor.model.errors import Reason
from monitor.model.positions import Position
from monitor.model.results import Blocked, Failure, Result
from monitor.model.settings import ColumnName, Job, JobKey

_IsWanted: TypeAlias = Callable[[QueryView], bool]


@dataclass(frozen=True, slots=True)
class Update:
    """What one result makes of the snapshot."""

    result: Result
    """With its job as the configuration has it now: a reload may have changed its rules meanwhile."""
    before: Snapshot
    after: Snapshot
    wanted: tuple[Job, ...] = ()
    """Worth running at once."""
    blocked: tuple[Result, ...] = ()
    """Of the jobs that it shows to be blocked: to be taken next, since their data must go at once."""

    @property
    def stretches(self) -> Mapping[JobKey, int]:
        """Return how many times their own intervals the target's jobs are to have, where that has changed."""
        name = self.result.job.target.name
        was, now = self.before.targets[name].load, self.after.targets[name].load
        if was.stretch == now.stretch:
            return {}
        return self.after.stretches_on(name)

    @property
    def positions(self) -> Mapping[JobKey, Position]:
        """Return how far a walk has come by this result, if it was of one."""
        position = self.result.position
        return {} if position is None else {self.result.job.key: position}


def updated(
    snapshot: Snapshot, result: Result, next_run_at: datetime | None, now: datetime
) -> Update | None:
    """Return what a result makes of the snapshot.

    None of a job that a reload removed or changed meanwhile, and of a walk that did not begin where it stands.
    """
    key, name = result.job.key, result.job.target.name
    after = with_run(snapshot, result, next_run_at)
    if after is snapshot:
        return None
    wanted = wanted_after(result, snapshot, after)
    if wanted and not isinstance(result.outcome, Failure):
        # What they failed of is over. After a failure nothing is, so that nobody is excused.
        after = with_excuse(after, wanted, now)
    blocked: list[Result] = []
    if shows_columns(result):
        missing = after.blocking_columns(name, now)
        blocked = newly_blocked(after.views_of(name), missing, now)
    after = with_seen(snapshot, after, key)
    job = after.queries[key].job
    if job is not result.job:
        result = replace(result, job=job)
    return Update(result, snapshot, after, tuple(wanted), tuple(blocked))


def wanted_after(result: Result, before: Snapshot, after: Snapshot) -> list[Job]:
    """Return the other jobs of the target that a result makes worth running now, without waiting for their time."""
    is_wanted = _wanted_by(result, before, after)
    if is_wanted is None:
        return []
    return [view.job for view in after.views_beside(result.job.key) if is_wanted(view)]


def _wanted_by(result: Result, before: Snapshot, after: Snapshot) -> _IsWanted | None:
    """Return what makes a job wanted, None for nothing; of several things that a result shows the first decides."""
    name, key = result.job.target.name, result.job.key
    was, now = before.targets[name], after.targets[name]
    if _failed_of(result.outcome, Reason.SCHEMA_MISSING):
        # A column or table is unknown: the schema queries say which.
        return _is_schema_query
    if was.put_off_words and not now.put_off_words:
        # The replica has caught up, or the server is not busy any more.
        return _was_put_off
    seen_again = tables_seen_again(before, after, key)
    if seen_again:
        # The run was let see tables that were refused to it, and to others.
        return partial(_is_refused, tables=seen_again)
    if was.recovered_at != now.recovered_at:
        # The target answers again, and stays: not each time that it comes and goes.
        return _has_failed
    # Columns are back, or may be seen again.
    back = was.unseen - now.unseen
    if not back:
        return None
    return partial(_waits_for, back=back)


def _failed_of(outcome: object, reason: Reason) -> bool:
    return isinstance(outcome, Failure) and outcome.reason is reason


def _has_failed(view: QueryView) -> bool:
    return isinstance(view.outcome, Failure)


def _is_schema_query(view: QueryView) -> bool:
    return view.job.query.schema is not None


def _was_put_off(view: QueryView) -> bool:
    return view.waits_for_server


def _is_refused(view: QueryView, tables: frozenset[str]) -> bool:
    return not tables.isdisjoint(denied_tables(view))


def _waits_for(view: QueryView, back: frozenset[ColumnName]) -> bool:
    """Return whether a query was blocked, or had a rule held, for want of columns of which some are back."""
    if isinstance(view.outcome, Failure):
        return view.outcome.reason in (Reason.SCHEMA_MISSING, Reason.ACCESS_DENIED)
    if isinstance(view.outcome, Blocked):
        return True
    return any(not back.isdisjoint(rule.needs) for rule in view.job.query.rules)
