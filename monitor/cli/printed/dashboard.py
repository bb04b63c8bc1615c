"""A dashboard for Grafana of what a configuration exports; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.cli.printed.panels import (
    DATASOURCE,
    HEIGHT,
    OF_TARGET,
    WIDE,
    Json,
    Panel,
    panel_json,
    panel_of,
)
from monitor.model.settings import Job, Query

SCHEMA_VERSION: Final = 39
"""Of Grafana 11; later versions read it, and migrate it themselves."""
UID: Final = "token-monitor"

_MONITOR: Final = (
    Panel(
        "Alerts that fire",
        'sum by (severity) (token_monitor_alerts{state="firing",alertname!="TokenMonitorWatchdog"})',
        "{{severity}}",
        kind="stat",
        width=8,
        description="How many alerts the monitor says fire now",
    ),
    Panel(
        "Targets that are up",
        f"token_monitor_up{{{OF_TARGET}}}",
        "{{target}}",
        kind="stat",
        width=8,
        description="1 while a run on the target succeeds",
    ),
    Panel(
        "Queries without data",
        f'sum by (target, status) (token_monitor_query_status{{{OF_TARGET},status!="ok"}})',
        "{{target}} {{status}}",
        kind="stat",
        width=8,
        description="What fails, waits, or is blocked: its alerts are held",
    ),
    Panel(
        "Alerts by rule",
        'token_monitor_alerts{state=~"firing|pending"} > 0',
        "{{alertname}} {{state}}",
        description="Over time; an alert that is held stays",
    ),
    Panel(
        "How long runs take",
        f"token_monitor_query_last_duration_seconds{{{OF_TARGET}}}",
        "{{target}} {{query}}",
        unit="s",
        description="The last run of each query, waiting for a connection included",
    ),
    Panel(
        "Deliveries that were not taken",
        "sum by (receiver, reason) (rate(token_monitor_delivery_failures_total[$__rate_interval]))",
        "{{receiver}} {{reason}}",
        description="An attempt is made again until the receiver takes it",
    ),
    Panel(
        "Load on the database",
        f"token_monitor_target_load_ratio{{{OF_TARGET}}}",
        "{{target}}",
        unit="percentunit",
        description="The part of the last ten minutes in which a statement of the monitor ran",
    ),
)
_SUBSCRIBERS: Final = "token_subscribers"
_BY_STATE: Final = Panel(
    "Subscribers by state of their balance",
    f"sum by (status) ({_SUBSCRIBERS}{{{OF_TARGET}}})",
    "{{status}}",
    stacked=True,
    description="needs_init, negative and empty cannot use a feature, or are filled at the next use",
)


@dataclass(frozen=True, slots=True)
class PanelRow:
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


def dashboard(jobs: Iterable[Job]) -> Json:
    """Return the dashboard: the monitor itself, then a row for each query that exports something."""
    queries = {job.query.name: job.query for job in jobs}
    rows = [
        PanelRow("Alerts and the monitor itself", _MONITOR),
        *_rows(queries.values()),
    ]
    return {
        "uid": UID,
        "title": "token-monitor",
        "tags": ["token-monitor"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "",
        "annotations": {"list": [_annotation()]},
        "templating": {"list": [_datasource_variable(), _target_variable()]},
        "panels": list(_laid_out(rows)),
    }


def _rows(queries: Iterable[Query]) -> Iterator[PanelRow]:
    for query in queries:
        panels = [panel_of(metric) for metric in query.exported_metrics]
        if any(metric.name == _SUBSCRIBERS for metric in query.exported_metrics):
            panels.insert(0, _BY_STATE)
        if panels:
            yield PanelRow(f"{query.summary} ({query.name})", panels)


def _laid_out(rows: Iterable[PanelRow]) -> Iterator[Json]:
    """Yield rows and panels at their places, from left to right and from top to bottom."""
    number, y = 0, 0
    for row in rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"h": 1, "w": WIDE, "x": 0, "y": y},
            "panels": [],
        }
        y += 1
        x = 0
        for panel in row.panels:
            if x + panel.width > WIDE:
                x, y = 0, y + HEIGHT
            number += 1
            yield panel_json(panel, number, x, y)
            x += panel.width
        y += HEIGHT


def _annotation() -> Json:
    """Return that the beginnings of alerts are marked in all panels."""
    return {
        "name": "Alerts",
        "enable": True,
        "iconColor": "red",
        "datasource": dict(DATASOURCE),
        "expr": 'token_monitor_alerts{state="firing",alertname!="TokenMonitorWatchdog"} > 0',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{severity}}",
    }


def _datasource_variable() -> Json:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "hide": 0,
    }


def _target_variable() -> Json:
    query = "label_values(token_monitor_up, target)"
    return {
        "name": "target",
        "label": "Target",
        "type": "query",
        "datasource": dict(DATASOURCE),
        "definition": query,
        "query": {"query": query, "refId": "A"},
        "includeAll": True,
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "refresh": 2,
        "sort": 1,
    }
