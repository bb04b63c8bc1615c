"""Part the missing columns of a schema query from those that are only hidden: each is touched; in a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from monitor.collector.cells import Field, text_of
from monitor.collector.samples import fields_of, missing_of
from monitor.model.errors import QueryError, Reason
from monitor.model.identifiers import quoted
from monitor.model.results import Failure, Rows
from monitor.model.settings import ColumnName, Labels, Query, SchemaColumns, labels_of

MAX_TOUCHES = 200
"""Statements of one run that touch; what is beyond them is unknown until the next run, never missing."""
MAX_LOOKS = 3

Look = Callable[[], Rows]
Touch = Callable[[str], None]
"""Send a statement; raises QueryError as the server answers."""


@dataclass(frozen=True, slots=True)
class SchemaAnswer:
    """What a schema query found and what is true of it.

    `rows` are without those of what is unknown; `silent` are the labels about which nothing is said.
    """

    rows: Rows
    missing: frozenset[ColumnName]
    unknown: frozenset[ColumnName]
    silent: tuple[Labels, ...]
    refusals: tuple[Failure, ...]


@dataclass(slots=True)
class _Touched:
    """What became of touching each column that looks missing."""

    missing: set[ColumnName] = field(default_factory=set)
    unknown: set[ColumnName] = field(default_factory=set)
    gone_tables: set[str] = field(default_factory=set)
    unknown_tables: set[str] = field(default_factory=set)
    """Denied, or told differently by information_schema and by touching."""
    is_contradicted: bool = False
    refusals: list[Failure] = field(default_factory=list)
    count: int = 0


def check_schema(query: Query, look: Look, touch: Touch) -> SchemaAnswer:
    """Look, and touch what looks missing; look again while the two disagree.

    information_schema hides what the account may not see: 1142 and 1143 tell that from 1054 and 1146. On
    MariaDB it also hides a table for the moment in which a copying ALTER or a RENAME changes it, at any look.
    Raises QueryError: access_denied where nothing at all can be seen.
    """
    for number in range(1, MAX_LOOKS + 1):
        rows = look()
        suspects = missing_of(query, rows)
        touched = _touch_all(suspects, touch)
        whole = _tables_without_columns(query, rows, suspects)
        is_settled = not touched.is_contradicted and touched.gone_tables <= whole
        # A table is gone for the moment of a RENAME: it is only believed to be when it is seen twice.
        if is_settled and (number > 1 or whole <= touched.unknown_tables):
            break
    touched.unknown_tables |= touched.gone_tables - whole
    return _without_unknown(query, rows, touched)


def _touch_all(suspects: Iterable[ColumnName], touch: Touch) -> _Touched:
    of_table: dict[str, list[ColumnName]] = defaultdict(list)
    for column in sorted(suspects, key=str):
        of_table[column.table].append(column)
    touched = _Touched()
    for table, columns in of_table.items():
        _touch_table(table, columns, touch, touched)
    return touched


def _touch_table(
    table: str, columns: list[ColumnName], touch: Touch, touched: _Touched
) -> None:
    error = _ask(f"SELECT 1 FROM {quoted(table)} LIMIT 0", touch, touched)
    if error is None:
        for column in columns:
            _touch_column(column, touch, touched)
    elif error.reason is Reason.SCHEMA_MISSING:
        touched.gone_tables.add(table)
        touched.missing.update(columns)
    else:
        touched.unknown_tables.add(table)
        touched.unknown.update(columns)


def _touch_column(column: ColumnName, touch: Touch, touched: _Touched) -> None:
    if touched.count >= MAX_TOUCHES:
        touched.unknown.add(column)
        return
    sql = f"SELECT {quoted(column.column)} FROM {quoted(column.table)} LIMIT 0"
    error = _ask(sql, touch, touched)
    if error is None:
        touched.is_contradicted = True
        touched.unknown_tables.add(column.table)
    elif error.reason is Reason.SCHEMA_MISSING:
        touched.missing.add(column)
    else:
        touched.unknown.add(column)


def _ask(sql: str, touch: Touch, touched: _Touched) -> QueryError | None:
    """Touch once; give what the server says of the schema or of our rights, raise everything else."""
    touched.count += 1
    try:
        touch(sql)
    except QueryError as error:
        if error.reason is Reason.ACCESS_DENIED:
            touched.refusals.append(
                Failure(error.reason, error.message, error.code, error.detail)
            )
        elif error.reason is not Reason.SCHEMA_MISSING:
            raise
        return error
    return None


def _tables_without_columns(
    query: Query, rows: Rows, suspects: frozenset[ColumnName]
) -> set[str]:
    """List the tables of which every expected column looks missing: they look as if they were gone."""
    schema = _schema_of(query)
    named = (_name_of(row, schema) for row in fields_of(rows))
    present = {name.table for name in named if name.column and name not in suspects}
    return {name.table for name in suspects} - present


def _without_unknown(query: Query, rows: Rows, touched: _Touched) -> SchemaAnswer:
    schema = _schema_of(query)
    kept = []
    has_column = False
    for cells, row in zip(rows.rows, fields_of(rows), strict=True):
        name = _name_of(row, schema)
        if name.table not in touched.unknown_tables and name not in touched.unknown:
            kept.append(cells)
            has_column = has_column or bool(name.column)
    if touched.refusals and not has_column:
        worst = touched.refusals[0]
        raise QueryError(
            worst.reason, worst.message, code=worst.code, detail=worst.detail
        )
    silent = [
        labels_of({schema.table: table}) for table in sorted(touched.unknown_tables)
    ]
    silent += [
        labels_of({schema.table: name.table, schema.column: name.column})
        for name in sorted(touched.unknown, key=str)
        if name.table not in touched.unknown_tables
    ]
    return SchemaAnswer(
        Rows(rows.columns, tuple(kept), rows.types),
        frozenset(touched.missing),
        frozenset(touched.unknown),
        tuple(silent),
        tuple(touched.refusals),
    )


def _schema_of(query: Query) -> SchemaColumns:
    if query.schema is None:
        raise ValueError(f"{query.name} is not a schema query")
    return query.schema


def _name_of(row: Mapping[str, Field], schema: SchemaColumns) -> ColumnName:
    """Return what a row is about; a row about a whole table has no column."""
    return ColumnName(text_of(row[schema.table]), text_of(row[schema.column]))
