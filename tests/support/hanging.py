"""A file as on a disk that hangs: whoever opens it waits."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_F_SETSIG = 10  # of Linux; Python has no name for it


@contextmanager
def hanging(path: Path) -> Iterator[Callable[[], bool]]:
    """Have whoever opens a file hang in it, for 45 s at most: by a lease; gives whether somebody does."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.fcntl(descriptor, _F_SETSIG, signal.SIGURG)  # which nobody minds
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield lambda: fcntl.fcntl(descriptor, fcntl.F_GETLEASE) != fcntl.F_WRLCK
    finally:
        os.close(descriptor)
