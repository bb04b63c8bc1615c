"""Turn rows into samples, by what a query's file says of its columns; between database and queue; pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.collector.aggregation import aggregated
from monitor.collector.cell_rows import CellRow, fields_of
from monitor.collector.cells import CellField, label_of, number_of, text_of
from monitor.collector.metric_values import columns_of_kind, values_of
from monitor.model.errors import SampleError
from monitor.model.results import Rows, Sample
from monitor.model.settings import (
    ColumnName,
    Labels,
    Metric,
    Query,
    SchemaColumns,
    labels_of,
)
from monitor.model.walks import Sweep


def samples_of(query: Query, rows: Rows) -> tuple[Sample, ...]:
    """Return all samples of a result, metric by metric, in the order of the rows.

    Raises SampleError, which names the row (from 1) and the column: a cell that cannot be read, a column that
    is not there, two rows with one label set. Those of a sweep are parts of a sum.
    """
    fields = fields_of(rows)
    samples: list[Sample] = []
    are_added = isinstance(query.walk, Sweep)
    for metric in query.metrics:
        _require_columns(columns_of(metric), rows, f"metric {metric.name}")
        if metric.aggregate is None:
            samples.extend(_samples_of_metric(metric, fields, are_added=are_added))
        else:
            each = _samples_of_metric(metric, fields, are_added=True)
            samples.extend(aggregated(each, metric.aggregate))
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


def columns_of(metric: Metric) -> tuple[str, ...]:
    """Return every column that a metric names, in the order in which an error lists them."""
    return (
        *metric.labels,
        *columns_of_kind(metric),
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
    labels = {name: _label(metric, row[name]) for name in metric.labels}
    details = labels_of({name: text_of(row[name]) for name in metric.details})
    for found in values_of(metric, row):
        yield Sample(
            metric=found.name,
            labels=labels_of({**labels, **found.labels}),
            value=found.value,
            details=details,
        )


def _label(metric: Metric, field: CellField) -> str:
    if field.cell is None and metric.null_label is not None:
        return metric.null_label
    return label_of(field)


def _same_labels(metric: Metric, labels: Labels, earlier: int) -> str:
    shown = ", ".join(f'{name}="{value}"' for name, value in labels)
    return f"{metric.name}{{{shown}}} is in row {earlier} already; two rows with the same labels"
