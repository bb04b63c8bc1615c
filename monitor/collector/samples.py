"""Turn rows into samples, by what a query's file says of its columns; between database and queue; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from monitor.collector.cells import CellField, label_of, number_of, text_of, type_of
from monitor.model.errors import SampleError
from monitor.model.metric_columns import value_columns
from monitor.model.results import Cell, ColumnType, Rows, Sample
from monitor.model.settings import (
    ColumnName,
    Labels,
    Metric,
    Query,
    SchemaColumns,
    labels_of,
)
from monitor.model.walks import Sweep

CellRow = Mapping[str, CellField]
"""One row's cells by the names of their columns."""

VALUE_OF_NULL: Mapping[str, float | None] = MappingProxyType(
    {"skip": None, "zero": 0.0, "nan": math.nan}
)
"""What NULL becomes by the word in the query's file, None: no sample; "error" is one."""


def samples_of(query: Query, rows: Rows) -> tuple[Sample, ...]:
    """Return all samples of a result, metric by metric, in the order of the rows.

    Raises SampleError, which names the row (from 1) and the column: a cell that cannot be read, a column that
    is not there, two rows with one label set. Those of a sweep are parts of a sum.
    """
    fields = fields_of(rows)
    samples: list[Sample] = []
    are_added = isinstance(query.walk, Sweep)
    for metric in query.metrics:
        _require_columns(_columns_of(metric), rows, f"metric {metric.name}")
        samples.extend(_samples_of_metric(metric, fields, are_added=are_added))
    return tuple(samples)


def missing_of(query: Query, rows: Rows) -> frozenset[ColumnName]:
    """Return the columns that a schema query found missing; SampleError as for samples."""
    schema = schema_of(query)
    fields = fields_of(rows)
    named = (schema.table, schema.column, schema.missing)
    _require_columns(named, rows, f"query {query.name}")
    missing = set()
    for row in fields:
        verdict = row[schema.missing]
        number = number_of(verdict)
        if number not in (0, 1):
            raise verdict.error(f"is {number:g}, allowed: 0, 1")
        if number == 1:
            table = label_of(row[schema.table])
            column = label_of(row[schema.column])
            missing.add(ColumnName(table, column))
    return frozenset(missing)


def schema_of(query: Query) -> SchemaColumns:
    """Return in which columns a schema query says what; ValueError for any other query."""
    if query.schema is None:
        raise ValueError(f"{query.name} is not a schema query")
    return query.schema


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


def _columns_of(metric: Metric) -> tuple[str, ...]:
    """Return every column that a metric names, in the order in which an error lists them."""
    return (
        *metric.labels,
        *value_columns(metric),
        *metric.details,
        *metric.at_least.values(),
    )


def _require_columns(named: tuple[str, ...], rows: Rows, by: str) -> None:
    is_without_table = not rows.columns and not rows.rows
    if is_without_table:
        # The server sent none at all; a row without columns would be a defect, and is an error.
        return
    lacking = [name for name in dict.fromkeys(named) if name not in rows.columns]
    if lacking:
        raise SampleError(
            f"{by} names column {', '.join(lacking)}; the statement gives {', '.join(rows.columns)}"
        )


def _samples_of_metric(
    metric: Metric, fields: list[CellRow], *, are_added: bool
) -> Iterator[Sample]:
    first_row: dict[Labels, int] = {}
    for number, row in enumerate(fields, start=1):
        for sample in _samples_of_row(metric, row):
            # Two would be one alert and one series, and which of them counts would be chance.
            earlier = first_row.setdefault(sample.labels, number)
            if earlier != number and not are_added:
                problem = _same_labels(metric, sample.labels, earlier)
                raise SampleError(problem, row=number)
            yield sample


def _samples_of_row(metric: Metric, row: CellRow) -> Iterator[Sample]:
    labels = {name: label_of(row[name]) for name in metric.labels}
    details = labels_of({name: text_of(row[name]) for name in metric.details})
    for column in value_columns(metric):
        value = _value(metric, row[column])
        if value is None:
            continue
        if metric.values_label is not None:
            labels[metric.values_label] = column
        yield Sample(
            metric=metric.name,
            labels=labels_of(labels),
            value=value,
            details=details,
        )


def _value(metric: Metric, field: CellField) -> float | None:
    """Return the value of a cell; None where its file says that NULL is to be skipped."""
    if field.cell is not None:
        return number_of(field)
    if metric.null == "error":
        raise field.error(
            f'is NULL; say what that means in [metrics.{metric.name}]: null = "skip", "zero" or "nan"'
        )
    return VALUE_OF_NULL[metric.null]


def _same_labels(metric: Metric, labels: Labels, earlier: int) -> str:
    shown = ", ".join(f'{name}="{value}"' for name, value in labels)
    return f"{metric.name}{{{shown}}} is in row {earlier} already; two rows with the same labels"
