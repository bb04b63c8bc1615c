"""The real Schedule on clocks that a test drives: reading them takes time, and they drift and are set."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from apscheduler.schedulers.base import BaseScheduler

from monitor.collector.scheduler import OnMissed, Schedule, Submit
from monitor.timing.clock import STEP

SECOND = timedelta(seconds=1)


class Machine:
    """A machine's two clocks: ours, which is anchored, and the wall's, which a time server slews.

    Each reading takes some microseconds, and once in a while the process is not let run for longer.
    """

    def __init__(self, start: datetime, seed: int) -> None:
        self.choose = random.Random(seed)
        self.clock_shift = timedelta(0)
        self.wall_by = timedelta(0)
        """How far the wall clock is from ours."""
        self.slew = 0.0
        """How many seconds the wall clock gains on ours in one."""
        self._at = start

    def let_pass(self, passed: timedelta) -> None:
        """Let time pass, on a clock that may run too fast or too slow."""
        self._at += passed
        self.wall_by += passed * self.slew

    def now(self) -> datetime:
        """Return the instant by the anchored clock."""
        self._read()
        return self._at + self.clock_shift

    def reading(self) -> tuple[datetime, timedelta]:
        """Return the instant, and by how much the clock had been moved."""
        return self.now(), self.clock_shift

    def wall(self) -> datetime:
        """Return the instant by the machine's clock."""
        self._read()
        return self._at + self.clock_shift + self.wall_by

    def catch_up(self) -> timedelta:
        """Take over a step of the machine's clock; returns by how much."""
        by = self.wall_by if abs(self.wall_by) >= STEP else timedelta(0)
        self.clock_shift += by
        self.wall_by -= by
        return by

    def _read(self) -> None:
        microseconds = self.choose.randint(1, 40)
        if self.choose.random() < 0.001:
            microseconds = self.choose.randint(1_000, 90_000)
        self.let_pass(timedelta(microseconds=microseconds))


class DrivenScheduler(BaseScheduler):  # type: ignore[misc]  # APScheduler has no types
    """APScheduler without its thread: the test lets it look for what is due, and it says for how long not."""

    def wakeup(self) -> None:
        """Do nothing: the test looks again anyway."""

    def shutdown(self, *, wait: bool = True) -> None:
        """Do nothing: there is no thread."""

    def look(self) -> timedelta | None:
        """Run what is due; returns how long it would sleep then."""
        seconds = self._process_jobs()
        return None if seconds is None else timedelta(seconds=seconds)


class DrivenSchedule(Schedule):
    """The product's schedule, whose scheduler the test drives."""

    def __init__(self, machine: Machine, *, submit: Submit, missed: OnMissed) -> None:
        self._driven: list[DrivenScheduler] = []
        super().__init__(
            machine, submit=submit, missed=missed, scheduler=self._keep_scheduler
        )

    def look(self) -> timedelta | None:
        """Run what is due; returns how long the scheduler would sleep then."""
        return self._driven[0].look()

    def _keep_scheduler(self, **options: object) -> DrivenScheduler:
        self._driven.append(DrivenScheduler(**options))
        return self._driven[0]
