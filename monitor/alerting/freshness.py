"""Say how long a query may be without news before what it said is too old; pure, and reckoned only here."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.model.settings import Every, Job
from monitor.timing.crontab import read_crontab, zone_named

CRON_GRACE = timedelta(minutes=1)
"""How much later than its time a cron query may begin."""

_SLOTS = 3
_LONGEST_WAIT = timedelta(hours=2)
"""How much longer than one interval nobody is told, at most."""
_CRON_FALLBACK = timedelta(days=1)


def patience(job: Job) -> timedelta | None:
    """Return how long a query may be without news: three slots and its time limit; None of a cron.

    Of a long interval it is the next slot and two hours: who waits for three days does not watch.
    """
    schedule = job.query.schedule
    if not isinstance(schedule, Every):
        return None
    return (
        schedule.interval
        + min(2 * schedule.interval, _LONGEST_WAIT)
        + job.query.timeout
    )


def due_by(job: Job, success_at: datetime) -> datetime:
    """Return by when there must be a success after this one, or somebody says that there is none.

    Of a cron too these are three slots, or the next one and two hours.
    """
    schedule = job.query.schedule
    if isinstance(schedule, Every):
        return success_at + (patience(job) or timedelta(0))
    crontab, zone = read_crontab(schedule.expression), zone_named(schedule.time_zone)
    slots: list[datetime] = []
    while len(slots) < _SLOTS and (
        slot := crontab.next_after(slots[-1] if slots else success_at, zone)
    ):
        slots.append(slot)
    last = (
        min(slots[-1], slots[0] + _LONGEST_WAIT)
        if slots
        else success_at + _CRON_FALLBACK
    )
    return ends_by(job, last)


def expiry(job: Job, data_at: datetime, next_run_at: datetime | None) -> datetime:
    """Tell until when data holds: for three intervals and the time limit; then nobody can say that it does.

    That of a cron holds until its next run should have ended; for a day as long as that is not known.
    """
    schedule = job.query.schedule
    if isinstance(schedule, Every):
        return data_at + 3 * schedule.interval + job.query.timeout
    is_known = next_run_at is not None and next_run_at > data_at
    return ends_by(
        job, next_run_at if next_run_at and is_known else data_at + _CRON_FALLBACK
    )


def ends_by(job: Job, run_at: datetime) -> datetime:
    """Return by when a run of a cron query has ended, well or not."""
    return run_at + CRON_GRACE + job.query.timeout


def news_until(
    job: Job, data_at: datetime, next_run_at: datetime | None
) -> datetime | None:
    """Return until when what a cron said is news, where its next run is further away than the one after that.

    So it is over the night and the weekend of a cron of business hours: what it said last holds until it
    runs again, and nobody looks meanwhile.
    """
    schedule = job.query.schedule
    if isinstance(schedule, Every) or next_run_at is None:
        return None
    following = read_crontab(schedule.expression).next_after(
        next_run_at, zone_named(schedule.time_zone)
    )
    if following is None or next_run_at - data_at <= following - next_run_at:
        return None
    return data_at + (following - next_run_at)
