"""Find the rows that came into gaps after these were counted over, count each once, and remember it; in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.collector.cursor_gaps import gaps_with, kept_gaps, next_gaps, spans_without
from monitor.collector.cursor_ranges import Recount, recount_of
from monitor.collector.cursor_rows import RangeSums
from monitor.collector.cursor_run import CursorRun
from monitor.model.cursor_position import Gap

_LATE_SECONDS = 0.25
"""So much time a run has for them where counting took all of its budget."""


@dataclass(frozen=True, slots=True)
class LateRows:
    """How many late rows were counted, and whether any were looked for."""

    row_count: int = 0
    dropped_count: int = 0
    """How many gaps were not kept until they were old enough."""
    has_looked: bool = False


def count_late(run: CursorRun, new_gaps: Iterable[Gap], now: datetime) -> LateRows:
    """Count the rows that came into gaps that are due, as far as the run's budget goes: it may be a whole import.

    What is left of them, and the new ones, are the run's gaps from then on.
    """
    recount = recount_of(run.gaps, now)
    if run.until > run.memory.high:
        # What is not caught up with would be remembered twice, or not at all.
        recount = Recount(later=run.gaps)
    row_count, left = _count_due(run, recount.due)
    gaps = (*left, *recount.later, *new_gaps)
    run.gaps = kept_gaps(gaps)
    early_count = max(0, recount.early_count - len(left))
    return LateRows(
        row_count=row_count,
        dropped_count=early_count + len(gaps) - len(run.gaps),
        has_looked=bool(recount.due),
    )


def _count_due(run: CursorRun, due: Sequence[Gap]) -> tuple[int, list[Gap]]:
    """Return how many rows were counted, and what is left of the gaps."""
    may_go_on = run.statements.budget_with(_LATE_SECONDS)
    row_count, left = 0, list[Gap]()
    while due and may_go_on():
        part, others = next_gaps(due)
        found, unread = run.statements.late_gaps(part)
        due = (*unread, *others)
        for gap in found:
            count, since = _count_gap(run, gap, may_go_on)
            row_count += count
            if since < gap.last:
                left.append(replace(gap, first=since + 1))
    return row_count, [*left, *due]


def read_counted(run: CursorRun, since: int, until: int, sums: RangeSums) -> bool:
    """Add the rows of a range, but for those in gaps: these are remembered when they are counted.

    False where they are too many, or some came meanwhile.
    """
    gaps = run.gaps_within(since, until)
    if not gaps:
        return run.read(since, until, sums)
    late = _gaps_with_rows(run, gaps, since, until)
    found = run.rows_of(spans_without(late, since, until))
    if found is None or _gaps_with_rows(run, gaps, since, until) != late:
        return False
    for rows in found:
        run.add(rows, sums)
    return True


def _gaps_with_rows(
    run: CursorRun, gaps: Sequence[Gap], since: int, until: int
) -> list[Gap]:
    """Return the gaps that have a row within a range, which is no more than a piece."""
    ids = run.statements.ids(since, until, until - since)
    return list(gaps_with(ids, gaps))


def _count_gap(
    run: CursorRun, gap: Gap, may_go_on: Callable[[], bool]
) -> tuple[int, int]:
    """Count the rows of one gap that were not before; return how many, and up to which id all are."""
    since, count, low = gap.first - 1, 0, run.memory.low
    while since < gap.last and may_go_on():
        # What is below the memory is read for it later.
        is_in_memory = since >= low
        until = gap.last if is_in_memory else min(gap.last, low)
        ids = run.statements.ids(since, until, run.piece)
        if not ids:
            since = until
            continue
        rows = run.rows(since, ids[-1])
        if rows is not None:
            sums = run.counting(in_memory=is_in_memory)
            sums.newer_than = gap.newer_than
            run.add(rows, sums)
            run.count(sums)
            since = ids[-1]
            count += len(ids) if gap.newer_than is None else sums.new_count
    return count, since
