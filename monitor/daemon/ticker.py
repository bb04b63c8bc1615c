"""Tick each second or so, and find by the gaps since when the process is awake; drives what nothing else wakes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from monitor.model.health import SILENT_FOR, LoopThread
from monitor.timing.clock import SLEPT, Clock
from monitor.timing.deadlines import report_handled

_TICK_SECONDS = 1.0


class Ticker:
    """A thread that calls `on_tick` with the instant; that must be quick, and one that raises is a bug.

    It is reported as what ends a thread is, and the thread lives: it gives no sign of life by such a tick, and
    the next one may succeed.
    """

    def __init__(
        self,
        clock: Clock,
        on_tick: Callable[[datetime], None],
        *,
        name: str = "ticker",
        every_seconds: float = _TICK_SECONDS,
    ) -> None:
        self._clock = clock
        self._every_seconds = every_seconds
        self._on_tick = on_tick
        self._ticked_at = self._awake_since = clock.now()
        self._ticked_seconds = self._done_seconds = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """Tick no more; returns at once."""
        self._stopping.set()

    def sign(self, now: datetime) -> tuple[LoopThread, datetime]:
        """Return its sign of life, and since when the process is awake; waits for no lock."""
        since_tick = timedelta(seconds=time.monotonic() - self._ticked_seconds)
        # The clock was set, or the machine slept: then ages say little.
        has_jumped = (
            abs(now - self._ticked_at - since_tick) > SLEPT and since_tick < SILENT_FOR
        )
        since_done = timedelta(seconds=time.monotonic() - self._done_seconds)
        loop = LoopThread("ticker", self._thread.is_alive(), now - since_done)
        return loop, now if has_jumped else self._awake_since

    def _run(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            now = self._clock.now()
            if abs(now - self._ticked_at) > SLEPT:
                self._awake_since = now
            self._ticked_at, self._ticked_seconds = now, time.monotonic()
            try:
                self._on_tick(now)
                self._done_seconds = time.monotonic()
            # what a bug costs is one tick: nothing else would do the next ones
            except Exception:  # noqa: BLE001
                report_handled()
