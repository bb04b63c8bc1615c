"""The one connection to the state's tables: waits while the file is locked, goes on in memory, and back."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from monitor.model.alerts import Delivery
from monitor.model.errors import StateError
from monitor.storage.file_names import MEMORY
from monitor.storage.opening import open_database, primary_code
from monitor.storage.recovery import Extent, copy, join
from monitor.storage.state_file import StateFile

_Value = TypeVar("_Value")

# Somebody else has the file: waiting helps.
_BUSY: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
)
# The disk or the file is not what it was: waiting does not help, the memory does.
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
# SQLite waits within one call, and the lock is ours meanwhile: short, so that others have a turn.
_TRY_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class BackOnDisk:
    """The state is in its file again; `given_up` had waited in a file that could not be read before."""

    given_up: tuple[Delivery, ...] = ()


class Disk:
    """Work on the tables, a thread at a time, in the file or in its place in memory (docs/adr/0009, 0027).

    A file that somebody else has locked is tried for `busy_seconds`, then sqlite3.OperationalError is raised
    and nothing is lost. A file that is full, read-only, damaged or gone is left: `on_lost` is called, each
    time; so is `on_quarantined` when a file gives way to a new one. `take_directory` makes the file's
    directory ours or raises StateError, OSError.
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
        self._busy_seconds = busy_seconds
        self._on_lost = on_lost
        self._take_directory = take_directory
        self._lock = threading.Lock()
        self._file: StateFile | None = None
        if path != MEMORY:
            self._file = StateFile(path, on_quarantined=on_quarantined)
        self._known = Extent.ALL
        """How much of the file is in memory, while that has its place."""
        self.generation = 0
        """Another one after each change between file and memory: rows may have been lost with it."""
        self.is_durable = is_usable and self._file is not None
        if self._file is None:
            self._connection = open_database(MEMORY)
        elif is_usable:
            self._connection = self._opened(self._file, busy_seconds)
        else:
            self._connection = open_database(MEMORY)
            self._known = self._file.rescue(self._connection, busy_seconds=_TRY_SECONDS)

    def set_busy_timeout(self, busy_seconds: float) -> None:
        """Try a file that somebody has locked for no longer than this from now on."""
        self._busy_seconds = busy_seconds

    def close(self) -> None:
        """Close the file; nothing may be asked afterwards."""
        with self._lock:
            self._connection.close()

    def write(self, change: Callable[[sqlite3.Connection], _Value]) -> _Value:
        """Make a change, whole or not at all, and return what it returns; it may be called more than once."""
        return self._in_turn(lambda connection: _in_transaction(connection, change))

    def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT, or of a PRAGMA."""
        return self._in_turn(
            lambda connection: connection.execute(sql, values).fetchall()
        )

    def try_disk(self, now: datetime) -> BackOnDisk | None:
        """Leave a file that was removed or replaced; go back to one that was left, or None."""
        if self._file is None:
            return None
        lost = ""
        returned: BackOnDisk | None = None
        with self._lock:
            if self.is_durable:
                lost = self._file.loss()
                if not lost:
                    return None
                self._leave()
            with contextlib.suppress(OSError, StateError, sqlite3.Error):
                returned = BackOnDisk(self._return(self._file, now))
        if lost:
            self._on_lost(lost)
        return returned

    def _in_turn(self, work: Callable[[sqlite3.Connection], _Value]) -> _Value:
        began = time.monotonic()
        while True:
            try:
                return self._once(work)
            except sqlite3.OperationalError as error:
                # Looked at each time: it becomes less when the process is about to end.
                is_over = time.monotonic() - began >= self._busy_seconds
                if is_over or not is_busy(error):
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
            # Without the lock: whoever is called may ask the state.
            if lost:
                self._on_lost(lost)

    def _leave(self) -> None:
        """Go on in memory, with all that can be read; alerts that cannot come back with the next runs."""
        memory = open_database(MEMORY)
        is_whole = copy(self._connection, memory) is Extent.ALL
        self._known = Extent.ALL if is_whole else Extent.PART
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._switch_to(memory, is_durable=False)

    def _return(self, file: StateFile, now: datetime) -> tuple[Delivery, ...]:
        """Write all into the file, or into a new one, and go on there; return what had waited there too long."""
        self._take_directory()
        if self._known is Extent.PART:
            self._quarantine(file, "it could not be read whole")
        connection = self._reopened(file)
        try:
            # Not by Connection.backup: that waits without end for a file that somebody has locked.
            given_up = _in_transaction(
                connection, lambda target: self._write_all(target, now)
            )
        except BaseException:
            connection.close()
            raise
        self._connection.close()
        self._known = Extent.ALL
        self._switch_to(connection, is_durable=True)
        return given_up

    def _switch_to(self, connection: sqlite3.Connection, *, is_durable: bool) -> None:
        self._connection = connection
        self.is_durable = is_durable
        self.generation += 1

    def _reopened(self, file: StateFile) -> sqlite3.Connection:
        try:
            is_all_known = self._known is Extent.ALL
            if is_all_known and file.holds_another_state(busy_seconds=_TRY_SECONDS):
                self._quarantine(file, "it is not the one that was left")
            return self._opened(file, _TRY_SECONDS)
        except sqlite3.OperationalError:
            raise  # it cannot be opened yet, which says nothing of what is in it
        except sqlite3.DatabaseError as error:
            self._quarantine(file, f"it is damaged: {error}")
            return self._opened(file, _TRY_SECONDS)

    def _quarantine(self, file: StateFile, why: str) -> None:
        file.quarantine(why)
        # Of a file that is not there any more nothing is unknown.
        self._known = Extent.ALL

    def _write_all(
        self, target: sqlite3.Connection, now: datetime
    ) -> tuple[Delivery, ...]:
        if self._known is Extent.NONE:
            return join(self._connection, target, now=now)
        copy(self._connection, target)
        return ()

    def _opened(self, file: StateFile, busy_seconds: float) -> sqlite3.Connection:
        connection = file.open(busy_seconds)
        seconds = min(_TRY_SECONDS, self._busy_seconds)
        connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")
        return connection


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether somebody else has the file locked, so that waiting helps."""
    return primary_code(error) in _BUSY


def _in_transaction(
    connection: sqlite3.Connection, change: Callable[[sqlite3.Connection], _Value]
) -> _Value:
    # The write lock at once: a transaction that asks for it later may be refused without any wait.
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
