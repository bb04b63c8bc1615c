"""Copy the rows of one state into another: around damage, in place of what is there, or behind it."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from enum import Enum

from monitor.model.alerts import Delivery
from monitor.storage import outbox
from monitor.storage.rows import column_list, insert_into
from monitor.storage.schema import TABLES, WEIGH

_PAST = ("transitions", "deliveries")
_PRESENT = ("alerts", "outbox", "silences")
_OF_TARGETS = ("trend_points", "trend_series")
"""Of these a target's rows are of one numbering, which each of the two states has begun by itself."""
_TOO_LATE = "the file that it waited in could not be read when we started; what is wrong was reported again"


class Extent(Enum):
    """How much of a state could be read."""

    NONE = "none"
    PART = "part"
    ALL = "all"


def copy(source: sqlite3.Connection, target: sqlite3.Connection) -> Extent:
    """Copy all rows in place of the target's, row by row around damage; return how much could be read."""
    extents = {_copy_table(source, target, table) for table in TABLES}
    target.execute(WEIGH)  # of an older version, which did not say how much they are
    if len(extents) > 1:
        return Extent.PART
    return extents.pop()


def join(
    source: sqlite3.Connection, target: sqlite3.Connection, *, now: datetime
) -> tuple[Delivery, ...]:
    """Copy all rows into a target that nobody has read: what it has of the past stays, and comes first.

    Its alerts and silences give way to ours, and so do its plots of a target that we have some of. What waits
    in it is given up: it is about what is over, or of what we have found and reported ourselves meanwhile
    (docs/adr/0009). Returns what was given up.
    """
    how = outbox.GivingUp(at=now, reason="unreadable", message=_TOO_LATE)
    given_up = outbox.give_up(target, "1", (), how)
    for table in _PRESENT:
        target.execute(f"DELETE FROM {table}")
    _forget_targets_of(source, target)
    for table in TABLES:
        columns = _columns(target.execute(f"SELECT * FROM {table} LIMIT 0"))
        order = ""
        if table in _PAST:
            # By new numbers, so that ours come behind those that are there.
            columns.remove("id")
            order = " ORDER BY id"
        rows = source.execute(f"SELECT {column_list(columns)} FROM {table}{order}")
        target.executemany(insert_into(table, columns, or_replace=True), rows)
    return given_up


def _forget_targets_of(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Delete what is kept for plots of the targets of which the source has some too."""
    names = source.execute("SELECT DISTINCT target FROM trend_series").fetchall()
    for table in _OF_TARGETS:
        target.executemany(f"DELETE FROM {table} WHERE target = ?", names)


def _copy_table(
    source: sqlite3.Connection, target: sqlite3.Connection, table: str
) -> Extent:
    target.execute(f"DELETE FROM {table}")
    try:
        rows = source.execute(f"SELECT * FROM {table}")
    except sqlite3.DatabaseError:
        return Extent.NONE
    # What an older version did not have takes its default, as by the migration of a file.
    columns = _columns(rows)
    known = _columns(target.execute(f"SELECT * FROM {table} LIMIT 0"))
    if not set(columns) <= set(known):
        return Extent.ALL  # of an older version, which had nothing in that table
    insert = insert_into(table, columns, or_replace=True)
    while True:
        # Only what reading raises is damage; a target that takes nothing is not.
        try:
            row = rows.fetchone()
        except sqlite3.DatabaseError:
            return Extent.PART
        if row is None:
            return Extent.ALL
        target.execute(insert, row)


def _columns(rows: sqlite3.Cursor) -> list[str]:
    return [name for name, *_ in rows.description]
