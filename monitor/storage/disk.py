"""The one connection to the state's file: waits while it is locked, goes on in memory, and back."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from monitor.model.alerts import Delivery
from monitor.model.errors import StateError
from monitor.storage.recovery import Extent, copy, join
from monitor.storage.schema import (
    MEMORY,
    TABLES,
    open_as_it_is,
    open_database,
    primary_code,
    quarantine,
)

_Value = TypeVar("_Value")
_File: TypeAlias = tuple[int, int]

_BUSY: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
)
_LOST: Final = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
_TRY_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class BackOnDisk:
    """The state is in its file again; `given_up` had waited in a file that could not be read before."""

    given_up: tuple[Delivery, ...] = ()


class Disk:
    """Work on the tables, a thread at a time, in the file or in its place in memory.

    A file that somebody else has locked is tried for `busy_seconds`, then sqlite3.OperationalError
    is raised and nothing is lost. A file that is full, read-only, damaged or gone is left: `on_lost`
    is told, each time; so is `on_quarantined` when a file gives way to a new one, under which name it is kept.
    `take_directory` makes the file's directory ours or raises StateError, OSError.
    """

    def __init__(
        self,
        path: str,
        *,
        busy_seconds: float,
        on_lost: Callable[[str], None],
        on_quarantined: Callable[[str], None],
        take_directory: Callable[[], None],
        is_usable: bool = True,
    ) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._on_lost = on_lost
        self._on_quarantined = on_quarantined
        self._take_directory = take_directory
        self._lock = threading.Lock()
        self._known = Extent.ALL
        """How much of the file is in memory, while that has its place."""
        self._file: _File | None = None
        self._wal: _File | None = None
        """Those that we have or had, not others under their names."""
        self.generation = 0
        """Another one after each change between file and memory: rows may have been lost with it."""
        self.is_durable = is_usable and path != MEMORY
        if is_usable:
            self._connection = self._opened(busy_seconds)
        else:
            self._connection = self._begun_in_memory()

    def set_busy_timeout(self, busy_seconds: float) -> None:
        """Try a file that somebody has locked for no longer than this from now on."""
        self._busy_seconds = busy_seconds

    def close(self) -> None:
        """Close the file; nothing may be asked afterwards."""
        with self._lock:
            self._connection.close()

    def write(self, change: Callable[[sqlite3.Connection], _Value]) -> _Value:
        """Make a change, whole or not at all; it may be called more than once."""
        return self._in_turn(lambda connection: _in_transaction(connection, change))

    def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Ask."""
        return self._in_turn(
            lambda connection: connection.execute(sql, values).fetchall()
        )

    def try_disk(self, now: datetime) -> BackOnDisk | None:
        """Leave a file that was removed or replaced; go back to one that was left, or None."""
        if self._path == MEMORY:
            return None
        returned, lost = None, ""
        with self._lock:
            if self.is_durable:
                found = _file(self._path)
                if found is not None and found == self._file:
                    return None
                lost = (
                    "the file was removed"
                    if found is None
                    else "another file is in its place"
                )
                self._leave()
            with contextlib.suppress(OSError, StateError, sqlite3.Error):
                returned = BackOnDisk(self._return(now))
        if lost:
            self._on_lost(lost)
        return returned

    def _in_turn(self, work: Callable[[sqlite3.Connection], _Value]) -> _Value:
        began = time.monotonic()
        while True:
            try:
                return self._once(work)
            except sqlite3.OperationalError as error:
                if (
                    primary_code(error) not in _BUSY
                    or time.monotonic() - began >= self._busy_seconds
                ):
                    raise
            # Without a pause the lock would come back to this thread, and others never had a turn.
            time.sleep(_PAUSE_SECONDS)

    def _once(self, work: Callable[[sqlite3.Connection], _Value]) -> _Value:
        lost = ""
        try:
            with self._lock:
                try:
                    return work(self._connection)
                except sqlite3.DatabaseError as error:
                    if not self.is_durable or primary_code(error) not in _LOST:
                        raise
                    lost = str(error)
                    self._leave()
                    return work(self._connection)
        finally:
            if lost:
                self._on_lost(lost)

    def _leave(self) -> None:
        memory = open_database(MEMORY)
        # What can no longer be read: alerts come back with the next runs.
        read = copy(self._connection, memory)
        self._known = read if read is Extent.ALL else Extent.PART
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._connection = memory
        self.is_durable = False
        self.generation += 1

    def _return(self, now: datetime) -> tuple[Delivery, ...]:
        self._take_directory()
        if self._known is Extent.PART:
            self._quarantine("it could not be read whole")
        connection = self._reopened()
        try:
            # Not by Connection.backup: that waits without end for a file that somebody has locked.
            given_up = _in_transaction(
                connection, lambda _: self._write_all(connection, now)
            )
        except BaseException:
            connection.close()
            raise
        self._connection.close()
        self._connection = connection
        self._known, self.is_durable = Extent.ALL, True
        self.generation += 1
        return given_up

    def _reopened(self) -> sqlite3.Connection:
        try:
            if self._known is Extent.ALL and self._is_of_another():
                self._quarantine("it is not the one that was left")
            return self._opened(_TRY_SECONDS)
        except sqlite3.OperationalError:
            raise  # it cannot be opened yet, which says nothing of what is in it
        except sqlite3.DatabaseError as error:
            self._quarantine(f"it is damaged: {error}")
            return self._opened(_TRY_SECONDS)

    def _is_of_another(self) -> bool:
        """Tell whether there is a state in a file that we never had: a disk mounted late, a backup."""
        if _file(self._path) in (None, self._file):
            return False
        wal = _wal(self._path)
        if self._wal is not None and _file(wal) == self._wal:
            # SQLite would write it into that file; what it has is in memory.
            Path(wal).unlink()
        with contextlib.closing(
            open_database(self._path, busy_seconds=_TRY_SECONDS)
        ) as file:
            # One with nothing in it may be from a try of ours that failed.
            return any(
                file.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()
                for table in TABLES
            )

    def _write_all(
        self, connection: sqlite3.Connection, now: datetime
    ) -> tuple[Delivery, ...]:
        if self._known is Extent.NONE:
            return join(self._connection, connection, now=now)
        copy(self._connection, connection)
        return ()

    def _opened(self, busy_seconds: float) -> sqlite3.Connection:
        connection = open_database(self._path, busy_seconds=busy_seconds)
        connection.execute(
            f"PRAGMA busy_timeout = {round(min(_TRY_SECONDS, self._busy_seconds) * 1000)}"
        )
        self._file, self._wal = _file(self._path), _file(_wal(self._path))
        return connection

    def _begun_in_memory(self) -> sqlite3.Connection:
        """Take what the file has, where it can be read though not written."""
        memory = open_database(MEMORY)
        self._known = Extent.NONE
        self._file, self._wal = _file(self._path), _file(_wal(self._path))
        with (
            contextlib.suppress(OSError, StateError, sqlite3.Error),
            contextlib.closing(
                open_as_it_is(Path(self._path), busy_seconds=_TRY_SECONDS)
            ) as file,
        ):
            self._known = copy(file, memory)
        return memory

    def _quarantine(self, why: str) -> None:
        aside = quarantine(Path(self._path), "replaced")
        self._known = Extent.ALL  # of a file that is not there any more
        if aside is not None:
            self._on_quarantined(
                f"{self._path} gives way to a new file ({why}); it is kept as {aside}"
            )


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether somebody else has the file locked, so that waiting helps."""
    return primary_code(error) in _BUSY


def _in_transaction(
    connection: sqlite3.Connection, change: Callable[[sqlite3.Connection], _Value]
) -> _Value:
    connection.execute("BEGIN IMMEDIATE")
    try:
        value = change(connection)
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled it back already; what went wrong first is what counts.
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise
    return value


def _wal(path: str) -> str:
    return f"{path}-wal"


def _file(path: str) -> _File | None:
    """Tell which file it is; two file systems may give the same number to theirs. None if there is none."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
