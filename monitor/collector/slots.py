"""Compute when a job is due: in the slots of its grid, or at the times of its cron; arithmetic, pure.

A grid is in integers of microseconds: with floats a rounding can name the same slot as the next one, and a
scheduler that believes it runs the job for ever.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from monitor.model.schedules import Cron
from monitor.timing.clock import STEP
from monitor.timing.crontab import read_crontab, zone_named

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_GRAIN = timedelta(milliseconds=100)
_LEAST_PLACES = 100
EARLY = 2 * STEP
"""How long before a slot a tick is for that one: late for the slot before, or the clock was just set."""


def grid_offset(key: tuple[str, str], interval: timedelta) -> timedelta:
    """Return where in its interval a job runs, by a hash of its target and query.

    A random jitter would not do: APScheduler adds it to the run before, so that 60 s became 65 s. In whole
    tenths of a second, of short intervals in hundredths of them: what falls due together is run in one go, which
    takes two thirds of what as many runs take that each wake all threads.
    """
    digest = hashlib.blake2b("\0".join(key).encode(), digest_size=8).digest()
    grain = max(min(_GRAIN, interval / _LEAST_PLACES), _MICROSECOND)
    places = max(interval // grain, 1)
    return int.from_bytes(digest) % places * grain


def next_slot(instant: datetime, interval: timedelta, offset: timedelta) -> datetime:
    """Return the first grid slot after the instant."""
    return slot_at(slot_index(instant, interval, offset) + 1, interval, offset)


def slot_index(instant: datetime, interval: timedelta, offset: timedelta) -> int:
    """Count the grid slots up to the instant."""
    return (instant - _EPOCH - offset) // interval


def slot_at(index: int, interval: timedelta, offset: timedelta) -> datetime:
    """Return the instant of a grid slot."""
    return _EPOCH + offset + index * interval


def slot_of_tick(instant: datetime, interval: timedelta, offset: timedelta) -> int:
    """Return the index of the slot that a tick at this instant is for: the last one, or one just ahead."""
    return slot_index(instant + min(interval / 2, EARLY), interval, offset)


def next_cron_time(cron: Cron, instant: datetime) -> datetime | None:
    """Return the first time of a cron after an instant, None where none comes.

    Not by APScheduler's own trigger, which wants day and weekday both, and runs a time that comes twice twice.
    """
    return read_crontab(cron.expression).next_after(instant, zone_named(cron.time_zone))
