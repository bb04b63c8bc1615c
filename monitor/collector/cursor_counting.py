"""Count the rows that are settled, each once, and those that came too late; within a cursor's run."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from monitor.collector.cursor_gaps import gaps_between, gaps_with
from monitor.collector.cursor_ranges import Recount
from monitor.collector.cursor_run import CursorRun
from monitor.model.cursor_position import Gap, Mark

_CLOCK_SECONDS = 2.0
"""Rows are timed to the second, by the clock of whoever wrote them."""


def count_forward(run: CursorRun, mark: Mark, now: datetime) -> tuple[Gap, ...]:
    """Count from where the run is up to the mark, as far as its budget goes; return the ids without a row."""
    gaps: list[Gap] = []
    # What has to be read again costs of the budget too, so that this ends.
    while run.until < mark.highest and run.statements.has_budget:
        end, ids = _next_range(run, mark.highest)
        if _count_range(run, end, ids):
            gaps += gaps_between(ids, run.until, end, now)
            if run.memory.high == run.until:
                run.memory = replace(run.memory, high=end)
            run.until = end
    return tuple(gaps)


def _next_range(run: CursorRun, until: int) -> tuple[int, list[int]]:
    """Return the end of the next piece, and the ids that rows have in it."""
    # Up to there the memory has been read, or will be, by itself.
    fold = run.memory.high
    if run.until < fold:
        until = min(until, fold)
    ids = run.statements.ids(run.until, until, run.piece)
    return ids[-1] if len(ids) == run.piece else until, ids


def _count_range(run: CursorRun, end: int, ids: list[int]) -> bool:
    rows = run.settled_rows(run.until, end, ids)
    if rows is None:
        return False
    sums = run.counting(in_memory=run.until == run.memory.high)
    run.add(rows, sums)
    run.count(sums)
    return True


def count_late(run: CursorRun, recount: Recount) -> int:
    """Count the rows that came into gaps since these were counted over; return how many there were."""
    found = run.statements.ids_in(recount.due)
    return sum(_count_gap(run, gap) for gap in gaps_with(found, recount.due))


def _count_gap(run: CursorRun, gap: Gap) -> int:
    """Count all rows of one gap: none of them was there before."""
    since, count = gap.first - 1, 0
    is_in_memory = run.memory.low < gap.first <= gap.last <= run.memory.high
    ids = run.statements.ids(since, gap.last, run.piece)
    while ids:
        rows = run.rows(since, ids[-1])
        if rows is not None:
            sums = run.counting(in_memory=is_in_memory)
            run.add(rows, sums)
            run.count(sums)
            since, count = ids[-1], count + len(ids)
        ids = run.statements.ids(since, gap.last, run.piece)
    return count


def restart_at(run: CursorRun, highest: int, newest_seconds: float | None) -> int:
    """Return from where to count in a table whose ids ended below what was counted.

    `newest_seconds`: when what was counted was the newest there was. A row of a later time is new: after TRUNCATE
    all are, after a restore those that were written since, after the newest row was deleted none is.
    """
    if newest_seconds is None:
        return highest
    bound_seconds = newest_seconds + _CLOCK_SECONDS
    if not _is_newer(run, highest, bound_seconds):
        return highest
    # Rows up to `low` are not newer, those from `high` on are.
    low, high = run.statements.lowest_from(0, highest) - 1, highest
    while high - low > 1:
        middle = (low + high) // 2
        one = run.statements.lowest_from(middle, highest)
        if _is_newer(run, one, bound_seconds):
            high = middle
        else:
            low = one
    return high - 1


def _is_newer(run: CursorRun, one: int, bound_seconds: float) -> bool:
    """Return whether the row with this id is of a later time."""
    return run.statements.newest_seconds(one) > bound_seconds
