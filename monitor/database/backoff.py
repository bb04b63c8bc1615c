"""Remember that a server refused our login or could not be had, so that repeating it does no more harm."""

from __future__ import annotations

import threading
import time

from monitor.model.errors import Reason, TargetError

_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0
_PAUSE_SECONDS = 1.0


class LoginBackoff:
    """The last refused password and until when it is not tried again: 1 s, 2 s, 4 s … 60 s.

    Another password is tried at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._password = b""
        self._error: TargetError | None = None
        self._wait_seconds = 0.0
        self._until = 0.0

    def check(self, password: bytes) -> None:
        """Raise the server's last refusal again while it is too early to ask."""
        with self._lock:
            error = self._error
            if (
                error is None
                or password != self._password
                or time.monotonic() >= self._until
            ):
                return
        raise TargetError(
            error.reason, error.message, code=error.code, detail=error.detail
        )

    def note(self, password: bytes, error: TargetError) -> None:
        """Take down how an attempt failed; only a refused login counts, and a method that is not ours."""
        if error.detail not in ("login", "auth_plugin"):
            return
        with self._lock:
            again = self._error is not None and self._password == password
            doubled = min(self._wait_seconds * 2, _LONGEST_WAIT_SECONDS)
            self._wait_seconds = doubled if again else _FIRST_WAIT_SECONDS
            self._until = time.monotonic() + self._wait_seconds
            self._password = password
            self._error = error

    def forget(self) -> None:
        """The server let us in."""
        with self._lock:
            self._error = None


class CircuitBreaker:
    """The last failure to reach the server; for a second it is everybody's answer.

    However many queries are due, a server that is sick or unreachable is tried once a second, and none of
    them waits for the same silence again.
    """

    def __init__(self) -> None:
        self._error: TargetError | None = None
        self._until = 0.0

    def check(self) -> None:
        """Raise the last failure again while it is too early to try."""
        error = self._error
        if error is not None and time.monotonic() < self._until:
            raise TargetError(
                error.reason, error.message, code=error.code, detail=error.detail
            )

    def note(self, error: TargetError) -> None:
        """Take down how an attempt failed."""
        if error.reason is Reason.TARGET_DOWN:
            self._until = time.monotonic() + _PAUSE_SECONDS
            self._error = error

    def forget(self) -> None:
        """The server let us in."""
        self._error = None
