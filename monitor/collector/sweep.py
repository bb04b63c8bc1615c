"""Read a table in pieces by its key, and go on where the last run stopped; in a run."""

from __future__ import annotations

from datetime import datetime

from monitor.collector.fetching import fetch
from monitor.collector.findings import RunFindings
from monitor.collector.samples import samples_of
from monitor.database import Session
from monitor.model.identifiers import quoted
from monitor.model.positions import Position, SweepPosition
from monitor.model.results import Success
from monitor.model.settings import Query, Statement
from monitor.model.walked import walked_by
from monitor.model.walks import Sweep


def sweep_on(
    query: Query,
    walk: Sweep,
    session: Session,
    position: Position | None,
    now: datetime | None,
) -> RunFindings:
    """Read the next pieces, and return what the last whole cycle gave with the next position.

    Without `now` the whole table is read at once, and nothing is kept of that. Raises QueryError as the server
    answers, SampleError where the rows cannot be read.
    """
    first, last = _ends(query, walk, session)
    statement = query.statement_for(session.server.flavor)
    values = {**query.parameters, "from_key": first - 1, "to_key": last}
    rows = fetch(session, statement, values, query.timeout, query.max_rows)
    serial = position.serial + 1 if position is not None else 1
    kept = None if now is None else SweepPosition(walked_by(query), serial)
    samples = samples_of(query, rows)
    success = Success(samples, len(rows.rows), warnings=rows.warnings, position=kept)
    return RunFindings(rows, success)


def _ends(query: Query, walk: Sweep, session: Session) -> tuple[int, int]:
    """Return the lowest and the highest key; 0 and 0 of an empty table."""
    key = quoted(walk.column)
    sql = f"SELECT COALESCE(MIN({key}), 0), COALESCE(MAX({key}), 0) FROM {quoted(walk.table)}"
    ((first, last),) = fetch(session, Statement(sql), {}, query.timeout, 1).rows
    return int(str(first)), int(str(last))
