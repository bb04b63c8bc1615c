"""The one source of time: a UTC clock anchored to the monotonic one, which follows a step only when asked to."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

STEP = timedelta(seconds=2)
"""A wall clock that went away from ours by so much was set; less is what time servers do all day."""

SLEPT = timedelta(seconds=5)
"""A thread that has something to do each second and finds so long gone by was not let run."""

# Two clocks are read one after the other: a process that was stopped in between would call that a step.
_AT_ONCE_SECONDS = 0.1
_TRIES = 5


class Clock(Protocol):
    """Where now comes from; everything that needs time is given one."""

    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        ...


class SettableClock(Clock, Protocol):
    """A clock that follows the machine's when that is set, at a moment of its owner's choice."""

    @property
    def clock_shift(self) -> timedelta:
        """Return by how much it was moved in all: instants read before and after a move do not compare."""
        ...

    def reading(self) -> tuple[datetime, timedelta]:
        """Return the instant, and `clock_shift` as it was when that was read."""
        ...

    def catch_up(self) -> timedelta:
        """Follow the machine's clock if it was set; return by how much, zero where there was nothing to do."""
        ...


class AnchoredClock:
    """Wall time at an anchor plus what the monotonic clock counted since, time asleep included.

    It never jumps by itself: only `catch_up` moves it, which one thread calls that then moves
    every instant that it keeps.
    """

    def __init__(self) -> None:
        # One value, so that no thread ever sees the one moved and the other not.
        self._anchor_and_shift = datetime.now(UTC), timedelta(0)
        self._anchored_seconds = _monotonic_seconds()

    @property
    def clock_shift(self) -> timedelta:
        """Return by how much it was moved in all."""
        return self._anchor_and_shift[1]

    def now(self) -> datetime:
        """Return the instant, aware, in UTC; it neither goes back nor jumps, but by `catch_up`."""
        return self.reading()[0]

    def reading(self) -> tuple[datetime, timedelta]:
        """Return the instant, and `clock_shift` as it was when that was read."""
        anchor, clock_shift = self._anchor_and_shift
        return anchor + timedelta(
            seconds=_monotonic_seconds() - self._anchored_seconds
        ), clock_shift

    def catch_up(self) -> timedelta:
        """Follow the wall clock if it was set by two seconds or more; return by how much."""
        by = wall_minus(self)
        if by is None or abs(by) < STEP:
            return timedelta(0)
        anchor, clock_shift = self._anchor_and_shift
        self._anchor_and_shift = anchor + by, clock_shift + by
        return by


def utc_now() -> datetime:
    """Read the machine's wall clock."""
    return datetime.now(UTC)


def wall_minus(
    clock: Clock, wall: Callable[[], datetime] = utc_now
) -> timedelta | None:
    """Compare the wall clock with ours; None when a process that was stopped cannot say."""
    for _ in range(_TRIES):
        began = _monotonic_seconds()
        by = wall() - clock.now()
        if _monotonic_seconds() - began < _AT_ONCE_SECONDS:
            return by
    return None


def _monotonic_seconds() -> float:
    # CLOCK_BOOTTIME also counts while the machine is suspended; plain monotonic on other systems.
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
