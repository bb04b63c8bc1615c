"""Which columns are needed on a target, and by whom: what its schema queries look for; pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from monitor.config.selection import Selection
from monitor.model.application import ApplicationSql, SqlPlace
from monitor.model.settings import ColumnName

_MAX_NAMES: Final = 5
"""So many queries are named with a missing column: in an alert of one line."""
_MAX_LENGTH: Final = 900
"""Of that text: what a statement takes has an end."""
_MAX_PLACES: Final = 3
"""So many statements are named with a missing column: in an alert of one line."""


@dataclass(frozen=True, slots=True)
class NamedColumns:
    """Where an application's statements name which column; of names without a table only where one may have it."""

    places: Mapping[tuple[str, str], list[SqlPlace]] = field(default_factory=dict)
    """By table and column, in small letters."""

    def text_of(self, column: ColumnName) -> str:
        """Return where a column is named, in a few words; empty where it is not."""
        key = (column.table.lower(), column.column.lower())
        return places_text(self.places.get(key, ()))[:_MAX_LENGTH]


def named_columns(application: ApplicationSql) -> NamedColumns:
    """Return which columns an application's statements name, and where."""
    places: dict[tuple[str, str], list[SqlPlace]] = {}
    for statement in application.statements:
        for use in statement.uses.columns:
            if len(use.tables) == 1:
                key = (use.tables[0].lower(), use.column.lower())
                places.setdefault(key, []).append(statement.place)
    return NamedColumns(places)


def places_text(places: Collection[SqlPlace]) -> str:
    """Return where statements stand: the first of them, and how many more there are."""
    names = dict.fromkeys(place.short for place in places)
    return _few(list(names), _MAX_PLACES)


def needs_json(selection: Selection, named: NamedColumns) -> str:
    """Return which columns are needed on a target, each with who needs it: queries, and the application.

    What a schema query looks for by itself is among them where the application names it.
    """
    needed_by = selection.needed_by
    rows = []
    for column in sorted(selection.expected_columns.union(needed_by), key=str):
        row = {
            "table": column.table,
            "column": column.column,
            "queries": _few(sorted(needed_by.get(column, ())), _MAX_NAMES),
        }
        application = named.text_of(column)
        if application:
            row["application"] = application
        if column in needed_by or application:
            rows.append(row)
    # Plain letters: the schema query changes their case, which an escape would not follow.
    return json.dumps(rows, ensure_ascii=False)


def _few(names: Sequence[str], most: int) -> str:
    """Return names for a text: all of them where there are few."""
    text = ", ".join(names[:most])
    more = len(names) - most
    return f"{text} and {more} more" if more > 0 else text
