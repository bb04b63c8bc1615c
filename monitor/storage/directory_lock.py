"""One daemon's claim to a state directory, and what another one reads of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from monitor.model.errors import StateInUseError
from monitor.storage.file_system import require_local
from monitor.storage.permissions import OWNER_ONLY, create_private

_LOCK = "lock"
_MAX_NOTE_BYTES = 100

Phase: TypeAlias = Literal["starting", "running", "stopping"]
"""How far a daemon is: who finds its directory locked knows by that whether waiting may help."""


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
        """Write into the lock file whose it is and how far we are; a disk that takes nothing does not matter."""
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
