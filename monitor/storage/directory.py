"""Open the state directory: for one daemon at a time; a damaged file is quarantined, no disk means memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from monitor.model.errors import StateError, StateLockedError
from monitor.storage.directory_lock import DirectoryLock
from monitor.storage.disk import is_busy
from monitor.storage.file_facts import doubts, read_facts
from monitor.storage.file_names import FILE, quarantine
from monitor.storage.permissions import narrow_all
from monitor.storage.state import BUSY_SECONDS, State


@dataclass(frozen=True, slots=True)
class OpenedState:
    """The state, and what has to be logged of it; `lock` is held for as long as the process lives."""

    state: State
    warnings: tuple[str, ...]
    lock: DirectoryLock


def open_directory(
    directory: Path,
    *,
    now: datetime,
    on_lost_disk: Callable[[str], None],
    busy_seconds: float = BUSY_SECONDS,
) -> OpenedState:
    """Open or make the state in a directory.

    StateError when another daemon has it, another program has it locked, or a newer version wrote it.
    A directory that cannot be written does not keep us from watching: the state is then in memory, until
    `State.try_disk` succeeds; and a damaged file is quarantined. Both are in `warnings`.
    """
    lock = DirectoryLock(directory)
    path = directory / FILE

    def open_state(*, on_disk: bool = True) -> State:
        return State(
            str(path),
            on_lost_disk=on_lost_disk,
            busy_seconds=busy_seconds,
            take_directory=lock.take,
            on_disk=on_disk,
        )

    warnings: list[str] = []
    try:
        lock.take()
        narrow_all(directory, FILE)
        state = _open_file(path, open_state, now, warnings)
    except StateError:
        lock.release()
        raise
    # A directory that is not to be had; a file on a full or read-only disk, or a folder in its place.
    except (OSError, sqlite3.OperationalError) as error:
        warnings.append(
            f"{directory} cannot be used ({error}): the state is in memory until it can"
        )
        state = open_state(on_disk=False)
    return OpenedState(state, tuple(warnings), lock)


def _open_file(
    path: Path, open_state: Callable[[], State], now: datetime, warnings: list[str]
) -> State:
    """Open the state in its file, or a new one in place of one that is damaged; say so in `warnings`."""
    found = read_facts(path)
    try:
        state = open_state()
        warnings += doubts(found, path, state.read_mark("alive"))
    except sqlite3.OperationalError as error:
        if is_busy(error):
            raise StateLockedError(
                f"{path} is locked by another program, such as a backup or a database shell: {error}"
            ) from None
        raise
    except sqlite3.DatabaseError as error:
        kept = quarantine(path, f"damaged-{now:%Y%m%dT%H%M%SZ}")
        warnings.append(
            f"{path} is damaged ({error}); it is kept as {kept}, and a new state is begun"
        )
        return open_state()
    return state
