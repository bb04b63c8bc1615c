"""Check that what a sweep reads piece by piece can be added up, before its target is known; pure."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

from monitor.config.queries.unbound import UnboundQuery
from monitor.config.sql.sums import counted_columns, sum_faults
from monitor.config.toml.problems import Origin, Problems
from monitor.config.toml.text_files import shown
from monitor.model.metric_columns import value_columns
from monitor.model.settings import Metric
from monitor.model.walks import Sweep

_FAULTS: Final = {
    "null": '"nan" is refused in a sweep: no sum goes on from it',
    "type": "the sum of a sweep is that of one cycle, and no counter",
    "details": "a text names a column that is neither label nor value: pieces are added up",
}
"""What is wrong with a metric, by the key that says it."""


def check_sweep(query: UnboundQuery, base: Path, problems: Problems) -> UnboundQuery:
    """Note what cannot be added up; return the query with its counts marked as what pieces only raise."""
    if not isinstance(query.walk, Sweep):
        return query
    _check_metrics(query, problems)
    labels = list(chain(*(metric.labels for metric in query.metrics)))
    values = list(chain(*(value_columns(metric) for metric in query.metrics)))
    marked = frozenset(values)
    for path, template in query.statements_by_file.items():
        marked &= counted_columns(template)
        file = shown(path, base)
        for fault in sum_faults(template, labels, values):
            problems.add(Origin(file, fault.line), fault.message)
    metrics = tuple(_marked(metric, marked) for metric in query.metrics)
    return replace(query, metrics=metrics)


def _marked(metric: Metric, counted: frozenset[str]) -> Metric:
    """Return a metric, marked where each of its columns is a count; a share never is."""
    is_count = counted.issuperset(value_columns(metric))
    is_raised = metric.positive or is_count
    is_sum = not metric.per
    return replace(
        metric,
        positive=is_sum and is_raised,
    )


def _check_metrics(query: UnboundQuery, problems: Problems) -> None:
    for metric in query.metrics:
        is_wrong = {
            "null": metric.null == "nan",
            "type": metric.kind == "counter",
            "details": bool(metric.details),
        }
        for key, is_fault in is_wrong.items():
            if is_fault:
                origin = query.section.origin("metrics", metric.name, key)
                problems.add(origin, _FAULTS[key])
