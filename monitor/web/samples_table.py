"""Lay out the samples of a query's last result as tables, one for each metric; for the query's page; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitor.alerting.shown import at_least_text, mark_of
from monitor.model.results import Sample
from monitor.model.settings import Metric
from monitor.model.text_formats import people_number

MAX_SAMPLE_ROWS = 100
"""More rows of one metric than that nobody reads; /metrics has them all."""


@dataclass(frozen=True, slots=True)
class SampleTable:
    """The samples of one metric: a row for each label set, its value last."""

    metric: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int


def sample_tables(
    samples: Iterable[Sample], metrics: Sequence[Metric]
) -> tuple[SampleTable, ...]:
    """Lay out samples, metric by metric, in the order in which they came."""
    about = {name: metric.help for metric in metrics for name in metric.sample_names}
    by_metric: dict[str, list[Sample]] = {}
    for sample in samples:
        by_metric.setdefault(sample.metric, []).append(sample)
    return tuple(
        _table(name, about.get(name, ""), found) for name, found in by_metric.items()
    )


def sample_text(sample: Sample) -> str:
    """Write a sample's value, and that it may be more where not all was counted."""
    return at_least_text(people_number(sample.value), mark_of(sample))


def _table(metric: str, about: str, samples: Sequence[Sample]) -> SampleTable:
    names = list(dict.fromkeys(name for one in samples for name, _ in one.labels))
    rows = []
    for sample in samples[:MAX_SAMPLE_ROWS]:
        labels = dict(sample.labels)
        cells = [labels.get(name, "") for name in names]
        rows.append((*cells, sample_text(sample)))
    return SampleTable(
        metric=metric,
        about=about,
        columns=(*names, "value"),
        rows=tuple(rows),
        left_out=len(samples) - len(rows),
    )
