"""Where a cursor's run begins: first at the end, later before what is new in a table that ends lower; at the edge."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from monitor.collector.cursor_gaps import gaps_between, in_steps
from monitor.collector.cursor_passed import begun_anew
from monitor.collector.cursor_ranges import RECENT_IDS
from monitor.collector.cursor_run import HORIZON_SECONDS
from monitor.collector.cursor_statements import Bounds, CursorStatements
from monitor.model.cursor_position import NOT_BEGUN, CursorPosition

_CLOCK_SECONDS = 2.0
"""Rows are timed to the second, by the clock of whoever wrote them."""
_READ_AGAIN = 1_000
"""So many ids below the first new row are read again: times do not ascend with the ids by the second."""


def begun(
    statements: CursorStatements, bounds: Bounds, start: CursorPosition, now: datetime
) -> CursorPosition:
    """Return where a run begins, with nothing done yet."""
    highest = bounds.highest or 0
    if start.until == NOT_BEGUN:
        return _at_the_end(statements, bounds, start, now)
    newest_seconds = start.newest_seconds
    if newest_seconds is None:
        newest_seconds = _newest_by_clock(statements, bounds, start, now)
    start = replace(start, newest_seconds=newest_seconds)
    if highest >= start.until:
        return start
    until = 0 if bounds.highest is None else highest
    if bounds.highest is not None and newest_seconds is not None:
        until = _restart_at(statements, bounds, highest, newest_seconds)
    return begun_anew(start, until, newest_seconds, now)


def _at_the_end(
    statements: CursorStatements, bounds: Bounds, start: CursorPosition, now: datetime
) -> CursorPosition:
    """Return where the first run begins; what is still to come among the newest ids is waited for."""
    highest = bounds.highest or 0
    since = max(0, highest - RECENT_IDS)
    ids = statements.ids(since, highest, RECENT_IDS)
    return replace(
        start,
        until=highest,
        until_at=now,
        newest_seconds=bounds.now_seconds if statements.walk.time else None,
        gaps=tuple(in_steps(gaps_between(ids, since, highest, now))),
    )


def _newest_by_clock(
    statements: CursorStatements, bounds: Bounds, start: CursorPosition, now: datetime
) -> float | None:
    """Return when what is counted was the newest there was, where its rows were not looked at for it."""
    if start.until_at is None or not statements.walk.time:
        return None
    age_seconds = (now - start.until_at).total_seconds()
    return bounds.now_seconds - age_seconds + _CLOCK_SECONDS


def _restart_at(
    statements: CursorStatements, bounds: Bounds, highest: int, newest_seconds: float
) -> int:
    """Return from where to count in a table whose ids end below what was counted.

    A row that is later than `newest_seconds` is new: after TRUNCATE all are, after a restore those that were written
    since, after the newest row was deleted, or of a server that is behind, none is.
    """

    def is_new(one: int) -> bool:
        horizon_seconds = bounds.now_seconds + HORIZON_SECONDS
        return newest_seconds < statements.newest_seconds(one) <= horizon_seconds

    # Rows up to `low` are not newer, those from `high` on are.
    lowest = statements.lowest_from(0, highest)
    low, high = lowest - 1, highest
    if not is_new(highest):
        low = highest
    while high - low > 1:
        middle = (low + high) // 2
        one = statements.lowest_from(middle, highest)
        if is_new(one):
            high = middle
        else:
            low = one
    return max(lowest - 1, low - _READ_AGAIN)
