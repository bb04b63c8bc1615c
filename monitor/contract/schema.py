"""The tables and columns that a database has, and what of an application's SQL it lacks; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain

from monitor.model.application import HOLE, ColumnUse, ReadStatement, SqlPlace, Uses
from monitor.model.online_changes import is_online_change_table

_FEW = 3
_KNOWN_TOO_LITTLE = re.compile(
    rf"(?=.*{HOLE})(?:{HOLE}|[\d_]|[A-Za-z]{{1,3}}(?![A-Za-z]))+"
)
"""Part of a name, and no word in it that has four letters."""
INFORMATION_SCHEMA = frozenset(
    (
        "columns",
        "key_column_usage",
        "processlist",
        "referential_constraints",
        "routines",
        "schemata",
        "statistics",
        "table_constraints",
        "tables",
        "triggers",
        "views",
    )
)
"""Read without its name, they are of a connection that has another database."""


@dataclass(frozen=True, slots=True)
class SchemaTables:
    """The columns of each table with their types; columns in small letters, tables too where the server does so."""

    tables: Mapping[str, Mapping[str, str]]
    ignores_case: bool = False

    def named(
        self,
        name: str,
    ) -> list[str]:
        """Return the tables that a name in a statement can mean: one, or all that fit where part of it is open."""
        wanted = name.lower() if self.ignores_case else name
        if wanted in self.tables:
            return [wanted]
        pattern = re.compile(wanted.replace("$", r"\$").replace(HOLE, r"\w*"))
        return [table for table in self._lasting if pattern.fullmatch(table)]

    @property
    def _lasting(self) -> list[str]:
        """Return the tables that nobody is just making or leaving behind: by its whole name alone one is meant."""
        return [table for table in self.tables if not is_online_change_table(table)]

    def lacks(
        self,
        use: ColumnUse,
    ) -> bool:
        """Return whether none of the tables has a column; if one of the tables is missing itself, that is it."""
        is_complete = all(self.named(name) for name in use.tables)
        return is_complete and use.column.lower() not in self._columns_of(use)

    def similar_tables(
        self,
        name: str,
    ) -> tuple[str, ...]:
        """Return tables that may be meant by a name."""
        return _near(name, self._lasting)

    def similar_columns(
        self,
        use: ColumnUse,
    ) -> tuple[str, ...]:
        """Return columns of these tables that may be meant by a name."""
        return _near(use.column.lower(), self._columns_of(use))

    def _columns_of(
        self,
        use: ColumnUse,
    ) -> list[str]:
        tables = chain.from_iterable(self.named(name) for name in use.tables)
        columns = [self.tables[table] for table in tables]
        return list(chain.from_iterable(columns))

    def types_of(
        self,
        column: str,
    ) -> tuple[str, ...]:
        """Return the types that columns of this name have in any table."""
        types = [columns.get(column.lower(), "") for columns in self.tables.values()]
        found = dict.fromkeys(types)
        found.pop("", None)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class MissingName:
    """A table that there is not, or a column that none of some tables has."""

    tables: tuple[str, ...]
    column: str = ""

    def __str__(self) -> str:
        """Return it as a message names it."""
        table = " or ".join(self.tables).replace(HOLE, "…")
        return f"column {table}.{self.column}" if self.column else f"table {table}"


def missing_names(
    statements: Iterable[ReadStatement],
    schema: SchemaTables,
    temporary: AbstractSet[str],
) -> dict[MissingName, list[SqlPlace]]:
    """Return what statements name and the schema lacks, each with where; `temporary` tables are the application's."""
    found: dict[MissingName, list[SqlPlace]] = {}
    for statement in statements:
        for name in _missing_in(statement.uses, schema, temporary):
            found.setdefault(name, []).append(statement.place)
    return found


def doubt_of(
    statement: ReadStatement,
    schema: SchemaTables,
) -> str:
    """Return why a statement is none of this database, perhaps, where it names tables that there are not."""
    missing = [name for name in statement.uses.tables if not schema.named(name)]
    if not missing:
        return ""
    if INFORMATION_SCHEMA.issuperset(name.lower() for name in missing):
        return "names a table of information_schema"
    if _KNOWN_TOO_LITTLE.fullmatch(missing[0]):
        return "too little is known of the table's name"
    return (
        "" if statement.is_certain else f"no SQL, or the table {missing[0]} is missing"
    )


def _missing_in(
    uses: Uses,
    schema: SchemaTables,
    temporary: AbstractSet[str],
) -> Iterator[MissingName]:
    for table in uses.tables:
        is_known = bool(schema.named(table))
        if not is_known and table.lower() not in temporary:
            yield MissingName(
                tables=(table,),
            )
    lacking = filter(schema.lacks, uses.columns)
    yield from (
        MissingName(
            tables=use.tables,
            column=use.column,
        )
        for use in lacking
    )


def _near(
    name: str,
    known: Iterable[str],
) -> tuple[str, ...]:
    return tuple(get_close_matches(name, sorted(known), _FEW))
