"""Make the two files of each query: names that are allowed, metrics that only one query gives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from monitor.config.labels import label_fault
from monitor.config.queries.metric_names import name_faults
from monitor.config.sql.statement import read_template
from monitor.config.toml.problems import Origin
from monitor.migration.imported import (
    Imported,
    ImportedMetric,
    ImportedQuery,
    ImportedTarget,
    TomlTable,
)
from monitor.migration.report import ImportReport
from monitor.migration.target_names import named_apart

_CLASH: Final = (
    "is a gauge here, as there is a metric {base} too; rate() reads it as ever"
)
MAX_ROWS: Final = 10_000
"""Their queries have no bound; ours have a lower one unless it is said."""
_NOTHING: Final[TomlTable] = MappingProxyType({})
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")


class QueryNames:
    """Names of queries as our files may have them, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, name: str) -> str:
        """Return a name that is free, as near to theirs as is allowed."""
        base = _NOT_IN_NAMES.sub("_", name.lower()).strip("_")
        if not base[:1].isalpha():
            base = f"query_{base}".rstrip("_")
        free = base
        number = 2
        while free in self._taken:
            free = f"{base}_{number}"
            number += 1
        self._taken.add(free)
        return free


def make_metric(
    name: str,
    help_text: str,
    labels: Sequence[str],
    keys: Mapping[str, Any],
    origin: Origin,
    report: ImportReport,
) -> ImportedMetric | None:
    """Return a metric; None where its name or a label cannot be, which is told."""
    faults = [*name_faults(name, keys.get("type"))]
    # With `values` one more label is the name of the column.
    for label in [*labels, *keys.get("values", {})]:
        fault = label_fault(label)
        if fault:
            faults.append(fault)
    for fault in faults:
        report.left(origin, f"metric {name} was left out: {fault}")
    if faults:
        return None
    said = " ".join(help_text.split()) or name
    table = {"help": said, "labels": list(labels), **keys}
    kept = {key: value for key, value in table.items() if value not in ([], {})}
    return ImportedMetric(name, kept, origin)


def make_query(
    name: str,
    sql: str,
    keys: TomlTable,
    metrics: Iterable[ImportedMetric | None],
    origin: Origin,
    report: ImportReport,
    parameters: TomlTable = _NOTHING,
    for_each: TomlTable = _NOTHING,
) -> ImportedQuery | None:
    """Return a query; None where nothing of it is left, or its statement is refused, which is told."""
    kept = [metric for metric in metrics if metric is not None]
    template = read_template(sql)
    given = dict(parameters)
    # What no statement asks for is an error to our loader.
    for unused in given.keys() - set(template.parameters):
        del given[unused]
    of_items = {name for item in for_each.get("items", ()) for name in item}
    faults = template.faults(given, of_items)
    for fault in faults:
        where = (
            f"line {fault.line} of its statement" if fault.line > 1 else "its statement"
        )
        report.left(origin, f"query {name} was left out: {where}: {fault.message}")
    if not kept or faults:
        return None
    return ImportedQuery(
        name=name,
        sql=sql,
        keys={**keys, "max_rows": MAX_ROWS},
        metrics=kept,
        origin=origin,
        parameters=given,
        for_each=for_each,
    )


def _distinct_metrics(
    queries: Iterable[ImportedQuery], report: ImportReport
) -> list[ImportedQuery]:
    """Return the queries with each metric in one of them only, the first; what others had of it is told."""
    owners: dict[str, str] = {}
    found = []
    for query in queries:
        kept = []
        for metric in query.metrics:
            owner = owners.setdefault(metric.name, query.name)
            if owner == query.name:
                kept.append(metric)
                continue
            message = (
                f"metric {metric.name} of query {query.name} was left out: query {owner} gives it, and a metric"
                " has one query; put both into one statement with UNION ALL"
            )
            report.left(metric.origin, message)
        if kept:
            found.append(replace(query, metrics=kept))
    return _without_clashes(found, report)


def with_present_queries(
    targets: Iterable[ImportedTarget], queries: Iterable[ImportedQuery]
) -> list[ImportedTarget]:
    """Return the targets with those of their queries that are there, each once."""
    names = {query.name for query in queries}
    found = []
    for target in targets:
        present = [name for name in dict.fromkeys(target.queries) if name in names]
        found.append(replace(target, queries=present))
    return found


def put_together(
    kind: str,
    targets: Sequence[ImportedTarget],
    queries: Iterable[ImportedQuery],
    report: ImportReport,
    web: TomlTable = _NOTHING,
) -> Imported:
    """Return all that an import makes: what runs nowhere is left out, and told."""
    kept = []
    wanted: set[str] = set()
    for target in targets:
        wanted.update(target.queries)
    for query in queries:
        if query.name in wanted:
            kept.append(query)
        else:
            message = f"query {query.name} runs on no target that was taken, so it was left out"
            report.left(query.origin, message)
    kept = _distinct_metrics(kept, report)
    present = [
        _without_shared_labels(target, kept, report)
        for target in with_present_queries(named_apart(targets, report), kept)
    ]
    return Imported(kind, present, kept, web)


def _without_shared_labels(
    target: ImportedTarget, queries: Iterable[ImportedQuery], report: ImportReport
) -> ImportedTarget:
    """Return a target without those labels that a query on it has too: a series has one of a name."""
    labels = dict(target.keys.get("labels", {}))
    for query in queries:
        if query.name not in target.queries:
            continue
        for name in query.label_names & labels.keys():
            del labels[name]
            message = f"its label {name} was left out: query {query.name} has one of this name"
            report.left(target.origin, message)
    keys = {**target.keys, "labels": labels}
    if not labels:
        del keys["labels"]
    return replace(target, keys=keys)


def _without_clashes(
    queries: Iterable[ImportedQuery], report: ImportReport
) -> list[ImportedQuery]:
    """Return the queries with those counters as gauges whose name without _total another metric has."""
    names: set[str] = set()
    for query in queries:
        names.update(metric.name for metric in query.metrics)
    found = []
    for query in queries:
        metrics = []
        for metric in query.metrics:
            base = metric.name.removesuffix("_total")
            if metric.keys.get("type") == "counter" and base in names:
                report.note(metric.origin, _CLASH.format(base=base))
                keys = dict(metric.keys)
                del keys["type"]
                metric = replace(metric, keys=keys)
            metrics.append(metric)
        found.append(replace(query, metrics=metrics))
    return found
