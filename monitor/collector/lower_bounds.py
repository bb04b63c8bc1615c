"""Find what a statement counted in part only, and mark its samples; beside `samples`, in a run; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from monitor.collector.cell_rows import CellRow, fields_of
from monitor.collector.cells import CellField, number_of
from monitor.model.lower_bounds import LowerBound
from monitor.model.results import Rows, Sample
from monitor.model.settings import Metric, Query


def lower_bounds_of(query: Query, rows: Rows) -> tuple[LowerBound, ...]:
    """Return of what the statement says, in any row, that it did not count all; SampleError as for samples."""
    bounds: list[LowerBound] = []
    fields = fields_of(rows)
    for metric in query.metrics:
        bounds += _of_metric(metric, fields)
    return tuple(bounds)


def with_lower_bounds(
    samples: Sequence[Sample], bounds: Sequence[LowerBound]
) -> tuple[Sample, ...]:
    """Return the samples, those marked of which not all was counted."""
    return tuple(_marked(sample, bounds) for sample in samples)


def _of_metric(metric: Metric, fields: Iterable[CellRow]) -> list[LowerBound]:
    raised = _raised(metric.at_least.values(), fields)
    bounds = []
    for column, flag in metric.at_least.items():
        if flag in raised:
            bounds.append(LowerBound(metric.name, metric.labels_of_column(column)))
    return bounds


def _raised(flags: Iterable[str], fields: Iterable[CellRow]) -> set[str]:
    """Return the columns that are not 0 in some row; NULL says nothing."""
    raised: set[str] = set()
    for row in fields:
        raised.update(flag for flag in flags if _is_set(row[flag]))
    return raised


def _is_set(field: CellField) -> bool:
    if field.cell is None:
        return False
    return number_of(field) != 0


def _marked(sample: Sample, bounds: Sequence[LowerBound]) -> Sample:
    is_part = any(bound.covers(sample.metric, sample.labels) for bound in bounds)
    return replace(sample, at_least=is_part)
