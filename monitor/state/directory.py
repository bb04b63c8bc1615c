"""Open the state directory: for one daemon at a time; damage is put aside, no disk means memory."""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from monitor.errors import StateError
from monitor.state.state import State

FILE = "state.sqlite"
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Opened:
    """The state, and what has to be said of it aloud; `lock` is held for as long as the process lives."""

    state: State
    warnings: tuple[str, ...] = ()
    lock: BinaryIO | None = None


def open_directory(directory: Path, *, now: datetime, on_lost_disk: Callable[[str], None]) -> Opened:
    """Open or make the state in a directory; StateError when another has it or a newer version wrote it.

    A directory that cannot be written is no reason not to watch: the state is then in memory, and
    a damaged file is kept aside. Both are in `warnings`.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _lock(directory)
    except OSError as error:
        return _in_memory(directory, str(error))
    try:
        return Opened(State(str(directory / FILE), on_lost_disk=on_lost_disk), (), lock)
    except sqlite3.OperationalError as error:  # read-only, full, no file but a folder
        lock.close()
        return _in_memory(directory, str(error))
    except sqlite3.DatabaseError as error:
        aside = _put_aside(directory, now)
        warning = f"{directory / FILE} is damaged ({error}); it is kept as {aside}, and the state begins anew"
        return Opened(State(str(directory / FILE), on_lost_disk=on_lost_disk), (warning,), lock)


def _lock(directory: Path) -> BinaryIO:
    # Ours for the process's life; the system lets go of it however we end.
    file = (directory / _LOCK).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StateError(f"{directory} is in use by another token-monitor; give each its own") from None
    return file


def _in_memory(directory: Path, why: str) -> Opened:
    warning = f"{directory} cannot be used ({why}): the state is in memory and will not outlive this process"
    return Opened(State(), (warning,))


def _put_aside(directory: Path, now: datetime) -> Path:
    aside = directory / f"{FILE}.damaged-{now:%Y%m%dT%H%M%SZ}"
    (directory / FILE).replace(aside)
    for ending in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            (directory / (FILE + ending)).unlink()
    return aside
