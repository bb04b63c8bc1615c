"""Ask a server where the keys of a sweep begin, end and lie between; in a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType

from monitor.collector.fetching import fetch, only_row
from monitor.database import Session
from monitor.model.errors import SampleError
from monitor.model.identifiers import quoted
from monitor.model.results import Cell, ColumnType, Rows
from monitor.model.settings import Bindable, Statement
from monitor.model.sweeps import SweepKey
from monitor.model.walks import Sweep

_KEYS: Mapping[ColumnType, type] = MappingProxyType(
    {ColumnType.NUMBER: int, ColumnType.TEXT: str, ColumnType.BINARY: bytes}
)
_BEFORE_ALL_TEXT = ""
_BEFORE_ALL_BYTES = b""
BEFORE_ALL_UUIDS = "00000000-0000-0000-0000-000000000000"
"""Of MariaDB's type UUID, which is compared with nothing but what is one: with '' it gives no row at all."""
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


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
        last = self._key(highest, rows)
        first = self._before(self._key(lowest, rows))
        if not isinstance(first, int):
            self._check_first(first)
        return Ends(first, last)

    def piece_end(self, reached: SweepKey, end: SweepKey, width: int) -> SweepKey:
        """Return the last key of the next piece, so many numbers or rows further on."""
        if isinstance(reached, int) and isinstance(end, int):
            return min(reached + width, end)
        key, table = self._names()
        sql = (
            f"SELECT {key} AS next FROM {table} WHERE {key} > %(reached)s AND {key} <= %(end)s"
            f" ORDER BY {key} LIMIT 1 OFFSET {width - 1}"
        )
        found = self._ask(sql, {"reached": reached, "end": end})
        # Behind the key there are fewer rows than that.
        return self._key(found.rows[0][0], found) if found.rows else end

    def gap_end(self, reached: SweepKey, end: SweepKey) -> SweepKey:
        """Return up to where there is no row behind a key, so that nothing is left to read there."""
        if not isinstance(reached, int):
            return reached
        key, table = self._names()
        sql = f"SELECT MIN({key}) AS next FROM {table} WHERE {key} > %(reached)s"
        found = self._value(sql, {"reached": reached})
        return end if found is None else max(reached, int(str(found)) - 1)

    def _value(self, sql: str, values: Mapping[str, Bindable]) -> Cell:
        return only_row(self._ask(sql, values))[0]

    def _ask(self, sql: str, values: Mapping[str, Bindable]) -> Rows:
        statement = Statement(sql, tuple(values))
        return fetch(self.session, statement, values, self.timeout, 1)

    @property
    def _name(self) -> str:
        return f"{self.sweep.table}.{self.sweep.column}"

    def _names(self) -> tuple[str, str]:
        return quoted(self.sweep.column), quoted(self.sweep.table)

    def _key(self, cell: Cell, rows: Rows) -> SweepKey:
        """Return a cell as a key, by the type of its rows' only column."""
        column_type = rows.types[0]
        if isinstance(cell, Decimal) and cell == cell.to_integral_value():
            return int(cell)
        is_key = type(cell) is _KEYS.get(column_type)
        if is_key and isinstance(cell, int | str | bytes):
            return cell
        raise SampleError(
            f"the key {self._name} is neither a whole number nor text or bytes ({column_type});"
            " name another one in [sweep]"
        )

    def _before(self, lowest: SweepKey) -> SweepKey:
        """Return what is before the lowest key, and before all that could come where it is no number."""
        match lowest:
            case int():
                # Arithmetic, since nothing is between two whole numbers.
                return lowest - 1
            case bytes():
                return _BEFORE_ALL_BYTES
            case _:
                return BEFORE_ALL_UUIDS if self._is_uuid(lowest) else _BEFORE_ALL_TEXT

    def _is_uuid(self, key: str) -> bool:
        """Return whether a key is of the type UUID, which has it without dashes too, and not text."""
        if not _UUID.fullmatch(key):
            return False
        column, table = self._names()
        sql = f"SELECT COUNT(*) AS found FROM {table} WHERE {column} = %(bare)s"
        return self._value(sql, {"bare": key.replace("-", "")}) != 0

    def _check_first(self, first: str | bytes) -> None:
        """Refuse keys before which there is none that a piece could begin behind."""
        key, table = self._names()
        sql = f"SELECT COUNT(*) AS found FROM {table} WHERE {key} <= %(first)s"
        if self._value(sql, {"first": first}) != 0:
            spelt = "''" if isinstance(first, bytes) else f"'{first}'"
            raise SampleError(
                f"the key {self._name} is {spelt} in a row, which no piece would read; give it another value"
            )
