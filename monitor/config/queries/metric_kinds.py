"""Metrics of the types stateset, info and histogram, as their files say them; beside `metrics`; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from monitor.config.queries.schema import (
    HistogramSchema,
    InfoSchema,
    MetricOfTypeSchema,
    StatesetSchema,
)
from monitor.config.queries.words import check_words
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.config.toml.validation import check_table, validate
from monitor.model.metric_kinds import INFINITE, Bucket, HistogramColumns
from monitor.model.settings import Metric
from monitor.model.walks import Walk

_AT_ONCE: Final = (
    "needs a query that is one statement, without [cursor], [sweep] or [ledger]"
)


def read_stateset(name: str, section: Section, problems: Problems) -> Metric:
    """Read a metric with a series for each of its states."""
    checked = validate(StatesetSchema, section, problems)
    check_words(checked.states, section, problems)
    if name in checked.labels:
        message = f'"{name}" is the label that says the state'
        problems.add(section.origin("labels"), message)
    if ":" in name:
        message = "is a label too, which says the state, and a label has no colon"
        problems.add(section.origin(), message)
    if not checked.states:
        problems.add(section.origin("states"), "names no state")
    return Metric(
        name=name,
        help=checked.help,
        labels=_labels(checked),
        value=checked.value,
        kind="stateset",
        null=checked.null,
        states=tuple(checked.states),
        null_label=checked.null_label,
    )


def read_info(name: str, section: Section, problems: Problems) -> Metric:
    """Read a metric that says all in its labels."""
    checked = validate(InfoSchema, section, problems)
    return Metric(
        name=name,
        help=checked.help,
        labels=_labels(checked),
        kind="info",
        constant=1.0,
        null_label=checked.null_label,
    )


def read_histogram(name: str, section: Section, problems: Problems) -> Metric:
    """Read a metric of cumulative buckets, a sum and a count."""
    checked = validate(HistogramSchema, section, problems)
    check_table(section, "buckets", checked.buckets, _bucket_fault, problems)
    return Metric(
        name=name,
        help=checked.help,
        labels=_labels(checked),
        kind="histogram",
        null=checked.null,
        histogram=_histogram(checked),
        null_label=checked.null_label,
    )


def check_kinds(
    metrics: Iterable[Metric], walk: Walk | None, section: Section, problems: Problems
) -> None:
    """Note what cannot be added up over ranges or pieces: anything but a plain number."""
    if walk is None:
        return
    for metric in metrics:
        is_of_key = {
            "type": metric.kind not in ("gauge", "counter"),
            "states": bool(metric.words),
            "constant": metric.kind == "gauge" and metric.constant is not None,
            "aggregate": metric.aggregate is not None,
        }
        for key, is_there in is_of_key.items():
            if is_there:
                origin = section.origin("metrics", metric.name, key)
                problems.add(origin, _AT_ONCE)


def _labels(checked: MetricOfTypeSchema) -> tuple[str, ...]:
    return tuple(checked.labels)


def _bucket_fault(bound: str, _column: str) -> str | None:
    number = _bound(bound)
    if number is None:
        return f'"{bound}" is not the upper bound of a bucket, a number'
    if not math.isfinite(number):
        return f'the bucket {INFINITE} is what "count" says'
    return None


def _bound(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _histogram(checked: HistogramSchema) -> HistogramColumns:
    """Return the columns of a histogram, its buckets by their bounds; what is no bound is a problem already."""
    columns: dict[float, str] = {}
    for text, column in checked.buckets.items():
        columns[_bound(text) or 0.0] = column
    buckets = [Bucket(repr(bound), columns[bound]) for bound in sorted(columns)]
    return HistogramColumns(
        buckets=tuple(buckets),
        sum=checked.sum,
        count=checked.count,
    )
