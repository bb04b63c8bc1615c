"""Copy the rows of one state into another: around damage, in place of what is there, or behind it."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from enum import Enum

from monitor.model.alerts import Delivery
from monitor.storage import outbox
from monitor.storage.schema import TABLES, WEIGH

_PAST = ("transitions", "deliveries")
_PRESENT = ("alerts", "outbox")
_TOO_LATE = "the file that it waited in could not be read when we started; what is wrong was told anew"


class Extent(Enum):
    """How much of a state could be read."""

    NONE = "none"
    PART = "part"
    ALL = "all"


def copy(source: sqlite3.Connection, target: sqlite3.Connection) -> Extent:
    """Copy all rows in place of the target's, row by row around damage; tell how much could be read."""
    read = [_copy_table(source, target, table) for table in TABLES]
    target.execute(WEIGH)  # of an older version, which did not say how much they are
    if all(extent is Extent.ALL for extent in read):
        return Extent.ALL
    return Extent.NONE if all(extent is Extent.NONE for extent in read) else Extent.PART


def join(
    source: sqlite3.Connection, target: sqlite3.Connection, *, now: datetime
) -> tuple[Delivery, ...]:
    """Copy all rows into a target that nobody has read: what it has of the past stays, and comes first.

    Its alerts give way to ours, and what waits in it is given up: it tells of what is over, or of what
    we have found and told ourselves meanwhile. Gives what was given up.
    """
    given_up = outbox.give_up(
        target, "1", (), at=now, reason="unreadable", message=_TOO_LATE
    )
    for table in TABLES:
        if table in _PRESENT:
            target.execute(f"DELETE FROM {table}")
        columns = [
            column
            for column, *_ in target.execute(
                f"SELECT * FROM {table} LIMIT 0"
            ).description
        ]
        if table in _PAST:
            columns.remove("id")  # ours come behind those that are there
        order = " ORDER BY id" if table in _PAST else ""
        rows = source.execute(f"SELECT {', '.join(columns)} FROM {table}{order}")
        target.executemany(_insert(table, columns), rows)
    return given_up


def _copy_table(
    source: sqlite3.Connection, target: sqlite3.Connection, table: str
) -> Extent:
    target.execute(f"DELETE FROM {table}")
    columns = [
        column
        for column, *_ in target.execute(f"SELECT * FROM {table} LIMIT 0").description
    ]
    try:
        rows = source.execute(f"SELECT * FROM {table}")
    except sqlite3.DatabaseError:
        return Extent.NONE
    known = [column for column, *_ in rows.description]
    if not set(known) <= set(columns):
        return Extent.ALL  # of an older version, which had nothing in that table
    # What it did not have takes its default, as by the step that renews a file.
    insert = _insert(table, known)
    while True:
        try:
            row = rows.fetchone()
        except sqlite3.DatabaseError:
            return Extent.PART
        if row is None:
            return Extent.ALL
        target.execute(insert, row)


def _insert(table: str, columns: list[str]) -> str:
    places = ", ".join("?" * len(columns))
    return f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({places})"
