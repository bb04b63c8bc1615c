"""Call back when something is due: APScheduler as a timer, on a clock that nobody sets; below the schedule.

What it is used for, and what we do ourselves, is in docs/adr/0026-apscheduler-as-a-timer.md.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TypeAlias

from apscheduler.executors.debug import DebugExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.base import BaseTrigger

Due: TypeAlias = Callable[[], datetime | None]
"""Returns when something is due next, by the timer's clock; None: never. Is asked at any time."""

MakeScheduler: TypeAlias = Callable[..., BaseScheduler]
"""Makes the scheduler that the timer drives, from APScheduler's options."""

_RETRY = timedelta(milliseconds=100)
"""How soon a call that did not say when it is due next, or is late for that already, is made again."""
_NOTHING_DUE = timedelta(days=1)


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
        self._now = now
        self._zone = _ClockZone(now)
        self._lock = threading.Lock()
        self._calls: dict[str, _TimedCall] = {}
        self._plans: list[tuple[datetime, int, _TimedCall]] = []
        # The number decides between equal instants, since calls cannot be compared.
        self._order = itertools.count()
        self._job: Job | None = None
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
        # One job of its for all of ours: with 80,000 of them each call would cost three times as much.
        trigger = _DueTrigger(self._first_due, self._zone)
        self._job = self._scheduler.add_job(self.call_due, trigger)
        self._scheduler.start()
        # What was planned while it started, it may not have heard of.
        self._look_at_first()

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
        one = _TimedCall(name, due, call)
        with self._lock:
            self._calls[name] = one
            is_first = self._plan(one, due())
        if is_first:
            self._look_at_first()

    def remove(self, name: str) -> None:
        """Call this no more; nothing happens where it is not there."""
        with self._lock:
            self._calls.pop(name, None)

    def look_again(self) -> None:
        """Ask again when everything is due: what was answered before is out of date."""
        with self._lock:
            self._plans.clear()
            for one in self._calls.values():
                self._plan(one, one.due())
        self._look_at_first()

    def wake(self) -> None:
        """Look now at what is due, instead of after the wait that was computed."""
        if self._scheduler.running:
            self._scheduler.wakeup()

    def _plan(self, one: _TimedCall, at: datetime | None) -> bool:
        """Note when something is due; returns whether nothing is due before it. Under the lock."""
        one.at = at
        if at is None:
            return False
        heapq.heappush(self._plans, (at, next(self._order), one))
        return self._plans[0][2] is one

    def _first_due(self) -> datetime:
        """Return when the first of all is due."""
        with self._lock:
            self._drop_outdated()
            if self._plans:
                return self._plans[0][0]
        # A job without a time to come is forgotten by the scheduler.
        return self._now() + _NOTHING_DUE

    def _look_at_first(self) -> None:
        """Have the scheduler look now at what is due, and find out by itself when to look next.

        Never by an instant that is computed here: while it makes a call that is not planned again yet, that
        would be too late, and would take the place of the right one.
        """
        if self._job is None:
            return
        # While it starts, and after its end, the scheduler knows of no job.
        with suppress(JobLookupError):
            self._job.modify(next_run_time=self._zone.now())

    def call_due(self) -> None:
        """Call all that is due, each once; raises the first error when all were called."""
        failed: Exception | None = None
        while due := self._take_due():
            for one in due:
                # Removed or replaced by one that was called before it.
                if self._calls.get(one.name) is not one:
                    continue
                try:
                    one.call()
                # The scheduler logs it: here it would cost the others their time.
                except Exception as error:  # noqa: BLE001
                    failed = failed or error
            self._plan_again(due)
        if failed is not None:
            raise failed

    def _take_due(self) -> list[_TimedCall]:
        """Return all that is due now, in order; of a fleet a dozen calls are due together."""
        due: list[_TimedCall] = []
        with self._lock:
            now = self._now()
            self._drop_outdated()
            while self._plans and self._plans[0][0] <= now:
                one = heapq.heappop(self._plans)[2]
                # Another plan of it, from while it was called, is outdated by that.
                one.at = None
                due.append(one)
                self._drop_outdated()
        return due

    def _plan_again(self, called: Iterable[_TimedCall]) -> None:
        """Plan what was just called: one that did not say when it is due next is called again soon."""
        with self._lock:
            now = self._now()
            for one in called:
                if self._calls.get(one.name) is one:
                    at = one.due()
                    is_late = at is not None and at <= now
                    self._plan(one, now + _RETRY if is_late else at)

    def _drop_outdated(self) -> None:
        """Drop what has been removed, replaced or planned for another time since; under the lock."""
        while self._plans:
            at, _, one = self._plans[0]
            if self._calls.get(one.name) is one and one.at == at:
                return
            heapq.heappop(self._plans)


@dataclass(slots=True)
class _TimedCall:
    """What is to be called, and when next, as it last said."""

    name: str
    due: Due
    call: Callable[[], None]
    at: datetime | None = None


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
