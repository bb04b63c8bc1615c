"""What one run of a cursor reads and adds up, piece by piece; the next position and the samples come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from monitor.collector.cursor_memory import MemoryBuilder
from monitor.collector.cursor_passed import IdSpan
from monitor.collector.cursor_ranges import FIRST_PIECE, MAX_PIECE, next_piece
from monitor.collector.cursor_rows import RangeSums, RowAdder
from monitor.collector.cursor_statements import (
    Bounds,
    CursorStatements,
    is_too_much,
)
from monitor.model.cursor_position import (
    CursorMemory,
    CursorPosition,
    Gap,
    SeriesKey,
)
from monitor.model.errors import QueryError, Reason
from monitor.model.results import Rows
from monitor.model.settings import Labels, Query
from monitor.model.walks import CursorFact

EMPTIED = CursorFact.EMPTIED
HORIZON_SECONDS = 15 * 3600.0
"""No row is dated further ahead, whatever its time zone: one that is is no measure of what is new."""


@dataclass(slots=True)
class CursorRun:
    """One run as it goes on; `position` is the one that it began at."""

    statements: CursorStatements
    position: CursorPosition
    memory: CursorMemory
    """How far what is remembered reaches; what that is, `builder` has."""
    bounds: Bounds
    adder: RowAdder = field(init=False)
    builder: MemoryBuilder = field(init=False)
    piece: int = field(init=False)
    until: int = field(init=False)
    gaps: tuple[Gap, ...] = field(init=False)
    """Ids up to `until` that are not counted."""
    newest_seconds: float | None = field(init=False)
    """The latest time of a row that was counted; None where that is not known."""
    totals: dict[SeriesKey, float] = field(init=False)
    """Of counters, over all ranges that were ever counted."""
    left_out: Counter[str] = field(init=False)
    range_sums: dict[SeriesKey, float] = field(default_factory=dict)
    """Of the ranges of this run alone."""
    shown: Rows = field(default_factory=lambda: Rows((), ()))
    """The newest rows that were read."""
    row_count: int = 0
    is_new_memory: bool = field(init=False)
    """Whether what is remembered did not begin at the position's: then that is not to be found any more."""
    unread_ids: int = 0
    """How many of the newest ids were not reached for the windows."""
    has_timeless: bool = False
    """Whether some row had no time that could be read."""

    def __post_init__(self) -> None:
        walk = self.statements.walk
        self.adder = RowAdder(self.query, walk.time, self.position.labels)
        self.builder = MemoryBuilder(self.memory, self.bounds.now_seconds)
        self.is_new_memory = self.memory is not self.position.memory
        self.until = self.position.until
        self.gaps = self.position.gaps
        self.newest_seconds = self.position.newest_seconds
        self.totals = dict(self.position.totals)
        self.left_out = Counter(self.position.left_out)
        self.piece = min(self.position.piece or FIRST_PIECE, self._largest)

    @property
    def query(self) -> Query:
        """Return whose run it is."""
        return self.statements.query

    @property
    def labels(self) -> tuple[Labels, ...]:
        """Return every label set that a row had, in this run or before."""
        return self.adder.known

    def may_catch_up(self, high: int) -> bool:
        """Return whether there is more to catch up with than up to an id, and budget for it."""
        return high < self.until and self.statements.has_budget

    def may_look_ahead(self, since: int, highest: int) -> bool:
        """Return whether there is more to look at, and the first half of the run's time is not over."""
        has_caught_up = since >= self.until
        return has_caught_up and since < highest and self.statements.is_early

    def read(self, since: int, until: int, sums: RangeSums) -> bool:
        """Add the rows above `since` up to `until`; False where they are too many, and the piece is smaller now."""
        rows = self.rows(since, until)
        if rows is None:
            return False
        self.add(rows, sums)
        return True

    def rows(self, since: int, until: int) -> Rows | None:
        """Return the rows of a range; None where they are too many, and the piece is smaller now.

        None as well where the run's time is over: what was read until then stands.
        """
        try:
            rows = self.statements.rows(since, until)
        except QueryError as error:
            if not is_too_much(error):
                raise
            if error.reason is Reason.TIMEOUT and not self.statements.had_time:
                # It had only what was left of the run: that says nothing of how much it is.
                return None
            if self.piece == 1 or until <= since + 1:
                raise
            self.piece = max(1, min(self.piece, until - since) // 4)
            return None
        # How fast a piece is that is not full says nothing of one that is.
        if until - since >= self.piece:
            self.piece = next_piece(
                self.piece,
                self.statements.piece_seconds,
                self.statements.quickest_seconds,
                self._largest,
            )
        return rows

    def gaps_within(self, since: int, until: int) -> list[Gap]:
        """Return the gaps that have an id above the first and up to the second."""
        return [one for one in self.gaps if since < one.last and one.first <= until]

    def rows_of(self, spans: Iterable[tuple[int, int]]) -> list[Rows] | None:
        """Return the rows of some ranges; None as for `rows`."""
        found = []
        for since, until in spans:
            rows = self.rows(since, until)
            if rows is None:
                return None
            found.append(rows)
        return found

    def add(self, rows: Rows, sums: RangeSums) -> None:
        """Add rows to sums; those that came last are what is shown."""
        self.adder.add(rows, sums)
        self.row_count += len(rows.rows)
        self.has_timeless |= sums.has_timeless
        if not self.shown.columns or rows.rows:
            self.shown = rows

    def settled_rows(
        self, parts: Sequence[IdSpan], ids: Sequence[int]
    ) -> list[Rows] | None:
        """Return the rows of the parts of a range that is to be counted, when nothing but `ids` was in it.

        None as for `rows`, and where rows come and go meanwhile.
        """
        since, until = parts[0].since, parts[-1].until
        found = self.rows_of((part.since, part.until) for part in parts)
        if found is None or len(ids) == until - since:
            # With a row for every id none can have come since these were asked for.
            return found
        is_still = self.statements.ids(since, until, len(ids) + 1) == list(ids)
        return found if is_still else None

    def counting(self, *, in_memory: bool) -> RangeSums:
        """Return sums for a range that is counted; its rows may be in the memory already, or come there later."""
        now_seconds = self.bounds.now_seconds
        elsewhere = MemoryBuilder(CursorMemory(0, 0), now_seconds)
        return RangeSums(
            self.builder if in_memory else elsewhere,
            seen=self.builder,
            horizon_seconds=now_seconds + HORIZON_SECONDS,
        )

    def count(self, sums: RangeSums) -> None:
        """Add what a range came to, to all that was counted."""
        counters = {one.name for one in self.query.metrics if one.kind == "counter"}
        for series, value in sums.sums.items():
            self.range_sums[series] = self.range_sums.get(series, 0.0) + value
            if series[0] in counters:
                self.totals[series] = self.totals.get(series, 0.0) + value
        self.left_out.update(sums.left_out)
        if self.newest_seconds is not None:
            self.newest_seconds = max(self.newest_seconds, sums.newest_seconds)

    def note_emptied(self, before: CursorPosition) -> None:
        """Note for the metrics that ask for it whether all rows went that were there at the position before."""
        asking = [one for one in self.query.metrics if one.of_cursor is EMPTIED]
        if not asking:
            return
        if self.position.restarts > before.restarts:
            # Where the newest row alone was deleted, or the last ones, it ends a little lower.
            highest = self.bounds.highest or 0
            is_emptied = 2 * highest < before.until
        else:
            lowest = self.statements.lowest_from(0, self.until)
            is_emptied = 0 < self.until < lowest
        for metric in asking:
            self.builder.add_now((metric.name, ()), float(is_emptied))

    def forget(self, memory: CursorMemory) -> None:
        """Begin with another memory, which is empty."""
        self.memory = memory
        self.is_new_memory = True
        self.builder = MemoryBuilder(memory, self.bounds.now_seconds)

    @property
    def _largest(self) -> int:
        return min(MAX_PIECE, self.query.max_rows)
