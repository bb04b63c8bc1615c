"""Ask when jobs run next, and have the snapshot say so; in the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import chain
from typing import TypeAlias

from monitor.alerting.snapshot import Snapshot, with_next_runs
from monitor.model.settings import Job, JobKey
from monitor.timing.shift import moved

NextRunAt: TypeAlias = Callable[[JobKey], datetime | None]
"""Returns when a job runs next; None where that is not known."""


def with_plans(
    snapshot: Snapshot, jobs: Iterable[Job], next_run_at: NextRunAt
) -> Snapshot:
    """Return the snapshot with the next runs of these jobs as they are planned now."""
    return with_next_runs(snapshot, {job.key: next_run_at(job.key) for job in jobs})


def with_moved_plans(
    snapshot: Snapshot, by: timedelta, next_run_at: NextRunAt
) -> Snapshot:
    """Return the snapshot with all its instants later by so much, since the clock was set."""
    later = moved(snapshot, by)
    # A cron is of the wall clock: it did not move with ours.
    crons = [later.queries[key].job for key in later.crons]
    return with_plans(later, crons, next_run_at)


def with_overdue_plans(
    snapshot: Snapshot, targets: Iterable[str], now: datetime, next_run_at: NextRunAt
) -> Snapshot:
    """Return the snapshot with the next runs of the jobs of these targets whose planned run is past."""
    overdue: dict[JobKey, datetime | None] = {}
    for view in chain.from_iterable(map(snapshot.views_of, targets)):
        if not view.is_unplanned_at(now):
            continue
        planned_at = next_run_at(view.job.key)
        if planned_at is not None:
            overdue[view.job.key] = planned_at
    return with_next_runs(snapshot, overdue)
