"""The results queue: any thread puts messages in, one thread takes them, in order."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from monitor.daemon.messages import Message, Stop, Work

_IN_A_ROW_SECONDS = 0.02
"""After so short a wait for a message the next one is likely to come soon, too."""
_GATHER_SECONDS = 0.005
"""Results that follow each other are taken some at a time: two threads that compute by turns take longer for it."""


class Inbox:
    """The queue, built before all that puts messages in, and the thread that empties it."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._woken_at = -math.inf

    def put(self, message: Message) -> None:
        """Hand over a message; never waits."""
        self._messages.put(message)

    def start(
        self,
        take: Callable[[Work], None],
        on_crash: Callable[[Work, Exception], None],
    ) -> None:
        """Start a thread that gives each message to `take`, and what that raises to `on_crash`."""

        def work() -> None:
            while not isinstance(message := self._next(), Stop):
                try:
                    take(message)
                # The boundary of the pipe: a bug costs this one message, and is logged; the rest goes on.
                except Exception as error:  # noqa: BLE001
                    on_crash(message, error)

        self._thread = threading.Thread(target=work, name="pipeline", daemon=True)
        self._thread.start()

    def _next(self) -> Message:
        """Wait for the next message."""
        with suppress(queue.Empty):
            return self._messages.get_nowait()
        if time.monotonic() - self._woken_at < _IN_A_ROW_SECONDS:
            time.sleep(_GATHER_SECONDS)
        message = self._messages.get()
        self._woken_at = time.monotonic()
        return message

    def stop(self, timeout_seconds: float) -> None:
        """End when what is queued is taken; waits so long at most."""
        self.put(Stop())
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def is_alive(self) -> bool:
        """Return whether the thread lives."""
        return self._thread is not None and self._thread.is_alive()
