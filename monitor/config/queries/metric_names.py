"""What a metric may be called, and which names it takes on /metrics; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from monitor.model.metric_kinds import MetricType
from monitor.model.settings import Metric

SUFFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {"counter": "_total", "info": "_info"}
)
"""What the name of a metric of a type must end in."""
_ENDINGS: Final[Mapping[MetricType, tuple[str, ...]]] = MappingProxyType(
    {
        "gauge": ("",),
        "counter": ("", "_total", "_created"),
        "stateset": ("",),
        "info": ("", "_info"),
        "histogram": ("", "_bucket", "_count", "_sum", "_created"),
    }
)
"""What the names that a metric of a type takes end in, beside the name of its family."""
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


def name_faults(name: str, kind: object) -> Iterator[str]:
    """Yield what is wrong with the name of a metric, alone and for its type."""
    suffix = SUFFIXES.get(str(kind), "")
    if not name.endswith(suffix):
        yield f"the name of a metric of this type, {kind}, must end in {suffix}"
    if _METRIC_NAME.fullmatch(name) is None:
        yield "is not a metric name; allowed: letters, digits, _ and :, no digit first"
        return
    if name.startswith(_OWN_PREFIX):
        yield f"the prefix {_OWN_PREFIX} is the monitor's own"
    if name in _NAMES_OF_THE_PROCESS:
        yield "is what the monitor says of its own process; give another name"
    if name in _NAMES_OF_PROMETHEUS or name.startswith(_PREFIX_OF_PROMETHEUS):
        yield "Prometheus writes series of this name itself; give another name"
    if name == suffix:
        yield f"says nothing before {suffix}"


def claimed_names(metric: Metric) -> list[str]:
    """Return every name that a metric takes on /metrics, sorted; of two metrics that share one, one can be there.

    In OpenMetrics the family of a counter has the name without _total, that of an info the name without _info
    (OpenMetrics 1.0.0, "Overall Structure", "Counter" and "Info").
    """
    base = metric.name.removesuffix(SUFFIXES.get(metric.kind, ""))
    return sorted(f"{base}{ending}" for ending in _ENDINGS[metric.kind])
