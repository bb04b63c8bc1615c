"""The statements of a cursor's run, each short, and what they may take altogether; at the edge."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from monitor.collector.cursor_gaps import clipped, gaps_with
from monitor.collector.fetching import MIN_TRY_SECONDS, fetch, only_row
from monitor.database import Session
from monitor.model.cursor_position import Gap
from monitor.model.errors import QueryError, Reason
from monitor.model.identifiers import quoted
from monitor.model.results import Cell, Rows, ServerWarning
from monitor.model.settings import Query, Scalar, Statement
from monitor.model.walks import Cursor

BUDGET_SECONDS = 1.0
"""What one run takes of the server at most, beyond the piece that it is at: the rest is the next run's."""
_MAX_IDS = 5_000
NO_ID = 1 << 64
"""No id is so high."""

# A transaction that has changed nothing and is at nothing has no row that could still appear. The start is
# written in the zone of the machine, whatever that of the session is.
_OLDEST_OPEN = Statement(
    "SELECT TIMESTAMPDIFF(SECOND, MIN(CONVERT_TZ(trx_started, 'SYSTEM', '+00:00')), UTC_TIMESTAMP())"
    " FROM information_schema.innodb_trx"
    " WHERE trx_is_read_only = 0 AND trx_autocommit_non_locking = 0"
    " AND (trx_rows_modified > 0 OR trx_tables_in_use > 0 OR trx_tables_locked > 0)"
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What there is now: the highest id, None of an empty table, and the server's clock in Unix seconds."""

    highest: int | None
    now_seconds: float


@dataclass(slots=True)
class CursorStatements:
    """Sends the statements of one run, in a session that the caller leased, and adds up what they took.

    Each of its methods raises QueryError as the server answers.
    """

    query: Query
    walk: Cursor
    session: Session
    ends_at_seconds: float
    """When the run's time is over, on the monotonic clock."""
    since_at: float = 0.0
    """After which instant of the server's clock came what is read; 0 where it is of before."""
    spent_seconds: float = 0.0
    piece_seconds: float = 0.0
    """What the last range took."""
    had_time: bool = True
    """Whether half of the run's time was left when the last range was asked for."""
    quickest_seconds: float = math.inf
    """What the quickest of those took that give one row: so much each one takes, whatever it reads."""
    warnings: dict[ServerWarning, None] = field(default_factory=dict)

    @contextmanager
    def new_since(self, since_at: float) -> Iterator[None]:
        """Read rows that came after an instant of the server's clock; others are of before, or nobody knows."""
        self.since_at = since_at
        try:
            yield
        finally:
            self.since_at = 0.0

    @property
    def has_budget(self) -> bool:
        """Return whether another piece may be read in this run."""
        return self.has_time and self.spent_seconds < BUDGET_SECONDS

    def budget_with(self, seconds: float) -> Callable[[], bool]:
        """Return what says whether there is budget, or so much time was not spent from now on."""
        until_seconds = max(BUDGET_SECONDS, self.spent_seconds + seconds)
        return lambda: self.has_time and self.spent_seconds < until_seconds

    @property
    def has_time(self) -> bool:
        """Return whether the run's time is not over."""
        return self.ends_at_seconds - time.monotonic() > MIN_TRY_SECONDS

    @property
    def is_early(self) -> bool:
        """Return whether half of the run's time is left."""
        left_seconds = self.ends_at_seconds - time.monotonic()
        return left_seconds > self.query.timeout.total_seconds() / 2

    def bounds(self) -> Bounds:
        """Return the highest id and the server's clock."""
        sql = (
            f"SELECT (SELECT MAX({self._column}) FROM {self._table}), UNIX_TIMESTAMP()"
        )
        highest, now_seconds = self._ask_one(sql)
        return Bounds(_integer_or_none(highest), float(str(now_seconds)))

    def oldest_open_seconds(self) -> float | None:
        """Return for how long the oldest transaction with changes is open, 0 where none is; None: not to be seen."""
        try:
            rows = self._fetch(_OLDEST_OPEN, {}, 1)
        except QueryError as error:
            if error.reason is Reason.ACCESS_DENIED:
                return None
            raise
        (seconds,) = only_row(rows)
        return 0.0 if seconds is None else max(0.0, float(str(seconds)))

    def ids(self, since: int, until: int, most: int) -> list[int]:
        """Return the lowest ids above `since` and up to `until`, ascending, at most so many."""
        sql = (
            f"SELECT {self._column} FROM {self._table} WHERE {self._column} > {since:d}"
            f" AND {self._column} <= {until:d} ORDER BY {self._column} LIMIT {most:d}"
        )
        return [int(str(one)) for (one,) in self._ask(sql, most)]

    def late_gaps(self, gaps: Sequence[Gap]) -> tuple[Sequence[Gap], Sequence[Gap]]:
        """Return those of some gaps that have a row, without steps; and the rest, where there are too many rows."""
        spans = " OR ".join(self._within(gap) for gap in gaps)
        sql = f"SELECT {self._column} FROM {self._table} WHERE {spans} ORDER BY {self._column} LIMIT {_MAX_IDS}"
        ids = [int(str(one)) for (one,) in self._ask(sql, _MAX_IDS)]
        if len(ids) < _MAX_IDS:
            return list(gaps_with(ids, gaps)), ()
        known = clipped(gaps, -1, ids[-1])
        return list(gaps_with(ids, known)), clipped(gaps, ids[-1], NO_ID)

    def _within(self, gap: Gap) -> str:
        """Return the condition that an id is in a gap."""
        within = f"{self._column} BETWEEN {gap.first:d} AND {gap.last:d}"
        if gap.step == 0:
            return within
        rest = (gap.first - 1) % gap.step
        return f"({within} AND MOD({self._column}, {gap.step:d}) <> {rest:d})"

    def highest_up_to(self, until: int) -> int | None:
        """Return the highest id up to one."""
        sql = f"SELECT MAX({self._column}) FROM {self._table} WHERE {self._column} <= {until:d}"
        (found,) = self._ask_one(sql)
        return _integer_or_none(found)

    def lowest_from(self, one: int, otherwise: int) -> int:
        """Return the lowest id that is not below one."""
        sql = (
            f"SELECT COALESCE(MIN({self._column}), {otherwise:d}) FROM {self._table}"
            f" WHERE {self._column} >= {one:d}"
        )
        (found,) = self._ask_one(sql)
        return int(str(found))

    def newest_seconds(self, one: int) -> float:
        """Return the time of the row with this id; one before all times where it has none, or is not there."""
        rows = self.rows(one - 1, one)
        times = rows.columns.index(self.walk.time)
        seconds = [float(str(cells[times])) for cells in rows.rows if cells[times]]
        return max(seconds, default=-math.inf)

    def rows(self, since: int, until: int) -> Rows:
        """Return what the query's own statement gives for the rows above `since` and up to `until`."""
        statement = self.query.statement_for(self.session.server.flavor)
        ends = {"since": since, "until": until, "since_at": self.since_at}
        values: dict[str, Scalar] = {**self.query.parameters, **ends}
        self.had_time = self.is_early
        started_seconds = time.monotonic()
        rows = self._fetch(statement, values, self.query.max_rows)
        self.piece_seconds = time.monotonic() - started_seconds
        self.warnings.update(dict.fromkeys(rows.warnings))
        return rows

    @property
    def _column(self) -> str:
        return quoted(self.walk.column)

    @property
    def _table(self) -> str:
        return quoted(self.walk.table)

    def _ask_one(self, sql: str) -> tuple[Cell, ...]:
        return only_row(self._fetch(Statement(sql), {}, 1))

    def _ask(self, sql: str, max_rows: int) -> Sequence[tuple[Cell, ...]]:
        return self._fetch(Statement(sql), {}, max_rows).rows

    def _fetch(
        self, statement: Statement, values: Mapping[str, Scalar], max_rows: int
    ) -> Rows:
        started_seconds = time.monotonic()
        left_seconds = self.ends_at_seconds - started_seconds
        timeout = timedelta(seconds=max(MIN_TRY_SECONDS, left_seconds))
        try:
            # The server's own limit stays, so that it is stated once; KILL keeps to what is left.
            limit = self.query.timeout
            return fetch(
                self.session, statement, values, timeout, max_rows, server_limit=limit
            )
        finally:
            took_seconds = time.monotonic() - started_seconds
            self.spent_seconds += took_seconds
            if max_rows == 1:
                self.quickest_seconds = min(self.quickest_seconds, took_seconds)


def is_too_much(error: QueryError) -> bool:
    """Return whether a smaller piece may succeed where this one did not."""
    return error.reason in (Reason.TIMEOUT, Reason.TOO_MANY_ROWS)


def first_rows(rows: Rows, most: int) -> Rows:
    """Return the first rows alone, to be shown to a person."""
    return replace(rows, rows=rows.rows[:most])


def _integer_or_none(cell: Cell) -> int | None:
    return None if cell is None else int(str(cell))
