"""Say how long a query may be without news before what it said is too old; pure, and reckoned only here."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.crontab import read_crontab, zone_named
from monitor.model.settings import Every, Job

CRON_GRACE = timedelta(minutes=1)
"""How much later than its time a cron query may begin."""

_SLOTS = 3
_LONGEST_WAIT = timedelta(hours=2)
"""How much longer than one interval nobody is told, at most."""
_CRON_FALLBACK = timedelta(days=1)
_SHORTEST_CRON = timedelta(seconds=30)


def patience(job: Job) -> timedelta | None:
    """Return how long a query may be without news: three slots and its time limit; None of a cron.

    Of a long interval it is the next slot and two hours: who waits for three days does not watch.
    """
    schedule = job.query.schedule
    if not isinstance(schedule, Every):
        return None
    return schedule.interval + min(2 * schedule.interval, _LONGEST_WAIT) + job.query.timeout


def due_by(job: Job, success_at: datetime) -> datetime:
    """Return by when there must be a success after this one, or somebody says that there is none.

    Of a cron too these are three slots, or the next one and two hours.
    """
    schedule = job.query.schedule
    if isinstance(schedule, Every):
        return success_at + (patience(job) or timedelta(0))
    crontab, zone = read_crontab(schedule.expression), zone_named(schedule.time_zone)
    slots: list[datetime] = []
    while len(slots) < _SLOTS and (slot := crontab.next_after(slots[-1] if slots else success_at, zone)):
        slots.append(slot)
    last = min(slots[-1], slots[0] + _LONGEST_WAIT) if slots else success_at + _CRON_FALLBACK
    return last + CRON_GRACE + job.query.timeout


def expiry(job: Job, data_at: datetime, next_run_at: datetime | None) -> datetime:
    """Tell until when data holds: for three periods and the time limit; then nobody can say that it does.

    The period of a cron is from its data to its next run, and a day as long as that is not known.
    """
    schedule = job.query.schedule
    if isinstance(schedule, Every):
        allowed = 3 * schedule.interval + job.query.timeout
    else:
        is_known = next_run_at is not None and next_run_at - data_at > _SHORTEST_CRON
        period = next_run_at - data_at if next_run_at is not None and is_known else _CRON_FALLBACK
        allowed = 3 * period + job.query.timeout
    return data_at + allowed
