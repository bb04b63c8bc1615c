"""The rows of what is kept for plots: a minute of a target is one row, an hour another; to the tables and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from monitor.model.settings import labels_of
from monitor.model.trends import (
    HOUR,
    HOURS_KEPT,
    MINUTE,
    MINUTES_KEPT,
    SeriesName,
    TrendNews,
    packed_hour,
    packed_minute,
)
from monitor.storage.rows import insert_into
from monitor.storage.serialization import UnreadableError

SERIES_COLUMNS = ("target", "slot", "query", "metric", "labels")
POINT_COLUMNS = ("target", "span", "at", "points")

_INSERT_SERIES = insert_into("trend_series", SERIES_COLUMNS, or_replace=True)
_INSERT_POINTS = insert_into("trend_points", POINT_COLUMNS, or_replace=True)
# A clock that was ahead wrote what is of the future: by age it would not go for as long as it was ahead.
_DELETE = (
    "DELETE FROM trend_points WHERE target = ? AND span = ? AND (at < ? OR at > ?)"
)
# What is of an hour that is over, and not added up yet.
_LOOSE_HOURS = (
    "SELECT DISTINCT at / 3600 FROM trend_points minutes WHERE target = ? AND span = 60 AND at < ?"
    " AND NOT EXISTS (SELECT 1 FROM trend_points WHERE target = minutes.target AND span = 3600"
    " AND at = minutes.at / 3600 * 3600)"
)
_MINUTES_OF = (
    "SELECT points FROM trend_points WHERE target = ? AND span = 60"
    " AND at >= ? AND at < ? ORDER BY at"
)


class TrendWriter:
    """Write minutes; once an hour add up what is over, and delete what is older than is kept, or of the future."""

    def __init__(self) -> None:
        self._hour = 0

    def write(
        self, connection: sqlite3.Connection, news: TrendNews, now: datetime
    ) -> None:
        """Write a minute of each target, within a transaction."""
        _write_minute(connection, news)
        hour = int(now.timestamp()) // HOUR
        if hour != self._hour:
            # What is not added up now, since the disk takes nothing, is found the next time.
            self._hour = hour
            _add_up_hours(connection, now)


def _write_minute(connection: sqlite3.Connection, news: TrendNews) -> None:
    for target, slots in news.new_series.items():
        rows = [_series_row(target, name, slot) for name, slot in slots.items()]
        connection.executemany(_INSERT_SERIES, rows)
    points = [
        (row.target, MINUTE, row.at_seconds, packed_minute(row.values))
        for row in news.rows
    ]
    connection.executemany(_INSERT_POINTS, points)


def _add_up_hours(connection: sqlite3.Connection, now: datetime) -> None:
    now_seconds = int(now.timestamp())
    hour_began = now_seconds // HOUR * HOUR
    targets = connection.execute("SELECT DISTINCT target FROM trend_series").fetchall()
    for (target,) in targets:
        hours = connection.execute(_LOOSE_HOURS, (target, hour_began)).fetchall()
        for (hour,) in hours:
            _add_up(connection, target, hour * HOUR)
        minutes_before = now_seconds - int(MINUTES_KEPT.total_seconds())
        connection.execute(_DELETE, (target, MINUTE, minutes_before, now_seconds))
        hours_before = now_seconds - int(HOURS_KEPT.total_seconds())
        connection.execute(_DELETE, (target, HOUR, hours_before, now_seconds))
    # Of a target that is gone nothing is left one day.
    connection.execute(
        "DELETE FROM trend_series WHERE target NOT IN (SELECT target FROM trend_points)"
    )


def _add_up(connection: sqlite3.Connection, target: str, began: int) -> None:
    found = connection.execute(_MINUTES_OF, (target, began, began + HOUR))
    points = packed_hour([packed for (packed,) in found])
    connection.execute(_INSERT_POINTS, (target, HOUR, began, points))


def row_to_slot(row: Sequence[Any]) -> tuple[str, SeriesName, int]:
    """Read the place of a target's series, of a row with the columns of the table; UnreadableError."""
    target, slot, query, metric, labels = row
    try:
        return (
            target,
            SeriesName(query, metric, labels_of(json.loads(labels))),
            int(slot),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from None


def _series_row(target: str, name: SeriesName, slot: int) -> tuple[Any, ...]:
    labels = json.dumps(dict(name.labels), ensure_ascii=False)
    return (target, slot, name.query, name.metric, labels)
