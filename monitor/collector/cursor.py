"""Read forward from where the last run has come, each row once; in a run."""

from __future__ import annotations

from datetime import datetime

from monitor.collector.fetching import fetch
from monitor.collector.findings import RunFindings
from monitor.collector.samples import samples_of
from monitor.database import Session
from monitor.model.identifiers import quoted
from monitor.model.positions import CursorPosition, Position
from monitor.model.results import Success
from monitor.model.settings import Query, Statement
from monitor.model.walked import walked_by
from monitor.model.walks import Cursor


def read_forward(
    query: Query,
    walk: Cursor,
    session: Session,
    position: Position | None,
    now: datetime | None,
) -> RunFindings:
    """Read what came since the position, and return it with the next one.

    Without `now` it is one look, of which nothing is kept. Raises QueryError as the server answers,
    SampleError where the rows cannot be read.
    """
    newest = _newest(query, walk, session)
    before = position if isinstance(position, CursorPosition) else None
    since = before.until if before is not None else newest
    statement = query.statement_for(session.server.flavor)
    values = {**query.parameters, "since": since, "until": newest}
    rows = fetch(session, statement, values, query.timeout, query.max_rows)
    serial = before.serial + 1 if before is not None else 1
    after = CursorPosition(walked_by(query), serial, newest)
    samples = samples_of(query, rows)
    kept = None if now is None else after
    success = Success(samples, len(rows.rows), warnings=rows.warnings, position=kept)
    return RunFindings(rows, success)


def _newest(query: Query, walk: Cursor, session: Session) -> int:
    """Return the highest value of the column; 0 of an empty table."""
    sql = f"SELECT COALESCE(MAX({quoted(walk.column)}), 0) FROM {quoted(walk.table)}"
    rows = fetch(session, Statement(sql), {}, query.timeout, 1)
    return int(str(rows.rows[0][0]))
