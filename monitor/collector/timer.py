"""Call back when something is due: APScheduler as a timer, on a clock that nobody sets; below the schedule.

What it is used for, and what we do ourselves, is in docs/adr/0026-apscheduler-as-a-timer.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from typing import TypeAlias

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.base import BaseTrigger

Due: TypeAlias = Callable[[], datetime | None]
"""Returns when something is due next, by the timer's clock; None: never. Is asked at any time."""

MakeScheduler: TypeAlias = Callable[..., BaseScheduler]
"""Makes the scheduler that the timer drives, from APScheduler's options."""

_RETRY = timedelta(milliseconds=100)
"""How soon a call that did not say when it is due next, or is late for that already, is made again."""


class ThreadScheduler(BaseScheduler):  # type: ignore[misc]  # APScheduler has no types
    """APScheduler's loop in a thread of ours: BackgroundScheduler does not say whether its own lives."""

    def __init__(self, **options: object) -> None:
        self.thread: threading.Thread | None = None
        self._is_woken = threading.Event()
        super().__init__(**options)

    def start(self, *, paused: bool = False) -> None:
        """Start the loop; what was added before is looked at first."""
        super().start(paused)
        thread = threading.Thread(target=self._run, name="APScheduler", daemon=True)
        thread.start()
        self.thread = thread

    def shutdown(self, *, wait: bool = True) -> None:
        """End the loop, after the call that it is making."""
        super().shutdown(wait)
        self._is_woken.set()
        if self.thread is not None:
            self.thread.join()

    def wakeup(self) -> None:
        """End the wait of the loop."""
        self._is_woken.set()

    def _run(self) -> None:
        while self.running:
            wait_seconds: float | None = self._process_jobs()
            self._is_woken.wait(wait_seconds)
            self._is_woken.clear()


class Timer:
    """Calls back in a thread of its own, whenever one of what it was given is due; never before.

    `now` is its clock, and is never set: only so nothing is waited for in vain. What is called must be quick,
    since all share the thread; what it raises is logged, and it is called again when it is due again.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        scheduler: MakeScheduler = ThreadScheduler,
    ) -> None:
        self._zone = _ClockZone(now)
        self._scheduler = scheduler(
            timezone=self._zone,
            # In the scheduler's own thread: in a pool, ten calls that hang would hold up all others.
            executors={"default": DebugExecutor()},
            job_defaults={
                # What is late is called once, however many times it was due.
                "coalesce": True,
                "max_instances": 1,
                # The default of 1 s drops a call that is later than that without a word: after the machine
                # has stood still all of them.
                "misfire_grace_time": None,
            },
        )

    def start(self) -> None:
        """Begin to call back. Raises RuntimeError where the system gives no thread."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop calling back; waits for a call that is being made."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def is_running(self) -> bool:
        """Return whether the thread lives that calls back."""
        thread: threading.Thread | None = self._scheduler.thread
        return thread is not None and thread.is_alive()

    def set(self, name: str, due: Due, call: Callable[[], None]) -> None:
        """Call this whenever it is due; it takes the place of what had the name before."""
        trigger = _DueTrigger(due, self._zone)
        self._scheduler.add_job(call, trigger, id=name, replace_existing=True)

    def remove(self, name: str) -> None:
        """Call this no more; nothing happens where it is not there."""
        with suppress(JobLookupError):
            self._scheduler.remove_job(name)

    def look_again(self) -> None:
        """Ask again when everything is due: what was answered before is out of date."""
        for job in self._scheduler.get_jobs():
            due = job.trigger.get_next_fire_time(None, self._zone.now())
            with suppress(JobLookupError):  # it has been removed meanwhile
                job.modify(next_run_time=due)

    def wake(self) -> None:
        """Look now at what is due, instead of after the wait that was computed."""
        if self._scheduler.running:
            self._scheduler.wakeup()


class _ClockZone(tzinfo):
    """UTC, as a clock of ours has it.

    APScheduler takes no clock: it calls `datetime.now(zone)`, and that asks the zone what time it is. With the
    machine's clock it would sleep until that has caught up, when it is set back (its issue 1066).
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def now(self) -> datetime:
        """Return the instant by our clock, in this zone."""
        return self.instant(self._now())

    def instant(self, at: datetime) -> datetime:
        """Return an instant in UTC as one in this zone: APScheduler converts no instant that has its zone."""
        return at.replace(tzinfo=self)

    def fromutc(self, _machine: datetime) -> datetime:
        """Return the instant by our clock, whatever the machine's says."""
        return self.now()

    def utcoffset(self, _at: datetime | None) -> timedelta:
        """Return that instants are in UTC."""
        return timedelta(0)

    def dst(self, _at: datetime | None) -> timedelta:
        """Return that there is no summer time."""
        return timedelta(0)

    def tzname(self, _at: datetime | None) -> str:
        """Return the name for a log."""
        return "UTC"


class _DueTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires when something is due.

    It does not find out by itself what comes next: two answers to that, a millisecond apart, can name two
    different slots, and the call between them is waited for in vain.
    """

    def __init__(self, due: Due, zone: _ClockZone) -> None:
        self._due = due
        self._zone = zone

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return when it is due, later than `now` after it has fired."""
        due = self._due()
        if due is None:
            return None
        at = self._zone.instant(due)
        has_fired = previous_fire_time is not None
        # APScheduler asks before the call too, until it hears of a time to come, and after it once more.
        return now + _RETRY if has_fired and at <= now else at
