"""Put the cells of each row under the names of their columns; between database and samples; pure."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.collector.cells import CellField, type_of
from monitor.model.errors import SampleError
from monitor.model.results import Cell, ColumnType, Rows

CellRow = Mapping[str, CellField]
"""One row's cells by the names of their columns."""


def fields_of(rows: Rows) -> list[CellRow]:
    """Return each row's cells by their columns; SampleError where two columns have one name."""
    # By their names one of them would stand for both.
    doubled = sorted({name for name in rows.columns if rows.columns.count(name) > 1})
    if doubled:
        raise SampleError(
            f"two columns are called {', '.join(doubled)}; alias one of them"
        )
    fields: list[CellRow] = []
    for number, cells in enumerate(rows.rows, start=1):
        fields.append(_fields_of_row(rows, number, cells))
    return fields


def _fields_of_row(rows: Rows, number: int, cells: tuple[Cell, ...]) -> CellRow:
    types = rows.types or _types_of(cells)
    row = {}
    for name, cell, column_type in zip(rows.columns, cells, types, strict=True):
        row[name] = CellField(
            cell=cell,
            column=name,
            type=column_type,
            row=number,
        )
    return row


def _types_of(cells: tuple[Cell, ...]) -> tuple[ColumnType, ...]:
    """Return what each cell says by itself that it is, where no server said it of the columns."""
    return tuple(type_of(cell) for cell in cells)
