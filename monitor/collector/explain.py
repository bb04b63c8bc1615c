"""Ask a server whether a query could run: its plan, and a touch of what a plan alone does not reach.

No row of the application's tables is read. A plan says nothing of rights that are asked for only while
information_schema is filled, nor of the columns under `needs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta

from monitor.config.sql.required_privileges import sees_only_its_own, system_tables
from monitor.database import Session
from monitor.database.grants import read_grant
from monitor.model.errors import QueryError, Reason
from monitor.model.identifiers import quoted
from monitor.model.results import Rows
from monitor.model.settings import ColumnName, Query, Rule, Scalar, Statement

NO_PROCESS = "the account lacks PROCESS (token-monitor grants prints it)"

_MOST_PLAN_ROWS = 1000
# The plan of a view may be seen only with the right SHOW VIEW, which a monitor does not need otherwise.
_PLAN_OF_VIEW_DENIED = 1345
_COMMENTS = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)


def plan(query: Query, session: Session) -> Rows:
    """Give the plan of a query as the server's EXPLAIN has it; a SHOW has none, and is run.

    QueryError says why it cannot be planned: `schema_missing` names the table or column.
    """
    statement = query.statement_for(session.server.flavor)
    session.use_time_zone(query.time_zone)
    if is_show(statement.text):
        return _fetch(
            session, statement, query.parameters, query.timeout, query.max_rows
        )
    rows = _explain(statement, query.parameters, query.timeout, session)
    _touch_system_tables(statement, query.timeout, session)
    return rows


def missing_needs(
    needs: Iterable[ColumnName], query: Query, session: Session
) -> tuple[ColumnName, ...]:
    """Touch the columns that a query or a rule needs, and return those that are missing.

    QueryError where it cannot be told: a right that is lacking.
    """
    return tuple(need for need in needs if not _is_there(need, query.timeout, session))


def missing_text(columns: Iterable[ColumnName]) -> str:
    """Say which columns are missing."""
    names = sorted(map(str, columns))
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} missing"


def seen_in_part(query: Query, session: Session) -> str:
    """Name what a query reads of which this account is shown only its own, such as threads; "" if nothing."""
    what = sees_only_its_own(query.statement_for(session.server.flavor).text)
    if not what:
        return ""
    rows = _fetch(
        session, Statement("SHOW GRANTS"), {}, query.timeout, _MOST_PLAN_ROWS
    ).rows
    grants = [
        grant
        for grant in (read_grant(str(line)) for (line,) in rows)
        if grant is not None
    ]
    # What a role gives is not always shown.
    return "" if any(grant.is_role or grant.has_process for grant in grants) else what


def _is_there(need: ColumnName, timeout: timedelta, session: Session) -> bool:
    column, table = quoted(need.column), quoted(need.table)
    try:
        _fetch(
            session, Statement(f"SELECT {column} FROM {table} LIMIT 0"), {}, timeout, 1
        )
    except QueryError as error:
        if error.reason is not Reason.SCHEMA_MISSING:
            raise
        return False
    return True


def _touch_system_tables(
    statement: Statement, timeout: timedelta, session: Session
) -> None:
    for table in system_tables(statement.text):
        touch = Statement(f"SELECT 1 FROM information_schema.{quoted(table)} LIMIT 1")
        _fetch(session, touch, {}, timeout, 1)


def plan_evidence(rule: Rule, query: Query, session: Session) -> None:
    """Plan the evidence of a rule, if it has one; a label of the finding may have any value."""
    if rule.evidence is not None:
        values = {**dict.fromkeys(rule.evidence.parameters, ""), **query.parameters}
        _explain(rule.evidence, values, query.timeout, session)
        _touch_system_tables(rule.evidence, query.timeout, session)
        _touch_system_tables(rule.evidence, query.timeout, session)


def is_show(text: str) -> bool:
    """Tell whether a statement is a SHOW, behind its comments."""
    match = _COMMENTS.match(text)
    start = match.end() if match else 0
    return text[start : start + 4].upper() == "SHOW"


def _explain(
    statement: Statement,
    values: Mapping[str, Scalar],
    timeout: timedelta,
    session: Session,
) -> Rows:
    # FORMAT: a server may be told to answer with a tree instead of rows
    explain = Statement(
        f"EXPLAIN FORMAT=TRADITIONAL {statement.text}", statement.parameters
    )
    try:
        return _fetch(session, explain, values, timeout, _MOST_PLAN_ROWS)
    except QueryError as error:
        if error.code != _PLAN_OF_VIEW_DENIED:
            raise
    empty = Statement(
        f"SELECT 1 FROM (\n{statement.text}\n) planned LIMIT 0", statement.parameters
    )
    return _fetch(session, empty, values, timeout, _MOST_PLAN_ROWS)


def _fetch(
    session: Session,
    statement: Statement,
    values: Mapping[str, Scalar],
    timeout: timedelta,
    max_rows: int,
) -> Rows:
    bound = {name: values[name] for name in statement.parameters}
    return session.fetch(statement, bound, timeout=timeout, max_rows=max_rows)
