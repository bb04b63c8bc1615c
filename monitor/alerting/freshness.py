"""Compute how long what a query said holds, and by when it must say something again; pure.

What its schedule says of it, and the time limit of a run.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.model.errors import Reason
from monitor.model.positions import Position, SweepPosition
from monitor.model.results import Failure
from monitor.model.schedules import CRON_GRACE
from monitor.model.settings import Job
from monitor.model.sweeps import Cycle, holds_until
from monitor.model.walks import Sweep


def max_silence(job: Job) -> timedelta | None:
    """Return how long none of a query's runs may end: three slots and its time limit; None of a cron.

    Of a long interval it is the next slot and two hours.
    """
    silence = job.query.schedule.max_silence
    if silence is None:
        return None
    return silence + job.query.timeout


def due_by(job: Job, success_at: datetime) -> datetime:
    """Return by when there must be a success after this one, or somebody is notified that there is none.

    Of a cron too these are three slots, or the next one and two hours.
    """
    return job.query.schedule.due_after(success_at) + job.query.timeout


def expiry(job: Job, data_at: datetime, next_run_at: datetime | None) -> datetime:
    """Return until when data holds: for three intervals and the time limit; then nobody can say that it does.

    That of a cron holds until its next run should have ended.
    """
    return job.query.schedule.holds_until(data_at, next_run_at) + job.query.timeout


def run_ends_by(job: Job, run_at: datetime) -> datetime:
    """Return by when a run of a cron query has ended, well or not."""
    return run_at + CRON_GRACE + job.query.timeout


def news_until(
    job: Job, data_at: datetime, next_run_at: datetime | None
) -> datetime | None:
    """Return until when what a cron said is news, where its next run is further away than the one after that."""
    return job.query.schedule.news_until(data_at, next_run_at)


def known_until(
    job: Job, position: Position | None, failure: Failure
) -> datetime | None:
    """Return until when the last whole cycle of a sweep holds although a run failed; None: nothing does."""
    if failure.lost or failure.reason is Reason.SCHEMA_MISSING:
        return None
    match job.query.walk, position:
        case Sweep() as sweep, SweepPosition(last=Cycle()):
            return holds_until(position.last, position.under_way, sweep)
        case _:
            return None
