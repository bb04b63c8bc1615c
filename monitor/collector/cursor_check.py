"""Ask a server whether a column can serve a query as its cursor: there, a number, unique, ascending; at the edge."""

from __future__ import annotations

import itertools
import statistics
import time
from datetime import timedelta

from monitor.collector.cursor_statements import CursorStatements
from monitor.collector.fetching import fetch
from monitor.database import Session
from monitor.model.errors import QueryError, Reason
from monitor.model.identifiers import quoted
from monitor.model.settings import Query, Statement
from monitor.model.walks import Cursor

_TIMEOUT = timedelta(seconds=5)
_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_NAMES = ("table", "column")
# The names are constants, so that no other table is opened for it.
_COLUMN = Statement(
    "SELECT LOWER(data_type), LOWER(extra) FROM information_schema.columns"
    " WHERE table_schema = DATABASE() AND table_name = %(table)s AND column_name = %(column)s",
    _NAMES,
)
_ANY_COLUMN = Statement(
    "SELECT 1 FROM information_schema.columns"
    " WHERE table_schema = DATABASE() AND table_name = %(table)s LIMIT 1",
    _NAMES,
)
_KEYS = Statement(
    "SELECT s.non_unique, (SELECT COUNT(*) FROM information_schema.statistics o"
    " WHERE o.table_schema = DATABASE() AND o.table_name = %(table)s AND o.index_name = s.index_name)"
    " FROM information_schema.statistics s WHERE s.table_schema = DATABASE()"
    " AND s.table_name = %(table)s AND s.column_name = %(column)s AND s.seq_in_index = 1",
    _NAMES,
)
_FEW = 10_000
"""So many rows are read at once, whatever their order."""
_PROBES = 12
_SLACK_SECONDS = 3600.0
_NEWEST = 10
_FEWEST_STEPS = 9
_MAX_STEP = 100
"""Servers that number in turns leave out some, as many as there are of them."""


def why_unfit(query: Query, walk: Cursor, session: Session) -> str:
    """Return why rows cannot be counted by this column, empty where they can.

    A table of which nothing is known, such as one that is missing, is left to the query itself. Raises
    QueryError as the server answers.
    """
    name = f"{walk.table}.{walk.column}"
    values = {"table": walk.table, "column": walk.column}
    described = fetch(session, _COLUMN, values, _TIMEOUT, 1).rows
    if not described:
        has_table = fetch(session, _ANY_COLUMN, values, _TIMEOUT, 1).rows
        return f"there is no column {name}" if has_table else ""
    data_type, extra = str(described[0][0]), str(described[0][1])
    keys = fetch(session, _KEYS, values, _TIMEOUT, 1000).rows
    is_unique = (0, 1) in {(int(str(one)), int(str(size))) for one, size in keys}
    is_told_apart = is_unique or "auto_increment" in extra
    faults = {
        f"{name} is {data_type}, which is not an integer": data_type not in _INTEGERS,
        f"{name} is not the first column of an index": not keys,
        f"{name} is not unique": not is_told_apart,
    }
    for fault, is_there in faults.items():
        if is_there:
            return fault
    if not _is_ascending(query, walk, session):
        return f"{name} does not ascend with the time of the rows"
    step = _usual_step(walk, session)
    if step > _MAX_STEP:
        return f"{name} leaves out about {step} numbers from row to row"
    return ""


def is_unknown_column(error: QueryError) -> bool:
    """Return whether a server does not know the column, while it knows the table."""
    return error.reason is Reason.SCHEMA_MISSING and error.code == 1054


def _usual_step(walk: Cursor, session: Session) -> int:
    """Return how far apart the numbers of the newest rows usually are; 1 where there are few.

    Ids that are made of the time (Snowflake) ascend, and ranges of them have no row.
    """
    column, table = quoted(walk.column), quoted(walk.table)
    sql = f"SELECT {column} FROM {table} ORDER BY {column} DESC LIMIT {_NEWEST}"
    rows = fetch(session, Statement(sql), {}, _TIMEOUT, _NEWEST).rows
    ids = [int(str(one)) for (one,) in rows]
    steps = [later - earlier for later, earlier in itertools.pairwise(ids)]
    return int(statistics.median(steps)) if len(steps) >= _FEWEST_STEPS else 1


def _is_ascending(query: Query, walk: Cursor, session: Session) -> bool:
    """Return whether of some rows out of the whole table those with higher ids are newer, but for a few.

    Of rows without a time it is believed.
    """
    if not walk.time:
        return True
    ends_at_seconds = time.monotonic() + _TIMEOUT.total_seconds()
    statements = CursorStatements(query, walk, session, ends_at_seconds)
    highest = statements.bounds().highest or 0
    lowest = statements.lowest_from(0, highest)
    if highest - lowest < _FEW:
        return True
    probes = range(lowest, highest, (highest - lowest) // _PROBES)
    ids = [statements.lowest_from(one, highest) for one in probes]
    times = [statements.newest_seconds(one) for one in dict.fromkeys(ids)]
    pairs = itertools.pairwise(times)
    backwards = sum(later < earlier - _SLACK_SECONDS for earlier, later in pairs)
    return backwards * 4 <= len(times)
