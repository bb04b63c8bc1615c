"""Say which jobs cannot run since columns that they need are missing, and give their results; pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from monitor.alerting.freshness import expiry
from monitor.alerting.snapshot import QueryView, Snapshot
from monitor.model.results import Blocked, Result, Success
from monitor.model.settings import ColumnName, Job

_NOTHING: frozenset[ColumnName] = frozenset()


def blocked(
    job: Job, scheduled_at: datetime, missing: Iterable[ColumnName], now: datetime
) -> Result:
    """Return the result of a run that is not made, because columns that it needs are missing."""
    outcome = Blocked(tuple(sorted(missing, key=str)))
    return Result(job, scheduled_at, now, now, 0.0, outcome)


def missing_for(job: Job, snapshot: Snapshot, now: datetime) -> frozenset[ColumnName]:
    """Return the columns that a job needs and that are known to be missing; none when that is old knowledge.

    A schema query is never blocked: it is the one that sees a column come back. Nor is any query of a lost
    target, whose next success says that the target is back.
    """
    target = snapshot.targets.get(job.target.name)
    if target is None or target.up is False or job.query.schema is not None:
        return _NOTHING
    return missing_columns(snapshot, job.target.name, now) & frozenset(job.query.needs)


def newly_blocked(result: Result, snapshot: Snapshot, now: datetime) -> list[Job]:
    """Return the jobs that a schema query has just shown to be blocked: their data must go at once."""
    if result.job.query.schema is None or not isinstance(result.outcome, Success):
        return []
    return [
        view.job
        for view in snapshot.views_of(result.job.target.name)
        if not isinstance(view.outcome, Blocked)
        and missing_for(view.job, snapshot, now)
    ]


def missing_columns(
    snapshot: Snapshot, target: str, now: datetime, *, or_unknown: bool = False
) -> frozenset[ColumnName]:
    """Return the columns that are missing as far as is known, while that holds: for three intervals.

    What a schema query said last holds on while it fails. `or_unknown`: also those that it may not see.
    """
    view = snapshot.targets.get(target)
    if view is None:
        return _NOTHING
    found = view.missing or _NOTHING
    if or_unknown:
        found |= view.unknown
    if not found:
        return _NOTHING
    schemas = [
        one for one in snapshot.views_of(target) if one.job.query.schema is not None
    ]
    return found if any(_holds_at(now, one) for one in schemas) else _NOTHING


def _holds_at(now: datetime, view: QueryView) -> bool:
    if view.data_at is None:
        return False
    return now < expiry(view.job, view.data_at, view.next_run_at)
