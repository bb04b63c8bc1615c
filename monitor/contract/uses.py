"""Find the tables and columns that a parsed statement names: each column in the tables that may have it; pure.

A name without a table belongs to any of the tables around it. What a statement makes itself (aliases, sub-selects,
common table expressions) is nothing that it needs, and what only the running application knows is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlglot import exp

from monitor.contract.parsing import (
    ParseError,
    children,
    conditions_of,
    is_star_of_table,
    names_in,
    places_of,
    renames,
    result_names,
)
from monitor.contract.scopes import (
    OPEN,
    NameSource,
    SelectScope,
    merged,
)
from monitor.contract.words import is_column, is_made_by_server
from monitor.model.application import HOLE, ColumnUse, Uses

_CLAUSES: Final = (
    "expressions",
    "where",
    "windows",
    "qualify",
    "limit",
    "offset",
)
_CLAUSES_BY_RESULT: Final = (
    "group",
    "having",
    "order",
)
"""They may name a column of the result."""
_OF_CHANGE: Final = (
    "expressions",
    "where",
    "order",
    "limit",
)


def uses_of(
    statement: exp.Expr,
    database: str = "",
) -> Uses:
    """Return what a statement names; tables of another database than this one are left out.

    What is neither a query nor changes rows names nothing. ParseError where its form is one that nobody expects.
    """
    reader = _NameReader(database)
    try:
        reader.read(statement)
    except Exception:  # noqa: BLE001 - the tree is of another's making: no statement may end the reading of others
        raise ParseError("is of a form that is not known") from None
    return Uses(
        tables=tuple(reader.tables),
        columns=tuple(reader.columns),
    )


class _NameReader:
    """Walks a statement once, and keeps what it names."""

    def __init__(
        self,
        database: str,
    ) -> None:
        self._database = database.lower()
        self.tables: dict[str, None] = {}
        self.columns: dict[ColumnUse, None] = {}

    def read(
        self,
        statement: exp.Expr,
    ) -> None:
        """Read a whole statement."""
        if isinstance(statement, exp.Query):
            self._query(statement, SelectScope())
        elif isinstance(statement, exp.Insert):
            self._insert(statement)
        elif isinstance(statement, (exp.Update, exp.Delete)):
            self._change(statement)

    def _query(
        self,
        query: exp.Expr,
        around: SelectScope,
    ) -> NameSource:
        """Read a SELECT, UNION, VALUES or what stands in parentheses; return what it offers to who reads from it."""
        scope = self._with_made(query, around)
        if isinstance(query, exp.Select):
            return self._select(query, scope)
        if isinstance(query.this, exp.Table):
            return self._parenthesis(query.this, scope)
        self._read_all(query.expressions, scope)
        parts = children(query, "this", "expression")
        # The first part of a UNION names its columns.
        offered = [self._query(part, scope) for part in parts]
        return offered[0] if offered else OPEN

    def _parenthesis(
        self,
        table: exp.Table,
        scope: SelectScope,
    ) -> NameSource:
        self._add(table, scope)
        return merged(scope.sources.values())

    def _with_made(
        self,
        query: exp.Expr,
        around: SelectScope,
    ) -> SelectScope:
        """Return a scope with the common table expressions of a query."""
        scope = around.inner()
        for clause in children(query, "with_"):
            made = dict(around.made)
            for one in clause.expressions:
                # A recursive one reads itself.
                within = {**made, one.alias.lower(): OPEN}
                inside = SelectScope(
                    made=within if clause.args.get("recursive") else made
                )
                source = self._query(one.this, inside)
                made[one.alias.lower()] = _renamed(one, source)
            scope.made = made
        return scope

    def _select(
        self,
        select: exp.Select,
        scope: SelectScope,
    ) -> NameSource:
        self._add_places(select, scope)
        self._read_all(children(select, *_CLAUSES), scope)
        results = scope.inner()
        results.put("", NameSource(names=result_names(select)))
        self._read_all(children(select, *_CLAUSES_BY_RESULT), results)
        return merged(_offered(column, scope) for column in select.expressions)

    def _add_places(
        self,
        node: exp.Expr,
        scope: SelectScope,
    ) -> None:
        """Add what stands behind FROM, JOIN and commas, then read the conditions of the joins."""
        for place in places_of(node):
            self._add(place, scope)
        self._read_all(conditions_of(node), scope)

    def _add(
        self,
        place: exp.Expr,
        scope: SelectScope,
    ) -> None:
        """Add a table, or what stands in its place, and what is joined to it."""
        if isinstance(place, exp.Table):
            self._add_table(place, scope)
        elif place.alias:
            # Not of a SELECT's scope but of its own: what is within has other aliases.
            source = self._query(place.this or place, scope)
            scope.put(place.alias, _renamed(place, source))
        elif isinstance(place, exp.Subquery):
            self._add(place.this, scope)
        else:
            # Rows, or a SELECT as in MariaDB's Oracle mode; what either joins is its own.
            scope.put("", self._query(place, scope))
            return
        self._add_places(place, scope)

    def _add_table(
        self,
        table: exp.Table,
        scope: SelectScope,
    ) -> None:
        source = self._table(table, scope)
        scope.put(table.alias or table.name, source)
        if HOLE in table.alias:
            # A piece of the statement that looks like an alias: the table keeps its name.
            scope.put(table.name, source)

    def _table(
        self,
        table: exp.Table,
        scope: SelectScope,
    ) -> NameSource:
        """Return what a table offers, and keep its name where it is one of the database."""
        name = table.name
        is_elsewhere = table.db.lower() not in ("", self._database)
        is_unknown = name == HOLE or not isinstance(table.this, exp.Identifier)
        if is_elsewhere or is_unknown or is_made_by_server(name):
            return OPEN
        if name.lower() == "dual":
            return NameSource()
        made = scope.made.get(name.lower())
        if made is not None:
            return made
        self.tables[name] = None
        return NameSource((name,))

    def _read_all(
        self,
        nodes: Iterable[exp.Expr],
        scope: SelectScope,
    ) -> None:
        """Read the names in expressions, and the sub-selects in them."""
        for node in nodes:
            for one in names_in(node):
                if not isinstance(one, exp.Column):
                    self._query(one, scope)
                elif is_column(one):
                    self._use(one.name, one.table, scope)

    def _use(
        self,
        column: str,
        alias: str,
        scope: SelectScope,
    ) -> None:
        is_known = HOLE not in column
        is_name = column.lower() not in ("*", "", "default")
        tables = scope.tables_of(column, alias)
        if tables and is_known and is_name:
            self.columns[ColumnUse(tables, column)] = None

    def _insert(
        self,
        insert: exp.Insert,
    ) -> None:
        scope = self._with_made(insert, SelectScope())
        target = insert.this
        table = target.find(exp.Table)
        if table is None:
            return
        self._add_table(table, scope)
        # Without a list of columns there is a table alone, which has no expressions.
        for column in target.expressions:
            self._use(column.name, table.name, scope)
        values = children(insert, "expression")
        self._read_all(values, SelectScope(made=scope.made))
        for conflict in children(insert, "conflict"):
            self._assign(conflict.expressions, table.name, scope)

    def _assign(
        self,
        changes: Iterable[exp.Expr],
        table: str,
        scope: SelectScope,
    ) -> None:
        """Read ON DUPLICATE KEY UPDATE: columns of the table, from what may be of the new row or of a SELECT."""
        for change in changes:
            self._use(change.this.name, table, scope)
        scope.put("", OPEN)
        self._read_all(changes, scope)

    def _change(
        self,
        statement: exp.Expr,
    ) -> None:
        """Read an UPDATE or DELETE: what it changes, by what it joins."""
        scope = self._with_made(statement, SelectScope())
        # DELETE … USING names its tables there, and repeats their aliases before.
        using = children(statement, "using")
        for place in using or children(statement, "this"):
            self._add(place, scope)
        self._read_all(children(statement, *_OF_CHANGE), scope)


def _renamed(
    node: exp.Expr,
    source: NameSource,
) -> NameSource:
    """Return a source by the names that its alias gives to its columns."""
    names = renames(node)
    return NameSource(names=names) if names else source


def _offered(
    column: exp.Expr,
    scope: SelectScope,
) -> NameSource:
    """Return what one column of a SELECT is for who selects from that."""
    if isinstance(column, exp.Star):
        return merged(scope.sources.values())
    if is_star_of_table(column):
        return scope.named(column.args["table"].name) or OPEN
    name = column.alias_or_name
    if HOLE in name:
        return OPEN
    return NameSource(names=frozenset({name.lower()}))
