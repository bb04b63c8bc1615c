"""Add up what the pieces of a sweep give, and tell what that proves before the cycle is through; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from monitor.model.errors import QueryError, Reason
from monitor.model.metric_columns import unlabelled, value_columns
from monitor.model.results import EvidenceKey, EvidenceRow, Sample
from monitor.model.settings import Query
from monitor.model.sweeps import Sums, divide_shares


def added(
    sums: Sums,
    samples: Iterable[Sample],
    examples: Mapping[EvidenceKey, tuple[EvidenceRow, ...]],
) -> Sums:
    """Return the sums with those of one more piece; samples of one label set are added, too."""
    numbers = dict(sums.numbers)
    for sample in samples:
        series = (sample.metric, sample.labels)
        numbers[series] = numbers.get(series, 0.0) + sample.value
    return Sums(
        numbers=numbers,
        examples={**sums.examples, **examples},
    )


def check_size(query: Query, sums: Sums) -> None:
    """Raise QueryError where the pieces gave more label sets together than one statement may give rows."""
    columns = sum(len(value_columns(metric)) for metric in query.metrics)
    found = len(sums.numbers)
    most = query.max_rows * max(1, columns)
    if found > most:
        raise QueryError(
            Reason.TOO_MANY_ROWS,
            f"the pieces gave {found} label sets, more than max_rows = {query.max_rows} allows",
        )


def whole(query: Query, sums: Sums) -> Sums:
    """Return the sums of a whole cycle: what has no labels is 0 where no piece gave anything; shares are divided."""
    numbers = dict(sums.numbers)
    for metric in query.metrics:
        if metric.labels or metric.null == "skip":
            continue
        # A sum over nothing is 0, and without labels it is about all there is.
        for column in value_columns(metric):
            series = unlabelled(metric, column)
            numbers.setdefault(series, 0.0)
    divide_shares(query, numbers)
    return Sums(
        numbers=numbers,
        examples=sums.examples,
    )


def samples_in(sums: Sums) -> tuple[Sample, ...]:
    """Return sums as samples."""
    found: list[Sample] = []
    for (metric, labels), value in sums.numbers.items():
        sample = Sample(metric, labels, value)
        found.append(sample)
    return tuple(found)


def proven_in(query: Query, so_far: Sums, last: Sums) -> tuple[Sample, ...]:
    """Return what a part of a cycle proves to be more than the last whole one said, as at least so much.

    Only of sums that further pieces can but raise.
    """
    raised = {metric.name: metric.positive for metric in query.metrics}
    found: list[Sample] = []
    for series, value in so_far.numbers.items():
        metric, labels = series
        if raised[metric] and value > last.numbers.get(series, 0.0):
            sample = Sample(metric, labels, value, at_least=True, so_far=True)
            found.append(sample)
    return tuple(found)
