"""Remember that a server refused our login or could not be had, so that repeating it does no more harm."""

from __future__ import annotations

import threading
import time

from monitor.model.errors import Reason, TargetError

_FIRST_WAIT_SECONDS = 1.0
_MAX_WAIT_SECONDS = 60.0
# At most half of the pauses between the looks at a lost target, 1, 2, 4 … 15 s.
_BREAKS_SECONDS = (1.0, 1.0, 1.0, 2.0, 4.0, 7.0)
# Of the login itself; what else fails says nothing about the password.
_REFUSED_LOGIN = ("login", "auth_plugin")


class LoginBackoff:
    """The last refused password and until when it is not tried again: 1 s, 2 s, 4 s … 60 s; thread-safe.

    Servers lock an account after so many (MySQL's FAILED_LOGIN_ATTEMPTS, MariaDB's max_password_errors).
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
            is_early = time.monotonic() < self._until
            is_refused = password == self._password and is_early
        if error is not None and is_refused:
            raise _again(error)

    def note(self, password: bytes, error: TargetError) -> None:
        """Note how an attempt failed; only a refused login counts, and a method that is not ours."""
        if error.detail not in _REFUSED_LOGIN:
            return
        with self._lock:
            is_repeated = self._error is not None and self._password == password
            if is_repeated:
                self._wait_seconds = min(self._wait_seconds * 2, _MAX_WAIT_SECONDS)
            else:
                self._wait_seconds = _FIRST_WAIT_SECONDS
            self._until = time.monotonic() + self._wait_seconds
            self._password = password
            self._error = error

    def reset(self) -> None:
        """Note that the server let us in."""
        with self._lock:
            self._error = None


class CircuitBreaker:
    """The last failure to reach the server; for a while it is everybody's answer; thread-safe.

    However many queries are due, a server that is sick or unreachable is tried once a second, and none of
    them waits for the same silence again. One that stays so is tried ever more rarely, though not more rarely
    than a lost target is looked at (collector/reconnect.py): else a thread would always wait at a silent one.
    """

    def __init__(self) -> None:
        self._error: TargetError | None = None
        self._until = 0.0
        self._failures = 0

    def check(self) -> None:
        """Raise the last failure again while it is too early to try."""
        error = self._error
        if error is not None and time.monotonic() < self._until:
            raise _again(error)

    def note(self, error: TargetError) -> None:
        """Note how an attempt failed."""
        if error.reason is Reason.TARGET_DOWN:
            place = min(self._failures, len(_BREAKS_SECONDS) - 1)
            self._failures += 1
            self._until = time.monotonic() + _BREAKS_SECONDS[place]
            self._error = error

    def reset(self) -> None:
        """Note that the server let us in."""
        self._error = None
        self._failures = 0


def _again(error: TargetError) -> TargetError:
    """Return a new error of the same words: one that is raised in two threads would mix their tracebacks."""
    return TargetError(
        error.reason, error.message, code=error.code, detail=error.detail
    )
