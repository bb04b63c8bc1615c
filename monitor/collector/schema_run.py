"""Ask a database about its schema, within the time of a run: what is missing by a look and by touching that."""

from __future__ import annotations

import time
from functools import partial

from monitor.collector.contract_check import ContractAnswer, check_contract
from monitor.collector.fetching import fetch_past_a_lock
from monitor.collector.schema_check import SchemaAnswer, check_schema
from monitor.database import Session
from monitor.model.errors import QueryError, Reason
from monitor.model.results import Rows
from monitor.model.settings import Query, Statement
from monitor.timing.durations import format_duration


def checked_schema(
    query: Query, session: Session, statement: Statement, ends_at_seconds: float
) -> SchemaAnswer:
    """Run a schema query; QueryError as the server answers."""
    return check_schema(
        query,
        look=partial(_look, query, session, statement, ends_at_seconds),
        touch=partial(_touch, query, session, ends_at_seconds),
    )


def checked_contract(
    query: Query, session: Session, statement: Statement, ends_at_seconds: float
) -> ContractAnswer:
    """Run a query with a contract; QueryError as the server answers, or where there is nothing to compare."""
    if query.contract is None:
        raise ValueError(f"{query.name} has no contract")
    return check_contract(
        query.contract,
        look=partial(_look, query, session, statement, ends_at_seconds),
        touch=partial(_touch, query, session, ends_at_seconds),
    )


def _look(
    query: Query, session: Session, statement: Statement, ends_at_seconds: float
) -> Rows:
    _check_time(query, ends_at_seconds)
    return fetch_past_a_lock(session, statement, query, ends_at_seconds)


def _touch(query: Query, session: Session, ends_at_seconds: float, sql: str) -> None:
    _check_time(query, ends_at_seconds)
    session.fetch(Statement(sql), {}, timeout=query.timeout, max_rows=1)


def _check_time(query: Query, ends_at_seconds: float) -> None:
    """Raise a timeout where many statements of one run, each within its limit, have used the run's time."""
    if time.monotonic() > ends_at_seconds:
        raise QueryError(
            Reason.TIMEOUT, f"no result within {format_duration(query.timeout)}"
        )
