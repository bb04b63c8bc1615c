"""Instants that are remembered under a name; one of them says how far the clock was set. Within a transaction."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from monitor.storage.serialization import instant_to_text, text_to_instant

CLOCK_SHIFT = "clock_shift"
"""The mark that says how far the clock was set since the state began: what it calls the begin of 1970 by now."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WRITE = "INSERT INTO marks (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at"


def shift_to_mark(clock_shift: timedelta) -> datetime:
    """Return how far the clock was set as an instant that can be marked."""
    return _EPOCH + clock_shift


def mark_to_shift(mark: datetime | None) -> timedelta:
    """Return how far the clock was set by the mark; not at all where there is none."""
    return timedelta(0) if mark is None else mark - _EPOCH


def write_mark(connection: sqlite3.Connection, name: str, at: datetime) -> None:
    """Write an instant by its name, beside those that are there."""
    connection.execute(_WRITE, (name, instant_to_text(at)))


def write_marks(
    connection: sqlite3.Connection, marks: Mapping[str, datetime | None]
) -> None:
    """Write several instants by their names; None: forget the one of that name."""
    for name, at in marks.items():
        if at is None:
            connection.execute("DELETE FROM marks WHERE name = ?", (name,))
        else:
            write_mark(connection, name, at)


def move_marks(connection: sqlite3.Connection, by: timedelta) -> None:
    """Move all instants: the clock was set by this much, which counts from then on."""
    marks = {CLOCK_SHIFT: _EPOCH, **_read_marks(connection)}
    write_marks(connection, {name: at + by for name, at in marks.items()})


def clock_shift_in(connection: sqlite3.Connection) -> timedelta:
    """Return how far the clock was set since the state began."""
    return mark_to_shift(_read_marks(connection).get(CLOCK_SHIFT))


def _read_marks(connection: sqlite3.Connection) -> Mapping[str, datetime]:
    """Return the instants that are marked, without those that are spoilt."""
    marks: dict[str, datetime] = {}
    for name, text in connection.execute("SELECT name, at FROM marks"):
        with contextlib.suppress(ValueError, TypeError):
            marks[name] = text_to_instant(text)
    return marks
