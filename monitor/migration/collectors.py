"""Map the collectors of sql_exporter: metrics, and the statements that they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from monitor.config.toml.problems import Origin
from monitor.migration.imported import ImportedMetric, ImportedQuery
from monitor.migration.intervals import interval_keys, timeout_keys
from monitor.migration.quantities import number_of
from monitor.migration.query_tables import QueryNames, make_metric, make_query
from monitor.migration.reading import (
    items_of,
    left_keys,
    note_keys,
    text_of,
    text_table_of,
    texts_of,
    unknown_keys,
)
from monitor.migration.report import ImportReport
from monitor.migration.statements import is_select, plain, with_labels
from monitor.migration.yaml_tree import Item

_COLLECTOR_KEYS: Final = ("collector_name", "min_interval", "metrics", "queries")
_QUERY_KEYS: Final = ("query_name", "query", "no_prepared_statement")
_METRIC_KEYS: Final = (
    *("metric_name", "type", "help", "key_labels", "static_labels", "value_label"),
    *("values", "query", "query_ref", "static_value", "timestamp_value"),
    "no_prepared_statement",
)
_NOT_NEEDED: Final = {
    "no_prepared_statement": "not needed: statements are never prepared"
}
_LEFT: Final = {
    "timestamp_value": "samples have no timestamp of their own here; export it as a metric"
}
_NO_COUNTER: Final = (
    "is a gauge here, as a counter's name ends in _total; rate() reads it as ever"
)
_NO_NUMBER: Final = '"{text}" is no number, so metric {metric} was left out'
_NO_COLUMNS: Final = "its static_labels were left out: the statement is no SELECT, to which columns could be added"


@dataclass(slots=True)
class Collectors:
    """What is gathered while collectors are mapped, and what `global` says of all of them."""

    kind: str
    report: ImportReport
    min_interval: str
    timeout: timedelta | None
    timeout_origin: Origin
    names: QueryNames = field(default_factory=QueryNames)
    queries: list[ImportedQuery] = field(default_factory=list)
    queries_of: dict[str, list[str]] = field(default_factory=dict)
    """The queries of each collector."""


@dataclass(slots=True)
class _MetricGroup:
    """Metrics of one statement with the same constant labels: one query of ours."""

    name: str
    sql: str
    labels: Mapping[str, str]
    origin: Item
    metrics: list[Item] = field(default_factory=list)


def map_collector(item: Item, collectors: Collectors) -> None:
    """Add the queries of a collector; what cannot be kept is told."""
    report = collectors.report
    unknown_keys(item, _COLLECTOR_KEYS, report)
    name = text_of(item.at("collector_name"), report)
    own = collectors.queries_of.setdefault(name, [])
    times = _times(item, collectors)
    for group in _groups(item, report):
        keys = {"summary": f"{group.name}, imported from {collectors.kind}", **times}
        free = collectors.names.new(group.name)
        sql = _sql(group, report)
        metrics = [_metric(one, group.labels, report) for one in group.metrics]
        query = make_query(free, sql, keys, metrics, group.origin.origin, report)
        if query is not None:
            collectors.queries.append(query)
            own.append(query.name)


def _times(item: Item, collectors: Collectors) -> dict[str, str]:
    """Return how often a collector's queries run: as often as it lets them, or each minute."""
    report = collectors.report
    said = item.at("min_interval")
    text = text_of(said, report) or collectors.min_interval
    keys, interval = interval_keys(text, said.origin, report)
    return keys | timeout_keys(
        collectors.timeout, interval, collectors.timeout_origin, report
    )


def _groups(item: Item, report: ImportReport) -> list[_MetricGroup]:
    statements = _statements(item.at("queries"), report)
    groups: dict[tuple[str, str], _MetricGroup] = {}
    for metric in items_of(item.at("metrics"), report):
        unknown_keys(metric, _METRIC_KEYS, report)
        note_keys(metric, _NOT_NEEDED, report)
        left_keys(metric, _LEFT, report)
        reference = text_of(metric.at("query_ref"), report)
        name = reference or text_of(metric.at("metric_name"), report)
        own = plain(text_of(metric.at("query"), report))
        sql = statements.get(reference, own)
        if not sql:
            report.left(metric.origin, f"{name}: there is no such statement")
            continue
        labels = text_table_of(metric.at("static_labels"), report)
        key = (sql, repr(sorted(labels.items())))
        group = groups.setdefault(key, _MetricGroup(name, sql, labels, metric))
        group.metrics.append(metric)
    return list(groups.values())


def _statements(item: Item, report: ImportReport) -> dict[str, str]:
    """Return a collector's named statements."""
    statements = {}
    for one in items_of(item, report):
        unknown_keys(one, _QUERY_KEYS, report)
        note_keys(one, _NOT_NEEDED, report)
        name = text_of(one.at("query_name"), report)
        statements[name] = plain(text_of(one.at("query"), report))
    return statements


def _sql(group: _MetricGroup, report: ImportReport) -> str:
    """Return a group's statement, with its constant labels as columns; they are gone where that cannot be."""
    if not group.labels:
        return group.sql
    if not is_select(group.sql):
        report.left(group.origin.origin, _NO_COLUMNS)
        group.labels = {}
        return group.sql
    return with_labels(group.sql, group.labels)


def _metric(
    item: Item, constant: Mapping[str, str], report: ImportReport
) -> ImportedMetric | None:
    name = text_of(item.at("metric_name"), report)
    labels = texts_of(item.at("key_labels"), report)
    labels += constant
    keys = _value_keys(item, report)
    if keys.get("constant", 0) is None:
        said = item.at("static_value")
        report.left(said.origin, _NO_NUMBER.format(text=said.text, metric=name))
        return None
    kind = item.at("type")
    if text_of(kind, report).lower() == "counter":
        if name.endswith("_total"):
            keys["type"] = "counter"
        else:
            report.note(kind.origin, _NO_COUNTER)
    if labels:
        # A series of theirs with NULL has the label empty, which is none.
        keys["null_label"] = ""
    help_text = text_of(item.at("help"), report)
    return make_metric(name, help_text, labels, keys, item.origin, report)


def _value_keys(item: Item, report: ImportReport) -> dict[str, Any]:
    """Return the keys that say where a metric's values are; a constant that is no number is None."""
    constant = item.at("static_value")
    if constant.is_there:
        return {"constant": number_of(constant)}
    columns = texts_of(item.at("values"), report)
    label = text_of(item.at("value_label"), report)
    if label:
        return {"values": {label: columns}, "null": "skip"}
    return {"value": "".join(columns[:1]), "null": "skip"}
