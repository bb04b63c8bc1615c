"""Ring alarms at their deadlines, one thread for the process: what bounds every wait on a far end."""

from __future__ import annotations

import heapq
import itertools
import math
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType


class Alarm:
    """One deadline. Once `cancel` has returned its action neither runs nor will run."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self._lock = threading.Lock()
        self._cancelled = False
        self.rang = False

    def ring(self) -> None:
        """Do the action, unless the alarm was cancelled."""
        # Under the lock, so that `cancel` cannot return while the action still runs: what it acts on,
        # a connection say, may be somebody else's by then.
        with self._lock:
            if not self._cancelled:
                self.rang = True
                self._action()

    def cancel(self) -> None:
        """Call the alarm off; waits while the action runs."""
        with self._lock:
            self._cancelled = True

    @property
    def is_cancelled(self) -> bool:
        """Return whether it was called off; waits for no lock."""
        return self._cancelled

    def __enter__(self) -> Alarm:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cancel()


class Watchdog:
    """The thread that rings alarms. Their actions must be quick and must not block; one that raises is a bug.

    It is reported as what ends a thread is, and the thread lives: no other alarm is lost by it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False
        # When the thread looks again by itself; while it is awake it does so before it waits.
        self._wakes_at = -math.inf

    def after(self, seconds: float, action: Callable[[], None]) -> Alarm:
        """Ring in so many seconds, unless cancelled before; to be used in a `with`.

        RuntimeError where the thread cannot be started: this alarm will not ring, the next one tries again.
        """
        alarm = Alarm(action)
        # Not the wall clock: a step of it would ring all at once, or none for an hour.
        due = time.monotonic() + seconds
        with self._changed:
            if self._closed:
                raise RuntimeError(
                    "the watchdog is closed: nothing may wait without a deadline"
                )
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(
                    target=self._watch, name="watchdog", daemon=True
                )
                thread.start()
                self._thread = thread
            # The number decides between equal instants, since alarms cannot be compared.
            heapq.heappush(self._alarms, (due, next(self._order), alarm))
            # Nearly every alarm is cancelled in time: to wake the thread for each would cost more than what
            # it bounds (a fleet of 1,000 targets sets 500 a second).
            if due < self._wakes_at:
                self._wakes_at = due
                self._changed.notify()
        return alarm

    def __enter__(self) -> Watchdog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the thread; alarms that did not ring will not."""
        with self._changed:
            self._closed = True
            self._alarms.clear()
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=2.0)

    def _watch(self) -> None:
        while (alarm := self._next_due()) is not None:
            try:
                alarm.ring()
            # a bug in one action must not cost every other wait its bound
            except Exception:  # noqa: BLE001
                report_handled()

    def _next_due(self) -> Alarm | None:
        with self._changed:
            while not self._closed:
                self._drop_cancelled()
                due = self._alarms[0][0] if self._alarms else math.inf
                wait = due - time.monotonic()
                if wait <= 0:
                    return heapq.heappop(self._alarms)[2]
                self._wakes_at = due
                self._changed.wait(None if wait == math.inf else wait)
                self._wakes_at = -math.inf
        return None

    def _drop_cancelled(self) -> None:
        """Forget what was cancelled and would ring before all others; under the lock."""
        while self._alarms and self._alarms[0][2].is_cancelled:
            heapq.heappop(self._alarms)


def report_handled() -> None:
    """Report the exception that is being handled, as one that ends a thread is."""
    kind, error, trace = sys.exc_info()
    if kind is not None:
        with suppress(OSError, ValueError):  # standard error is closed
            threading.excepthook(
                threading.ExceptHookArgs(
                    (kind, error, trace, threading.current_thread())
                )
            )
