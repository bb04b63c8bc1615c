"""Map the metrics of query-exporter: gauges, counters and enums; what it gathers itself is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from monitor.migration.imported import ImportedMetric
from monitor.migration.query_tables import make_metric
from monitor.migration.reading import note_keys, text_of, texts_of, unknown_keys
from monitor.migration.report import ImportReport
from monitor.migration.yaml_tree import Item

_KEYS: Final = (
    *("type", "description", "labels", "buckets", "states", "expiration"),
    "increment",
)
_GATHERED: Final[Mapping[str, str]] = {
    "histogram": 'what each run gave was observed in the exporter; count in SQL, with type = "histogram"',
    "summary": "what each run gave was observed in the exporter; compute sum and count in SQL",
}
"""Types that gather over runs, and what to write instead."""
_INCREMENT: Final = "was left out: it adds up what each run gives, here a counter is what the statement says"
_BOOLEANS: Final[Mapping[str, bool]] = {
    "": False,
    **dict.fromkeys(("true", "yes", "on", "t", "y", "1"), True),
    **dict.fromkeys(("false", "no", "off", "f", "n", "0"), False),
}
"""What they read as one."""
_NOT_NEEDED: Final = {
    "expiration": "not needed: series go when their row goes, or their query fails"
}
FEWER_LABELS: Final = (
    "has fewer labels than others of its query, so it is in one of its own, {query}: of several rows the last one was"
    " shown, here its run fails"
)
_NULL_LABEL: Final = "None"
"""What they export for NULL in a label: the word of their language."""


def map_metric(
    name: str, item: Item, query: Item, report: ImportReport
) -> ImportedMetric | None:
    """Return a metric of a query; its value is in the column of its name."""
    if not item.is_there:
        message = f"metric {name} is described nowhere, and was left out"
        report.left(query.origin, message)
        return None
    unknown_keys(item, _KEYS, report)
    note_keys(item, _NOT_NEEDED, report)
    kind = text_of(item.at("type"), report)
    if kind in _GATHERED:
        report.left(item.origin, f"was left out: {_GATHERED[kind]}")
        return None
    if _is_incremented(item.at("increment"), report):
        report.left(item.at("increment").origin, _INCREMENT)
        return None
    labels = texts_of(item.at("labels"), report)
    keys = _keys_of_type(name, kind, item, report)
    if labels:
        keys["null_label"] = _NULL_LABEL
    description = text_of(item.at("description"), report)
    exported = _exported(name, kind)
    return make_metric(exported, description, labels, keys, item.origin, report)


def _is_incremented(said: Item, report: ImportReport) -> bool:
    """Return whether it adds up: a boolean may be a text, or 0 and 1, to them; what is none is told."""
    text = text_of(said, report).lower()
    if text not in _BOOLEANS:
        report.left(said.origin, f'"{text}" is neither true nor false: false was taken')
    return _BOOLEANS.get(text, False)


def columns_of(name: str, item: Item, report: ImportReport) -> list[str]:
    """Return the columns that a metric asks for: its own, and its labels."""
    return [name, *texts_of(item.at("labels"), report)]


def by_labels(metrics: Sequence[ImportedMetric]) -> list[list[ImportedMetric]]:
    """Return the metrics of a statement by the queries of ours that they go into.

    A metric that lacks labels of another one cannot tell several rows apart: its run would fail, and take those
    that can with it.
    """
    sets = [frozenset(metric.keys.get("labels", ())) for metric in metrics]
    together: list[ImportedMetric] = []
    apart: dict[frozenset[str], list[ImportedMetric]] = {}
    for metric, labels in zip(metrics, sets, strict=True):
        has_fewer = any(labels < others for others in sets)
        group = apart.setdefault(labels, []) if has_fewer else together
        group.append(metric)
    return [together, *apart.values()]


def _exported(name: str, kind: str) -> str:
    """Return the name on /metrics: the library that they use gives every counter its ending."""
    if kind == "counter":
        return f"{name.removesuffix('_total')}_total"
    return name


def _keys_of_type(
    name: str, kind: str, item: Item, report: ImportReport
) -> dict[str, Any]:
    match kind:
        case "enum":
            states = texts_of(item.at("states"), report)
            return {"type": "stateset", "value": name, "states": states}
        case "counter":
            # NULL is 0 to them.
            return {"type": "counter", "value": name, "null": "zero"}
        case _:
            return {"value": name, "null": "zero"}
