"""Notify systemd of how far the process is, where it started us with Type=notify; nobody elsewhere."""

from __future__ import annotations

import contextlib
import os
import socket

_VARIABLE = "NOTIFY_SOCKET"


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
