"""Which metric a rule is about: one of its query's, or a hidden one on a plain column; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from monitor.config.queries.metrics import check_labels
from monitor.config.queries.schema import RuleSchema
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import require_one_of
from monitor.model.settings import Metric, Scalar


@dataclass(frozen=True, slots=True)
class RuleSubjects:
    """What the rules of one file may be about."""

    metrics: Mapping[str, Metric]
    broken: AbstractSet[str] = frozenset()
    """Metrics that the file has, but with problems of their own."""
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    """Their defaults, by their names."""
    item_label: str = ""
    """The label that every sample has of the item for which the query was run; empty where it is run once."""
    of_monitor: bool = False
    """Whether it is the monitor itself that they are about: it has no columns, and asks no database."""


class KeptMetrics:
    """The metrics of one query as they are kept: the hidden ones named, all with their rules' details."""

    def __init__(self, exported: Iterable[Metric]) -> None:
        self._metrics = {metric.name: metric for metric in exported}
        self._hidden: dict[tuple[str, tuple[str, ...]], str] = {}

    @property
    def all(self) -> tuple[Metric, ...]:
        """Return the exported metrics, and behind them the hidden ones."""
        return tuple(self._metrics.values())

    def keep(self, metric: Metric, details: Iterable[str]) -> str:
        """Keep the metric of a rule, with the columns that its texts name; return the name to find it by."""
        name = metric.name if metric.exported else self._name_of_hidden(metric)
        kept = self._metrics[name]
        all_details = dict.fromkeys((*kept.details, *details))
        self._metrics[name] = replace(kept, details=tuple(all_details))
        return name

    def _name_of_hidden(self, metric: Metric) -> str:
        """Return a name of its own for each column and labels: rules that ask for both share the samples."""
        key = (metric.name, metric.labels)
        if key in self._hidden:
            return self._hidden[key]
        name = metric.name
        if name in self._metrics:
            name = f"{name} by {', '.join(metric.labels) or 'nothing'}"
        self._hidden[key] = name
        self._metrics[name] = replace(metric, name=name)
        return name


def metric_of(
    checked: RuleSchema, section: Section, subjects: RuleSubjects, problems: Problems
) -> Metric | None:
    """Return what a rule is about; None where it says too little, or the metric has problems itself."""
    if subjects.of_monitor and "column" in section.data:
        message = "a rule of the monitor itself has a metric, no column"
        problems.add(section.origin("column"), message)
        return None
    if not require_one_of(section, "metric", "column", problems, at_second=True):
        return None
    if section.data.keys() >= {"by", "metric"}:
        message = 'goes with "column" only; a metric has its labels'
        problems.add(section.origin("by"), message)
    if checked.column is not None:
        return _hidden_metric(checked.column, checked, section, subjects, problems)
    if checked.metric is None or checked.metric in subjects.broken:
        return None
    if checked.metric not in subjects.metrics:
        known = near_miss(checked.metric, subjects.metrics)
        problems.add(
            section.origin("metric"), f'unknown metric "{checked.metric}"{known}'
        )
    metric = subjects.metrics.get(checked.metric)
    if metric is not None and metric.histogram is not None:
        message = 'is a histogram, of many series; judge one of its columns by "column"'
        problems.add(section.origin("metric"), message)
        return None
    return metric


def _hidden_metric(
    column: str,
    checked: RuleSchema,
    section: Section,
    subjects: RuleSubjects,
    problems: Problems,
) -> Metric | None:
    """Return the metric of a column; None where its labels are those of metrics that have problems."""
    labels = checked.by
    if labels is not None:
        check_labels(labels, "by", section, problems)
    elif subjects.broken:
        return None  # its labels would be those of the others alone
    else:
        labels = _labels_of_all(subjects.metrics.values())
    if subjects.item_label:
        labels = [subjects.item_label, *labels]
    return Metric(
        name=column,
        help="",
        labels=tuple(dict.fromkeys(labels)),
        value=column,
        # A row without a value has no finding: as the rows of tables beside those of columns (ADR 0003).
        null="skip",
        exported=False,
    )


def _labels_of_all(metrics: Iterable[Metric]) -> list[str]:
    """Return the labels that tell rows of a query apart, each once, in the order of its file."""
    labels: dict[str, None] = {}
    for metric in metrics:
        labels.update(dict.fromkeys(metric.labels))
    return list(labels)
