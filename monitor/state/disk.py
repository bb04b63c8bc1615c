"""The one connection to the state's file: waits while it is locked, goes on in memory, and back."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from monitor.errors import StateError
from monitor.state.layout import MEMORY, TABLES, open_as_it_is, open_database, primary_code, put_aside

_Value = TypeVar("_Value")

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
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


class Disk:
    """Work on the tables, a thread at a time, in the file or in its place in memory.

    A file that somebody else has locked is tried for `busy_seconds`, then sqlite3.OperationalError
    is raised and nothing is lost. A file that is full, read-only, damaged or gone is left: `on_lost`
    is told, each time. `take_directory` makes the file's directory ours or raises StateError, OSError.
    """

    def __init__(
        self,
        path: str,
        *,
        busy_seconds: float,
        on_lost: Callable[[str], None],
        take_directory: Callable[[], None],
        is_usable: bool = True,
    ) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._on_lost = on_lost
        self._take_directory = take_directory
        self._lock = threading.Lock()
        self._is_whole = True
        self._inode = 0
        self.is_durable = is_usable and path != MEMORY
        if is_usable:
            self._connection = self._opened(busy_seconds)
        else:
            self._connection = self._begun_in_memory()

    def hurry(self, busy_seconds: float) -> None:
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
        return self._in_turn(lambda connection: connection.execute(sql, values).fetchall())

    def try_disk(self) -> bool:
        """Go back to the file if it can be written again; tell whether the state is durable."""
        if self._path == MEMORY:
            return False
        is_gone = False
        with self._lock:
            if self.is_durable:
                if _inode(self._path) == self._inode:
                    return True
                is_gone = True
                self._leave()
            with contextlib.suppress(OSError, StateError, sqlite3.Error):
                self._return()
            is_durable = self.is_durable
        if is_gone:
            self._on_lost("the file was removed")
        return is_durable

    def _in_turn(self, work: Callable[[sqlite3.Connection], _Value]) -> _Value:
        began = time.monotonic()
        while True:
            try:
                return self._once(work)
            except sqlite3.OperationalError as error:
                if primary_code(error) not in _BUSY or time.monotonic() - began >= self._busy_seconds:
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
        self._is_whole = _copy(self._connection, memory)
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._connection = memory
        self.is_durable = False

    def _return(self) -> None:
        self._take_directory()
        if not self._is_whole:
            self._put_aside()
        try:
            connection = self._opened(_TRY_SECONDS)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._put_aside()
            connection = self._opened(_TRY_SECONDS)
        try:
            # Not by Connection.backup: that waits without end for a file that somebody has locked.
            _in_transaction(connection, lambda _: _copy(self._connection, connection))
        except BaseException:
            connection.close()
            raise
        self._connection.close()
        self._connection = connection
        self._is_whole = self.is_durable = True

    def _opened(self, busy_seconds: float) -> sqlite3.Connection:
        connection = open_database(self._path, busy_seconds=busy_seconds)
        connection.execute(f"PRAGMA busy_timeout = {round(min(_TRY_SECONDS, self._busy_seconds) * 1000)}")
        self._inode = _inode(self._path)
        return connection

    def _begun_in_memory(self) -> sqlite3.Connection:
        """Take what the file has, where it can be read though not written."""
        memory = open_database(MEMORY)
        path = Path(self._path)
        with contextlib.suppress(OSError):
            if not path.exists():
                return memory
        self._is_whole = False
        with (
            contextlib.suppress(OSError, StateError, sqlite3.Error),
            contextlib.closing(open_as_it_is(path, busy_seconds=_TRY_SECONDS)) as file,
        ):
            self._is_whole = _copy(file, memory)
        return memory

    def _put_aside(self) -> None:
        path = Path(self._path)
        put_aside(path, path.with_name(path.name + ".replaced"))


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether somebody else has the file locked, so that waiting helps."""
    return primary_code(error) in _BUSY


def _in_transaction(connection: sqlite3.Connection, change: Callable[[sqlite3.Connection], _Value]) -> _Value:
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


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> bool:
    """Copy all rows in place of the target's, row by row around damage; tell whether all could be read."""
    is_whole = True
    for table in TABLES:
        target.execute(f"DELETE FROM {table}")
        columns = [column for column, *_ in target.execute(f"SELECT * FROM {table} LIMIT 0").description]
        try:
            rows = source.execute(f"SELECT * FROM {table}")
        except sqlite3.DatabaseError:
            is_whole = False
            continue
        known = [column for column, *_ in rows.description]
        if not set(known) <= set(columns):
            continue  # of an older version, which had nothing in that table
        # What it did not have takes its default, as by the step that renews a file.
        places = ", ".join("?" * len(known))
        insert = f"INSERT OR REPLACE INTO {table} ({', '.join(known)}) VALUES ({places})"
        is_whole &= _copy_rows(rows, target, insert)
    return is_whole


def _copy_rows(rows: sqlite3.Cursor, target: sqlite3.Connection, insert: str) -> bool:
    while True:
        try:
            row = rows.fetchone()
        except sqlite3.DatabaseError:
            return False
        if row is None:
            return True
        target.execute(insert, row)


def _inode(path: str) -> int:
    try:
        return Path(path).stat().st_ino
    except OSError:
        return 0
