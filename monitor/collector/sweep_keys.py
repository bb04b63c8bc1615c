"""Ask a server where the keys of a sweep begin, end and lie between; in a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from monitor.collector.fetching import fetch, only_row
from monitor.database import Session
from monitor.model.errors import SampleError
from monitor.model.identifiers import quoted
from monitor.model.results import Cell, ColumnType, Rows
from monitor.model.settings import Scalar, Statement
from monitor.model.sweeps import SweepKey
from monitor.model.walks import Sweep

_BEFORE_ALL_TEXT = ""


@dataclass(frozen=True, slots=True)
class Ends:
    """Between which keys a cycle reads: above the first, up to the last."""

    first: SweepKey
    last: SweepKey


@dataclass(frozen=True, slots=True)
class SweepKeys:
    """The keys of one table, by statements of one session, each within a time limit."""

    sweep: Sweep
    session: Session
    timeout: timedelta

    def ends(self) -> Ends | None:
        """Return between which keys all rows are; None of an empty table. SampleError: no such keys."""
        key, table = self._names()
        sql = f"SELECT MIN({key}) AS lowest, MAX({key}) AS highest FROM {table}"
        rows = fetch(self.session, Statement(sql), {}, self.timeout, 1)
        lowest, highest = only_row(rows)
        if lowest is None or highest is None:
            return None
        last = self._key(highest, rows.types[0])
        if isinstance(last, str):
            self._check_text()
            return Ends(_BEFORE_ALL_TEXT, last)
        # Arithmetic, since nothing is between two whole numbers.
        return Ends(int(str(lowest)) - 1, last)

    def piece_end(self, reached: SweepKey, end: SweepKey, width: int) -> SweepKey:
        """Return the last key of the next piece, so many numbers or rows further on."""
        if isinstance(reached, int) and isinstance(end, int):
            return min(reached + width, end)
        key, table = self._names()
        sql = (
            f"SELECT {key} AS next FROM {table} WHERE {key} > %(reached)s AND {key} <= %(end)s"
            f" ORDER BY {key} LIMIT 1 OFFSET {width - 1}"
        )
        found = self._ask(sql, {"reached": reached, "end": end}).rows
        # Behind the key there are fewer rows than that.
        return str(found[0][0]) if found else end

    def gap_end(self, reached: SweepKey, end: SweepKey) -> SweepKey:
        """Return up to where there is no row behind a key, so that nothing is left to read there."""
        if not isinstance(reached, int):
            return reached
        key, table = self._names()
        sql = f"SELECT MIN({key}) AS next FROM {table} WHERE {key} > %(reached)s"
        found = self._value(sql, {"reached": reached})
        return end if found is None else max(reached, int(str(found)) - 1)

    def _value(self, sql: str, values: dict[str, Scalar]) -> Cell:
        return only_row(self._ask(sql, values))[0]

    def _ask(self, sql: str, values: dict[str, Scalar]) -> Rows:
        statement = Statement(sql, tuple(values))
        return fetch(self.session, statement, values, self.timeout, 1)

    def _names(self) -> tuple[str, str]:
        return quoted(self.sweep.column), quoted(self.sweep.table)

    def _key(self, cell: Cell, column_type: ColumnType) -> SweepKey:
        name = f"{self.sweep.table}.{self.sweep.column}"
        if isinstance(cell, Decimal) and cell == cell.to_integral_value():
            return int(cell)
        if column_type is ColumnType.NUMBER and type(cell) is int:
            return cell
        if column_type is ColumnType.TEXT and isinstance(cell, str):
            return cell
        raise SampleError(
            f"the key {name} is neither a whole number nor text ({column_type}); name another one in [sweep]"
        )

    def _check_text(self) -> None:
        """Refuse texts before which there is no text that a piece could begin behind."""
        key, table = self._names()
        sql = f"SELECT COUNT(*) AS found FROM {table} WHERE {key} <= ''"
        if self._value(sql, {}) != 0:
            name = f"{self.sweep.table}.{self.sweep.column}"
            raise SampleError(
                f"the key {name} is '' in a row, which no piece would read; give it another value"
            )
