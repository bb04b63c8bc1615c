"""What brings back what is missing: the migration that adds it, or an ALTER by a type that is guessed; pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.contract.schema import MissingName, SchemaTables
from monitor.model.application import ApplicationSql, ColumnUse, PlacedChange
from monitor.model.identifiers import in_one_line, quoted


def repair_of(
    missing: MissingName,
    application: ApplicationSql,
    schema: SchemaTables,
) -> str:
    """Return what to do about a missing table or column, in one line."""
    added = list(_changes_of(missing, application))
    if added:
        # The last one has the column as it is meant to be now.
        return _by_migration(missing, added[-1])
    if not missing.column:
        return "nothing in the directory creates it: look for its CREATE TABLE"
    types = schema.types_of(missing.column)
    if len(types) == len(missing.tables) == 1:
        table = missing.tables[0]
        alter = _alter(table, missing.column, in_one_line(types[0]))
        return (
            f"{alter} (the type that columns of this name have elsewhere; look it up)"
        )
    return "nothing in the directory adds it: its type must be looked up"


def similar_names(
    missing: MissingName,
    schema: SchemaTables,
) -> tuple[str, ...]:
    """Return what there is of a similar name: it may have been renamed, or mistyped."""
    if missing.column:
        similar = schema.similar_columns(ColumnUse(missing.tables, missing.column))
    else:
        similar = schema.similar_tables(missing.tables[0])
    return tuple(map(in_one_line, similar))


def _changes_of(
    missing: MissingName,
    application: ApplicationSql,
) -> Iterator[PlacedChange]:
    """Yield what adds it, and what gives it its name or another one, in order."""
    wanted = _wanted(missing)
    for one in application.changes:
        names = {one.change.name, one.change.former_name}
        if names & wanted:
            yield one


def _wanted(missing: MissingName) -> set[tuple[str, str]]:
    column = missing.column.lower()
    return {(table.lower(), column) for table in missing.tables}


def _by_migration(
    missing: MissingName,
    added: PlacedChange,
) -> str:
    place = in_one_line(f"{added.place.file}:{added.place.line}")
    change = added.change
    if change.name not in _wanted(missing):
        new_name = in_one_line(change.column or change.table)
        return f"{place} renames it to {new_name}"
    if change.old_name:
        return f"{place} renames {in_one_line(change.old_name)} to it: was it run?"
    if not missing.column:
        return f"{place} creates it: was it run?"
    alter = _alter(change.table, change.column, change.definition)
    return f"{place} adds it: was it run? {alter}"


def _alter(table: str, column: str, definition: str) -> str:
    # Whoever copies it has names that are words of SQL, or have a blank in them, too.
    names = in_one_line(f"{quoted(table)} ADD COLUMN {quoted(column)}")
    return f"ALTER TABLE {names} {definition};"
