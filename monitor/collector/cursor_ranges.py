"""Up to which id rows are counted, when gaps are looked at again, how large a piece is; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.collector.cursor_gaps import MAX_GAPS
from monitor.model.cursor_position import Gap, Mark

MAX_WAIT = timedelta(minutes=10)
"""A transaction that somebody forgot holds the cursor up for so long; what it still commits comes as late rows."""
TRANSACTION_MARGIN = timedelta(seconds=2)
"""The start of a transaction is known to the second, and it has an id a moment before it is listed."""
_MARK_EVERY = timedelta(seconds=1)
RECENT_IDS = 2_000
"""At a first start what is still to come among so many of the newest ids is waited for."""

RECOUNT_AFTER = timedelta(minutes=30)
"""No range is looked at for late rows before it is so old."""
RECOUNT_UNTIL = timedelta(minutes=60)
"""When the oldest range is so old, all that are older than RECOUNT_AFTER are looked at, each once."""
MAX_PIECE = 5_000
FIRST_PIECE = 1_000
FEWEST_ROWS = 200
"""Time alone never makes a piece smaller: so many rows cost little more than the statement that asks for them."""
_AIM_SECONDS = 0.025
"""Half of what a piece may take, since the next one may be slower."""
_QUICK_SECONDS = 0.5


def with_mark(marks: tuple[Mark, ...], now: datetime, highest: int) -> tuple[Mark, ...]:
    """Return the marks with what is highest now; not each one of a fast query is kept."""
    # Before a restart the clock may have been another one; and a server that is behind has not come to a mark.
    marks = tuple(
        mark for mark in marks if mark.seen_at <= now and mark.highest <= highest
    )
    if marks and marks[-1].highest == highest:
        # That it was the highest before already says more.
        return marks
    if len(marks) >= 2 and now - marks[-2].seen_at < _MARK_EVERY:
        # The older of two that are close lets rows be counted sooner, the newer one lets more be: the last
        # one is replaced, so that there is always one that is as new as can be.
        marks = marks[:-1]
    return (*marks, Mark(now, highest))


def settled_mark(
    marks: Sequence[Mark],
    now: datetime,
    settle: timedelta,
    oldest_open_seconds: float | None,
) -> Mark | None:
    """Return the newest mark behind which no row can come any more; None where none is old enough.

    `oldest_open_seconds`: for how long the oldest transaction with changes is open, None where unknown.
    """
    bound = now - settle
    if oldest_open_seconds is not None:
        opened_at = now - timedelta(seconds=oldest_open_seconds)
        bound = min(bound, max(opened_at - TRANSACTION_MARGIN, now - MAX_WAIT))
    settled = [mark for mark in marks if mark.seen_at <= bound]
    return next(reversed(settled), None)


def without_passed(marks: tuple[Mark, ...], since: int) -> tuple[Mark, ...]:
    """Return the marks that are still to be reached."""
    return tuple(mark for mark in marks if mark.highest > since)


@dataclass(frozen=True, slots=True)
class Recount:
    """Which gaps are to be looked at now, and which later."""

    due: tuple[Gap, ...] = ()
    later: tuple[Gap, ...] = ()
    early_count: int = 0
    """How many of those that are due are not old enough: they are too many to be kept."""


def recount_of(gaps: tuple[Gap, ...], now: datetime) -> Recount:
    """Return which gaps are due: each once, when it is 30 to 90 minutes old; seldom, and then many at once.

    Of more than are kept the oldest are due at once.
    """
    if not gaps:
        return Recount()
    old_count = bisect_right(gaps, now - RECOUNT_AFTER, key=_counted_at)
    is_time = now - gaps[0].counted_at >= RECOUNT_UNTIL
    count = max(len(gaps) - MAX_GAPS, old_count if is_time else 0)
    early_count = max(0, count - old_count)
    return Recount(gaps[:count], gaps[count:], early_count)


def _counted_at(gap: Gap) -> datetime:
    return gap.counted_at


def next_piece(piece: int, seconds: float, fixed_seconds: float, largest: int) -> int:
    """Return how many rows the next piece has, after one of `piece` rows that took so long.

    `fixed_seconds`: what a statement takes whatever it reads, as the way to a remote server and back. That is no
    reason for small pieces: they may take as much again.
    """
    if piece < FEWEST_ROWS:
        # It is not for its time that it is so small: a larger one failed, and may succeed by now.
        factor = 2.0 if seconds < _QUICK_SECONDS else 1.0
    else:
        work_seconds = max(seconds - fixed_seconds, 0.000_001)
        factor = min(2.0, max(_AIM_SECONDS, fixed_seconds) / work_seconds)
    wanted = max(int(piece * factor), min(piece, FEWEST_ROWS))
    return max(1, min(wanted, largest, MAX_PIECE))
