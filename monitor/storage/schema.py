"""The tables of the state, their version, and how a connection to them is opened."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from monitor.model.errors import StateError
from monitor.storage import vacuum
from monitor.storage.copies import keep_copy
from monitor.storage.permissions import create_private

SCHEMA_VERSION = 4
MEMORY = ":memory:"
FILE = "state.sqlite"
TABLES = ("alerts", "transitions", "outbox", "deliveries", "marks", "last_results")

_LAST_RESULTS = """
CREATE TABLE last_results (
    target TEXT NOT NULL, query TEXT NOT NULL, run_at TEXT NOT NULL, success_at TEXT,
    status TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
    consecutive_failures INTEGER NOT NULL, first_failure_at TEXT,
    samples TEXT NOT NULL, sample_count INTEGER NOT NULL,
    PRIMARY KEY (target, query)
) WITHOUT ROWID;
"""

# How much waits is asked every second: this answers it without a look at what waits.
_OUTBOX_WAITING = "CREATE INDEX outbox_waiting ON outbox (receiver, created_at, size);"

WEIGH = "UPDATE outbox SET size = length(CAST(alerts AS BLOB)) WHERE size = 0"
"""Computes the size of what waits, where that is not known: an older version did not write it."""

# Instants are text in UTC with microseconds (serialization.instant_to_text), so that they sort as text.
_TABLES = f"""
CREATE TABLE alerts (
    rule TEXT NOT NULL, target TEXT NOT NULL, subject TEXT NOT NULL,
    fingerprint TEXT NOT NULL, state TEXT NOT NULL, alert TEXT NOT NULL,
    PRIMARY KEY (rule, target, subject, fingerprint)
) WITHOUT ROWID;

CREATE TABLE transitions (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, change TEXT NOT NULL,
    rule TEXT NOT NULL, target TEXT NOT NULL, fingerprint TEXT NOT NULL, alert TEXT NOT NULL
);
CREATE INDEX transitions_at ON transitions (change, at);
CREATE INDEX transitions_rule ON transitions (rule, id);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL, key TEXT NOT NULL,
    labels TEXT NOT NULL, alerts TEXT NOT NULL, created_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, next_try_at TEXT NOT NULL, is_repeat INTEGER NOT NULL DEFAULT 0,
    size INTEGER NOT NULL DEFAULT 0,
    UNIQUE (receiver, key)
);
CREATE INDEX outbox_order ON outbox (receiver, id);
CREATE INDEX outbox_group ON outbox (receiver, labels, id);
{_OUTBOX_WAITING}

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, receiver TEXT NOT NULL, key TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('taken', 'failed', 'given_up')),
    reason TEXT NOT NULL, message TEXT NOT NULL, duration_seconds REAL NOT NULL, alerts TEXT NOT NULL
);

CREATE TABLE marks (
    name TEXT NOT NULL PRIMARY KEY, at TEXT NOT NULL
) WITHOUT ROWID;
{_LAST_RESULTS}
"""

# What fires already counts as notified to whoever ever had a delivery: an upgrade announces nothing again.
_TOLD = """
UPDATE alerts SET alert = json_set(alert, '$.told', json((
    SELECT json_group_object(receiver, json_extract(alerts.alert, '$.fired_at'))
    FROM (SELECT receiver FROM deliveries UNION SELECT receiver FROM outbox))))
WHERE state = 'firing' AND json_valid(alert);
"""

# What makes each version of the one before it.
_STEPS: Mapping[int, str] = MappingProxyType(
    {
        2: f"DROP TABLE last_results;{_LAST_RESULTS}",
        3: (
            "ALTER TABLE outbox ADD COLUMN is_repeat INTEGER NOT NULL DEFAULT 0;"
            f"CREATE INDEX outbox_group ON outbox (receiver, labels, id);{_TOLD}"
        ),
        4: (
            f"ALTER TABLE outbox ADD COLUMN size INTEGER NOT NULL DEFAULT 0;{WEIGH};{_OUTBOX_WAITING}"
        ),
    }
)


def open_database(path: str, *, busy_seconds: float = 5.0) -> sqlite3.Connection:
    """Open the state, and make or renew its tables; StateError if a newer version wrote it.

    It is written to, so that a disk that is full or a file that is locked shows at once:
    sqlite3.OperationalError. A damaged file is any other sqlite3.DatabaseError.
    """
    if path != MEMORY:
        create_private(Path(path))
    # The one who calls serialises all use, so that any thread may.
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
    return not path.with_name(path.name + "-wal").exists()


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code without its extension; 0 for errors of the driver itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def quarantine(path: Path, word: str) -> Path | None:
    """Rename the file and what belongs to it, over nothing; return the new name, None if there is no file.

    A WAL left behind would be taken for the next one's.
    """
    names = (
        f"{path.name}.{word}{f'-{number}' if number > 1 else ''}"
        for number in itertools.count(1)
    )
    aside = next(
        new
        for new in map(path.with_name, names)
        if not any(map(os.path.lexists, _with_own(new)))
    )
    is_there = False
    for old, new in zip(_with_own(path), _with_own(aside), strict=True):
        if os.path.lexists(old):
            old.rename(new)
            is_there = True
    return aside if is_there else None


def _with_own(path: Path) -> tuple[Path, ...]:
    """Return the file and those that SQLite makes beside it."""
    return tuple(path.with_name(path.name + ending) for ending in ("", "-wal", "-shm"))


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
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    vacuum.bound_wal(connection)
    if 0 < version < SCHEMA_VERSION and path != MEMORY:
        _renew_with_copy(connection, Path(path), version)
    else:
        _renew(connection, version)
    if path != MEMORY:
        vacuum.convert(connection)


def _renew_with_copy(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Migrate the tables to this version, and keep the file as it was; neither without the other."""
    kept = keep_copy(connection, path, version)
    try:
        _renew(connection, version)
    except BaseException:
        kept.unlink()  # it is tried again every minute, and would fill the disk with copies
        raise


def _renew(connection: sqlite3.Connection, version: int) -> None:
    """Migrate the tables to this version, whole or not at all; written to also where nothing is to do."""
    steps = (
        [_STEPS[step] for step in range(version + 1, SCHEMA_VERSION + 1)]
        if version
        else [_TABLES]
    )
    connection.executescript(
        f"BEGIN IMMEDIATE;{''.join(steps)}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;"
    )


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
