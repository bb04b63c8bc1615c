"""The results queue: any thread puts messages in, one thread takes them, in order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from monitor.daemon.messages import Message, Stop, Work


class Inbox:
    """The queue, built before all that puts messages in, and the thread that empties it."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

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
            while not isinstance(message := self._messages.get(), Stop):
                try:
                    take(message)
                # The boundary of the pipe: a bug costs this one message, and is logged; the rest goes on.
                except Exception as error:  # noqa: BLE001
                    on_crash(message, error)

        self._thread = threading.Thread(target=work, name="pipeline", daemon=True)
        self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """End when what is queued is taken; waits so long at most."""
        self.put(Stop())
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def is_alive(self) -> bool:
        """Return whether the thread lives."""
        return self._thread is not None and self._thread.is_alive()
