"""Ask a server for the plan of a query: no row is read for it, but every table and column must be there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from monitor.database import Session
from monitor.errors import QueryError
from monitor.model.results import Rows
from monitor.model.settings import Query, Rule, Scalar, Statement

_MOST_PLAN_ROWS = 1000
# The plan of a view may be seen only with the right SHOW VIEW, which a monitor does not need otherwise.
_PLAN_OF_VIEW_DENIED = 1345
_COMMENTS = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)


def plan(query: Query, session: Session) -> Rows:
    """Give the plan of a query as the server's EXPLAIN has it; a SHOW has none, and is run.

    QueryError says why it cannot be planned: `schema_missing` names the table or column.
    """
    statement = query.statement_for(session.server.flavor)
    if is_show(statement.text):
        return _fetch(session, statement, query.parameters, query.timeout, query.max_rows)
    return _explain(statement, query.parameters, query.timeout, session)


def plan_evidence(rule: Rule, query: Query, session: Session) -> None:
    """Plan the evidence of a rule, if it has one; a label of the finding may have any value."""
    if rule.evidence is not None:
        values = {**dict.fromkeys(rule.evidence.parameters, ""), **query.parameters}
        _explain(rule.evidence, values, query.timeout, session)


def is_show(text: str) -> bool:
    """Tell whether a statement is a SHOW, behind its comments."""
    match = _COMMENTS.match(text)
    start = match.end() if match else 0
    return text[start : start + 4].upper() == "SHOW"


def _explain(
    statement: Statement, values: Mapping[str, Scalar], timeout: timedelta, session: Session
) -> Rows:
    # FORMAT: a server may be told to answer with a tree instead of rows
    explain = Statement(f"EXPLAIN FORMAT=TRADITIONAL {statement.text}", statement.parameters)
    try:
        return _fetch(session, explain, values, timeout, _MOST_PLAN_ROWS)
    except QueryError as error:
        if error.code != _PLAN_OF_VIEW_DENIED:
            raise
    empty = Statement(f"SELECT 1 FROM (\n{statement.text}\n) planned LIMIT 0", statement.parameters)
    return _fetch(session, empty, values, timeout, _MOST_PLAN_ROWS)


def _fetch(
    session: Session, statement: Statement, values: Mapping[str, Scalar], timeout: timedelta, max_rows: int
) -> Rows:
    bound = {name: values[name] for name in statement.parameters}
    return session.fetch(statement, bound, timeout=timeout, max_rows=max_rows)
