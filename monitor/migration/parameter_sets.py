"""Map query-exporter's parameters: one set of values, several, or all combinations of several lists."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any, TypeAlias

from monitor.migration.reading import items_of, table_of
from monitor.migration.report import ImportReport
from monitor.migration.statements import is_select, union, with_suffix
from monitor.migration.yaml_tree import Item

ParameterSet: TypeAlias = Mapping[str, Any]
"""The values with which a statement runs once."""


def with_parameters(
    sql: str,
    sets: Sequence[ParameterSet],
    item: Item,
    columns: Sequence[str],
    report: ImportReport,
) -> tuple[str, dict[str, Any]]:
    """Return the statement for all sets of parameters, and the values of `[parameters]`.

    Of several sets the statement is repeated with UNION ALL: each metric is given by one query.
    """
    if len(sets) > 1 and is_select(sql):
        return _repeated(sql, sets, columns)
    if len(sets) > 1:
        message = "only the first set was taken: the statement is no SELECT, and is not repeated"
        report.left(item.origin, message)
    return sql, dict(*sets[:1])


def _repeated(
    sql: str, sets: Sequence[ParameterSet], columns: Sequence[str]
) -> tuple[str, dict[str, Any]]:
    parameters = {}
    statements = []
    for number, one in enumerate(sets, 1):
        suffix = f"_{number}"
        statements.append(with_suffix(sql, one, suffix))
        for name, value in one.items():
            parameters[f"{name}{suffix}"] = value
    return union(statements, columns), parameters


def parameter_sets(item: Item, report: ImportReport) -> list[ParameterSet]:
    """Return the sets of values; of a table of lists every combination, with names such as `top__key`."""
    if item.table is None:
        return _list_of_sets(item, "", report)
    lists = []
    for top, below in item.table.items():
        lists.append(_list_of_sets(below, f"{top}__", report))
    combined: list[ParameterSet] = []
    for chosen in product(*lists):
        nothing: dict[str, Any] = {}
        combined.append(reduce(operator.or_, chosen, nothing))
    return combined


def _list_of_sets(item: Item, prefix: str, report: ImportReport) -> list[ParameterSet]:
    sets: list[ParameterSet] = []
    for one in items_of(item, report):
        values = {}
        for name, value in table_of(one, report).items():
            if isinstance(value.value, bool | int | float | str):
                values[f"{prefix}{name}"] = value.value
            else:
                message = "is no number, text or boolean, so it was left out"
                report.left(value.origin, message)
        sets.append(values)
    return sets
