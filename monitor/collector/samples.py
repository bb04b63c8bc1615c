"""Turn rows into samples, by what a query's file says of its columns; between database and queue; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from monitor.collector.cells import Field, label_of, number_of, text_of, type_of
from monitor.model.errors import SampleError
from monitor.model.results import Rows, Sample
from monitor.model.settings import ColumnName, Labels, Metric, Query, labels_of


def samples_of(query: Query, rows: Rows) -> tuple[Sample, ...]:
    """Make all samples of a result, metric by metric; SampleError names the row (from 1) and the column."""
    fields = fields_of(rows)
    samples: list[Sample] = []
    for metric in query.metrics:
        first_row: dict[Labels, int] = {}
        _require(metric, rows)
        for number, row in enumerate(fields, start=1):
            for sample in _samples_of_row(metric, row):
                earlier = first_row.setdefault(sample.labels, number)
                if earlier != number:
                    raise SampleError(
                        _same_labels(metric, sample.labels, earlier), row=number
                    )
                samples.append(sample)
    return tuple(samples)


def missing_of(query: Query, rows: Rows) -> frozenset[ColumnName]:
    """Name the columns that a schema query found missing; SampleError as for samples."""
    schema = query.schema
    if schema is None:
        raise ValueError(f"{query.name} is not a schema query")
    fields = fields_of(rows)
    _require_columns(
        (schema.table, schema.column, schema.missing), rows, f"query {query.name}"
    )
    missing = set()
    for row in fields:
        verdict = number_of(row[schema.missing])
        if verdict not in (0, 1):
            raise row[schema.missing].error(f"is {verdict:g}, allowed: 0, 1")
        if verdict == 1:
            missing.add(
                ColumnName(label_of(row[schema.table]), label_of(row[schema.column]))
            )
    return frozenset(missing)


def fields_of(rows: Rows) -> list[dict[str, Field]]:
    """Return each row's cells by their columns; SampleError where two columns have one name."""
    doubled = sorted({name for name in rows.columns if rows.columns.count(name) > 1})
    if doubled:
        raise SampleError(
            f"two columns are called {', '.join(doubled)}; alias one of them"
        )
    fields = []
    for number, cells in enumerate(rows.rows, start=1):
        types = rows.types or tuple(type_of(cell) for cell in cells)
        row = {
            name: Field(cell, name, column_type, number)
            for name, cell, column_type in zip(rows.columns, cells, types, strict=True)
        }
        fields.append(row)
    return fields


def _require(metric: Metric, rows: Rows) -> None:
    value = () if metric.value is None else (metric.value,)
    named = (*metric.labels, *value, *metric.values, *metric.details)
    _require_columns(named, rows, f"metric {metric.name}")


def _require_columns(named: tuple[str, ...], rows: Rows, by: str) -> None:
    if not rows.columns and not rows.rows:
        return
    lacking = [name for name in dict.fromkeys(named) if name not in rows.columns]
    if lacking:
        raise SampleError(
            f"{by} names column {', '.join(lacking)}; the statement gives {', '.join(rows.columns)}"
        )


def _samples_of_row(metric: Metric, row: Mapping[str, Field]) -> Iterator[Sample]:
    pairs = [(name, label_of(row[name])) for name in metric.labels]
    details = labels_of((name, text_of(row[name])) for name in metric.details)
    for column in (metric.value,) if metric.value is not None else metric.values:
        value = _value(metric, row[column])
        if value is None:
            continue
        extra = [] if metric.values_label is None else [(metric.values_label, column)]
        yield Sample(metric.name, labels_of([*pairs, *extra]), value, details)


def _value(metric: Metric, field: Field) -> float | None:
    if field.cell is not None:
        return number_of(field)
    if metric.null == "error":
        raise field.error(
            f'is NULL; say what that means in [metrics.{metric.name}]: null = "skip", "zero" or "nan"'
        )
    return {"skip": None, "zero": 0.0, "nan": math.nan}[metric.null]


def _same_labels(metric: Metric, labels: Labels, earlier: int) -> str:
    shown = ", ".join(f'{name}="{value}"' for name, value in labels)
    return f"{metric.name}{{{shown}}} is in row {earlier} already; two rows with the same labels"
