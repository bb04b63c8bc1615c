"""What an application's source says, as a document for JSON and back; between the child that reads it and a load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import intern
from typing import Any

from monitor.model.application import (
    ApplicationSql,
    ColumnUse,
    PlacedChange,
    ReadStatement,
    SchemaChange,
    SqlPlace,
    UnreadStatement,
    Uses,
)


def to_document(application: ApplicationSql) -> dict[str, Any]:
    """Return it as values for JSON, without how statements begin; what many name alike stands there once."""
    places: dict[tuple[Uses, bool], list[SqlPlace]] = {}
    for one in application.statements:
        places.setdefault((one.uses, one.is_certain), []).append(one.place)
    return {
        "statements": [
            {
                "tables": uses.tables,
                "columns": [[use.column, *use.tables] for use in uses.columns],
                "certain": is_certain,
                "places": [_place(place) for place in found],
            }
            for (uses, is_certain), found in places.items()
        ],
        "unread": [[*_place(one.place), one.why] for one in application.unread],
        "changes": [_change(one) for one in application.changes],
        "files": application.files,
        "migrations": application.migrations,
    }


def from_document(document: Mapping[str, Any]) -> ApplicationSql:
    """Return what a document holds; LookupError, TypeError or ValueError where it is none."""
    statements: list[ReadStatement] = []
    for given in document["statements"]:
        statements.extend(_statements(given))
    unread = [
        UnreadStatement(_placed(file, line), why)
        for file, line, why in document["unread"]
    ]
    return ApplicationSql(
        statements=tuple(statements),
        unread=tuple(unread),
        changes=tuple(_placed_change(one) for one in document["changes"]),
        files=document["files"],
        migrations=document["migrations"],
    )


def _place(place: SqlPlace) -> list[Any]:
    # Not how the statement begins: where it stands is all that a text says, and of thousands that is a third.
    return [place.file, place.line]


def _placed(file: str, line: int) -> SqlPlace:
    return SqlPlace(intern(file), line, "")


def _change(one: PlacedChange) -> list[Any]:
    change = one.change
    return [
        *_place(one.place),
        change.table,
        change.column,
        change.definition,
        change.is_temporary,
        change.old_name,
    ]


def _placed_change(given: Sequence[Any]) -> PlacedChange:
    # What an older version has kept ends before the old name.
    file, line, *change = given
    return PlacedChange(_placed(file, line), SchemaChange(*change))


def _statements(given: Mapping[str, Any]) -> list[ReadStatement]:
    # The same few names again and again, each of which the reader of JSON has made anew.
    columns = [
        ColumnUse(tuple(map(intern, tables)), intern(column))
        for column, *tables in given["columns"]
    ]
    uses = Uses(tuple(map(intern, given["tables"])), tuple(columns))
    return [
        ReadStatement(_placed(file, line), uses, given["certain"])
        for file, line in given["places"]
    ]
