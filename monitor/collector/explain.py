"""Ask a server whether a query could run: its plan, and a touch of what a plan alone does not reach.

Of the application's tables no more is read than the ends of indexes, and about a dozen rows where a cursor's column
is looked at, however many rows there are. A plan says nothing of rights that are asked for only while
information_schema is filled, nor of the columns under `needs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import chain

from monitor.collector.cursor_check import why_unfit
from monitor.collector.fetching import fetch
from monitor.collector.for_each import answer_each
from monitor.collector.items import for_one_item
from monitor.collector.walk_bounds import example_bounds
from monitor.config.sql.required_privileges import sees_only_its_own, system_tables
from monitor.database import Session
from monitor.database.grants import read_grant
from monitor.model.errors import QueryError, Reason, SampleError
from monitor.model.for_each import ANY_TURNS, ForEach
from monitor.model.identifiers import quoted
from monitor.model.results import Rows
from monitor.model.settings import (
    Bindable,
    ColumnName,
    Flavor,
    Query,
    Rule,
    Statement,
)
from monitor.model.walks import Cursor, Ledger

NO_PROCESS = "the account lacks PROCESS (token-monitor grants prints it)"

MAX_PLAN_ROWS = 1000
"""A plan has a row for each table of a statement; SHOW GRANTS has one for each grant."""
# ER_VIEW_NO_EXPLAIN: the plan of a view may be seen only with the right SHOW VIEW, which a monitor
# does not need otherwise.
_PLAN_OF_VIEW_DENIED = 1345
_COMMENTS = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)


def plan(query: Query, session: Session) -> Rows:
    """Return the plan of a query as the server's EXPLAIN has it; a SHOW has none, and is run.

    Raises QueryError, which says why it cannot be planned: `schema_missing` names the table or column.
    """
    session.use_time_zone(query.time_zone)
    statement = _planned_statement(query, session)
    if query.fallback is not None and unfit_column(query, session):
        statement = query.fallback
    if is_show(statement.text):
        return fetch(
            session, statement, query.parameters, query.timeout, query.max_rows
        )
    values = {**query.parameters, **_bounds(query, session)}
    rows = _explain(statement, values, query.timeout, session)
    _touch_system_tables(statement, query.timeout, session)
    return rows


def _bounds(query: Query, session: Session) -> Mapping[str, Bindable]:
    """Return between what a query is planned to read."""
    try:
        return example_bounds(query, session)
    except SampleError as error:
        raise QueryError(Reason.BAD_RESULT, str(error)) from None


def _planned_statement(query: Query, session: Session) -> Statement:
    """Return what is planned of a query; where it has no item now, the statement that gives them."""
    each = query.for_each
    if each is not None and each.statement is not None:
        return each.statement
    return query.statement_for(session.server.flavor)


def fetched(query: Query, session: Session) -> Rows:
    """Run a query once, for what it costs, for each of its items too; QueryError as the server answers."""
    if query.for_each is not None:
        return _fetched_each(query, query.for_each, session)
    statement = query.statement_for(session.server.flavor)
    session.use_time_zone(query.time_zone)
    return fetch(session, statement, query.parameters, query.timeout, query.max_rows)


def _fetched_each(query: Query, each: ForEach, session: Session) -> Rows:
    try:
        return answer_each(query, each, session, ANY_TURNS).rows
    except SampleError as error:
        raise QueryError(Reason.BAD_RESULT, str(error)) from None


def analyzed(query: Query, session: Session) -> Rows | None:
    """Run a query for its plan with what it really read; None where the server has no table of that.

    Raises QueryError as its run would.
    """
    if session.server.flavor is not Flavor.MARIADB:
        return None
    query = for_one_item(query, session)
    statement = _planned_statement(query, session)
    analyze = Statement(f"ANALYZE {statement.text}", statement.parameters)
    return fetch(session, analyze, query.parameters, query.timeout, MAX_PLAN_ROWS)


def plan_evidence(rule: Rule, query: Query, session: Session) -> None:
    """Plan the evidence of a rule, if it has one; a label of the finding may have any value.

    Raises QueryError as `plan` does.
    """
    if rule.evidence is None or query.for_each is not None:
        return  # there is none, or no item for which to plan it
    any_labels: dict[str, Bindable] = dict.fromkeys(rule.evidence.parameters, "")
    bounds = _bounds(query, session)
    values = {**any_labels, **query.parameters, **bounds, **_any_details(rule, query)}
    _explain(rule.evidence, values, query.timeout, session)
    _touch_system_tables(rule.evidence, query.timeout, session)


def _any_details(rule: Rule, query: Query) -> dict[str, Bindable]:
    """Return a list of NULL for each detail: a column of any type can be compared with it."""
    details = [one.details for one in query.metrics if one.name == rule.metric]
    return dict.fromkeys(chain.from_iterable(details), (None,))


def missing_needs(
    needs: Iterable[ColumnName], query: Query, session: Session
) -> tuple[ColumnName, ...]:
    """Touch the columns that a query or a rule needs, and return those that are missing.

    Raises QueryError where it cannot be known: a right that is lacking.
    """
    return tuple(need for need in needs if not _is_there(need, query.timeout, session))


def missing_text(columns: Iterable[ColumnName]) -> str:
    """Return which columns are missing, as a sentence."""
    names = sorted(str(column) for column in columns)
    verb = "is" if len(names) == 1 else "are"
    return f"{', '.join(names)} {verb} missing"


def seen_in_part(query: Query, session: Session) -> str:
    """Return what a query reads of which this account is shown only its own, such as threads; "" if nothing."""
    what = sees_only_its_own(query.statement_for(session.server.flavor).text)
    if what and not _may_see_all(query.timeout, session):
        return what
    return ""


def unfit_column(query: Query, session: Session) -> str:
    """Return why a query cannot read forward by its column, empty where it can or does not; raises QueryError."""
    walk = query.walk
    if isinstance(walk, Ledger):
        walk = Cursor(walk.table, walk.column)
    return why_unfit(query, walk, session) if isinstance(walk, Cursor) else ""


def is_show(text: str) -> bool:
    """Return whether a statement is a SHOW, behind its comments."""
    match = _COMMENTS.match(text)
    start = match.end() if match else 0
    return text[start : start + 4].upper() == "SHOW"


def _may_see_all(timeout: timedelta, session: Session) -> bool:
    """Return whether the account has PROCESS, or a role: what that gives is not always shown."""
    answer = session.fetch(
        Statement("SHOW GRANTS"), {}, timeout=timeout, max_rows=MAX_PLAN_ROWS
    )
    for (line,) in answer.rows:
        grant = read_grant(str(line))
        if grant is not None and (grant.is_role or grant.has_process):
            return True
    return False


def _is_there(need: ColumnName, timeout: timedelta, session: Session) -> bool:
    column, table = quoted(need.column), quoted(need.table)
    touch = Statement(f"SELECT {column} FROM {table} LIMIT 0")
    try:
        session.fetch(touch, {}, timeout=timeout, max_rows=1)
    except QueryError as error:
        if error.reason is not Reason.SCHEMA_MISSING:
            raise
        return False
    return True


def _touch_system_tables(
    statement: Statement, timeout: timedelta, session: Session
) -> None:
    """Read a row of each table of information_schema: only then the server asks for its right."""
    for table in system_tables(statement.text):
        touch = Statement(f"SELECT 1 FROM information_schema.{quoted(table)} LIMIT 1")
        session.fetch(touch, {}, timeout=timeout, max_rows=1)


def _explain(
    statement: Statement,
    values: Mapping[str, Bindable],
    timeout: timedelta,
    session: Session,
) -> Rows:
    # FORMAT: a server may be set to answer with a tree instead of rows (MySQL's explain_format)
    explain = Statement(
        f"EXPLAIN FORMAT=TRADITIONAL {statement.text}", statement.parameters
    )
    try:
        return fetch(session, explain, values, timeout, MAX_PLAN_ROWS)
    except QueryError as error:
        if error.code != _PLAN_OF_VIEW_DENIED:
            raise
    # LIMIT 0 around the whole: the server resolves every name, and reads no row.
    empty = Statement(
        f"SELECT 1 FROM (\n{statement.text}\n) planned LIMIT 0", statement.parameters
    )
    return fetch(session, empty, values, timeout, MAX_PLAN_ROWS)
