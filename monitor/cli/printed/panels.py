"""One panel of a dashboard: a metric or an expression, and how Grafana draws it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, assert_never

from monitor.model.settings import Metric

Json = dict[str, object]

DATASOURCE: Final[Mapping[str, str]] = MappingProxyType(
    {"type": "prometheus", "uid": "${datasource}"}
)
OF_TARGET: Final = 'target=~"$target"'
WIDE: Final = 24
"""How many columns a dashboard has."""
HEIGHT: Final = 8

PanelKind = Literal["timeseries", "stat", "table", "heatmap", "state-timeline"]

_FIRST_CLAUSE: Final = re.compile(r"[,:;]")
_UNITS: Final = (
    ("_timestamp_seconds", "s"),
    ("_seconds", "s"),
    ("_bytes", "bytes"),
    ("_ratio", "percentunit"),
)
"""Grafana's units by the endings of names that Prometheus advises; the first that fits."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What is drawn: an expression, the name of each line by its labels, and a unit of Grafana's."""

    title: str
    expr: str
    legend: str = ""
    unit: str = "short"
    kind: PanelKind = "timeseries"
    width: int = 12
    description: str = ""
    stacked: bool = False


def panel_of(metric: Metric) -> Panel:
    """Return how a metric that a query exports is drawn."""
    series = f"{metric.name}{{{OF_TARGET}}}"
    legend = " ".join([f"{{{{{label}}}}}" for label in ("target", *metric.label_names)])
    match metric.kind:
        case "gauge" if metric.name.endswith("_timestamp_seconds"):
            return _panel(metric, f"time() - {series}", legend)
        case "gauge":
            return _panel(metric, series, legend)
        case "counter":
            return _panel(metric, f"rate({series}[$__rate_interval])", legend)
        case "stateset":
            return _panel(metric, f"{series} == 1", legend, "state-timeline")
        case "info":
            return _panel(metric, series, legend, "table")
        case "histogram":
            buckets = f"{metric.name}_bucket{{{OF_TARGET}}}"
            return _panel(metric, f"sum by (le) ({buckets})", "{{le}}", "heatmap")
        case _:
            assert_never(metric.kind)


def _panel(
    metric: Metric, expr: str, legend: str, kind: PanelKind = "timeseries"
) -> Panel:
    help_text = metric.help.rstrip(".")
    return Panel(
        title=_FIRST_CLAUSE.split(help_text)[0],
        expr=expr,
        legend=legend,
        unit=_unit_of(metric.name),
        kind=kind,
        description=f"{metric.name}: {help_text}",
    )


def _unit_of(name: str) -> str:
    base = name.removesuffix("_total")
    for ending, unit in _UNITS:
        if base.endswith(ending):
            return unit
    return "short"


def panel_json(panel: Panel, number: int, x: int, y: int) -> Json:
    """Return a panel as Grafana has it, at its place."""
    is_table = panel.kind in ("table", "heatmap")
    target: Json = {
        "refId": "A",
        "datasource": dict(DATASOURCE),
        "expr": panel.expr,
        "legendFormat": panel.legend,
        "format": {"table": "table", "heatmap": "heatmap"}.get(
            panel.kind, "time_series"
        ),
        "instant": panel.kind in ("table", "stat"),
        "range": not is_table or panel.kind == "heatmap",
    }
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": dict(DATASOURCE),
        "gridPos": {"h": HEIGHT, "w": panel.width, "x": x, "y": y},
        "targets": [target],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _defaults(panel: Panel) -> Json:
    defaults: Json = {"unit": panel.unit, "min": 0}
    if panel.stacked:
        defaults["custom"] = {
            "fillOpacity": 30,
            "stacking": {"mode": "normal", "group": "A"},
        }
    return defaults


def _options(panel: Panel) -> Json:
    if panel.kind == "stat":
        reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": reduced, "colorMode": "value"}
    if panel.kind == "timeseries":
        return {
            "legend": {"displayMode": "table", "placement": "right", "calcs": ["last"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return {}
