"""Compare an application's statements with the tables and columns that there are; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from monitor.contract.schema import (
    MissingName,
    SchemaTables,
    doubt_of,
    missing_names,
)
from monitor.model.application import (
    ApplicationSql,
    ReadStatement,
    SqlPlace,
    UnreadStatement,
)


@dataclass(frozen=True, slots=True)
class SchemaComparison:
    """What of the application's statements there is, and what looks missing; each with where it is named."""

    missing: Mapping[MissingName, Sequence[SqlPlace]]
    present: int
    """How many tables and columns that they name there are."""
    judged: int
    """How many statements were compared."""
    doubtful: tuple[UnreadStatement, ...]
    """Those that are of another database, perhaps, or no SQL."""


def compared(
    application: ApplicationSql,
    schema: SchemaTables,
    ignored: Sequence[str],
) -> SchemaComparison:
    """Compare every statement; `ignored` are patterns of tables and of `table.column` that do not count."""
    sure: list[ReadStatement] = []
    doubtful: list[UnreadStatement] = []
    for statement in application.statements:
        doubt = doubt_of(statement, schema)
        if doubt:
            doubtful.append(UnreadStatement(statement.place, doubt))
        else:
            sure.append(statement)
    found = missing_names(sure, schema, application.temporary_tables)
    missing = {
        name: places for name, places in found.items() if not _is_ignored(name, ignored)
    }
    return SchemaComparison(
        missing=missing,
        present=_count_present(sure, found),
        judged=len(sure),
        doubtful=tuple(doubtful),
    )


def _count_present(
    statements: Sequence[ReadStatement], missing: Collection[MissingName]
) -> int:
    """Return how many of the names there are; a column of a table that is missing is not one of them."""
    gone = {name.tables[0] for name in missing if not name.column}
    names = _names_in(statements).difference(missing)
    return sum(gone.isdisjoint(name.tables) for name in names)


def _names_in(statements: Sequence[ReadStatement]) -> set[MissingName]:
    names: set[MissingName] = set()
    for statement in statements:
        names.update(MissingName((table,)) for table in statement.uses.tables)
        columns = statement.uses.columns
        names.update(MissingName(use.tables, use.column) for use in columns)
    return names


def _is_ignored(missing: MissingName, patterns: Sequence[str]) -> bool:
    columns = [f"{table}.{missing.column}" for table in missing.tables]
    names = [*missing.tables, *columns]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
