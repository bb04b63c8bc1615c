"""Notify systemd of how far the process is, and that it works, where it started us; nobody elsewhere."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping

_VARIABLE = "NOTIFY_SOCKET"
_TIMES_IN_A_LIMIT = 4
"""How often a sign of life is given in the time that systemd waits for one: half of it is usual."""


def notify(state: str) -> None:
    """Send one assignment, such as `READY=1` (sd_notify(3)); never raises, never waits."""
    address = os.environ.get(_VARIABLE, "")
    if not address:
        return
    with (
        contextlib.suppress(OSError, ValueError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire,
    ):
        wire.settimeout(0)
        # An @ stands for the NUL that begins the name of an abstract socket.
        name = "\0" + address[1:] if address.startswith("@") else address
        wire.sendto(" ".join(state.splitlines()).encode(), name)


class SignsOfLife:
    """What systemd gets while the process does its work, if it waits for that (WatchdogSec=); for one thread.

    Where they stop it ends the process and starts another.
    """

    def __init__(
        self, environ: Mapping[str, str], check_health: Callable[[], tuple[bool, str]]
    ) -> None:
        self._every_seconds = _asked_every_seconds(environ)
        self._check_health = check_health
        self._next_seconds = time.monotonic()
        self._status = ""

    def look(self) -> None:
        """Send a sign if one is due and all is well; else have the status say what is wrong."""
        now_seconds = time.monotonic()
        if self._every_seconds is None or now_seconds < self._next_seconds:
            return
        is_healthy, message = self._check_health()
        self._show("" if is_healthy else f"Not healthy: {message}")
        if is_healthy:
            notify("WATCHDOG=1")
            self._next_seconds = now_seconds + self._every_seconds

    def _show(self, status: str) -> None:
        if status != self._status:
            notify(f"STATUS={status}")
            self._status = status


def _asked_every_seconds(environ: Mapping[str, str]) -> float | None:
    """Return how often a sign is to be given; None where nobody waits for one, or for one of another process."""
    limit, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not limit.isdecimal() or pid not in ("", str(os.getpid())):
        return None
    return int(limit) / 1_000_000 / _TIMES_IN_A_LIMIT
