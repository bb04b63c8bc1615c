"""Run every job on its grid or cron: at its time `submit` is called, which only enqueues; before targets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from monitor.collector.slots import (
    EARLY,
    grid_offset,
    next_cron_time,
    next_slot,
    slot_at,
    slot_of_tick,
)
from monitor.collector.timer import MakeScheduler, ThreadScheduler, Timer
from monitor.model.settings import Cron, Every, Job
from monitor.timing.clock import SLEPT, SettableClock

MAX_SPREAD = timedelta(seconds=10)
"""Over how long the first runs of many jobs are spread: not all at once, and none is waited for long."""
_SPREAD_PER_JOB = timedelta(milliseconds=50)

Submit: TypeAlias = Callable[[Job, datetime, timedelta], None]
"""Takes a job that is due, its slot, and by how much the clock had been moved when that was computed."""
Missed: TypeAlias = Callable[[Job, int], None]
"""Takes a job, and how many of its slots had no run."""


@dataclass(slots=True)
class _Entry:
    """A job in the schedule, and the last slot that it ran in.

    What is called steady is by a clock that nobody sets, which the timer waits by: the time that we show is
    `clock_shift` later.
    """

    job: Job
    is_ticking: bool = False
    """The timer calls it."""
    due_steady: datetime | None = None
    """When it should tick next: the one account of it, which timer, page and health check go by."""
    cron_at: datetime | None = None
    """Of a cron: the same as the clock had it, which may be set past it."""
    last_index: int | None = None
    ran_steady: datetime | None = None
    clock_shift: timedelta = timedelta(0)
    """By how much the clock had been moved when it ran in that slot."""


@dataclass(frozen=True, slots=True)
class _Tick:
    """What a tick is for: a slot, or none where the job has run in it, and how many before it had no run."""

    scheduled_at: datetime | None
    missed: int = 0


class Schedule:
    """Every job at its own times; `submit` and `missed` are called in the timer's thread, and must be quick.

    `clock` is read and never set. Whoever sets it has `follow_clock_step` called about once a second.
    """

    def __init__(
        self,
        clock: SettableClock,
        *,
        submit: Submit,
        missed: Missed,
        scheduler: MakeScheduler = ThreadScheduler,
    ) -> None:
        self._clock = clock
        self._submit = submit
        self._missed = missed
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._lock = threading.Lock()
        self._clock_shift = clock.clock_shift
        self._timer = Timer(self._steady_now, scheduler=scheduler)
        self._looked_steady = self._steady_now()

    def start(self, jobs: Iterable[Job]) -> None:
        """Start ticking: each interval job once at once (schema queries first), then on its grid."""
        self.apply(jobs)
        self._timer.start()

    def apply(self, jobs: Iterable[Job]) -> None:
        """Make the schedule hold these jobs; those that did not change keep their times.

        Where it raises half-way, the next call finds what is lacking.
        """
        wanted = {job.key: job for job in jobs}
        with self._lock:
            removed = [key for key in self._entries if key not in wanted]
            for key in removed:
                del self._entries[key]
            new = [_Entry(job) for job in wanted.values() if not self._keep(job)]
            for entry in new:
                self._expect_first(entry, len(wanted))
            self._entries.update((entry.job.key, entry) for entry in new)
        # Not under our lock: the timer ticks under its own, and then asks for ours.
        for key in removed:
            self._timer.remove(_timer_name(key))
        for entry in new:
            self._start_ticking(entry)

    def next_run_at(self, key: tuple[str, str]) -> datetime | None:
        """Return when a job runs next, None when it is not scheduled; waits for no lock."""
        entry = self._entries.get(key)
        if entry is None or entry.due_steady is None:
            return None
        return entry.due_steady + self._clock.clock_shift

    def follow_clock_step(self) -> bool:
        """Compute all times again when the clock was set; returns whether it was. For one thread.

        To be called about once a second, also after the machine has slept: the timer waits by a clock that
        stands still meanwhile.
        """
        steady = self._steady_now()
        since_look = steady - self._looked_steady
        self._looked_steady = steady
        if since_look > SLEPT:
            self._timer.wake()
        clock_shift = self._clock.clock_shift
        if clock_shift == self._clock_shift:
            return False
        self._clock_shift = clock_shift
        with self._lock:
            for entry in self._entries.values():
                self._expect_again(entry)
        # Not under our lock, as in `apply`. A tick meanwhile moves its entry on, which the timer then sees.
        self._timer.look_again()
        return True

    def is_running(self) -> bool:
        """Return whether the timer's thread lives; one that hangs does, and makes jobs overdue."""
        return self._timer.is_running()

    def overdue(self, now: datetime) -> tuple[datetime, tuple[str, str]] | None:
        """Return the job that should have ticked longest ago and has not, and when; waits for no lock."""
        clock_shift = self._clock.clock_shift
        overdue = []
        for entry in tuple(self._entries.values()):
            due = entry.due_steady
            if due is not None and due + clock_shift < now:
                overdue.append((due + clock_shift, entry.job.key))
        return min(overdue, default=None)

    def stop(self) -> None:
        """Stop ticking; a job that is being submitted is."""
        self._timer.stop()

    def _steady_now(self) -> datetime:
        """Return the instant by the clock as it was before it was ever set."""
        now, clock_shift = self._clock.reading()
        return now - clock_shift

    def _keep(self, job: Job) -> bool:
        """Put a job into its entry, if there is one that ticks, with the same schedule."""
        entry = self._entries.get(job.key)
        if entry is None or not entry.is_ticking:
            return False
        if entry.job.query.schedule != job.query.schedule:
            return False
        entry.job = job
        return True

    def _start_ticking(self, entry: _Entry) -> None:
        key = entry.job.key
        self._timer.set(
            _timer_name(key),
            due=lambda: entry.due_steady,
            call=lambda: self._tick(key),
        )
        entry.is_ticking = True

    def _tick(self, key: tuple[str, str]) -> None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return
            now, clock_shift = self._clock.reading()
            tick = self._place(entry, now, clock_shift)
        if tick.missed:
            self._missed(entry.job, tick.missed)
        if tick.scheduled_at is not None:
            self._submit(entry.job, tick.scheduled_at, clock_shift)

    def _place(self, entry: _Entry, now: datetime, clock_shift: timedelta) -> _Tick:
        """Find the slot of a tick, and note when the entry is due next.

        That is what follows the slot of this tick, wherever beside it the tick came.
        """
        schedule = entry.job.query.schedule
        match schedule:
            case Cron():
                near = now + EARLY
                self._expect_cron(entry, schedule, near, clock_shift)
                return _Tick(near.replace(second=0, microsecond=0))
            case Every():
                return _place_on_grid(entry, schedule, now, clock_shift)
            case _:
                assert_never(schedule)

    def _expect_first(self, entry: _Entry, jobs_in_all: int) -> None:
        """Note when a new job is due: a cron at its time, any other by itself within some seconds."""
        now, clock_shift = self._clock.reading()
        schedule = entry.job.query.schedule
        match schedule:
            case Cron():
                self._expect_cron(entry, schedule, now, clock_shift)
            case Every():
                delay = _first_delay(entry.job, jobs_in_all)
                entry.due_steady = now - clock_shift + delay
            case _:
                assert_never(schedule)

    def _expect_again(self, entry: _Entry) -> None:
        """Note when a job is due now that the clock was set; a slot that it went past is not lost."""
        now, clock_shift = self._clock.reading()
        schedule = entry.job.query.schedule
        match schedule:
            case Cron():
                if entry.cron_at is not None and entry.cron_at <= now:
                    entry.due_steady = now - clock_shift
                else:
                    self._expect_cron(entry, schedule, now, clock_shift)
            case Every():
                steady = now - clock_shift
                entry.due_steady = steady
                if entry.ran_steady is not None:
                    offset = grid_offset(entry.job.key, schedule.interval)
                    slot = next_slot(now, schedule.interval, offset) - clock_shift
                    # No later than without the step: the new grid may be a whole interval away.
                    in_turn = entry.ran_steady + schedule.interval
                    entry.due_steady = max(steady, min(slot, in_turn))
            case _:
                assert_never(schedule)

    def _expect_cron(
        self, entry: _Entry, cron: Cron, instant: datetime, clock_shift: timedelta
    ) -> None:
        """Note the first time of a cron after an instant; of one that comes no more, that it is not due."""
        entry.cron_at = next_cron_time(cron, instant)
        entry.due_steady = None
        if entry.cron_at is not None:
            entry.due_steady = entry.cron_at - clock_shift


def _place_on_grid(
    entry: _Entry, schedule: Every, now: datetime, clock_shift: timedelta
) -> _Tick:
    offset = grid_offset(entry.job.key, schedule.interval)
    index = slot_of_tick(now, schedule.interval, offset)
    last = entry.last_index
    is_first = last is None or entry.clock_shift != clock_shift
    entry.last_index = index
    entry.ran_steady = now - clock_shift
    entry.clock_shift = clock_shift
    entry.due_steady = slot_at(index + 1, schedule.interval, offset) - clock_shift
    if last is None or is_first:
        # Or the first since the clock was set: there is no slot to count from.
        return _Tick(now)
    if index <= last:
        return _Tick(None)
    scheduled_at = slot_at(index, schedule.interval, offset)
    return _Tick(scheduled_at, missed=index - last - 1)


def _timer_name(key: tuple[str, str]) -> str:
    return "/".join(key)


def _first_delay(job: Job, jobs_in_all: int) -> timedelta:
    """Spread the first runs over at most 10 s; what says whether the schema is whole goes first."""
    if job.query.schema is not None:
        return timedelta(0)
    spread = min(MAX_SPREAD, jobs_in_all * _SPREAD_PER_JOB)
    return grid_offset(job.key, spread)
