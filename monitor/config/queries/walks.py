"""Read how a query walks, `[cursor]`, `[sweep]` or `[ledger]`, and check it before its target is known; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from monitor.config.queries.schema import QuerySchema
from monitor.config.sql.first_table import first_table
from monitor.config.sql.statement import Template
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.config.toml.validation import refuse_both
from monitor.model.walks import Cursor, Ledger, Sweep, Walk


def read_walk(
    checked: QuerySchema, section: Section, problems: Problems
) -> Walk | None:
    """Return how a query walks, its column as the file has it, with parameters in braces; None: it does not.

    A column without a table is one of the table that the statement reads: `of_statement` says which.
    """
    cursor, sweep, ledger = checked.cursor, checked.sweep, checked.ledger
    for one, other in (("cursor", "sweep"), ("cursor", "ledger"), ("sweep", "ledger")):
        refuse_both(section, one, other, problems)
    if cursor is not None:
        table, _, column = cursor.column.rpartition(".")
        return Cursor(table, column, cursor.settle, cursor.time)
    if sweep is not None:
        table, _, column = sweep.key.rpartition(".")
        return Sweep(table, column, checked.cycle_of(sweep), sweep.piece)
    if ledger is not None:
        table, _, column = ledger.column.rpartition(".")
        return Ledger(table, column, ledger.settle, ledger.users, ledger.loop)
    return None


def of_statement(walk: Walk, statement: Template) -> Walk:
    """Return the walk with the table that the statement reads first, where the file names none."""
    table = walk.table or first_table(statement.tokens)
    return replace(walk, table=table)


def check_walk(
    walk: Walk,
    section: Section,
    statements: Iterable[Template],
    column_fault: Callable[[str], str | None],
    problems: Problems,
) -> None:
    """Note a walk by something that is not a column, and a statement that does not read between two keys.

    `column_fault` says why a text is not `table.column`.
    """
    fault = column_fault(f"{walk.table}.{walk.column}".lstrip("."))
    if fault is not None:
        problems.add(section.origin(walk.section, walk.key), fault)
    asked = set(walk.parameters)
    names = " and :".join(walk.parameters)
    message = f"goes with statements that read between :{names}"
    for template in statements:
        # One that could not be read is empty, and its own problem.
        if template.text and not asked.issubset(template.parameters):
            problems.add(section.origin(walk.section), message)
