"""Say how long a query may be without news before what it said is too old; pure, and reckoned only here."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.model.settings import Every, Job

CRON_GRACE = timedelta(minutes=1)
"""How much later than its time a cron query may begin."""

_CRON_FALLBACK = timedelta(days=1)
_SHORTEST_CRON = timedelta(seconds=30)


def patience(job: Job) -> timedelta | None:
    """Give how long a query may be without news: three intervals and its time limit; None of a cron."""
    schedule = job.query.schedule
    return 3 * schedule.interval + job.query.timeout if isinstance(schedule, Every) else None


def expiry(job: Job, data_at: datetime, next_run_at: datetime | None) -> datetime:
    """Tell until when data holds: for three periods and the time limit; then nobody can say that it does.

    The period of a cron is from its data to its next run, and a day as long as that is not known.
    """
    allowed = patience(job)
    if allowed is None:
        is_known = next_run_at is not None and next_run_at - data_at > _SHORTEST_CRON
        period = next_run_at - data_at if next_run_at is not None and is_known else _CRON_FALLBACK
        allowed = 3 * period + job.query.timeout
    return data_at + allowed
