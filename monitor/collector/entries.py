"""One job in the schedule: when it is due, and which slot a tick is for; pure, for the schedule's lock.

What is called steady is by a clock that nobody sets, which the timer waits by: what the monitor's clock shows
is later by as much as that was moved, its `clock_shift`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from monitor.collector.slots import (
    EARLY,
    grid_offset,
    next_cron_time,
    next_slot,
    slot_at,
    slot_of_tick,
)
from monitor.model.schedules import Cron, Every, OnResults
from monitor.model.settings import Job

MAX_SPREAD = timedelta(seconds=10)
"""Over how long the first runs of some jobs are spread: not all at once, and none is waited for long."""
_SPREAD_PER_JOB = timedelta(milliseconds=50)
_FEW = 200
"""So many fill MAX_SPREAD; beyond them it is what a first run costs a core that counts."""
_COST = timedelta(milliseconds=5)
"""What a first run takes of a core, most of it for a new connection, and as much again."""
_AFTER_SCHEMA = timedelta(seconds=1)
"""So long the run that looks at a target's schema has, before others run there."""
_SCHEMA_COST = timedelta(milliseconds=4)
"""What a first run with its new connection takes of a slow core (20 ms), half as much again, and this for each of a
target's jobs, of which one is about its schema."""


@dataclass(frozen=True, slots=True)
class FirstLooks:
    """Over how long the first runs of all jobs are spread."""

    schemas: timedelta
    """For the schema queries, which come first on their target."""
    others: timedelta

    @classmethod
    def of(cls, jobs_in_all: int) -> FirstLooks:
        """Return it for so many jobs."""
        beyond = max(0, jobs_in_all - _FEW)
        few = min(MAX_SPREAD, jobs_in_all * _SPREAD_PER_JOB)
        return cls(beyond * _SCHEMA_COST, few + beyond * _COST)


@dataclass(frozen=True, slots=True)
class Moment:
    """What the clock shows, and by how much it had been moved by then."""

    now: datetime
    clock_shift: timedelta

    @property
    def steady(self) -> datetime:
        """Return the instant by the clock as it was before it was ever set."""
        return self.now - self.clock_shift


@dataclass(frozen=True, slots=True)
class SlotTick:
    """What a tick is for: a slot, or none where the job has run in it, and how many before it had no run."""

    scheduled_at: datetime | None
    missed: int = 0


class Entry(ABC):
    """A job, and when it is due next: the one account of it, which timer, page and health check go by."""

    __slots__ = ("due_steady", "is_ticking", "job")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.due_steady: datetime | None = None
        # The timer calls it.
        self.is_ticking = False

    def next_due(self) -> datetime | None:
        """Return when it is due next, by the steady clock; None: never."""
        return self.due_steady

    @abstractmethod
    def expect_first(self, at: Moment, jobs_in_all: int) -> None:
        """Note when it is due, of a job that is new."""

    @abstractmethod
    def expect_again(self, at: Moment) -> None:
        """Note when it is due now that the clock was set; a time that it went past is not lost."""

    @abstractmethod
    def stretch(self, times: int, at: Moment) -> None:
        """Make the interval so many times the job's own from now on."""

    @abstractmethod
    def tick(self, at: Moment) -> SlotTick:
        """Return what a tick is for, and note when it is due next.

        That is what follows the slot of this tick, wherever beside it the tick came.
        """


class CronEntry(Entry):
    """A job that runs when its cron says so, by what the clock shows."""

    __slots__ = ("_cron", "_last_steady", "_time")

    def __init__(self, job: Job, cron: Cron) -> None:
        super().__init__(job)
        self._cron = cron
        self._time: datetime | None = None
        self._last_steady: datetime | None = None

    def expect_first(self, at: Moment, jobs_in_all: int) -> None:
        """Wait for its time: it may be one at which the database has nothing else to do."""
        self._expect_after(at.now, at.clock_shift)

    def expect_again(self, at: Moment) -> None:
        """Run at once where the clock was set past its time, else when that comes."""
        if self._time is not None and self._time <= at.now:
            self.due_steady = at.steady
            return
        after = at.now
        if self._last_steady is not None:
            # The clock was set back by a little: as it is now, the last run was just ahead of its time.
            after = max(after, self._last_steady + at.clock_shift + EARLY)
        self._expect_after(after, at.clock_shift)

    def stretch(self, times: int, at: Moment) -> None:
        """Keep its times: somebody chose them."""

    def tick(self, at: Moment) -> SlotTick:
        """Return the minute of the tick; a cron misses nothing, since its times have no count."""
        if self._time is not None and at.now < self._time:
            # The clock was set back a moment ago, and nobody has had the times computed again yet.
            self.expect_again(at)
            return SlotTick(None)
        near = at.now + EARLY
        self._last_steady = at.steady
        self._expect_after(near, at.clock_shift)
        return SlotTick(near.replace(second=0, microsecond=0))

    def _expect_after(self, instant: datetime, clock_shift: timedelta) -> None:
        self._time = next_cron_time(self._cron, instant)
        self.due_steady = None if self._time is None else self._time - clock_shift


class GridEntry(Entry):
    """A job that runs in each slot of its grid, and the last slot in which it ran."""

    __slots__ = (
        "_interval",
        "_last_index",
        "_last_shift",
        "_last_steady",
        "_offset",
        "_own_interval",
    )

    def __init__(self, job: Job, schedule: Every) -> None:
        super().__init__(job)
        self._own_interval = self._interval = schedule.interval
        self._offset = grid_offset(job.key, schedule.interval)
        self._last_index: int | None = None
        self._last_steady: datetime | None = None
        self._last_shift = timedelta(0)

    def expect_first(self, at: Moment, jobs_in_all: int) -> None:
        """Run by itself within some seconds, of a fleet within what the cores take, at most one interval.

        What says whether a target's schema is whole goes first there.
        """
        looks = FirstLooks.of(jobs_in_all)
        schemas = min(looks.schemas, self._interval / 2)
        delay = grid_offset((self.job.target.name, ""), schemas)
        if self.job.query.schema is None:
            others = looks.others - looks.schemas
            if looks.others < self._interval / 2:
                delay += grid_offset(self.job.key, others)
            else:
                delay = self._delay_behind(delay, at)
        self.due_steady = at.steady + delay

    def _delay_behind(self, schema_delay: timedelta, at: Moment) -> timedelta:
        """Return how long a job of a large fleet waits for its first run, which is behind its target's schema.

        Until its next slot, where that is behind the schema's turn: so it has no run beside those in its slots.
        Else until some place in what is left of the interval, by a hash: all at once those would be as many again
        as run in their slots, and each of them has a connection to open. From its next slot on it runs in its
        slots: the second run of such a job may follow its first at once.
        """
        until_slot = next_slot(at.now, self._interval, self._offset) - at.now
        left = self._interval - schema_delay
        earliest = schema_delay + min(_AFTER_SCHEMA, left / 2)
        if until_slot >= earliest:
            return until_slot
        target, query = self.job.key
        # By another hash than that of its slot.
        return earliest + grid_offset((query, target), self._interval - earliest)

    def expect_again(self, at: Moment) -> None:
        """Run in the next slot, but no later than without the step: that slot may be a whole interval away."""
        self.due_steady = at.steady
        if self._last_steady is not None:
            slot = next_slot(at.now, self._interval, self._offset) - at.clock_shift
            in_turn = self._last_steady + self._interval
            self.due_steady = max(at.steady, min(slot, in_turn))

    def stretch(self, times: int, at: Moment) -> None:
        """Change to a grid of so many times the interval; slots that it leaves out are not missed."""
        interval = self._own_interval * times
        if interval == self._interval:
            return
        self._interval = interval
        self._offset = grid_offset(self.job.key, interval)
        if self._last_index is None:
            # It waits for its first run, or for the first since the clock was set.
            return
        self._last_index = slot_of_tick(at.now, interval, self._offset)
        following = slot_at(self._last_index + 1, interval, self._offset)
        self.due_steady = following - at.clock_shift

    def tick(self, at: Moment) -> SlotTick:
        """Return the slot of a tick, and count the slots between it and the last that had no run."""
        index = slot_of_tick(at.now, self._interval, self._offset)
        last, was_set = self._last_index, self._last_shift != at.clock_shift
        self._last_index = index
        self._last_steady = at.steady
        self._last_shift = at.clock_shift
        following = slot_at(index + 1, self._interval, self._offset)
        self.due_steady = following - at.clock_shift
        if last is None or was_set:
            # The first, or the first since the clock was set: there is no slot to count from.
            return SlotTick(at.now)
        if index <= last:
            return SlotTick(None)
        slot = slot_at(index, self._interval, self._offset)
        return SlotTick(slot, missed=index - last - 1)


def entry_of(job: Job) -> Entry:
    """Return the entry of a job that is new in the schedule."""
    schedule = job.query.schedule
    match schedule:
        case Cron():
            return CronEntry(job, schedule)
        case Every():
            return GridEntry(job, schedule)
        case OnResults():
            raise ValueError(f"{job.query.name} is derived: no server is asked for it")
        case _:
            assert_never(schedule)
