"""Run every job on its grid or cron: at its time `submit` is called, which only enqueues; before targets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from monitor.collector.entries import Entry, Moment, entry_of
from monitor.collector.timer import MakeScheduler, ThreadScheduler, Timer
from monitor.model.settings import Job, JobKey
from monitor.timing.clock import SLEPT, SettableClock

Submit: TypeAlias = Callable[[Job, datetime, timedelta], None]
"""Takes a job that is due, its slot, and by how much the clock had been moved when that was computed."""
OnMissed: TypeAlias = Callable[[Job, int], None]
"""Takes a job, and how many of its slots had no run."""


class Schedule:
    """Every job at its own times; `submit` and `missed` are called in the timer's thread, and must be quick.

    `clock` is read and never set. Whoever sets it has `follow_clock_step` called about once a second.
    """

    def __init__(
        self,
        clock: SettableClock,
        *,
        submit: Submit,
        missed: OnMissed,
        scheduler: MakeScheduler = ThreadScheduler,
    ) -> None:
        self._clock = clock
        self._submit = submit
        self._missed = missed
        self._entries: dict[tuple[str, str], Entry] = {}
        self._stretches: dict[JobKey, int] = {}
        """How many times their own intervals jobs have that are stretched, also of those that come yet."""
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
            new = [entry_of(job) for job in wanted.values() if not self._keep(job)]
            for entry in new:
                entry.stretch(self._stretches.get(entry.job.key, 1), self._moment())
                entry.expect_first(self._moment(), len(wanted))
            self._entries.update((entry.job.key, entry) for entry in new)
        # Not under our lock: the timer ticks under its own, and then asks for ours.
        for key in removed:
            self._timer.remove(_timer_name(key))
        for entry in new:
            self._start_ticking(entry)

    def stretch(self, stretches: Mapping[JobKey, int]) -> None:
        """Make the intervals of jobs so many times their own from now on; what has a cron keeps its times."""
        with self._lock:
            for key, times in stretches.items():
                if times == self._stretches.get(key, 1):
                    continue
                self._stretches[key] = times
                entry = self._entries.get(key)
                if entry is not None:
                    entry.stretch(times, self._moment())
            self._stretches = {
                key: times for key, times in self._stretches.items() if times > 1
            }
        # Not under our lock, as in `apply`.
        self._timer.look_again()

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
                entry.expect_again(self._moment())
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

    def _moment(self) -> Moment:
        return Moment(*self._clock.reading())

    def _steady_now(self) -> datetime:
        return self._moment().steady

    def _keep(self, job: Job) -> bool:
        """Put a job into its entry, if there is one that ticks, with the same schedule."""
        entry = self._entries.get(job.key)
        if entry is None or not entry.is_ticking:
            return False
        if entry.job.query.schedule != job.query.schedule:
            return False
        entry.job = job
        return True

    def _start_ticking(self, entry: Entry) -> None:
        key = entry.job.key
        self._timer.set(
            _timer_name(key),
            due=entry.next_due,
            call=partial(self._tick, key),
        )
        entry.is_ticking = True

    def _tick(self, key: tuple[str, str]) -> None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return
            at = self._moment()
            tick = entry.tick(at)
        if tick.missed:
            self._missed(entry.job, tick.missed)
        if tick.scheduled_at is not None:
            self._submit(entry.job, tick.scheduled_at, at.clock_shift)


def _timer_name(key: tuple[str, str]) -> str:
    return "/".join(key)
