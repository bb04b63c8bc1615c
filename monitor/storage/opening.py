"""Open connections to the state's tables: to work on them, to read beside the daemon, to copy, to rescue."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from monitor.model.errors import StateError
from monitor.storage import vacuum
from monitor.storage.copies import keep_copy
from monitor.storage.file_names import MEMORY, wal_of
from monitor.storage.permissions import create_private
from monitor.storage.schema import SCHEMA_VERSION, migrate


def open_database(path: str, *, busy_seconds: float = 5.0) -> sqlite3.Connection:
    """Open the state, and make or migrate its tables; StateError if a newer version wrote it.

    It is written to, so that a disk that is full or a file that is locked shows at once:
    sqlite3.OperationalError. A damaged file is any other sqlite3.DatabaseError.
    """
    if path != MEMORY:
        create_private(Path(path))
    # The one who calls serialises all use, so that any thread may. Transactions are begun by us: the driver
    # would begin them at the first write, not before what is read for it.
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=busy_seconds
    )
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path, *, busy_seconds: float = 5.0) -> sqlite3.Connection:
    """Open the state beside the daemon that has it; StateError where there is none, or of another version."""
    connection, version = _opened_beside(path, busy_seconds)
    try:
        _require_current(version, path)
    except StateError:
        connection.close()
        raise
    return connection


def open_for_copying(path: Path, *, busy_seconds: float = 5.0) -> sqlite3.Connection:
    """Open a state of any version that we know, beside the daemon; StateError where there is none."""
    connection, version = _opened_beside(path, busy_seconds)
    if version == 0:
        connection.close()
        raise StateError(f"{path} has no state yet")
    return connection


def _opened_beside(path: Path, busy_seconds: float) -> tuple[sqlite3.Connection, int]:
    try:
        return _opened_for_reading(path, "mode=ro", busy_seconds)
    except sqlite3.OperationalError as error:
        # Without write access to the folder SQLite cannot make the shared memory that a WAL needs.
        if not is_at_rest(path) or primary_code(error) == sqlite3.SQLITE_BUSY:
            raise
        return _opened_for_reading(path, "mode=ro&immutable=1", busy_seconds)


def open_as_it_is(path: Path, *, busy_seconds: float) -> sqlite3.Connection:
    """Open a state of any version on a disk that takes no new byte, to save what it holds."""
    if is_at_rest(path):
        return _opened_for_reading(path, "mode=ro&immutable=1", busy_seconds)[0]
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=busy_seconds
    )
    try:
        # The index of the WAL is then in our memory, not in a file that would have to grow.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.text_factory = _text
    except BaseException:
        connection.close()
        raise
    return connection


def is_at_rest(path: Path) -> bool:
    """Return whether the last daemon ended cleanly: there is no WAL, and none who could change the file."""
    return not wal_of(path).exists()


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code without its extension; 0 for errors of the driver itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    connection.text_factory = _text
    if path != MEMORY:
        # Raises DatabaseError where the file is none of SQLite's; else it says what is wrong, or "ok".
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    version = _version(connection, path)
    if version == 0:
        vacuum.before_tables(connection)
    # Commands read beside the daemon, and neither waits for the other.
    connection.execute("PRAGMA journal_mode = WAL")
    # With WAL the default would lose the last commits in a power cut: what was announced would be again.
    connection.execute("PRAGMA synchronous = FULL")
    vacuum.bound_wal(connection)
    # The version before can go on with the copy: whoever must go back loses only what came since.
    if 0 < version < SCHEMA_VERSION and path != MEMORY:
        _migrate_with_copy(connection, Path(path), version)
    else:
        migrate(connection, version)
    if path != MEMORY:
        vacuum.convert(connection)


def _migrate_with_copy(
    connection: sqlite3.Connection, path: Path, version: int
) -> None:
    """Migrate the tables to this version, and keep the file as it was; neither without the other."""
    kept = keep_copy(connection, path, version)
    try:
        migrate(connection, version)
    except BaseException:
        kept.unlink()  # it is tried again every minute, and would fill the disk with copies
        raise


def _opened_for_reading(
    path: Path, how: str, busy_seconds: float
) -> tuple[sqlite3.Connection, int]:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, timeout=busy_seconds
    )
    try:
        connection.text_factory = _text
        return connection, _version(connection, str(path))
    except BaseException:
        connection.close()
        raise


def _require_current(version: int, path: Path) -> None:
    if version == 0:
        raise StateError(f"{path} has no state yet")
    if version < SCHEMA_VERSION:
        raise StateError(
            f"{path} has state of version {version}; the daemon makes it {SCHEMA_VERSION} when it starts"
        )


def _version(connection: sqlite3.Connection, path: str) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StateError(
            f"{path} has state of version {version}; this program knows {SCHEMA_VERSION}"
        )
    return int(version)


def _text(raw: bytes) -> str:
    # What a bad disk did to a text costs that row, not the reading of all.
    return raw.decode(errors="replace")
