"""Keep the state's files to the account that the monitor runs as, whatever umask and directory allow."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

OWNER_ONLY = 0o600
_OTHERS = 0o077


def create_private(path: Path) -> None:
    """Create the file for its owner alone, or remove the rights of others on it.

    SQLite gives the rights of its file to all that it makes beside it, and its own files those of the
    umask. Nothing is raised: whoever opens the file next hears what is wrong with it.
    """
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))
    narrow(path)


def narrow(path: Path) -> None:
    """Remove the rights of others on a file that is there; not on what a link leads to."""
    # Never by a descriptor: to close one lets go of SQLite's locks (https://sqlite.org/howtocorrupt.html).
    with contextlib.suppress(OSError):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and mode & _OTHERS:
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS)


def narrow_all(directory: Path, name: str) -> None:
    """Remove them on a file, on those that SQLite made beside it, and on those that were quarantined."""
    for path in directory.glob(f"{name}*"):
        narrow(path)
