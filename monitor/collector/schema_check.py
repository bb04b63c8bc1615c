"""Separate the missing columns of a schema query from those that are only hidden: each is touched; in a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from monitor.collector.cell_rows import CellRow, fields_of
from monitor.collector.cells import text_of
from monitor.collector.samples import missing_of, schema_of
from monitor.model.errors import QueryError, Reason
from monitor.model.identifiers import quoted
from monitor.model.results import Failure, Rows
from monitor.model.settings import ColumnName, Labels, Query, SchemaColumns, labels_of

MAX_TOUCHES = 200
"""Statements of one run that touch; what is beyond them is unknown until the next run, never missing."""
MAX_LOOKS = 3
"""A look and what it touches are two statements: a table that is altered between them makes them differ."""

Look = Callable[[], Rows]
"""Run the schema query; raises QueryError as the server answers."""
Touch = Callable[[str], None]
"""Send a statement; raises QueryError as the server answers."""


@dataclass(frozen=True, slots=True)
class SchemaAnswer:
    """What a schema query found and what is true of it.

    `rows` are without those of what is unknown; `silent` are the labels about which nothing is said, of a
    whole table or of one column.
    """

    rows: Rows
    missing: frozenset[ColumnName]
    unknown: frozenset[ColumnName]
    silent: tuple[Labels, ...]
    refusals: tuple[Failure, ...]


@dataclass(slots=True)
class _Touches:
    """Touches what looks missing, and keeps what became of each table and column."""

    touch: Touch
    missing: set[ColumnName] = field(default_factory=set)
    unknown: set[ColumnName] = field(default_factory=set)
    gone_tables: set[str] = field(default_factory=set)
    unknown_tables: set[str] = field(default_factory=set)
    """Denied, or not the same by information_schema and by touching."""
    is_contradicted: bool = False
    """A column that looks missing is there: the look is out of date."""
    refusals: list[Failure] = field(default_factory=list)
    count: int = 0

    def touch_all(self, suspects: Iterable[ColumnName]) -> None:
        """Touch each table once, and where it is there each of its columns."""
        of_table: dict[str, list[ColumnName]] = defaultdict(list)
        for column in sorted(suspects, key=str):
            of_table[column.table].append(column)
        for table, columns in of_table.items():
            self._touch_table(table, columns)

    def is_unknown(self, name: ColumnName) -> bool:
        """Return whether nothing can be said of a column."""
        return name.table in self.unknown_tables or name in self.unknown

    def _touch_table(self, table: str, columns: list[ColumnName]) -> None:
        error = self._ask(f"SELECT 1 FROM {quoted(table)} LIMIT 0")
        if error is None:
            for column in columns:
                self._touch_column(column)
        elif error.reason is Reason.SCHEMA_MISSING:
            self.gone_tables.add(table)
            self.missing.update(columns)
        else:
            self.unknown_tables.add(table)
            self.unknown.update(columns)

    def _touch_column(self, column: ColumnName) -> None:
        if self.count >= MAX_TOUCHES:
            self.unknown.add(column)
            return
        name, table = quoted(column.column), quoted(column.table)
        error = self._ask(f"SELECT {name} FROM {table} LIMIT 0")
        if error is None:
            self.is_contradicted = True
            self.unknown_tables.add(column.table)
        elif error.reason is Reason.SCHEMA_MISSING:
            self.missing.add(column)
        else:
            self.unknown.add(column)

    def _ask(self, sql: str) -> QueryError | None:
        """Touch once; return what the server says of the schema or of our rights, raise all else."""
        self.count += 1
        try:
            self.touch(sql)
        except QueryError as error:
            if error.reason is Reason.ACCESS_DENIED:
                self.refusals.append(
                    Failure(error.reason, error.message, error.code, error.detail)
                )
            elif error.reason is not Reason.SCHEMA_MISSING:
                raise
            return error
        return None


def check_schema(query: Query, look: Look, touch: Touch) -> SchemaAnswer:
    """Look, and touch what looks missing; look again while the two disagree.

    information_schema hides what the account may not see: 1142 and 1143 distinguish that from 1054 and 1146. On
    MariaDB it also hides a table for the moment in which a copying ALTER or a RENAME changes it, at any look.
    Raises QueryError: access_denied where nothing at all can be seen.
    """
    for number in range(1, MAX_LOOKS + 1):
        rows = look()
        suspects = missing_of(query, rows)
        touches = _Touches(touch)
        touches.touch_all(suspects)
        looks_gone = _tables_without_columns(query, rows, suspects)
        is_agreed = touches.gone_tables <= looks_gone
        # A table is gone for the moment of a RENAME: it is only believed to be when it is seen twice.
        has_been_seen_twice = number > 1
        is_believed = has_been_seen_twice or looks_gone <= touches.unknown_tables
        if is_agreed and is_believed and not touches.is_contradicted:
            break
    touches.unknown_tables |= touches.gone_tables - looks_gone
    return _without_unknown(query, rows, touches)


def _tables_without_columns(
    query: Query, rows: Rows, suspects: frozenset[ColumnName]
) -> set[str]:
    """Return the tables of which every expected column looks missing: they look as if they were gone."""
    schema = schema_of(query)
    tables = {name.table for name in suspects}
    for row in fields_of(rows):
        name = _name_of(row, schema)
        is_present = name.column and name not in suspects
        if is_present:
            tables.discard(name.table)
    return tables


def _without_unknown(query: Query, rows: Rows, touches: _Touches) -> SchemaAnswer:
    """Return the answer without what cannot be known; QueryError where that is every column."""
    schema = schema_of(query)
    kept = []
    has_column = False
    for cells, row in zip(rows.rows, fields_of(rows), strict=True):
        name = _name_of(row, schema)
        if touches.is_unknown(name):
            continue
        kept.append(cells)
        has_column |= bool(name.column)
    if touches.refusals and not has_column:
        raise _as_error(touches.refusals[0])
    return SchemaAnswer(
        rows=Rows(rows.columns, tuple(kept), rows.types),
        missing=frozenset(touches.missing),
        unknown=frozenset(touches.unknown),
        silent=_silent_labels(schema, touches),
        refusals=tuple(touches.refusals),
    )


def _as_error(refusal: Failure) -> QueryError:
    return QueryError(
        refusal.reason,
        refusal.message,
        code=refusal.code,
        detail=refusal.detail,
    )


def _silent_labels(schema: SchemaColumns, touches: _Touches) -> tuple[Labels, ...]:
    """Return the labels of the unknown tables, then those of single columns in other tables."""
    tables = sorted(touches.unknown_tables)
    columns = [
        name
        for name in sorted(touches.unknown, key=str)
        if name.table not in touches.unknown_tables
    ]
    whole = [labels_of({schema.table: table}) for table in tables]
    single = [
        labels_of({schema.table: name.table, schema.column: name.column})
        for name in columns
    ]
    return (*whole, *single)


def _name_of(row: CellRow, schema: SchemaColumns) -> ColumnName:
    """Return what a row is about; a row about a whole table has no column."""
    return ColumnName(text_of(row[schema.table]), text_of(row[schema.column]))
