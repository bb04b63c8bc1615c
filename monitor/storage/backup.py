"""Back the state up into one file, beside the daemon that works on it; for the command of that name."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from monitor.model.errors import StateError
from monitor.storage.copies import publish, write_copy
from monitor.storage.file_names import FILE
from monitor.storage.opening import open_for_copying
from monitor.storage.serialization import UnreadableError, text_to_instant


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup has: rows, bytes, and when the daemon whose state it is was last known to run."""

    alerts: int
    transitions: int
    waiting: int
    size_bytes: int
    alive_at: datetime | None


def back_up(directory: Path, path: Path) -> BackedUp:
    """Copy the state of a directory into a new file, as it is at one moment, and look whether it is whole.

    The daemon goes on meanwhile; neither waits for the other. StateError, also where there is such a file.
    """
    source = directory / FILE
    if not source.is_file():
        raise StateError(
            f"there is no state in {directory}: has a daemon run with this configuration?"
        )
    if os.path.lexists(path):
        raise StateError(f"{path} is there already; a backup is written over nothing")
    if not path.parent.is_dir():
        raise StateError(
            f"{path.parent} is not there: make that folder first, or name another file"
        )
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with closing(open_for_copying(source)) as connection:
            write_copy(connection, made)
        try:
            backed_up = _verified(made)
            publish(made, path)
        finally:
            made.unlink(missing_ok=True)
    except FileExistsError:
        raise StateError(
            f"{path} is there already; a backup is written over nothing"
        ) from None
    except (OSError, sqlite3.Error) as error:
        # An OSError names the file that the copy has while it is written, which helps nobody.
        said = getattr(error, "strerror", None) or error
        raise StateError(f"{source} cannot be backed up to {path}: {said}") from None
    return backed_up


def _verified(path: Path) -> BackedUp:
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as copy:
        (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged ({verdict})")
        return BackedUp(
            alerts=_count(copy, "alerts"),
            transitions=_count(copy, "transitions"),
            waiting=_count(copy, "outbox"),
            size_bytes=path.stat().st_size,
            alive_at=_alive_at(copy),
        )


def _count(copy: sqlite3.Connection, table: str) -> int:
    (count,) = copy.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


def _alive_at(copy: sqlite3.Connection) -> datetime | None:
    row = copy.execute("SELECT at FROM marks WHERE name = 'alive'").fetchone()
    try:
        return None if row is None else text_to_instant(row[0])
    except (UnreadableError, ValueError):
        return None
