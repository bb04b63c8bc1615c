"""Count the rows that are settled, each once; within a cursor's run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.collector.cursor_passed import (
    IdSpan,
    gaps_of_part,
    next_passed,
    parts_with_rows,
)
from monitor.collector.cursor_run import CursorRun
from monitor.model.cursor_position import Gap, Mark


@dataclass(frozen=True, slots=True)
class _CountedRange:
    """What is counted at once: which ids rows have in it, and the gaps of before."""

    part: IdSpan
    ids: Sequence[int]
    gaps: Sequence[Gap]


def count_forward(run: CursorRun, mark: Mark, now: datetime) -> tuple[Gap, ...]:
    """Count from where the run is up to the mark, as far as its budget goes; return the ids without a row."""
    gaps: list[Gap] = []
    # What has to be read again costs of the budget too, so that this ends.
    while run.until < mark.highest and run.statements.has_budget:
        ahead = _next_range(run, mark.highest)
        if _count_range(run, ahead):
            gaps += gaps_of_part(ahead.ids, ahead.part, ahead.gaps, now)
            if run.memory.high == run.until:
                run.memory = replace(run.memory, high=ahead.part.until)
            run.until = ahead.part.until
    return tuple(gaps)


def _next_range(run: CursorRun, until: int) -> _CountedRange:
    # Up to there the memory has been read, or will be, by itself.
    fold = run.memory.high
    if run.until < fold:
        until = min(until, fold)
    passed = next_passed(run.position, run.until)
    if passed is not None:
        until = min(until, passed.until)
    ids = run.statements.ids(run.until, until, run.piece)
    end = ids[-1] if len(ids) == run.piece else until
    newer_than = None if passed is None else passed.newest_seconds
    return _CountedRange(
        IdSpan(run.until, end, newer_than), ids, run.position.passed_gaps
    )


def _count_range(run: CursorRun, ahead: _CountedRange) -> bool:
    parts = list(parts_with_rows(ahead.ids, ahead.part, ahead.gaps))
    found = run.settled_rows(parts, ahead.ids)
    if found is None:
        return False
    sums = run.counting(in_memory=run.until == run.memory.high)
    for part, rows in zip(parts, found, strict=True):
        sums.newer_than = part.newer_than
        run.add(rows, sums)
    run.count(sums)
    return True
