"""Return the room of what was deleted to the disk, a few pages at a time; between other work."""

from __future__ import annotations

import contextlib
import sqlite3

_INCREMENTAL = 2
_STEP_PAGES = 1024
_WORTH_PAGES = 256
_WORTH_SHARE = 0.25
"""Less is soon used again: to give it back would be work for nothing."""
_CONVERTED_BYTES = 128 * 1024 * 1024
"""So much that is in use is rewritten at a start, within seconds; a larger file keeps what it has."""
_WAL_KEPT_BYTES = 16 * 1024 * 1024


def before_tables(connection: sqlite3.Connection) -> None:
    """Set up a file that has no tables yet so that it can give back room."""
    connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")


def bound_wal(connection: sqlite3.Connection) -> None:
    """Bound the WAL: it is written back at every 4 MB, and cut to 16 MB after a large transaction."""
    connection.execute("PRAGMA wal_autocheckpoint = 1000")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")


def convert(connection: sqlite3.Connection) -> None:
    """Set up a file of an older version so that it can give back room; it is rewritten, whole or not at all.

    Not one with much in it: its free pages are used again, and given back when it has shrunk and the
    monitor starts. Nor where the disk has no room for it or somebody reads it: the next start tries again.
    """
    if _asked(connection, "auto_vacuum") == _INCREMENTAL:
        return
    used = _asked(connection, "page_count") - _asked(connection, "freelist_count")
    if used * _asked(connection, "page_size") > _CONVERTED_BYTES:
        return
    before_tables(connection)
    with contextlib.suppress(sqlite3.Error):
        connection.execute("VACUUM")


def is_worth_giving_back(connection: sqlite3.Connection) -> bool:
    """Return whether much of the file is free, and can be given back."""
    free, pages = _asked(connection, "freelist_count"), _asked(connection, "page_count")
    is_much = free >= _WORTH_PAGES and free >= pages * _WORTH_SHARE
    return is_much and _asked(connection, "auto_vacuum") == _INCREMENTAL


def vacuum_step(connection: sqlite3.Connection) -> bool:
    """Release a few pages to the disk, within a transaction; return whether there is more."""
    if not is_worth_giving_back(connection):
        return False
    # Of more than one page each is a row without columns, of which the driver asks for the first only.
    for _ in range(_STEP_PAGES):
        connection.execute("PRAGMA incremental_vacuum(1)")
    return is_worth_giving_back(connection)


def _asked(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)
