"""Map a configuration of justwatch's sql_exporter: jobs with connections and queries."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from monitor.migration.imported import (
    Imported,
    ImportedMetric,
    ImportedQuery,
    ImportedTarget,
)
from monitor.migration.intervals import cron_keys, interval_keys
from monitor.migration.query_tables import (
    QueryNames,
    make_metric,
    make_query,
    put_together,
)
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
from monitor.migration.shared_schedules import ScheduleKeys, SharedSchedules
from monitor.migration.statements import plain
from monitor.migration.target_tables import NotOursError, make_target, read_ours
from monitor.migration.yaml_tree import Item

KIND: Final = "sql_exporter (justwatch)"
_HOST: Final = "127.0.0.1"
_LABELS: Final = ("driver", "host", "database", "user")
"""What every series of theirs says of its connection, beside its job."""
_NOT_IN_METRIC_NAMES: Final = re.compile(r"[^a-zA-Z0-9_:]+")
_PLACEHOLDER: Final = re.compile(r"\{\{(.+?)\}\}")
_LEFT: Final[Mapping[str, str]] = {
    "startup_sql": "statements at each connect have no counterpart: time_zone of the target says the zone",
    "iterator": "has no counterpart: write one statement that gives all of them, its value as a column",
    "cloudsql_config": "has no counterpart: run the proxy, and enter it by host or unix_socket",
    "configuration": 'its buckets are [web] duration_buckets here, such as ["100ms", "1s"]',
}
_NULL_LABELS: Final = (
    "a row with NULL in a label was left out, here it is a series without that label"
)
_NOT_NEEDED: Final[Mapping[str, str]] = {
    "keepalive": "not needed: connections are kept",
    "allow_zero_rows": "not needed: no rows are a result, and never an error",
}
_JOB_KEYS: Final = (
    *("name", "interval", "cron_schedule", "connections", "queries", "keepalive"),
    *("startup_sql", "iterator"),
)
_QUERY_KEYS: Final = (
    *("name", "help", "labels", "values", "query", "query_ref", "timestamp"),
    "allow_zero_rows",
)


@dataclass(slots=True)
class _Jobs:
    """What is gathered while jobs are mapped."""

    report: ImportReport
    statements: Mapping[str, str]
    names: QueryNames = field(default_factory=QueryNames)
    queries: list[ImportedQuery] = field(default_factory=list)
    targets: list[tuple[ImportedTarget, ScheduleKeys]] = field(default_factory=list)
    """With the schedule of each one's job."""
    schedules: SharedSchedules = field(default_factory=SharedSchedules)


def substituted(text: str, environment: Mapping[str, str]) -> str:
    """Return a text with its `{{ VARIABLE }}` replaced by those that are set, as they do before they read it."""

    def value(match: re.Match[str]) -> str:
        return environment.get(match[1].strip().upper(), "") or match[0]

    return _PLACEHOLDER.sub(value, text)


def map_justwatch(root: Item, report: ImportReport) -> Imported:
    """Return what a configuration becomes; what cannot be kept is told."""
    known = ("jobs", "queries", "cloudsql_config", "configuration")
    unknown_keys(root, known, report)
    left_keys(root, _LEFT, report)
    report.note(root.at("jobs").origin, _NULL_LABELS)
    jobs = _Jobs(report, text_table_of(root.at("queries"), report))
    for job in items_of(root.at("jobs"), report):
        _map_job(job, jobs)
    shared = jobs.schedules
    queries = [shared.over_query(query, report) for query in jobs.queries]
    targets = [shared.over_target(target, times) for target, times in jobs.targets]
    return put_together(KIND, targets, queries, report)


def _map_job(item: Item, jobs: _Jobs) -> None:
    report = jobs.report
    unknown_keys(item, _JOB_KEYS, report)
    left_keys(item, _LEFT, report)
    note_keys(item, _NOT_NEEDED, report)
    job = text_of(item.at("name"), report)
    times = _times(item, report)
    queries: dict[str, Item] = {}
    for query in items_of(item.at("queries"), report):
        name = _map_query(query, times, jobs)
        if name:
            queries.setdefault(name, query)
    connections = items_of(item.at("connections"), report)
    for number, connection in enumerate(connections, 1):
        name = job if len(connections) == 1 else f"{job}-{number}"
        target = _target(name, job, connection, list(queries), report)
        if target is not None:
            jobs.targets.append((target, times))
            _note_uses(queries, times, jobs)


def _note_uses(queries: Mapping[str, Item], times: ScheduleKeys, jobs: _Jobs) -> None:
    """Note that a job has these queries; of one without a target nothing runs."""
    for name, query in queries.items():
        jobs.schedules.add(name, query.origin, times)


def _times(item: Item, report: ImportReport) -> dict[str, str]:
    cron = item.at("cron_schedule")
    if cron.is_there:
        return cron_keys(text_of(cron, report), cron.origin, report)
    said = item.at("interval")
    keys, _ = interval_keys(text_of(said, report) or "0s", said.origin, report)
    return keys


def _target(
    name: str, job: str, item: Item, queries: Sequence[str], report: ImportReport
) -> ImportedTarget | None:
    try:
        source = read_ours(text_of(item, report), _HOST)
    except NotOursError as error:
        report.left(item.origin, str(error))
        return None
    values = ("mysql", source.address, source.database, source.user)
    labels = {"sql_job": job, **dict(zip(_LABELS, values, strict=True))}
    return make_target(name, source, labels, queries, item.origin, report)


def _map_query(item: Item, times: Mapping[str, str], jobs: _Jobs) -> str:
    """Return the name of the query that this becomes, or is already; empty where it is left out."""
    report = jobs.report
    unknown_keys(item, _QUERY_KEYS, report)
    note_keys(item, _NOT_NEEDED, report)
    theirs = text_of(item.at("name"), report)
    sql = _statement(item, jobs)
    metric = _metric(theirs, item, report)
    keys = {"summary": f"{theirs}, imported from {KIND}", **times}
    if metric is None:
        return ""
    same = _same(metric, plain(sql), jobs.queries)
    if same is not None:
        return same.name
    name = jobs.names.new(theirs)
    query = make_query(name, plain(sql), keys, [metric], item.origin, report)
    if query is None:
        return ""
    jobs.queries.append(query)
    return name


def _statement(item: Item, jobs: _Jobs) -> str:
    """Return a query's statement, its own or one that it names."""
    own = text_of(item.at("query"), jobs.report)
    named = text_of(item.at("query_ref"), jobs.report)
    return own or jobs.statements.get(named, "")


def _metric(theirs: str, item: Item, report: ImportReport) -> ImportedMetric | None:
    """Return the metric of a query: its values under one name, each column's name as the label `col`."""
    timestamp = item.at("timestamp")
    if timestamp.is_there:
        message = "samples have no timestamp of their own here; export it as a value"
        report.left(timestamp.origin, message)
    columns = texts_of(item.at("values"), report)
    if not columns:
        report.note(item.origin, f"{theirs} gives no values, so it was left out")
        return None
    labels = texts_of(item.at("labels"), report)
    keys: dict[str, Any] = {"values": {"col": columns}, "null": "skip"}
    if labels:
        # They leave such a row out; a series without the label says more.
        keys["null_label"] = ""
    name = _NOT_IN_METRIC_NAMES.sub("", f"sql_{theirs}")
    help_text = text_of(item.at("help"), report)
    return make_metric(name, help_text, labels, keys, item.origin, report)


def _same(
    metric: ImportedMetric, sql: str, queries: Sequence[ImportedQuery]
) -> ImportedQuery | None:
    """Return the query of another job that is this one too: jobs often share theirs."""
    for query in queries:
        (known,) = query.metrics
        if (known.name, known.keys, query.sql) == (metric.name, metric.keys, sql):
            return query
    return None
