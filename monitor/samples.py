"""Turn rows into samples, by what a query's file says of its columns; between database and queue; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal

from monitor.errors import SampleError
from monitor.model.results import Cell, Rows, Sample
from monitor.model.settings import ColumnName, Labels, Metric, Query, labels_of


def samples_of(query: Query, rows: Rows) -> tuple[Sample, ...]:
    """Make all samples of a result, metric by metric; SampleError names the row (from 1) and the column."""
    places = _places(rows)
    samples: list[Sample] = []
    for metric in query.metrics:
        first_row: dict[Labels, int] = {}
        _require(metric, rows)
        for number, cells in enumerate(rows.rows, start=1):
            for sample in _samples_of_row(metric, dict(zip(places, cells, strict=True)), number):
                earlier = first_row.setdefault(sample.labels, number)
                if earlier != number:
                    raise SampleError(_same_labels(metric, sample.labels, earlier), row=number)
                samples.append(sample)
    return tuple(samples)


def missing_of(query: Query, rows: Rows) -> frozenset[ColumnName]:
    """Name the columns that a schema query found missing; SampleError as for samples."""
    schema = query.schema
    if schema is None:
        raise ValueError(f"{query.name} is no schema query")
    places = _places(rows)
    _require_columns((schema.table, schema.column, schema.missing), rows, f"query {query.name}")
    missing = set()
    for number, cells in enumerate(rows.rows, start=1):
        row = dict(zip(places, cells, strict=True))
        verdict = _number(row[schema.missing], schema.missing, number)
        if verdict not in (0, 1):
            raise SampleError(f'column "{schema.missing}" is {verdict:g}, allowed: 0, 1', row=number)
        if verdict == 1:
            table = _label(row[schema.table], schema.table, number)
            missing.add(ColumnName(table, _label(row[schema.column], schema.column, number)))
    return frozenset(missing)


def _places(rows: Rows) -> tuple[str, ...]:
    doubled = sorted({name for name in rows.columns if rows.columns.count(name) > 1})
    if doubled:
        raise SampleError(f"two columns are called {', '.join(doubled)}; alias one of them")
    return rows.columns


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


def _samples_of_row(metric: Metric, row: Mapping[str, Cell], number: int) -> Iterator[Sample]:
    pairs = [(name, _label(row[name], name, number)) for name in metric.labels]
    details = labels_of((name, _text(row[name], name, number)) for name in metric.details)
    for column in (metric.value,) if metric.value is not None else metric.values:
        value = _value(metric, row[column], column, number)
        if value is None:
            continue
        extra = [] if metric.values_label is None else [(metric.values_label, column)]
        yield Sample(metric.name, labels_of([*pairs, *extra]), value, details)


def _value(metric: Metric, cell: Cell, column: str, number: int) -> float | None:
    if cell is not None:
        return _number(cell, column, number)
    if metric.null == "error":
        raise SampleError(
            f'column "{column}" is NULL; say what that means in [metrics.{metric.name}]: '
            'null = "skip", "zero" or "nan"',
            row=number,
        )
    return {"skip": None, "zero": 0.0, "nan": math.nan}[metric.null]


def _number(cell: Cell, column: str, number: int) -> float:
    if isinstance(cell, bool | int | float | Decimal):
        try:
            value = float(cell)
        except (OverflowError, ValueError):
            value = math.inf
        if math.isfinite(value):
            return value
        raise SampleError(f'column "{column}" is {cell}, which is no finite number', row=number)
    advice = ""
    if isinstance(cell, datetime):
        advice = "; use UNIX_TIMESTAMP()"
    elif isinstance(cell, str):
        advice = "; use CAST(… AS DECIMAL)"
    elif isinstance(cell, bytes):
        advice = "; add 0 to a BIT column"
    raise SampleError(f'column "{column}" is {_kind(cell)} and no number{advice}', row=number)


def _label(cell: Cell, column: str, number: int) -> str:
    if cell is None:
        raise SampleError(f'column "{column}" is a label and NULL; use COALESCE()', row=number)
    if isinstance(cell, float):
        raise SampleError(f'column "{column}" is a label and a float; use CAST(… AS DECIMAL)', row=number)
    if isinstance(cell, datetime) or not isinstance(cell, str | int | Decimal | date | bytes):
        raise SampleError(
            f'column "{column}" is a label and {_kind(cell)}; use DATE_FORMAT() or CAST(… AS CHAR)',
            row=number,
        )
    return _text(cell, column, number)


def _text(cell: Cell, column: str, number: int) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, bytes):
        try:
            return cell.decode()
        except UnicodeDecodeError:
            raise SampleError(f'column "{column}" is no UTF-8 text; use HEX()', row=number) from None
    return str(cell)


def _kind(cell: Cell) -> str:
    if cell is None:
        return "NULL"
    if isinstance(cell, datetime):
        return "a date and time"
    names = {str: "text", bytes: "binary", date: "a date"}
    return names.get(type(cell), "a time")


def _same_labels(metric: Metric, labels: Labels, earlier: int) -> str:
    shown = ", ".join(f'{name}="{value}"' for name, value in labels)
    return f"{metric.name}{{{shown}}} is in row {earlier} already; two rows with the same labels"
