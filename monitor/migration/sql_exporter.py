"""Map a configuration of burningalchemist's sql_exporter: one target or jobs, and their collectors."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.migration.collectors import Collectors, map_collector
from monitor.migration.imported import Imported, ImportedTarget
from monitor.migration.intervals import duration_of
from monitor.migration.quantities import whole_number_of
from monitor.migration.query_tables import put_together
from monitor.migration.reading import (
    items_of,
    note_keys,
    table_of,
    text_of,
    text_table_of,
    unknown_keys,
)
from monitor.migration.report import ImportReport
from monitor.migration.target_tables import (
    NotOursError,
    connections_of,
    make_target,
    read_ours,
)
from monitor.migration.yaml_tree import Item, NamedFiles, TreeReader

KIND: Final = "sql_exporter"
_HOST: Final = "127.0.0.1"
_TARGET_ALONE: Final = "main"
"""Of a target without a name, whose series have no label of it."""
_KEYS: Final = ("global", "target", "jobs", "collectors", "collector_files")
_CONNECTIONS: Final = range(1_000_000)
_NO_BOUND: Final = (
    "was no bound; here a target has one, 2 unless max_connections says another"
)
_GLOBAL_KEYS: Final = ("scrape_timeout", "min_interval", "max_connections")
_TARGET_KEYS: Final = ("name", "data_source_name", "collectors", "enable_ping")
_JOB_KEYS: Final = ("job_name", "collectors", "static_configs", "enable_ping")
_NOT_NEEDED: Final[Mapping[str, str]] = {
    "scrape_timeout_offset": "not needed: queries run by themselves, not at a scrape",
    "scrape_error_drop_interval": "not needed: failures are counted by reason",
    "max_idle_connections": "not needed: connections are kept while they are used",
    "max_connection_lifetime": "not needed: a connection is made anew when it is lost",
    "ping_interval": "not needed: a target is tried again by itself",
    "warmup_delay": "not needed: the first runs are spread",
    "enable_query_metrics": "is token_monitor_query_duration_seconds here, always",
    "enable_ping": "not needed: a target is tried again by itself",
}


@dataclass(frozen=True, slots=True)
class _TargetsOfJob:
    """What the targets of a job have in common."""

    labels: Mapping[str, str]
    queries: Sequence[str]
    more: Mapping[str, int]
    report: ImportReport


def map_sql_exporter(
    root: Item, files: NamedFiles, reader: TreeReader, report: ImportReport
) -> Imported:
    """Return what a configuration becomes; what cannot be kept is told."""
    if root.at("collector_name").is_there:
        root = _with_target(root)
    unknown_keys(root, _KEYS, report)
    collectors = _collectors(root, files, reader, report)
    targets = _targets(root, collectors)
    return put_together(KIND, targets, collectors.queries, report)


def _with_target(collector: Item) -> Item:
    """Return a file with a collector alone as one with a target whose place is not known."""
    at = collector.origin
    every = Item(at, text="*", value="*")
    target = Item(at, table={"collectors": every, "data_source_name": Item(at)})
    collectors = Item(at, items=[collector])
    return Item(at, table={"target": target, "collectors": collectors})


def _collectors(
    root: Item, files: NamedFiles, reader: TreeReader, report: ImportReport
) -> Collectors:
    """Return what all collectors become, also those in files of their own."""
    common = root.at("global")
    unknown_keys(common, (*_GLOBAL_KEYS, *_NOT_NEEDED), report)
    note_keys(common, _NOT_NEEDED, report)
    timeout = common.at("scrape_timeout")
    collectors = Collectors(
        kind=KIND,
        report=report,
        min_interval=text_of(common.at("min_interval"), report) or "0s",
        timeout=duration_of(timeout, report),
        timeout_origin=timeout.origin,
    )
    for item in items_of(root.at("collectors"), report):
        map_collector(item, collectors)
    for pattern in items_of(root.at("collector_files"), report):
        for name in files.find(text_of(pattern, report)):
            map_collector(reader.read(name, files.read(name)), collectors)
    return collectors


def _targets(root: Item, collectors: Collectors) -> list[ImportedTarget]:
    """Return the target alone, or those of all jobs."""
    report = collectors.report
    more = _connections(root.at("global").at("max_connections"), report)
    found: list[ImportedTarget | None] = []
    if root.at("target").is_there:
        found.append(_target_alone(root.at("target"), more, collectors))
    for job in items_of(root.at("jobs"), report):
        found += _targets_of_job(job, more, collectors)
    return [target for target in found if target is not None]


def _connections(item: Item, report: ImportReport) -> dict[str, int]:
    """Return how many connections a target has at most; what is otherwise here is told."""
    said = whole_number_of(item, _CONNECTIONS, report)
    if said == 0:
        report.note(item.origin, _NO_BOUND)
    most = connections_of(said)
    if most is None:
        return {}
    if most != said:
        report.note(item.origin, f"is {most} here, which is the most")
    return {"max_connections": most}


def _target_alone(
    item: Item, more: Mapping[str, int], collectors: Collectors
) -> ImportedTarget | None:
    report = collectors.report
    unknown_keys(item, _TARGET_KEYS, report)
    note_keys(item, _NOT_NEEDED, report)
    queries = _queries(item.at("collectors"), collectors)
    name = text_of(item.at("name"), report) or _TARGET_ALONE
    of_job = _TargetsOfJob({}, queries, more, report)
    return _target(name, item.at("data_source_name"), of_job)


def _targets_of_job(
    item: Item, more: Mapping[str, int], collectors: Collectors
) -> list[ImportedTarget | None]:
    report = collectors.report
    unknown_keys(item, _JOB_KEYS, report)
    note_keys(item, _NOT_NEEDED, report)
    name = item.at("job_name")
    message = f'Prometheus sets the label job: job_name: "{name.text}" in its scrape_configs keeps it'
    report.note(name.origin, message)
    queries = _queries(item.at("collectors"), collectors)
    found = []
    for static in items_of(item.at("static_configs"), report):
        unknown_keys(static, ("targets", "labels"), report)
        labels = text_table_of(static.at("labels"), report)
        of_job = _TargetsOfJob(labels, queries, more, report)
        for target, source in table_of(static.at("targets"), report).items():
            found.append(_target(target, source, of_job))
    return found


def _target(name: str, item: Item, of_job: _TargetsOfJob) -> ImportedTarget | None:
    report = of_job.report
    try:
        source = read_ours(text_of(item, report), _HOST)
    except NotOursError as error:
        report.left(item.origin, str(error))
        return None
    return make_target(
        name,
        source,
        of_job.labels,
        of_job.queries,
        item.origin,
        report,
        more=of_job.more,
    )


def _queries(item: Item, collectors: Collectors) -> list[str]:
    """Return the queries of the collectors that a target names, by name or by pattern."""
    found: list[str] = []
    for pattern in items_of(item, collectors.report):
        text = text_of(pattern, collectors.report)
        names = fnmatch.filter(collectors.queries_of, text)
        if not names:
            collectors.report.left(pattern.origin, f'no collector "{text}" was found')
        for name in names:
            found += collectors.queries_of[name]
    return found
