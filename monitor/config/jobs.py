"""Which query runs on which target, with which parameters: drafts and targets to jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from monitor.config.queries.library import Library
from monitor.config.queries.parameters import resolve
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.sql.local_time import local_time_functions
from monitor.config.targets import TargetEntry, check_queries
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.model.settings import ColumnName, Job, Query, Scalar

_MAX_NAMES = 5


def make_jobs(
    config: Section,
    library: Library,
    targets: Sequence[TargetEntry],
    problems: Problems,
) -> tuple[Job, ...]:
    """Bind every query to every target that wants it, schema queries first within a target."""
    _check_parameters(config, library, problems)
    shared: dict[str, Query] = {}
    jobs = []
    for target in targets:
        check_queries(target, library.names, problems)
        wanted = [
            draft for name, draft in library.queries.items() if target.wants(name)
        ]
        _check_target_parameters(target, library, problems)
        _check_target_labels(target, wanted, problems)
        values = {
            draft.name: _values(config, draft, target, problems) for draft in wanted
        }
        wanted = sorted(
            (draft for draft in wanted if draft.enabled and draft.is_sound),
            key=_schema_first,
        )
        needs = _needs_json(
            {draft.name: draft.needed_columns(values[draft.name]) for draft in wanted}
        )
        for draft in wanted:
            query = draft.bind(values[draft.name], needs)
            if target.target is not None:
                query = _in_zone(query, target.target.time_zone)
                # Equal queries are one object, so that targets share what is worked out per query.
                jobs.append(Job(target.target, shared.setdefault(_key(query), query)))
    return tuple(jobs)


def _schema_first(draft: UnboundQuery) -> tuple[bool, str]:
    return (draft.schema is None, draft.name)


def _key(query: Query) -> str:
    # Types count: 1, 1.0 and true are equal in Python, not in SQL.
    return json.dumps([query.name, query.time_zone, sorted(query.parameters.items())])


def _in_zone(query: Query, time_zone: str) -> Query:
    """Return an operator's own query with the zone that it runs in; shipped ones are written for UTC."""
    if query.shipped:
        return query
    return replace(query, time_zone=time_zone, local_time=local_time_functions(query))


def _needs_json(needs: Mapping[str, Iterable[ColumnName]]) -> str:
    """Return which columns are needed, each with the names of the queries that need it."""
    needed_by: dict[ColumnName, list[str]] = {}
    for query, columns in sorted(needs.items()):
        for column in columns:
            needed_by.setdefault(column, []).append(query)
    return json.dumps(
        [
            {
                "table": column.table,
                "column": column.column,
                "queries": _few(needed_by[column]),
            }
            for column in sorted(needed_by, key=str)
        ]
    )


def _few(names: Sequence[str]) -> str:
    """Write names for a text: all of them where there are few."""
    more = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def _values(
    config: Section, draft: UnboundQuery, target: TargetEntry, problems: Problems
) -> dict[str, Scalar]:
    layers = [
        config.at("parameters"),
        config.at("queries", draft.name, "parameters"),
        target.section.at("parameters"),
    ]
    return resolve(draft.name, draft.parameters, draft.identifiers, layers, problems)


def _check_parameters(config: Section, library: Library, problems: Problems) -> None:
    if library.is_partial:
        return  # a query that could not be read may declare it
    for name in config.at("parameters").data:
        if name not in library.declared:
            message = (
                f"no query declares this parameter{near_miss(name, library.declared)}"
            )
            problems.add(config.origin("parameters", name), message)
    for query, declared in library.declared_by.items():
        for name in config.at("queries", query, "parameters").data:
            if name not in declared:
                message = f"the query does not declare this parameter{near_miss(name, declared)}"
                problems.add(
                    config.origin("queries", query, "parameters", name), message
                )


def _check_target_parameters(
    target: TargetEntry, library: Library, problems: Problems
) -> None:
    if library.is_partial:
        return
    declared = {
        name
        for query, names in library.declared_by.items()
        if target.wants(query)
        for name in names
    }
    for name in target.section.at("parameters").data:
        if name not in declared:
            message = f"no query on this target declares this parameter{near_miss(name, declared)}"
            problems.add(target.section.origin("parameters", name), message)


def _check_target_labels(
    target: TargetEntry, drafts: Iterable[UnboundQuery], problems: Problems
) -> None:
    for draft in drafts:
        if not draft.enabled:
            continue
        names = {label for metric in draft.metrics for label in metric.label_names}
        names.update(label for rule in draft.active_rules for label in rule.rule.labels)
        for label in target.labels:
            if label in names:
                message = f'query "{draft.name}" has a label of this name'
                problems.add(target.section.origin("labels", label), message)
