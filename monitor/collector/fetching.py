"""Send a statement with the values that it asks for, once more where a lock ended it; between run and session."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta

from monitor.collector.column_names import spelt_as_in
from monitor.database import Session
from monitor.model.errors import QueryError, Reason, SampleError
from monitor.model.results import Cell, Rows
from monitor.model.settings import Bindable, Query, Statement

# Waited for a lock, chosen as the victim of a deadlock: the server has undone all of it (docs/adr/0007).
_LOCK_CODES = frozenset({1205, 1213})
MIN_TRY_SECONDS = 0.1
"""A statement that is given less would only be begun to be cut."""


def fetch(
    session: Session,
    statement: Statement,
    values: Mapping[str, Bindable],
    timeout: timedelta,
    max_rows: int,
    server_limit: timedelta | None = None,
) -> Rows:
    """Return the rows of a statement, bound to those of the values that it names; limits as of `Session.fetch`.

    Raises QueryError as the server answers, KeyError for a value that is not there.
    """
    bound = {name: values[name] for name in statement.parameters}
    return session.fetch(
        statement,
        bound,
        timeout=timeout,
        max_rows=max_rows,
        server_limit=server_limit,
    )


def only_row(rows: Rows) -> tuple[Cell, ...]:
    """Return the row of a statement that gives one whatever there is; SampleError where it gave none.

    A session whose variables somebody changed may leave rows out, and that must not look like an empty table.
    """
    if len(rows.rows) != 1:
        raise SampleError(
            f"{len(rows.rows)} rows where the server must give one: a variable of the session may leave rows out"
        )
    return rows.rows[0]


def fetch_past_a_lock(
    session: Session, statement: Statement, query: Query, ends_at_seconds: float
) -> Rows:
    """Fetch; once more in the time that is left where a lock ended the first try before it gave anything."""
    try:
        rows = fetch(
            session, statement, query.parameters, query.timeout, query.max_rows
        )
        return spelt_as_in(query, rows)
    except QueryError as error:
        left_seconds = ends_at_seconds - time.monotonic()
        if error.code not in _LOCK_CODES or left_seconds < MIN_TRY_SECONDS:
            raise
        lock = error
    try:
        rows = fetch(
            session,
            statement,
            query.parameters,
            timedelta(seconds=left_seconds),
            query.max_rows,
        )
        return spelt_as_in(query, rows)
    except QueryError as error:
        # Whoever reads "timeout" looks for a slow plan; it was the lock all the time.
        raise (lock if error.reason is Reason.TIMEOUT else error) from None
