"""Label sets, columns that queries need, and where a schema query says which of them are missing; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Label names and values, sorted by name: hashable, so that a label set can be an identity."""


def labels_of(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
    """Return the canonical form of a label set: sorted by name, empty values left out."""
    # A label without a value is not a label, as in Prometheus: else one alert would have two identities.
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return tuple(sorted([(name, value) for name, value in items if value != ""]))


@dataclass(frozen=True, slots=True)
class ColumnName:
    """A column of a table that a query cannot do without."""

    table: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"

    def is_named_in(self, names: Set[str]) -> bool:
        """Return whether these names, in lower case, have the column's or its table's."""
        return self.column.lower() in names or self.table.lower() in names


@dataclass(frozen=True, slots=True)
class SchemaColumns:
    """In which columns a schema query says table, column, and 1 for missing."""

    table: str
    column: str
    missing: str

    def column_in(self, labels: Labels) -> ColumnName | None:
        """Return the column that a sample or an alert of the query is about; None where it names none."""
        named = dict(labels)
        if self.table not in named or self.column not in named:
            return None
        return ColumnName(named[self.table], named[self.column])

    def is_about(self, labels: Labels, columns: Iterable[ColumnName]) -> bool:
        """Return whether an alert of the query is about one of these columns, or about the whole table."""
        named = dict(labels)
        table, column = named.get(self.table, ""), named.get(self.column)
        if column is None:
            return table in {one.table for one in columns}
        return ColumnName(table, column) in columns
