"""The tables of the state, their version, and how a connection to them is opened."""

from __future__ import annotations

import sqlite3

from monitor.errors import StateError

SCHEMA_VERSION = 1
MEMORY = ":memory:"

# Instants are text in UTC with microseconds (records.instant_to_text), so that they sort as text.
_TABLES = """
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
    attempts INTEGER NOT NULL DEFAULT 0, next_try_at TEXT NOT NULL,
    UNIQUE (receiver, key)
);
CREATE INDEX outbox_order ON outbox (receiver, id);

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, receiver TEXT NOT NULL, key TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('taken', 'failed', 'given_up')),
    reason TEXT NOT NULL, message TEXT NOT NULL, duration_seconds REAL NOT NULL, alerts TEXT NOT NULL
);

CREATE TABLE marks (
    name TEXT NOT NULL PRIMARY KEY, at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE cursors (
    target TEXT NOT NULL, query TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (target, query, name)
) WITHOUT ROWID;

CREATE TABLE last_results (
    target TEXT NOT NULL, query TEXT NOT NULL, run_at TEXT NOT NULL, success_at TEXT,
    PRIMARY KEY (target, query)
) WITHOUT ROWID;
"""


def open_database(path: str) -> sqlite3.Connection:
    """Open the state and make its tables where there are none; StateError if a newer version wrote it."""
    # The one who calls serialises all use, so that any thread may.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    if path != MEMORY:
        # Raises DatabaseError where the file is none of SQLite's; else it says what is wrong, or "ok".
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StateError(f"{path} has state of version {version}; this program knows {SCHEMA_VERSION}")
    if version == 0:
        connection.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
