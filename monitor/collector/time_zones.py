"""Ask a server whether it knows the zones of a query, and read whether a history fits them; at the edge."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from monitor.database import Session
from monitor.model.errors import QueryError
from monitor.model.results import Rows
from monitor.model.settings import Query, Statement

HISTORY_CLOCK = "usage_time_zone"
"""The shipped query that compares the times of the usage history with the clock."""

_SUFFIX = "time_zone"
_TIMEOUT = timedelta(seconds=5)
"""Beside the run's own time: it is asked only once a run has failed already."""
_IS_UNKNOWN = Statement(
    "SELECT CONVERT_TZ('2026-01-01 00:00:00', '+00:00', %(zone)s) IS NULL AS is_unknown",
    ("zone",),
)


def unknown_zone(query: Query, session: Session) -> str:
    """Return what to do about a parameter named `…time_zone` that the server does not know; empty if none.

    CONVERT_TZ() gives NULL for it, without an error, and so does all that is computed with it.
    """
    for name, zone in _zones_of(query):
        if not _is_known(zone, session):
            return (
                f'the server does not know the time zone "{zone}" ({name}): load its zone tables'
                ' (mysql_tzinfo_to_sql), or write an offset such as "+07:00"'
            )
    return ""


def _zones_of(query: Query) -> Iterator[tuple[str, str]]:
    """Yield the query's parameters that name a time zone, each with its value."""
    for name, value in query.parameters.items():
        if name.endswith(_SUFFIX) and isinstance(value, str):
            yield name, value


def _is_known(zone: str, session: Session) -> bool:
    """Return whether the server knows a time zone; also where it cannot be asked."""
    try:
        answer = session.fetch(
            _IS_UNKNOWN, {"zone": zone}, timeout=_TIMEOUT, max_rows=1
        )
    except QueryError:
        # This is asked to explain another error, which must not be hidden by one of its own.
        return True
    ((is_unknown,),) = answer.rows
    return not is_unknown


def history_warnings(rows: Rows, threshold_seconds: float) -> list[str]:
    """Return what the rows of the query HISTORY_CLOCK say: how far off the times are, and what to set.

    First what is off by more than the threshold, then each note once.
    """
    warnings: list[str] = []
    notes: list[str] = []
    for cells in rows.rows:
        row = dict(zip(rows.columns, cells, strict=True))
        seconds = row["seconds"]
        if isinstance(seconds, int) and seconds > threshold_seconds:
            warnings.append(f"{row['subject']!s}. {row['advice']!s}")
        note = row.get("note")
        if note:
            notes.append(str(note))
    return [*warnings, *dict.fromkeys(notes)]
