"""Open the state directory: for one daemon at a time; a damaged file is quarantined, no disk means memory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from monitor.model.errors import StateError, StateInUseError, StateLockedError
from monitor.storage.disk import is_busy
from monitor.storage.file_facts import doubts, read_facts
from monitor.storage.file_names import FILE, quarantine
from monitor.storage.file_system import require_local
from monitor.storage.permissions import OWNER_ONLY, create_private, narrow_all
from monitor.storage.state import BUSY_SECONDS, State

_LOCK = "lock"
_MAX_NOTE_BYTES = 100

Phase: TypeAlias = Literal["starting", "running", "stopping"]
"""How far a daemon is: who finds its directory locked knows by that whether waiting may help."""


@dataclass(frozen=True, slots=True)
class OpenedState:
    """The state, and what has to be logged of it; `lock` is held for as long as the process lives."""

    state: State
    warnings: tuple[str, ...]
    lock: DirectoryLock


class DirectoryLock:
    """One daemon's claim to a directory; the system lets go of it however the process ends."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: BinaryIO | None = None
        self._folder: int | None = None
        self._phase: Phase = "starting"

    def take(self) -> None:
        """Lock the directory, and make it where it is not there; StateError when another has it, OSError."""
        path = self._directory / _LOCK
        if self._file is not None and _is_same(self._file, path):
            return
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_local(self._directory)
        file = _opened(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folder = self._locked_folder()
        except BlockingIOError:
            file.close()
            raise _in_use(self._directory, path) from None
        except OSError:
            file.close()
            raise
        self.release()
        self._file, self._folder = file, folder
        self.note(self._phase)

    def note(self, phase: Phase) -> None:
        """Write into the lock file whose it is and how far we are; a disk that takes nothing is no matter."""
        self._phase = phase
        if self._file is None:
            return
        with contextlib.suppress(OSError, ValueError):
            os.ftruncate(self._file.fileno(), 0)
            os.write(self._file.fileno(), f"{os.getpid()} {phase}\n".encode())

    def _locked_folder(self) -> int:
        """Lock the directory too: a lock file is sometimes removed, by people who think it is stale."""
        if self._folder is not None and _is_same_as(self._folder, self._directory):
            return os.dup(self._folder)  # the lock is the open file's: a twin keeps it
        folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(folder)
            raise
        return folder

    def release(self) -> None:
        """Unlock the directory."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None


def open_directory(
    directory: Path,
    *,
    now: datetime,
    on_lost_disk: Callable[[str], None],
    busy_seconds: float = BUSY_SECONDS,
) -> OpenedState:
    """Open or make the state in a directory.

    StateError when another daemon has it, another program has it locked, or a newer version wrote it.
    A directory that cannot be written is no reason not to watch: the state is then in memory, until
    `State.try_disk` succeeds; and a damaged file is quarantined. Both are in `warnings`.
    """
    lock = DirectoryLock(directory)
    path = directory / FILE

    def opened(*, on_disk: bool = True) -> State:
        return State(
            str(path),
            on_lost_disk=on_lost_disk,
            busy_seconds=busy_seconds,
            take_directory=lock.take,
            on_disk=on_disk,
        )

    try:
        lock.take()
        narrow_all(directory, FILE)
        return _opened_in(directory, opened, lock, now)
    except OSError as error:
        return OpenedState(opened(on_disk=False), (_without(directory, error),), lock)
    except StateError:
        lock.release()
        raise


def _opened_in(
    directory: Path, opened: Callable[..., State], lock: DirectoryLock, now: datetime
) -> OpenedState:
    path = directory / FILE
    found = read_facts(path)
    try:
        state = opened()
        return OpenedState(state, doubts(found, path, state.read_mark("alive")), lock)
    except sqlite3.OperationalError as error:  # read-only, full, no file but a folder
        if is_busy(error):
            raise StateLockedError(
                f"{path} is locked by another program, such as a backup or a database shell: {error}"
            ) from None
        return OpenedState(opened(on_disk=False), (_without(directory, error),), lock)
    except sqlite3.DatabaseError as error:
        kept = quarantine(path, f"damaged-{now:%Y%m%dT%H%M%SZ}")
        warning = f"{path} is damaged ({error}); it is kept as {kept}, and the state begins anew"
    try:
        return OpenedState(opened(), (warning,), lock)
    except sqlite3.OperationalError as error:
        return OpenedState(
            opened(on_disk=False), (warning, _without(directory, error)), lock
        )


def _without(directory: Path, error: Exception) -> str:
    return f"{directory} cannot be used ({error}): the state is in memory until it can"


def _in_use(directory: Path, path: Path) -> StateInUseError:
    try:
        with path.open("rb") as file:
            number, phase = (
                file.read(_MAX_NOTE_BYTES).decode("ascii", "replace").split()
            )
    except (OSError, ValueError):  # of an older version, or just being written
        number, phase = "", ""
    who = f" (process {number}, {phase})" if number.isdigit() else ""
    return StateInUseError(
        f"{directory} is in use by another token-monitor{who}; give each its own",
        phase=phase,
    )


def _opened(path: Path) -> BinaryIO:
    try:
        create_private(path)
        return open(path, "ab", opener=_itself)
    except OSError:
        # A full or read-only disk can still say whose it is.
        return open(path, "rb", opener=_itself)


def _itself(path: str, flags: int) -> int:
    """Open what is there and not what a link leads to: it is written to."""
    return os.open(path, flags | os.O_NOFOLLOW, OWNER_ONLY)


def _is_same(file: BinaryIO, path: Path) -> bool:
    return _is_same_as(file.fileno(), path)


def _is_same_as(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
