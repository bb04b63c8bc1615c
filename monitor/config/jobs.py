"""Bind the queries that were selected to their targets: to jobs, the last step to the Config; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from monitor.config.selection import Selection
from monitor.config.sql.local_time import local_time_functions
from monitor.model.settings import ColumnName, Job, Query

_MAX_NAMES: Final = 5
"""So many queries are named with a missing column: in an alert of one line."""


def make_jobs(selections: Iterable[Selection]) -> tuple[Job, ...]:
    """Return every query on every target that wants it; a target with problems of its own gets none."""
    jobs: list[Job] = []
    # Equal queries are one object, so that targets share what is worked out per query.
    shared: dict[str, Query] = {}
    # Of the targets of one list the selections are the same objects.
    bound: dict[tuple[int, str], list[Query]] = {}
    for selection in selections:
        target = selection.entry.target
        if target is None:
            continue
        kind = (id(selection.queries), target.time_zone)
        if kind not in bound:
            queries = _bind(selection, target.time_zone)
            bound[kind] = [shared.setdefault(_identity(one), one) for one in queries]
        jobs.extend(Job(target, query) for query in bound[kind])
    return tuple(jobs)


def _bind(selection: Selection, time_zone: str) -> list[Query]:
    needs = _needs_json(selection)
    return [
        _in_zone(unbound.bind(selection.values[name], needs), time_zone)
        for name, unbound in selection.queries.items()
    ]


def _in_zone(query: Query, time_zone: str) -> Query:
    """Return an operator's own query with the zone that it runs in; shipped ones are written for UTC."""
    if query.shipped:
        return query
    return replace(query, time_zone=time_zone, local_time=local_time_functions(query))


def _identity(query: Query) -> str:
    """Return what makes two queries from the same files equal."""
    # Types count: 1, 1.0 and true are equal in Python, not in SQL.
    parameters = sorted(query.parameters.items())
    return json.dumps([query.name, query.time_zone, parameters, query.parts])


def _needs_json(selection: Selection) -> str:
    """Return which columns are needed on a target, each with the names of the queries that need it."""
    needed_by: dict[ColumnName, list[str]] = {}
    for name, query in selection.queries.items():
        for column in query.needed_columns(selection.values[name]):
            needed_by.setdefault(column, []).append(name)
    rows = []
    for column in sorted(needed_by, key=str):
        row = {
            "table": column.table,
            "column": column.column,
            "queries": _few(sorted(needed_by[column])),
        }
        rows.append(row)
    # Plain letters: the schema query changes their case, which an escape would not follow.
    return json.dumps(rows, ensure_ascii=False)


def _few(names: Sequence[str]) -> str:
    """Return names for a text: all of them where there are few."""
    text = ", ".join(names[:_MAX_NAMES])
    more = len(names) - _MAX_NAMES
    return f"{text} and {more} more" if more > 0 else text
