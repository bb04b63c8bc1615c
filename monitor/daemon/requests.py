"""What is asked of the running daemon, by signals and by HTTP: to load its configuration again, and to end."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
from collections.abc import Callable
from dataclasses import dataclass

from monitor.daemon.reloader import Loaded, Loader, ReloadAnswer
from monitor.model.settings import Config

# A disk with a file of the configuration may hang; who asked by HTTP gets an answer all the same.
_RELOAD_WAIT_SECONDS = 30.0
_STOP_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class StopRequest:
    """To end, and the signal that it came with."""

    signal: str


class Requests:
    """Takes requests in any thread and hands them to the main one, in order."""

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[Loaded | StopRequest] = queue.SimpleQueue()
        self._loader = Loader(self._requests.put)
        self._is_asked_to_stop = False

    def start(self, load: Callable[[], Config]) -> None:
        """Start the thread that loads configurations, with `load`."""
        self._loader.start(load)

    def stop(self) -> None:
        """End that thread; returns at once."""
        self._loader.stop()

    def next(self) -> Loaded | StopRequest:
        """Wait for what is to be done next."""
        return self._requests.get()

    def on_signal(self, number: signal.Signals) -> None:
        """Act on a signal: SIGHUP asks for a reload, the others for the end, at once if asked again."""
        if number is signal.SIGHUP:
            self.reload()
        elif self._is_asked_to_stop:
            os._exit(128 + number)
        else:
            self._is_asked_to_stop = True
            self._requests.put(StopRequest(number.name))

    def reload(self) -> None:
        """Ask for a reload; returns at once."""
        self._loader.ask(queue.SimpleQueue())

    def reload_and_wait(self) -> str | None:
        """Ask for a reload and wait; returns the error's text, None when the new configuration is in force."""
        answer: ReloadAnswer = queue.SimpleQueue()
        self._loader.ask(answer)
        for _ in range(int(_RELOAD_WAIT_SECONDS / _STOP_LOOK_SECONDS)):
            if self._is_asked_to_stop:
                return "not reloaded: the monitor is stopping"
            with contextlib.suppress(queue.Empty):
                return answer.get(timeout=_STOP_LOOK_SECONDS)
        return f"the reload did not end within {_RELOAD_WAIT_SECONDS:g} s"
