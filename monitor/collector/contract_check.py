"""Compare what a query says of the application's tables with the application's statements; in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from monitor.collector.cell_rows import fields_of
from monitor.collector.cells import number_of, text_of
from monitor.collector.schema_look import SchemaLook, Touch, look_at_schema
from monitor.config.needs import places_text
from monitor.contract.repair import repair_of, similar_names
from monitor.contract.schema import MissingName, SchemaTables
from monitor.model.application import HOLE, Contract
from monitor.model.errors import QueryError, Reason
from monitor.model.results import Cell, Failure, Rows
from monitor.model.settings import Labels, labels_of

_COLUMNS: Final = (
    "table",
    "column",
    "finding",
    "state",
    "names",
    "statements",
    "subject",
    "needed_by",
    "renamed",
    "repair",
)
"""Of the rows that come of the comparison."""

LookRows: TypeAlias = Callable[[], Rows]
"""Run the query; QueryError as the server answers."""


@dataclass(frozen=True, slots=True)
class ContractAnswer:
    """What is missing, as rows, and of what nothing can be said."""

    rows: Rows
    silent: tuple[Labels, ...]
    refusals: tuple[Failure, ...]


def check_contract(contract: Contract, look: LookRows, touch: Touch) -> ContractAnswer:
    """Look, and touch what looks missing; QueryError where there is nothing to compare, or nothing can be seen."""
    if contract.fault:
        raise QueryError(Reason.BAD_RESULT, contract.fault)
    found = look_at_schema(
        contract.application,
        contract.ignored,
        look=lambda: _tables(contract, look()),
        touch=touch,
    )
    if found.refusals and not found.schema.tables:
        first = found.refusals[0]
        raise QueryError(
            first.reason, first.message, code=first.code, detail=first.detail
        )
    rows = (*_findings(contract, found), *_counts(contract, found))
    return ContractAnswer(
        rows=Rows(_COLUMNS, rows),
        silent=tuple(labels_of(_labels(name)) for name in found.unknown),
        refusals=found.refusals,
    )


def _tables(contract: Contract, rows: Rows) -> SchemaTables:
    """Return the columns of each table, by the result's columns that the query's file names."""
    tables: dict[str, dict[str, str]] = {}
    ignores_case = False
    for row in fields_of(rows):
        columns = tables.setdefault(text_of(row[contract.table]), {})
        columns[text_of(row[contract.column]).lower()] = text_of(row[contract.type])
        ignores_case = number_of(row[contract.folded]) == 1
    return SchemaTables(tables, ignores_case)


def _findings(contract: Contract, found: SchemaLook) -> Iterator[tuple[Cell, ...]]:
    """Yield what is missing and is told of by no schema query of the same target."""
    told = {(one.table.lower(), one.column.lower()) for one in contract.elsewhere}
    for name in found.missing:
        if not _is_told(name, told):
            yield _finding(contract, found, name)


def _is_told(name: MissingName, told: set[tuple[str, str]]) -> bool:
    tables = {table.lower() for table in name.tables}
    if not name.column:
        return not tables.isdisjoint(table for table, _ in told)
    return any((table, name.column.lower()) in told for table in tables)


def _finding(
    contract: Contract, found: SchemaLook, name: MissingName
) -> tuple[Cell, ...]:
    labels = _labels(name)
    # Of tables only those are known that somebody names: one of a similar name is another one.
    similar = similar_names(name, found.schema) if name.column else ()
    renamed = f" Was it renamed? There is {', '.join(similar)}." if similar else ""
    return (
        labels["table"],
        labels["column"],
        1,
        "",
        None,
        None,
        str(name),
        places_text(found.comparison.missing[name]),
        renamed,
        repair_of(name, contract.application, found.schema),
    )


def _counts(contract: Contract, found: SchemaLook) -> Iterator[tuple[Cell, ...]]:
    """Yield a row for each state of names and of statements."""
    comparison = found.comparison
    names = {
        "present": comparison.present,
        "missing": len(found.missing),
        "unknown": len(found.unknown),
    }
    statements = {
        "judged": comparison.judged,
        "doubtful": len(comparison.doubtful),
        "unread": len(contract.application.unread),
    }
    for state, count in names.items():
        yield ("", "", None, state, count, None, "", "", "", "")
    for state, count in statements.items():
        yield ("", "", None, state, None, count, "", "", "", "")


def _labels(name: MissingName) -> dict[str, str]:
    """Return the labels of an alert; of a table that may be one of several, all of them."""
    table = " or ".join(name.tables)
    return {"table": table.replace(HOLE, "…"), "column": name.column}
