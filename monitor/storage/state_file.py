"""The file of a state: whether it is still the one that we had, what it holds, and what it is renamed to."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from monitor.model.errors import StateError
from monitor.storage.file_names import quarantine, wal_of
from monitor.storage.opening import open_as_it_is, open_database
from monitor.storage.recovery import Extent, copy
from monitor.storage.schema import TABLES

_FileId: TypeAlias = tuple[int, int]
"""Device and inode: two file systems may give the same number to theirs."""


class StateFile:
    """One state's file, for one thread at a time; `on_quarantined` is called with each new name, in words."""

    def __init__(self, path: str, *, on_quarantined: Callable[[str], None]) -> None:
        self._path = Path(path)
        self._wal_path = wal_of(self._path)
        self._on_quarantined = on_quarantined
        # Of the files that we have or had, not of others under their names.
        self._id: _FileId | None = None
        self._wal_id: _FileId | None = None

    def open(self, busy_seconds: float) -> sqlite3.Connection:
        """Open the file or make it; sqlite3.OperationalError where it cannot be opened now, else it is damaged."""
        connection = open_database(str(self._path), busy_seconds=busy_seconds)
        self._remember()
        return connection

    def rescue(self, target: sqlite3.Connection, *, busy_seconds: float) -> Extent:
        """Copy what can be read of a file that cannot be written; return how much that is."""
        self._remember()
        with (
            contextlib.suppress(OSError, StateError, sqlite3.Error),
            contextlib.closing(
                open_as_it_is(self._path, busy_seconds=busy_seconds)
            ) as source,
        ):
            return copy(source, target)
        return Extent.NONE

    def loss(self) -> str:
        """Return what became of the file that we have open, in words; empty while it is in its place."""
        found = _id_of(self._path)
        if found is None:
            return "the file was removed"
        if found != self._id:
            return "another file is in its place"
        return ""

    def holds_another_state(self, *, busy_seconds: float) -> bool:
        """Return whether there is a state in a file that we never had: a disk mounted late, a backup."""
        if _id_of(self._path) in (None, self._id):
            return False
        if self._wal_id is not None and _id_of(self._wal_path) == self._wal_id:
            # Ours is still beside it, and SQLite would write it into that file; what it has is in memory.
            self._wal_path.unlink()
        file = open_database(str(self._path), busy_seconds=busy_seconds)
        with contextlib.closing(file):
            for table in TABLES:
                if file.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
                    return True
        # With nothing in it, it may be from a try of ours that failed.
        return False

    def quarantine(self, why: str) -> None:
        """Rename the file, over nothing, so that a new one can be made."""
        kept = quarantine(self._path, "replaced")
        if kept is not None:
            self._on_quarantined(
                f"{self._path} gives way to a new file ({why}); it is kept as {kept}"
            )

    def _remember(self) -> None:
        self._id = _id_of(self._path)
        self._wal_id = _id_of(self._wal_path)


def _id_of(path: Path) -> _FileId | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
