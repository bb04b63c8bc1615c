"""Find the items for which a query is asked, and make of each a query of its own; in a run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from monitor.collector.cell_rows import CellRow, fields_of
from monitor.collector.cells import CellField, label_of, text_of
from monitor.collector.evidence import plain_number
from monitor.collector.fetching import fetch_past_a_lock
from monitor.database import Session
from monitor.model.errors import QueryError, Reason, SampleError
from monitor.model.for_each import ForEach, QueryItem
from monitor.model.identifiers import identifier_fault
from monitor.model.results import Rows
from monitor.model.settings import Query, Scalar, Statement
from monitor.model.statements import Identifier, placeholder

_WHAT = "[for_each]"
_EMPTY = "is empty, and names nothing"
_NULL = "is NULL; use COALESCE(…)"


def items_of(
    query: Query, each: ForEach, session: Session, ends_at_seconds: float
) -> tuple[QueryItem, ...]:
    """Return for what a query is asked now, in the order in which the server or the file names it.

    Raises QueryError as the server answers, SampleError where a row names no item. The session has the zone.
    """
    if each.statement is None:
        return each.items
    rows = _fetched(query, each, each.statement, session, ends_at_seconds)
    try:
        return _items_in(each, rows)
    except SampleError as error:
        raise SampleError(f"{_WHAT}: {error}") from None


def of_item(query: Query, each: ForEach, item: QueryItem) -> Query:
    """Return the query as it is asked for one item; its columns have the word over parameters of their names.

    QueryError where a column that stands for a name holds none.
    """
    parameters = parameters_of(query, each, item)
    return replace(query, parameters=parameters, for_each=None)


def parameters_of(query: Query, each: ForEach, item: QueryItem) -> dict[str, Scalar]:
    """Return what the statements of a query are bound to for one item; QueryError as for `of_item`."""
    parameters = dict(query.parameters)
    parameters.update(item.values)
    for column in each.identifiers:
        value = parameters.get(column)
        fault = identifier_fault(value)
        if fault:
            message = f'"{column}" stands for a name, and {fault}'
            raise QueryError(Reason.BAD_RESULT, message)
        parameters[placeholder(column)] = Identifier(value)
    return parameters


def for_one_item(query: Query, session: Session) -> Query:
    """Return a query as it is asked for the first of its items; as it is where it has none, or there is none now.

    QueryError as the server answers, or where the items cannot be read.
    """
    each = query.for_each
    if each is None:
        return query
    ends_at_seconds = time.monotonic() + query.timeout.total_seconds()
    session.use_time_zone(query.time_zone)
    try:
        items = items_of(query, each, session, ends_at_seconds)
    except SampleError as error:
        raise QueryError(Reason.BAD_RESULT, str(error)) from None
    return of_item(query, each, items[0]) if items else query


def example_item(each: ForEach) -> QueryItem:
    """Return an item for people to read: the first of a list, else one that has the names of its columns."""
    if each.items:
        return each.items[0]
    return QueryItem(
        f"<{each.name}>", {column: f"<{column}>" for column in each.columns}
    )


def _fetched(
    query: Query,
    each: ForEach,
    statement: Statement,
    session: Session,
    ends_at_seconds: float,
) -> Rows:
    asked = replace(query, metrics=(), max_rows=each.max_items)
    try:
        return fetch_past_a_lock(session, statement, asked, ends_at_seconds)
    except QueryError as error:
        if error.reason is not Reason.TOO_MANY_ROWS:
            raise
    message = f"{_WHAT}: more than {each.max_items} items (max_items)"
    raise QueryError(Reason.TOO_MANY_ROWS, message)


def _items_in(each: ForEach, rows: Rows) -> tuple[QueryItem, ...]:
    items: dict[str, QueryItem] = {}
    spelt = _spelt_as_in(each, rows)
    for row in fields_of(spelt):
        name = label_of(row[each.name])
        if not name:
            raise row[each.name].error(_EMPTY)
        if name in items:
            raise SampleError(f'two items are called "{name}"')
        items[name] = QueryItem(name, _values(each, row))
    return tuple(items.values())


def _spelt_as_in(each: ForEach, rows: Rows) -> Rows:
    """Return rows with their columns called as the file calls them: MySQL answers in capitals."""
    named = {column.casefold(): column for column in each.columns}
    columns = tuple(named.get(column.casefold(), column) for column in rows.columns)
    lacking = [column for column in each.columns if column not in columns]
    if lacking:
        given = ", ".join(rows.columns)
        raise SampleError(f"lacks column {', '.join(lacking)}; its sql gives {given}")
    return replace(rows, columns=columns)


def _values(each: ForEach, row: CellRow) -> Mapping[str, Scalar]:
    return {column: _scalar(row[column]) for column in each.columns}


def _scalar(field: CellField) -> Scalar:
    """Return a cell as a statement can be bound to it."""
    cell = field.cell
    if cell is None:
        raise field.error(_NULL)
    if isinstance(cell, bool | int | float):
        return cell
    if isinstance(cell, Decimal):
        return plain_number(cell)
    return text_of(field)
