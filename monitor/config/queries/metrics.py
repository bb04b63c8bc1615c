"""`[metrics.NAME]` of a query to metrics: what its columns mean as samples; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, assert_never

from monitor.config.labels import label_fault
from monitor.config.queries.cursor_metrics import (
    labels_of_fact,
    read_windows,
    stands_without_value,
)
from monitor.config.queries.schema import MetricSchema
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import (
    check_list,
    check_table,
    require_one_of,
    validate,
)
from monitor.model.settings import Metric
from monitor.model.walks import CursorFact, LedgerFact

_METRIC_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_OWN_PREFIX: Final = "token_monitor_"
# What /metrics says of the monitor's own process (prometheus_client's ProcessCollector, PlatformCollector).
_NAMES_OF_THE_PROCESS: Final = frozenset(
    {
        "process_virtual_memory_bytes",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_cpu_seconds",
        "process_cpu_seconds_total",
        "process_cpu_seconds_created",
        "process_open_fds",
        "process_max_fds",
        "python_info",
    }
)
# Prometheus writes series of these names itself, about each target and alert of its own.
_NAMES_OF_PROMETHEUS: Final = frozenset({"up", "ALERTS", "ALERTS_FOR_STATE"})
_PREFIX_OF_PROMETHEUS: Final = "scrape_"


def read_metric(name: str, section: Section, problems: Problems) -> Metric | None:
    """Check one metric; None where it has a problem."""
    before = len(problems)
    checked = validate(MetricSchema, section, problems)
    for fault in _name_faults(name, checked):
        problems.add(section.origin(), fault)
    check_labels(checked.labels, "labels", section, problems)
    if not stands_without_value(checked):
        require_one_of(section, "value", "values", problems, at_second=True)
    values_label, values = _values(checked, section, problems)
    at_least_fault = partial(_at_least_fault, values or [checked.value or ""])
    check_table(section, "at_least", checked.at_least, at_least_fault, problems)
    windows = read_windows(checked, section, problems)
    if len(problems) > before:
        return None
    return Metric(
        name=name,
        help=checked.help,
        labels=tuple(checked.labels) or labels_of_fact(checked),
        value=checked.value,
        values_label=values_label,
        values=values,
        kind=checked.type,
        null=checked.null,
        at_least=dict(checked.at_least),
        windows=windows,
        distinct=checked.distinct,
        is_future=checked.future,
        is_seen=checked.seen,
        of_cursor=None if checked.of_cursor is None else CursorFact(checked.of_cursor),
        of_ledger=None if checked.of_ledger is None else LedgerFact(checked.of_ledger),
        positive=checked.positive,
        per=checked.per,
    )


def _name_faults(name: str, checked: MetricSchema) -> Iterator[str]:
    """Yield what is wrong with the name of a metric, alone and for its type."""
    if checked.type == "counter" and not name.endswith("_total"):
        yield "a counter's name must end in _total"
    if _METRIC_NAME.fullmatch(name) is None:
        yield "is not a metric name; allowed: letters, digits, _ and :, no digit first"
        return
    if name.startswith(_OWN_PREFIX):
        yield f"the prefix {_OWN_PREFIX} is the monitor's own"
    if name in _NAMES_OF_THE_PROCESS:
        yield "is what the monitor says of its own process; give another name"
    if name in _NAMES_OF_PROMETHEUS or name.startswith(_PREFIX_OF_PROMETHEUS):
        yield "Prometheus writes series of this name itself; give another name"
    if name == "_total":
        yield "says nothing before _total"


def claimed_names(metric: Metric) -> list[str]:
    """Return every name that a metric takes on /metrics, sorted; of two metrics that share one, one can be there.

    In OpenMetrics a counter's family has the name without _total, and may have a series _created beside it
    (OpenMetrics 1.0.0, "Overall Structure" and "Counter").
    """
    match metric.kind:
        case "gauge":
            return [metric.name]
        case "counter":
            base = metric.name.removesuffix("_total")
            return sorted([base, metric.name, f"{base}_created"])
        case _:
            assert_never(metric.kind)


def check_labels(
    labels: Sequence[str], key: str, section: Section, problems: Problems
) -> None:
    """Check columns that become labels: their names, and that each is there once."""
    seen: set[str] = set()

    def fault(label: str) -> str | None:
        if label not in seen:
            seen.add(label)
            return label_fault(label)
        return label_fault(label) or f'"{label}" is there twice'

    check_list(section, key, labels, fault, problems)


def _values(
    checked: MetricSchema, section: Section, problems: Problems
) -> tuple[str | None, tuple[str, ...]]:
    """Return the label that `values` names, and the columns that become its values."""
    if checked.values is None:
        return None, ()
    if len(checked.values) != 1:
        message = "names exactly one label: { LABEL = [columns] }"
        problems.add(section.origin("values"), message)
        return None, ()
    ((label, columns),) = checked.values.items()
    fault = _values_fault(label, columns, checked.labels)
    if fault is not None:
        problems.add(section.origin("values", label), fault)
    return label, tuple(columns)


def _at_least_fault(columns: Sequence[str], column: str, _flag: str) -> str | None:
    """Return what is wrong with the name of a column, which a value of the metric is to be of."""
    if column in columns:
        return None
    return f'"{column}" gives no value of the metric{near_miss(column, columns)}'


def _values_fault(
    label: str, columns: Sequence[str], other_labels: Sequence[str]
) -> str | None:
    fault = label_fault(label)
    if fault is not None:
        return fault
    if label in other_labels:
        return f'"{label}" is already among the labels'
    if not columns:
        return "names no column"
    if len(set(columns)) < len(columns):
        return "names a column twice"
    return None
