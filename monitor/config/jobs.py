"""Bind the queries that were selected to their targets: to jobs, the last step to the Config; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from monitor.config.contract import Promise, promise_to
from monitor.config.needs import needs_json
from monitor.config.selection import Selection
from monitor.config.sql.local_time import local_time_functions
from monitor.model.contract import ContractFiles
from monitor.model.settings import Job, Query


def make_jobs(
    selections: Iterable[Selection], contract: ContractFiles | None = None
) -> tuple[Job, ...]:
    """Return every query on every target that wants it; a target with problems of its own gets none."""
    jobs: list[Job] = []
    # Equal queries are one object, so that targets share what is worked out per query.
    shared: dict[str, Query] = {}
    # Of the targets of one list the selections are the same objects.
    bound: dict[tuple[int, str, str], list[Query]] = {}
    for selection in selections:
        target = selection.entry.target
        if target is None:
            continue
        promised = promise_to(target, contract)
        kind = (id(selection.queries), target.time_zone, promised.database)
        if kind not in bound:
            queries = _bind(selection, target.time_zone, promised)
            bound[kind] = [shared.setdefault(key, one) for key, one in queries]
        jobs.extend(Job(target, query) for query in bound[kind])
    return tuple(jobs)


def _bind(
    selection: Selection, time_zone: str, promised: Promise
) -> list[tuple[str, Query]]:
    """Return the queries of a target, each behind what makes two of them equal."""
    needs = needs_json(selection, promised.named)
    bound: list[tuple[str, Query]] = []
    for name, unbound in selection.queries.items():
        contract = unbound.contract
        if contract is not None:
            contract = promised.filled(contract, selection.expected_columns)
        query = unbound.bind(selection.values[name], needs, contract)
        query = _in_zone(query, time_zone)
        bound.append((_identity(query, unbound.only_here), query))
    return bound


def _in_zone(query: Query, time_zone: str) -> Query:
    """Return an operator's own query with the zone that it runs in; shipped ones are written for UTC."""
    if query.shipped:
        return query
    return replace(query, time_zone=time_zone, local_time=local_time_functions(query))


def _identity(query: Query, only_here: str) -> str:
    """Return what makes two queries from the same files equal, with what their targets alone say of them."""
    # Types count: 1, 1.0 and true are equal in Python, not in SQL.
    parameters = sorted(query.parameters.items())
    # What two applications say is not compared in words.
    words = [query.name, query.time_zone, parameters, query.parts, only_here]
    return json.dumps([*words, id(query.contract)])
