"""Read out of a server's plan how many rows a statement reads, and what it reads as a whole; pure.

Source of the columns: EXPLAIN FORMAT=TRADITIONAL of both servers, and ANALYZE of MariaDB, which has run it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from monitor.model.results import Rows

MANY_ROWS = 100_000
"""So many rows are read in some hundredths of a second; more are worth a note."""
_MAX_ROWS = 10.0**15

_NO_TABLE = "None"


@dataclass(frozen=True, slots=True)
class LongScan:
    """A large table that is read as a whole at each run."""

    table: str
    rows: float
    used: float
    """How many of these rows the statement goes on with: what an index that fits would read."""
    is_measured: bool
    """Whether the server has counted them, and not guessed."""

    @property
    def gain(self) -> float:
        """Return how many times fewer rows an index that fits would read."""
        return self.rows / max(self.used, 1.0)


def rows_read(plan: Rows) -> float:
    """Return how many rows of tables a statement reads by its plan; of what the server cannot say, none.

    Of a join each row that is left of one table leads to the rows of the next. What is joined by a buffer or a
    hash is read once.
    """
    total, outer = 0.0, 1.0
    select: object = None
    for step in _steps(plan):
        if step.select != select:
            outer, select = 1.0, step.select
        if step.is_in_between:
            # Of its size there is but a guess, which others would be multiplied by.
            continue
        scanned = step.scanned(outer)
        total += scanned
        outer = max(scanned, 1.0) * step.share_left
    return total


def long_scans(plan: Rows, text: str) -> Iterator[LongScan]:
    """Yield the large tables that a statement reads as a whole; `text` is the statement, for their names."""
    for step in _steps(plan):
        if step.is_scan and step.rows > MANY_ROWS:
            table = _table_named(step.table, text)
            used = step.rows * step.share_left
            yield LongScan(table, step.rows, used, step.is_measured)


@dataclass(frozen=True, slots=True)
class _PlanStep:
    """One step of a plan."""

    select: object
    """Which SELECT of the statement it is of."""
    table: str
    type: str
    rows: float
    share_left: float
    """Which part of the rows is gone on with."""
    extra: str
    is_measured: bool

    @property
    def is_in_between(self) -> bool:
        """Return whether it reads no table but a result in between, whose size the server guesses."""
        return self.table.startswith("<") or self.table == _NO_TABLE

    @property
    def is_scan(self) -> bool:
        """Return whether it reads a table, or one of its indexes, as a whole."""
        return self.type in ("ALL", "index") and not self.is_in_between

    def scanned(self, outer: float) -> float:
        """Return how many rows it reads, for so many rows of the step before."""
        if "join buffer" in self.extra:
            return self.rows
        return min(outer * self.rows, _MAX_ROWS)


def _steps(plan: Rows) -> Iterator[_PlanStep]:
    """Yield the steps of a plan; what ANALYZE counted goes before what was guessed."""
    names = [column.lower() for column in plan.columns]
    for row in plan.rows:
        cells = dict(zip(names, row, strict=True))
        rows = _number(cells.get("rows"), 0.0)
        filtered = _number(cells.get("filtered"), 100.0)
        yield _PlanStep(
            select=cells.get("id"),
            table=str(cells.get("table")),
            type=str(cells.get("type")),
            rows=_number(cells.get("r_rows"), rows),
            share_left=_number(cells.get("r_filtered"), filtered) / 100.0,
            extra=str(cells.get("extra")),
            is_measured="r_filtered" in cells,
        )


def _number(cell: object, default: float) -> float:
    try:
        return float(str(cell))
    except ValueError:
        return default


def _table_named(alias: str, text: str) -> str:
    """Return the table behind a name in a plan; the name itself where the statement does not say."""
    name = r"`?(?:\w+`?\.`?)?(\w+)`?"
    pattern = rf"\b(?:FROM|JOIN)\s+{name}\s+(?:AS\s+)?`?{re.escape(alias)}`?\b"
    match = re.search(pattern, text, re.IGNORECASE)
    return alias if match is None else match[1]
