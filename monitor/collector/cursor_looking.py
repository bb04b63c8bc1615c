"""Read for the windows what is not counted: back over the last day, and ahead to the newest row; in a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from monitor.collector.cursor_late import read_counted
from monitor.collector.cursor_memory import MemoryBuilder
from monitor.collector.cursor_rows import ALL_MINUTES, RangeSums
from monitor.collector.cursor_run import CursorRun
from monitor.model.cursor_position import UNCOVERED, CursorMemory

MAX_AHEAD = 50_000
"""So many ids that are not counted yet are read at each run; of more the memory is read anew, newest first."""


def look_back(
    run: CursorRun,
    oldest_minute: int,
    may_go_on: Callable[[], bool],
    *,
    counts: bool = False,
    after_minute: int = ALL_MINUTES,
) -> None:
    """Read backwards from what the memory has, until all of a piece is of before `oldest_minute`.

    `counts`: whether the rows are counted as well, those of minutes after one.
    """
    while not run.memory.is_complete and may_go_on():
        high = run.memory.low
        low = high - run.piece
        seen = run.builder if counts else None
        piece = RangeSums(run.builder, seen=seen, after_minute=after_minute)
        if read_counted(run, low, high, piece):
            run.memory = _reached(run, low, piece, oldest_minute)
            if counts:
                run.count(piece)


def _reached(
    run: CursorRun, low: int, piece: RangeSums, oldest_minute: int
) -> CursorMemory:
    """Return how far the memory reaches, after a piece above `low`."""
    # Of the oldest minute there may be more rows.
    covered_from = min(run.memory.covered_from, piece.oldest_minute + 1)
    memory = replace(run.memory, low=low, covered_from=covered_from)
    if min(piece.row_count, low) <= 0:
        below = run.statements.highest_up_to(low)
        if below is None:
            return replace(memory, low=-1, is_complete=True)
        memory = replace(memory, low=below)
    is_before = piece.oldest_minute <= piece.newest_minute < oldest_minute
    return replace(memory, is_complete=is_before)


def catch_up(run: CursorRun) -> None:
    """Read again what was counted and is not in the memory, since that was written some minutes before a restart.

    As far as the run's budget goes; until all is read nothing more is counted.
    """
    high = run.memory.high
    while run.may_catch_up(high):
        until = min(run.until, high + run.piece)
        sums = RangeSums(run.builder, seen=run.builder)
        if read_counted(run, high, until, sums):
            high = until
    run.memory = replace(run.memory, high=high)


def look_ahead(run: CursorRun, memory: CursorMemory, highest: int) -> CursorMemory:
    """Return the memory with all rows up to the newest, counted or not; it is for this run's samples alone.

    Where they are not reached in half of the run's time, no window is covered: one that ends earlier would read
    as less use.
    """
    builder = MemoryBuilder(memory, run.bounds.now_seconds)
    since = memory.high
    while run.may_look_ahead(since, highest):
        until = min(highest, since + run.piece)
        if run.read(since, until, RangeSums(builder, seen=builder)):
            since = until
    run.unread_ids = max(0, highest - since)
    if run.unread_ids:
        memory = replace(memory, covered_from=UNCOVERED, is_complete=False)
    return builder.built(memory)
