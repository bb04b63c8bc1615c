"""Spell the columns of a result as the query's file does; between database and samples; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from monitor.collector.samples import columns_of
from monitor.model.results import Rows
from monitor.model.settings import Query


def spelt_as_in(query: Query, rows: Rows) -> Rows:
    """Return rows with their columns called as the file of the query calls them.

    MySQL answers from information_schema in capitals, MariaDB as the statement has it. Where two columns differ
    by nothing but their case, each keeps its own name.
    """
    named = columns_named_by(query)
    if named.issubset(rows.columns):
        return rows
    places = _places(rows.columns)
    columns = list(rows.columns)
    for name in named.difference(rows.columns):
        found = places[name.casefold()]
        if len(found) == 1:
            columns[found[0]] = name
    return replace(rows, columns=tuple(columns))


def columns_named_by(query: Query) -> frozenset[str]:
    """Return every column that the file of a query names."""
    named: set[str] = set()
    for metric in query.metrics:
        named.update(columns_of(metric))
    schema = query.schema
    if schema is not None:
        named.update((schema.table, schema.column, schema.missing))
    return frozenset(named)


def _places(columns: Sequence[str]) -> Mapping[str, list[int]]:
    """Return where each column stands, by its name in small letters."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, column in enumerate(columns):
        places[column.casefold()].append(place)
    return places
