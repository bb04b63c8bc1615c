"""Add up the rows of a sweep's pieces as they came, for a person who asks to see them; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, compress

from monitor.model.metric_columns import value_columns
from monitor.model.results import Cell, Rows
from monitor.model.settings import Query


@dataclass(slots=True)
class RowSums:
    """The rows of all pieces so far: one for each that differs in a column that is not a value."""

    query: Query
    columns: tuple[str, ...] = ()
    found: dict[tuple[Cell, ...], tuple[Cell, ...]] = field(default_factory=dict)

    def add(self, rows: Rows) -> None:
        """Add the rows of one more piece."""
        self.columns = rows.columns
        values = set(chain(*(value_columns(metric) for metric in self.query.metrics)))
        is_value = tuple(column in values for column in rows.columns)
        is_label = tuple(not flag for flag in is_value)
        for row in rows.rows:
            labels = tuple(compress(row, is_label))
            before = self.found.get(labels)
            if before is None:
                self.found[labels] = row
            else:
                self.found[labels] = tuple(_sums(before, row, is_value))

    def rows(self) -> Rows:
        """Return them as one statement over the whole table would give them."""
        return Rows(
            columns=self.columns,
            rows=tuple(self.found.values()),
        )


def _sums(
    before: tuple[Cell, ...],
    row: tuple[Cell, ...],
    is_value: tuple[bool, ...],
) -> Iterator[Cell]:
    """Yield the cells of two rows of one label set as those of one row."""
    for cell, other, is_added in zip(before, row, is_value, strict=True):
        is_number = is_added and other is not None
        if not is_number:
            yield cell
        elif cell is None:
            # What is not there adds nothing.
            yield other
        else:
            yield cell + other  # type: ignore[operator]
