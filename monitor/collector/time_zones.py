"""Ask a server whether it knows the zones of a query, and read whether a history fits them; at the edge."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from monitor.database import Session
from monitor.model.errors import QueryError
from monitor.model.results import Rows
from monitor.model.settings import Query, Statement

HISTORY_CLOCK = "usage_time_zone"
"""The shipped query that compares the times of the usage history with the clock."""

_SUFFIX = "time_zone"
_TIMEOUT = timedelta(seconds=5)
_IS_UNKNOWN = Statement(
    "SELECT CONVERT_TZ('2026-01-01 00:00:00', '+00:00', %(zone)s) IS NULL AS is_unknown",
    ("zone",),
)


def unknown_zone(query: Query, session: Session) -> str:
    """Return what to do about a parameter named `…time_zone` that the server does not know; empty if none.

    CONVERT_TZ() gives NULL for it, without an error, and so does all that is computed with it.
    """
    for name, value in query.parameters.items():
        if not name.endswith(_SUFFIX) or not isinstance(value, str):
            continue
        with suppress(QueryError):
            rows = session.fetch(
                _IS_UNKNOWN, {"zone": value}, timeout=_TIMEOUT, max_rows=1
            )
            if rows.rows[0][0]:
                return (
                    f'the server does not know the time zone "{value}" ({name}): load its zone tables'
                    ' (mysql_tzinfo_to_sql), or write an offset such as "+07:00"'
                )
    return ""


def history_warnings(rows: Rows, threshold_seconds: float) -> list[str]:
    """Return what the rows of the query HISTORY_CLOCK say: how far off the times are, and what to set."""
    told = [dict(zip(rows.columns, row, strict=True)) for row in rows.rows]
    warnings = [
        f"{row['subject']!s}. {row['advice']!s}"
        for row in told
        if isinstance(row["seconds"], int) and row["seconds"] > threshold_seconds
    ]
    notes = [str(row["note"]) for row in told if row.get("note")]
    return [*warnings, *dict.fromkeys(notes)]
