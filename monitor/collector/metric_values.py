"""Read the values that one row gives a metric, by the metric's type; part of samples; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import assert_never

from monitor.collector.cell_rows import CellRow
from monitor.collector.cells import (
    CellField,
    is_number,
    number_of,
    text_of,
)
from monitor.model.metric_columns import value_columns
from monitor.model.metric_kinds import (
    ANY_OTHER_WORD,
    BUCKET_LABEL,
    INFINITE,
    Bucket,
)
from monitor.model.settings import Metric

VALUE_OF_NULL: Mapping[str, float | None] = MappingProxyType(
    {"skip": None, "zero": 0.0, "nan": math.nan}
)
"""What NULL becomes by the word in the query's file, None: no sample; "error" is one."""


@dataclass(frozen=True, slots=True)
class RowValue:
    """One value of a row: what its sample is called, and what labels it has beside those of its row."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def values_of(metric: Metric, row: CellRow) -> Iterator[RowValue]:
    """Yield the values of one row; none where NULL is to be skipped. Raises SampleError."""
    match metric.kind:
        case "gauge" | "counter" | "info":
            if metric.constant is None:
                yield from _of_columns(metric, row)
            else:
                yield RowValue(metric.name, metric.constant)
        case "stateset":
            yield from _of_states(metric, row)
        case "histogram":
            yield from _of_histogram(metric, row)
        case _:
            assert_never(metric.kind)


def columns_of_kind(metric: Metric) -> tuple[str, ...]:
    """Return the columns that a metric's values come from."""
    if metric.histogram is not None:
        return metric.histogram.columns
    return value_columns(metric)


def _of_columns(metric: Metric, row: CellRow) -> Iterator[RowValue]:
    for column in value_columns(metric):
        value = _value(metric, row[column])
        if value is None:
            continue
        labels = dict(metric.labels_of_column(column))
        yield RowValue(metric.name, value, labels)


def _of_states(metric: Metric, row: CellRow) -> Iterator[RowValue]:
    (column,) = value_columns(metric)
    cell = row[column]
    if cell.cell is None:
        # With `null = "zero"` it is in none of them.
        current = None
        if _value(metric, cell) is None:
            return
    else:
        current = _state(metric, cell)
    for state in metric.states:
        yield RowValue(metric.name, float(state == current), {metric.name: state})


def _state(metric: Metric, field: CellField) -> str:
    """Return the state that a text names."""
    word = text_of(field).casefold()
    for state in metric.states:
        if state.casefold() == word:
            return state
    raise field.error(_unknown_word(metric, field, metric.states))


def _of_histogram(metric: Metric, row: CellRow) -> Iterator[RowValue]:
    histogram = metric.histogram_columns
    count = _value(metric, row[histogram.count])
    total = _value(metric, row[histogram.sum])
    if count is None or total is None:
        return
    below = 0.0
    for bucket in histogram.buckets:
        below = _bucket(metric, bucket, row[bucket.column], below, count)
        labels = {BUCKET_LABEL: bucket.upper_bound}
        yield RowValue(f"{metric.name}_bucket", below, labels)
    yield RowValue(f"{metric.name}_bucket", count, {BUCKET_LABEL: INFINITE})
    yield RowValue(f"{metric.name}_count", count)
    yield RowValue(f"{metric.name}_sum", total)


def _bucket(
    metric: Metric, bucket: Bucket, field: CellField, below: float, count: float
) -> float:
    """Return how many are in a bucket: as many as in the one below it or more, and not more than all."""
    bound = bucket.upper_bound
    counted = _value(metric, field)
    if counted is not None and below <= counted <= count:
        return counted
    shown = "NULL" if counted is None else f"{counted:g}"
    raise field.error(
        f"is the bucket of at most {bound} with {shown} of {count:g}, and the one below it has {below:g};"
        f" buckets are cumulative: SUM(… <= {bound})"
    )


def _value(metric: Metric, field: CellField) -> float | None:
    """Return the value of a cell; None where its file says that NULL is to be skipped."""
    if field.cell is not None:
        return _worded(metric, field) if metric.words else number_of(field)
    if metric.null == "error":
        raise field.error(
            f'is NULL; say what that means in [metrics.{metric.name}]: null = "skip", "zero" or "nan"'
        )
    return VALUE_OF_NULL[metric.null]


def _worded(metric: Metric, field: CellField) -> float:
    """Return the number that a word stands for, or that a number beside words is."""
    word = text_of(field).casefold()
    # Where a word is itself a number, as a code is, all numbers are words.
    knows_numbers = any(map(is_number, metric.words))
    if is_number(word) and not knows_numbers:
        return number_of(field)
    of_any_other = metric.words.get(ANY_OTHER_WORD)
    number = metric.words.get(word, of_any_other)
    if number is None:
        raise field.error(_unknown_word(metric, field, tuple(metric.words)))
    return number


def _unknown_word(metric: Metric, field: CellField, known: tuple[str, ...]) -> str:
    return (
        f'is "{text_of(field)}", which [metrics.{metric.name}] states does not know; it has:'
        f" {', '.join(known)}"
    )
