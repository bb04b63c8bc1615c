"""Decide which jobs are not to be run, since columns that they need are missing, and give their results; pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.results import Blocked, Result, Success
from monitor.model.settings import ColumnName, Job


def blocked(
    job: Job, scheduled_at: datetime, missing: Iterable[ColumnName], now: datetime
) -> Result:
    """Return the result of a run that is not made, because columns that it needs are missing."""
    outcome = Blocked(tuple(sorted(missing, key=str)))
    return Result(job, scheduled_at, now, now, 0.0, outcome)


def blocked_run(
    job: Job, scheduled_at: datetime, snapshot: Snapshot, now: datetime
) -> Result | None:
    """Return the result of a run that is not to be made; None of one that is.

    Asked by the schedule before each run: whatever else is to keep a query from running, a pause for instance,
    is decided here.
    """
    missing = missing_for(job, snapshot, now)
    if not missing:
        return None
    return blocked(job, scheduled_at, missing, now)


def missing_for(job: Job, snapshot: Snapshot, now: datetime) -> frozenset[ColumnName]:
    """Return the columns that a job needs and that are known to be missing; none when that is old knowledge."""
    return lacked_by(job, snapshot.blocking_columns(job.target.name, now))


def newly_blocked(
    views: Iterable[QueryView], missing: frozenset[ColumnName], now: datetime
) -> list[Result]:
    """Return the results of the jobs that are blocked and were not before: their data must go at once."""
    found: list[Result] = []
    for view in views:
        lacked = lacked_by(view.job, missing)
        if lacked and not isinstance(view.outcome, Blocked):
            found.append(blocked(view.job, now, lacked, now))
    return found


def lacked_by(job: Job, missing: frozenset[ColumnName]) -> frozenset[ColumnName]:
    """Return which of these columns a job needs; a schema query is the one that sees them come back."""
    if job.query.schema is not None:
        return frozenset()
    return missing & frozenset(job.query.needs)


def shows_columns(result: Result) -> bool:
    """Return whether a result says which columns there are: a success of a schema query."""
    is_schema_query = result.job.query.schema is not None
    return is_schema_query and isinstance(result.outcome, Success)


def is_outdated(view: QueryView, schemas: Iterable[QueryView]) -> bool:
    """Return whether a schema query has seen since what the last failure says is missing."""
    if view.failure is None:
        return False
    seen: set[ColumnName] = set()
    for schema in schemas:
        seen.update(schema.columns_seen_since(view))
    return bool(view.failure.columns_named(seen))
