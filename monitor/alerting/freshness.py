"""Compute how long what a query said holds, and by when it must say something again; pure.

The numbers are decided in docs/adr/0024-who-speaks-for-a-query.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from monitor.model.schedules import MAX_WAIT, SLOTS, Cron, Every
from monitor.model.settings import Job
from monitor.timing.crontab import read_crontab, zone_named

CRON_GRACE = timedelta(minutes=1)
"""How much later than its time a cron query may begin."""

_CRON_FALLBACK = timedelta(days=1)
"""How long the data of a cron holds as long as its next run is not known."""


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
    schedule = job.query.schedule
    if isinstance(schedule, Every):
        return success_at + schedule.three_slots + job.query.timeout
    slots = list(islice(_slots_after(schedule, success_at), SLOTS))
    if not slots:
        return run_ends_by(job, success_at + _CRON_FALLBACK)
    last = min(slots[-1], slots[0] + MAX_WAIT)
    return run_ends_by(job, last)


def expiry(job: Job, data_at: datetime, next_run_at: datetime | None) -> datetime:
    """Return until when data holds: for three intervals and the time limit; then nobody can say that it does.

    That of a cron holds until its next run should have ended, since three times a weekend is no bound.
    """
    schedule = job.query.schedule
    if isinstance(schedule, Every):
        return data_at + SLOTS * schedule.interval + job.query.timeout
    if next_run_at is None or next_run_at <= data_at:
        return run_ends_by(job, data_at + _CRON_FALLBACK)
    return run_ends_by(job, next_run_at)


def run_ends_by(job: Job, run_at: datetime) -> datetime:
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
    following = next(_slots_after(schedule, next_run_at), None)
    if following is None:
        return None
    usual_wait = following - next_run_at
    if next_run_at - data_at <= usual_wait:
        return None
    return data_at + usual_wait


def _slots_after(schedule: Cron, instant: datetime) -> Iterator[datetime]:
    """Yield the slots of a cron after an instant, in order, until it comes no more."""
    crontab = read_crontab(schedule.expression)
    zone = zone_named(schedule.time_zone)
    slot = crontab.next_after(instant, zone)
    while slot is not None:
        yield slot
        slot = crontab.next_after(slot, zone)
