"""Decide when: every job on its grid or cron, by APScheduler, which does nothing but call `submit`."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.base import BaseTrigger

from monitor.model.settings import Cron, Every, Job
from monitor.timing.clock import SLEPT, STEP, SettableClock, utc_now, wall_minus
from monitor.timing.crontab import read_crontab, zone_named

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST_SPREAD = timedelta(seconds=10)
_SPREAD_PER_JOB = timedelta(milliseconds=50)
_RETRY = timedelta(milliseconds=100)
"""How soon a tick that came to nothing, or is late for the next slot already, is tried again."""
_EARLY = 2 * STEP
"""How long before its slot a tick may come: reading two clocks takes time, and a wall clock that was set
by less than a step is not followed."""

Submit = Callable[[Job, datetime, timedelta], None]
"""Takes a job that is due, its slot, and by how much the clock had been moved when that was reckoned."""
Missed = Callable[[Job, int], None]


def grid_offset(key: tuple[str, str], interval: timedelta) -> timedelta:
    """Place a job on its grid by a hash of its name: the same after every restart, spread over all jobs."""
    digest = hashlib.blake2b("\0".join(key).encode(), digest_size=8).digest()
    return timedelta(microseconds=int.from_bytes(digest) % (interval // _MICROSECOND))


def next_slot(instant: datetime, interval: timedelta, offset: timedelta) -> datetime:
    """Find the first grid slot after the instant; in integers, as rounding could return the same slot."""
    return slot_at(slot_index(instant, interval, offset) + 1, interval, offset)


def slot_index(instant: datetime, interval: timedelta, offset: timedelta) -> int:
    """Count the grid slots up to the instant."""
    return (instant - _EPOCH - offset) // interval


def slot_at(index: int, interval: timedelta, offset: timedelta) -> datetime:
    """Tell the instant of a grid slot."""
    return _EPOCH + offset + index * interval


def slot_of_tick(instant: datetime, interval: timedelta, offset: timedelta) -> int:
    """Return the index of the slot that a tick at this instant is for: the last one, or one just ahead."""
    return slot_index(instant + min(interval / 2, _EARLY), interval, offset)


def cron_trigger(cron: Cron) -> CronTrigger:
    """Make the trigger of a cron schedule; ValueError says what is wrong with the expression."""
    return CronTrigger(cron)


class CronTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires when a crontab's five fields come in its zone.

    Not APScheduler's own, which wants day and weekday both, and runs a time that comes twice twice.
    """

    def __init__(self, cron: Cron) -> None:
        self._crontab = read_crontab(cron.expression)
        self._zone = zone_named(cron.time_zone)

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Give the first minute after both, so that a tick that comes early does not come again."""
        after = now if previous_fire_time is None else max(previous_fire_time, now)
        return self._crontab.next_after(after, self._zone)


class _Entry:
    """A job in the schedule, and the last slot that it ran in."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.is_ticking = False
        """It has its place in the scheduler."""
        self.last_index: int | None = None
        self.ran_at: datetime | None = None
        """When that was, on a clock that nobody sets."""
        self.clock_shift = timedelta(0)
        """By how much the clock had been moved when it ran in that slot."""
        self.due_at: datetime | None = None
        """When it should tick next: the one account of it, which scheduler, page and health check go by."""
        self.due_wall: datetime | None = None
        """Of a cron: the same as the wall clock has it, whose step may go past it."""


class _DueTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires when its entry is due, in wall time as APScheduler reckons.

    It does not find out by itself what comes next: two answers to that, a millisecond apart, can name two
    different slots, and the tick between them is waited for in vain.
    """

    def __init__(self, entry: _Entry, wall_at: Callable[[datetime], datetime]) -> None:
        self._entry = entry
        self._wall_at = wall_at

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the wall time at which the entry is due, later than `now` after it has fired."""
        if self._entry.due_at is None:
            return None
        wall = self._wall_at(self._entry.due_at)
        # APScheduler asks before the tick too, until it hears of a time to come, and after it once more.
        return wall if previous_fire_time is None or wall > now else now + _RETRY


class Schedule:
    """Every job on its own clock; `submit` and `missed` are called in the scheduler's thread."""

    def __init__(
        self,
        clock: SettableClock,
        *,
        submit: Submit,
        missed: Missed,
        wall: Callable[[], datetime] = utc_now,
        scheduler: type[BaseScheduler] = BackgroundScheduler,
    ) -> None:
        self._clock = clock
        self._submit = submit
        self._missed = missed
        self._wall = wall
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._lock = threading.Lock()
        self._wall_ahead = wall_minus(clock, wall) or timedelta(0)
        self._followed = clock.clock_shift
        self._looked_at = clock.now()
        # Jobs only enqueue, so they may run in the scheduler's own thread: no pool that could be full.
        self._scheduler = scheduler(
            timezone=UTC,
            executors={"default": DebugExecutor()},
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": None,
            },
        )

    def start(self, jobs: Iterable[Job]) -> None:
        """Start ticking: each interval job once at once (schema queries first), then on its grid."""
        self.apply(jobs)
        self._scheduler.start()

    def apply(self, jobs: Iterable[Job]) -> None:
        """Make the schedule hold these jobs; those that did not change keep their clocks.

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
        # Not under our lock: the scheduler ticks under its own, and then asks for ours.
        for key in removed:
            with suppress(
                JobLookupError
            ):  # a call that failed half-way did not come to it
                self._scheduler.remove_job(_job_id(key))
        for entry in new:
            self._add(entry)
            entry.is_ticking = True

    def next_run_at(self, key: tuple[str, str]) -> datetime | None:
        """Return when a job runs next, None when it is not scheduled; waits for no lock."""
        entry = self._entries.get(key)
        return None if entry is None else entry.due_at

    def follow_clock_step(self) -> bool:
        """Re-anchor all jobs when the wall clock was set; call about once a second. Tells whether it was.

        Without this APScheduler sleeps until the wall clock has caught up again (its issue 1066).
        """
        instant, last = self._clock.now(), self._looked_at
        self._looked_at = instant
        if instant - last > SLEPT and self._scheduler.running:
            self._scheduler.wakeup()  # it waits by a clock that stands still while the machine sleeps
        clock_shift, followed = (
            wall_minus(self._clock, self._wall),
            self._clock.clock_shift,
        )
        if clock_shift is None:
            clock_shift = self._wall_ahead  # the next call can say
        # Either tells: the wall clock went away from ours, or ours has followed it already.
        if abs(clock_shift - self._wall_ahead) < STEP and followed == self._followed:
            return False
        self._wall_ahead, self._followed = clock_shift, followed
        with self._lock:
            for entry in self._entries.values():
                self._expect_again(entry)
        # Not under our lock, as in `apply`. A tick meanwhile moves its entry on, which the trigger then sees.
        for job in self._scheduler.get_jobs():
            with suppress(JobLookupError):  # a reload has just removed it
                job.modify(
                    next_run_time=job.trigger.get_next_fire_time(None, self._wall())
                )
        return True

    def is_running(self) -> bool:
        """Tell whether the scheduler's thread lives."""
        thread: threading.Thread | None = getattr(self._scheduler, "_thread", None)
        return bool(
            self._scheduler.running and thread is not None and thread.is_alive()
        )

    def overdue(self, now: datetime) -> tuple[datetime, tuple[str, str]] | None:
        """Find the job that should have ticked longest ago and has not; waits for no lock."""
        expected = [
            (entry.due_at, entry.job.key) for entry in tuple(self._entries.values())
        ]
        return min(
            ((due_at, key) for due_at, key in expected if due_at and due_at < now),
            default=None,
        )

    def stop(self) -> None:
        """Stop ticking."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _keep(self, job: Job) -> bool:
        """Take a job over into its entry, if there is one that ticks, with the same schedule."""
        entry = self._entries.get(job.key)
        if (
            entry is None
            or not entry.is_ticking
            or entry.job.query.schedule != job.query.schedule
        ):
            return False
        entry.job = job
        return True

    def _add(self, entry: _Entry) -> None:
        self._scheduler.add_job(
            self._tick,
            _DueTrigger(entry, self._wall_at),
            args=(entry.job.key,),
            id=_job_id(entry.job.key),
            replace_existing=True,
        )

    def _wall_at(self, instant: datetime) -> datetime:
        """Translate an instant of ours into wall time."""
        clock_shift = wall_minus(self._clock, self._wall)
        return instant + (self._wall_ahead if clock_shift is None else clock_shift)

    def _tick(self, key: tuple[str, str]) -> None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return
            now, clock_shift = self._clock.reading()
            scheduled_at, missed = self._place(entry, now, clock_shift)
        if missed:
            self._missed(entry.job, missed)
        if scheduled_at is not None:
            self._submit(entry.job, scheduled_at, clock_shift)

    def _expect_first(self, entry: _Entry, jobs_in_all: int) -> None:
        """Note when a new job is due: a cron at its time, any other by itself within some seconds."""
        now = self._clock.now()
        if isinstance(entry.job.query.schedule, Every):
            entry.due_at = now + _first_delay(entry.job, jobs_in_all)
        else:
            self._expect_cron(entry, entry.job.query.schedule, now)

    def _expect_again(self, entry: _Entry) -> None:
        """Note when a job is due now that the clock was set; a slot that it went past is not lost."""
        schedule = entry.job.query.schedule
        now, clock_shift = self._clock.reading()
        if not isinstance(schedule, Every):
            if entry.due_wall is not None and entry.due_wall <= self._wall():
                entry.due_at = now
            else:
                self._expect_cron(entry, schedule, now)
        elif entry.ran_at is None:
            entry.due_at = now
        else:
            slot = next_slot(
                now, schedule.interval, grid_offset(entry.job.key, schedule.interval)
            )
            entry.due_at = max(
                now, min(slot, entry.ran_at + schedule.interval + clock_shift)
            )

    def _expect_cron(self, entry: _Entry, cron: Cron, instant: datetime) -> None:
        """Note the first time of a cron after an instant of ours; it is the wall clock that it goes by."""
        wall = self._wall_at(instant)
        entry.due_wall = cron_trigger(cron).get_next_fire_time(None, wall)
        entry.due_at = (
            None if entry.due_wall is None else instant + (entry.due_wall - wall)
        )

    def _place(
        self, entry: _Entry, now: datetime, clock_shift: timedelta
    ) -> tuple[datetime | None, int]:
        """Find the slot of a tick, and how many before it had none; no slot when it ran in this one.

        Due next is what follows the slot of this tick, wherever beside it the tick came.
        """
        schedule = entry.job.query.schedule
        if not isinstance(schedule, Every):
            self._expect_cron(entry, schedule, now + _EARLY)
            return (now + _EARLY).replace(second=0, microsecond=0), 0
        offset = grid_offset(entry.job.key, schedule.interval)
        index = slot_of_tick(now, schedule.interval, offset)
        last, entry.last_index, entry.ran_at = (
            entry.last_index,
            index,
            now - clock_shift,
        )
        entry.due_at = slot_at(index + 1, schedule.interval, offset)
        if last is None or entry.clock_shift != clock_shift:
            # The first, or the first since the clock was set: there is no slot to count from.
            entry.clock_shift = clock_shift
            return now, 0
        if index <= last:
            return None, 0
        return slot_at(index, schedule.interval, offset), index - last - 1


def _job_id(key: tuple[str, str]) -> str:
    return "/".join(key)


def _first_delay(job: Job, jobs_in_all: int) -> timedelta:
    """Spread the first runs over at most 10 s; what says whether the schema is whole goes first."""
    if job.query.schema is not None:
        return timedelta(0)
    spread = min(_LARGEST_SPREAD, jobs_in_all * _SPREAD_PER_JOB)
    return grid_offset(job.key, spread)
