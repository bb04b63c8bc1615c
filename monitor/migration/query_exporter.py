"""Map a configuration of query-exporter: databases, metrics, queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from monitor.migration.data_source import DEFAULT_PORT, DataSource
from monitor.migration.imported import (
    Imported,
    ImportedMetric,
    ImportedQuery,
    ImportedTarget,
)
from monitor.migration.intervals import (
    AT_EACH_SCRAPE,
    DEFAULT_INTERVAL,
    cron_keys,
    duration_of,
    interval_keys,
    timeout_keys,
)
from monitor.migration.items import for_each_of, without_label
from monitor.migration.parameter_sets import parameter_sets, with_parameters
from monitor.migration.quantities import whole_number_of
from monitor.migration.query_exporter_metrics import (
    FEWER_LABELS,
    by_labels,
    columns_of,
    map_metric,
)
from monitor.migration.query_tables import QueryNames, make_query, put_together
from monitor.migration.reading import (
    items_of,
    left_keys,
    table_of,
    text_of,
    text_table_of,
    texts_of,
    unknown_keys,
)
from monitor.migration.report import ImportReport
from monitor.migration.statements import plain
from monitor.migration.target_tables import (
    NotOursError,
    connections_of,
    make_target,
    read_ours,
)
from monitor.migration.yaml_tree import Item
from monitor.timing.durations import format_duration, parse_duration

KIND: Final = "query-exporter"
_HOST: Final = "localhost"
_PORTS: Final = range(1, 65_536)
_POOL_SIZES: Final = range(10_000)
_LEFT: Final = {
    "connect-sql": (
        "statements of one's own at each connect have no counterpart: time_zone of the target says the zone, the"
        " rest of a session is set once for all"
    )
}
_DATABASE_KEYS: Final = ("dsn", "labels", "connect-sql", "connection-pool")
_DSN_KEYS: Final = (
    *("dialect", "user", "password", "host", "port", "database"),
    "options",
)
_QUERY_KEYS: Final = (
    *("databases", "metrics", "sql", "interval", "schedule", "timeout"),
    "parameters",
)


@dataclass(slots=True)
class _Databases:
    """What is gathered while the queries are mapped."""

    report: ImportReport
    metrics: Item
    names: QueryNames = field(default_factory=QueryNames)
    queries: list[ImportedQuery] = field(default_factory=list)
    queries_of: dict[str, list[str]] = field(default_factory=dict)
    """The queries of each database."""

    def add(self, query: ImportedQuery, databases: Iterable[str]) -> None:
        """Add a query that runs on these databases."""
        self.queries.append(query)
        for database in databases:
            self.queries_of.setdefault(database, []).append(query.name)


def map_query_exporter(root: Item, report: ImportReport) -> Imported:
    """Return what a configuration becomes; what cannot be kept is told."""
    known = ("databases", "metrics", "queries", "builtin_metrics")
    unknown_keys(root, known, report)
    gathered = _Databases(report, root.at("metrics"))
    for name, item in table_of(root.at("queries"), report).items():
        _map_query(name, item, gathered)
    targets = []
    for name, item in table_of(root.at("databases"), report).items():
        target = _target(name, item, gathered)
        if target is not None:
            targets.append(target)
    web = _buckets(root.at("builtin_metrics"), report)
    return put_together(KIND, targets, gathered.queries, report, web)


def _target(name: str, item: Item, gathered: _Databases) -> ImportedTarget | None:
    report = gathered.report
    unknown_keys(item, _DATABASE_KEYS, report)
    left_keys(item, _LEFT, report)
    dsn = item.at("dsn")
    try:
        source = _source(dsn, report)
    except NotOursError as error:
        report.left(dsn.origin, str(error))
        return None
    return make_target(
        name,
        source,
        # Every series of theirs says of which database it is.
        {"database": name, **text_table_of(item.at("labels"), report)},
        gathered.queries_of.get(name, []),
        dsn.origin,
        report,
        password_variable=dsn.at("password").variable,
        more=_pool_keys(item.at("connection-pool"), report),
    )


def _source(dsn: Item, report: ImportReport) -> DataSource:
    """Return the parts of a data source, which is a text or a table."""
    if dsn.table is None:
        return read_ours(text_of(dsn, report), _HOST)
    unknown_keys(dsn, _DSN_KEYS, report)
    read_ours(f"{text_of(dsn.at('dialect'), report)}://", _HOST)
    password = dsn.at("password")
    options = text_table_of(dsn.at("options"), report)
    port = whole_number_of(dsn.at("port"), _PORTS, report)
    return DataSource(
        host=text_of(dsn.at("host"), report) or _HOST,
        port=DEFAULT_PORT if port is None else port,
        socket=options.pop("unix_socket", ""),
        user=text_of(dsn.at("user"), report),
        # One in a variable stays there.
        password="" if password.variable else text_of(password, report),
        database=text_of(dsn.at("database"), report),
        options=options,
    )


def _pool_keys(pool: Item, report: ImportReport) -> dict[str, int]:
    """Return how many connections a pool has at most; nothing where it does not say so."""
    total = 0
    for key in ("size", "max-overflow", "max_overflow"):
        total += whole_number_of(pool.at(key), _POOL_SIZES, report) or 0
    connections = connections_of(total)
    return {} if connections is None else {"max_connections": connections}


def _map_query(name: str, item: Item, gathered: _Databases) -> None:
    report = gathered.report
    unknown_keys(item, _QUERY_KEYS, report)
    metrics, columns = _metrics(item, gathered)
    if not metrics:
        # Why is told of each metric, where it stands.
        report.note(item.origin, "was left out, as none of its metrics was taken")
        return
    # SQLAlchemy takes :name as a parameter wherever it stands, unless the colon is marked.
    sql = plain(text_of(item.at("sql"), report).replace("\\:", ":"))
    given = item.at("parameters")
    sets = parameter_sets(given, report)
    sql, for_each = for_each_of(sql, sets, metrics)
    parameters: dict[str, Any] = {}
    if for_each:
        metrics = [without_label(metric, for_each["label"]) for metric in metrics]
    else:
        sql, parameters = with_parameters(sql, sets, given, columns, report)
    keys = {"summary": f"{name}, imported from {KIND}", **_times(item, report)}
    of_databases = texts_of(item.at("databases"), report)
    together, *apart = by_labels(metrics)
    for group in (together, *apart):
        free = gathered.names.new(name)
        if group is not together:
            for metric in group:
                report.note(metric.origin, FEWER_LABELS.format(query=free))
        query = make_query(
            free, sql, keys, group, item.origin, report, parameters, for_each
        )
        if query is not None:
            gathered.add(query, of_databases)


def _metrics(
    item: Item, gathered: _Databases
) -> tuple[list[ImportedMetric], list[str]]:
    """Return the metrics of a query that can be, and the columns that all of them ask for."""
    report = gathered.report
    found = []
    columns: dict[str, None] = {}
    for name in texts_of(item.at("metrics"), report):
        table = gathered.metrics.at(name)
        metric = map_metric(name, table, item, report)
        if metric is not None:
            found.append(metric)
        for column in columns_of(name, table, report):
            columns[column] = None
    return found, list(columns)


def _times(item: Item, report: ImportReport) -> dict[str, str]:
    """Return when a query runs, and how long it may."""
    timeout = item.at("timeout")
    limit = duration_of(timeout, report)
    schedule = item.at("schedule")
    interval = DEFAULT_INTERVAL
    keys: dict[str, str] = {}
    if schedule.is_there:
        expression = text_of(schedule, report)
        keys = cron_keys(expression, schedule.origin, report, from_monday=True)
        interval = timedelta.max
    elif item.at("interval").is_there:
        said = item.at("interval")
        keys, interval = interval_keys(text_of(said, report), said.origin, report)
    else:
        report.note(item.origin, AT_EACH_SCRAPE)
    return keys | timeout_keys(limit, interval, timeout.origin, report)


def _buckets(builtin: Item, report: ImportReport) -> dict[str, Any]:
    """Return `[web]` with the buckets of their own histogram of durations."""
    unknown_keys(builtin, ("query_latency",), report)
    latency = builtin.at("query_latency")
    unknown_keys(latency, ("buckets",), report)
    bounds = set()
    for bucket in items_of(latency.at("buckets"), report):
        bounds.add(_bound(bucket, report))
    bounds.discard("0s")
    if not bounds:
        return {}
    message = "is token_monitor_query_duration_seconds here, with these buckets"
    report.note(builtin.origin, message)
    return {"duration_buckets": sorted(bounds, key=parse_duration)}


def _bound(item: Item, report: ImportReport) -> str:
    """Return a bucket's bound as our files have it, to the millisecond; 0s where nothing is left of it."""
    bound = duration_of(item, report)
    if bound is None:
        return "0s"
    written = format_duration(bound)
    if parse_duration(written) != bound:
        report.left(item.origin, f"bounds are to the millisecond, so it is {written}")
    return written
