"""The tables of the state, their version, and the steps that make them of an older one's."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType

SCHEMA_VERSION = 10
TABLES = (
    "alerts",
    "transitions",
    "outbox",
    "deliveries",
    "marks",
    "last_results",
    "positions",
    "memories",
    "deploys",
    "trend_series",
    "trend_points",
    "silences",
)

_LAST_RESULTS = """
CREATE TABLE last_results (
    target TEXT NOT NULL, query TEXT NOT NULL, run_at TEXT NOT NULL, success_at TEXT,
    status TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
    consecutive_failures INTEGER NOT NULL, first_failure_at TEXT,
    samples TEXT NOT NULL, sample_count INTEGER NOT NULL,
    PRIMARY KEY (target, query)
) WITHOUT ROWID;
"""

_POSITIONS = """
CREATE TABLE positions (
    target TEXT NOT NULL, query TEXT NOT NULL, position TEXT NOT NULL, memory BLOB,
    PRIMARY KEY (target, query)
) WITHOUT ROWID;
"""

_MEMORIES = """
CREATE TABLE memories (
    target TEXT NOT NULL, query TEXT NOT NULL, rule TEXT NOT NULL, memory BLOB NOT NULL,
    PRIMARY KEY (target, query, rule)
) WITHOUT ROWID;
"""

_DEPLOYS = """
CREATE TABLE deploys (
    target TEXT NOT NULL PRIMARY KEY, deploys TEXT NOT NULL
) WITHOUT ROWID;
"""

# A row of points is a minute or an hour of all series of a target, each in the place of its slot.
_TRENDS = """
CREATE TABLE trend_series (
    target TEXT NOT NULL, slot INTEGER NOT NULL, query TEXT NOT NULL, metric TEXT NOT NULL, labels TEXT NOT NULL,
    PRIMARY KEY (target, slot)
) WITHOUT ROWID;
CREATE TABLE trend_points (
    target TEXT NOT NULL, span INTEGER NOT NULL, at INTEGER NOT NULL, points BLOB NOT NULL,
    PRIMARY KEY (target, span, at)
) WITHOUT ROWID;
"""

_SILENCES = """
CREATE TABLE silences (
    number INTEGER PRIMARY KEY, silence TEXT NOT NULL
);
"""

# How much waits is asked every second: this answers it without a look at what waits.
_OUTBOX_WAITING = "CREATE INDEX outbox_waiting ON outbox (receiver, created_at, size);"

# An alert's page asks for what became of it, and of what was sent about it.
_TRANSITIONS_OF_ALERT = (
    "CREATE INDEX transitions_fingerprint ON transitions (fingerprint, id);"
)
_DELIVERIES_ABOUT = "".join(
    f"ALTER TABLE deliveries ADD COLUMN {column} TEXT NOT NULL DEFAULT '';"
    for column in ("rule", "target", "fingerprints")
)

WEIGH = "UPDATE outbox SET size = length(CAST(alerts AS BLOB)) WHERE size = 0"
"""Computes the size of what waits, where that is not known: an older version did not write it."""

# Instants are text in UTC with microseconds (serialization.instant_to_text), so that they sort as text.
# Numbers are those of the order in which rows came; AUTOINCREMENT: the outbox never uses one twice, also
# when it was empty, so that "earlier" stays what it was.
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
{_TRANSITIONS_OF_ALERT}

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
    reason TEXT NOT NULL, message TEXT NOT NULL, duration_seconds REAL NOT NULL, alerts TEXT NOT NULL,
    rule TEXT NOT NULL DEFAULT '', target TEXT NOT NULL DEFAULT '', fingerprints TEXT NOT NULL DEFAULT ''
);

CREATE TABLE marks (
    name TEXT NOT NULL PRIMARY KEY, at TEXT NOT NULL
) WITHOUT ROWID;
{_LAST_RESULTS}
{_POSITIONS}
{_MEMORIES}
{_DEPLOYS}
{_TRENDS}
{_SILENCES}
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
        5: _POSITIONS,
        6: _MEMORIES,
        7: _DEPLOYS,
        8: f"{_TRANSITIONS_OF_ALERT}{_DELIVERIES_ABOUT}",
        9: _TRENDS,
        10: _SILENCES,
    }
)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Make the tables those of this version, whole or not at all; 0: there are none yet.

    It is written to also where nothing is to do, so that a disk that takes nothing shows at once.
    """
    script = _TABLES
    if version > 0:
        steps = range(version + 1, SCHEMA_VERSION + 1)
        script = "".join(_STEPS[step] for step in steps)
    connection.executescript(
        f"BEGIN IMMEDIATE;{script}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;"
    )
