"""The one source of time: a UTC clock anchored to the monotonic one, so that a clock step moves nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where now comes from; everything that needs time is given one."""

    def now(self) -> datetime:
        """Tell the instant, aware, in UTC."""
        ...


class AnchoredClock:
    """Wall time at the start plus what the monotonic clock counted since, time asleep included."""

    def __init__(self) -> None:
        self._anchor = datetime.now(UTC)
        self._started_seconds = _monotonic_seconds()

    def now(self) -> datetime:
        """Tell the instant, aware, in UTC; never goes back, never jumps."""
        return self._anchor + timedelta(seconds=_monotonic_seconds() - self._started_seconds)


def _monotonic_seconds() -> float:
    # CLOCK_BOOTTIME also counts while the machine is suspended; plain monotonic on other systems.
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
