"""`[metrics.NAME]` of a query to metrics: what its columns mean as samples; pure."""

from __future__ import annotations

import re

from monitor.config.labels import label_fault
from monitor.config.queries.schema import MetricShape
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.config.toml.validation import validate
from monitor.model.settings import Metric

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_OWN_PREFIX = "token_monitor_"
# What /metrics says of the monitor's own process (prometheus_client's ProcessCollector, PlatformCollector).
_NAMES_OF_THE_PROCESS = frozenset(
    {
        *(
            "process_virtual_memory_bytes",
            "process_resident_memory_bytes",
            "process_start_time_seconds",
        ),
        *(
            "process_cpu_seconds",
            "process_cpu_seconds_total",
            "process_cpu_seconds_created",
        ),
        *("process_open_fds", "process_max_fds", "python_info"),
    }
)
# Prometheus writes series of these names itself, about each target and alert of its own.
_NAMES_OF_PROMETHEUS = frozenset({"up", "ALERTS", "ALERTS_FOR_STATE"})
_PREFIX_OF_PROMETHEUS = "scrape_"


def read_metric(name: str, section: Section, problems: Problems) -> Metric | None:
    """Check one metric; None where it has a problem."""
    before = len(problems)
    _check_name(name, section, problems)
    shape = validate(MetricShape, section, problems)
    if shape is None:
        return None
    check_labels(shape.labels, "labels", section, problems)
    given = [key for key in ("value", "values") if key in section.data]
    if len(given) != 1:
        problems.add(
            section.origin(*given[1:]), 'give exactly one of "value" and "values"'
        )
    values_label, values = _values(shape, section, problems)
    if shape.type == "counter" and not name.endswith("_total"):
        problems.add(section.origin(), "a counter's name must end in _total")
    if len(problems) > before:
        return None
    return Metric(
        name=name,
        help=shape.help,
        labels=tuple(shape.labels),
        value=shape.value,
        values_label=values_label,
        values=values,
        kind=shape.type,
        null=shape.null,
    )


def claimed_names(metric: Metric) -> frozenset[str]:
    """Return every name that a metric takes on /metrics; two metrics that share one cannot both be there.

    In OpenMetrics a counter's family has the name without _total, and may have a series _created beside it
    (OpenMetrics 1.0.0, "Overall Structure" and "Counter").
    """
    if metric.kind == "gauge":
        return frozenset({metric.name})
    base = metric.name.removesuffix("_total")
    return frozenset({base, metric.name, f"{base}_created"})


def check_labels(
    labels: list[str], key: str, section: Section, problems: Problems
) -> None:
    """Check columns that become labels: their names, and that each is there once."""
    for position, label in enumerate(labels):
        fault = label_fault(label)
        if fault is None and label in labels[:position]:
            fault = f'"{label}" is there twice'
        if fault is not None:
            problems.add(section.origin(key, position), fault)


def _values(
    shape: MetricShape, section: Section, problems: Problems
) -> tuple[str | None, tuple[str, ...]]:
    if shape.values is None:
        return None, ()
    if len(shape.values) != 1:
        problems.add(
            section.origin("values"), "names exactly one label: { LABEL = [columns] }"
        )
        return None, ()
    label, columns = next(iter(shape.values.items()))
    fault = label_fault(label)
    if fault is None and label in shape.labels:
        fault = f'"{label}" is already among the labels'
    if fault is None and not columns:
        fault = "names no column"
    if fault is None and len(set(columns)) < len(columns):
        fault = "names a column twice"
    if fault is not None:
        problems.add(section.origin("values", label), fault)
    return label, tuple(columns)


def _check_name(name: str, section: Section, problems: Problems) -> None:
    if _METRIC_NAME.fullmatch(name) is None:
        problems.add(
            section.origin(),
            "is not a metric name; allowed: letters, digits, _ and :, no digit first",
        )
        return
    if name.startswith(_OWN_PREFIX):
        problems.add(section.origin(), f"the prefix {_OWN_PREFIX} is the monitor's own")
    if name in _NAMES_OF_THE_PROCESS:
        problems.add(
            section.origin(),
            "is what the monitor says of its own process; give another name",
        )
    if name in _NAMES_OF_PROMETHEUS or name.startswith(_PREFIX_OF_PROMETHEUS):
        problems.add(
            section.origin(),
            "Prometheus writes series of this name itself; give another name",
        )
    if name == "_total":
        problems.add(section.origin(), "says nothing before _total")
