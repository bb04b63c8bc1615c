"""What the source of an application says of the schema: its statements, where they stand, what its migrations add."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from monitor.model.columns import ColumnName

HOLE: Final = "__hole__"
"""Stands in a statement for what only the running application knows."""


@dataclass(frozen=True, slots=True)
class SqlPlace:
    """Where a statement stands, and how it begins."""

    file: str
    line: int
    head: str

    @property
    def short(self) -> str:
        """Return it as a text names it: `src/tokens.ts:41`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """A column that a statement names; it must be in one of these tables."""

    tables: tuple[str, ...]
    column: str


@dataclass(frozen=True, slots=True)
class Uses:
    """The tables and columns that a statement names, each once, in order of appearance."""

    tables: tuple[str, ...] = ()
    columns: tuple[ColumnUse, ...] = ()

    def beside(self, known: Uses) -> Uses:
        """Return what is named here, and not in what is known."""
        tables = [table for table in self.tables if table not in known.tables]
        columns = [use for use in self.columns if use not in known.columns]
        return Uses(tuple(tables), tuple(columns))


@dataclass(frozen=True, slots=True)
class ReadStatement:
    """A statement of the application that could be read."""

    place: SqlPlace
    uses: Uses
    is_certain: bool = True
    """Whether it is SQL without a doubt: `select a plan from the list` may be an English sentence."""


@dataclass(frozen=True, slots=True)
class UnreadStatement:
    """What looks like a statement and could not be read, and why."""

    place: SqlPlace
    why: str


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """A table, or a column of one, that a statement adds, or gives its name."""

    table: str
    column: str = ""
    definition: str = ""
    """The type of a new column, and what follows it."""
    is_temporary: bool = False
    old_name: str = ""
    """What it was called before; of what is new nothing."""

    @property
    def name(self) -> tuple[str, str]:
        """Return table and column in small letters, to be compared."""
        return self.table.lower(), self.column.lower()

    @property
    def former_name(self) -> tuple[str, str]:
        """Return what `name` was before, which is the same of what is new."""
        if not self.old_name:
            return self.name
        old = self.old_name.lower()
        return (self.table.lower(), old) if self.column else (old, "")


@dataclass(frozen=True, slots=True)
class PlacedChange:
    """What a statement of the application adds to the schema, and where."""

    place: SqlPlace
    change: SchemaChange


@dataclass(frozen=True, slots=True)
class ApplicationSql:
    """What the files of an application hold."""

    statements: tuple[ReadStatement, ...] = ()
    unread: tuple[UnreadStatement, ...] = ()
    changes: tuple[PlacedChange, ...] = ()
    files: int = 0
    """In how many of them statements were found."""
    migrations: int = 0
    """How many were taken for migrations, whose statements are not checked."""

    @property
    def tables(self) -> frozenset[str]:
        """Return every table that a statement names, or may mean by a column."""
        names: set[str] = set()
        for statement in self.statements:
            names.update(statement.uses.tables)
            for use in statement.uses.columns:
                names.update(use.tables)
        return frozenset(names)

    @property
    def temporary_tables(self) -> frozenset[str]:
        """Return the tables that the application makes for itself, in small letters."""
        changes = [one.change for one in self.changes]
        names = [one.table.lower() for one in changes if one.is_temporary]
        return frozenset(names)


@dataclass(frozen=True, slots=True)
class Contract:
    """What a query compares with the database: the application's statements, and what of them does not count.

    `table`, `column` and `type` are the result's columns that say what there is; `folded` says with 1 that the
    server does not distinguish capitals in the names of tables.
    """

    table: str
    column: str
    type: str
    folded: str
    application: ApplicationSql = field(default_factory=ApplicationSql)
    ignored: tuple[str, ...] = ()
    """Patterns of tables, and of `table.column`, that are not of this database."""
    elsewhere: frozenset[ColumnName] = frozenset()
    """What a schema query of the same target expects too, and tells of."""
    fault: str = ""
    """Why nothing of the application is known."""
