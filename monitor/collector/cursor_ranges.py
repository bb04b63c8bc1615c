"""Up to which id rows are counted, which ids had no row, how large a piece is; of a cursor's run, pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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
MAX_GAPS = 10_000
"""More are not kept, the oldest go: with 16 bytes each they are written with every position."""

MAX_PIECE = 5_000
FIRST_PIECE = 1_000
_AIM_SECONDS = 0.025
"""Half of what a piece may take, since the next one may be slower."""


def with_mark(marks: tuple[Mark, ...], now: datetime, highest: int) -> tuple[Mark, ...]:
    """Return the marks with what is highest now; not each one of a fast query is kept."""
    # Before a restart the clock may have been another one.
    marks = tuple(mark for mark in marks if mark.seen_at <= now)
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
    return settled[-1] if settled else None


def without_passed(marks: tuple[Mark, ...], since: int) -> tuple[Mark, ...]:
    """Return the marks that are still to be reached."""
    return tuple(mark for mark in marks if mark.highest > since)


def gaps_between(
    ids: Sequence[int], since: int, until: int, counted_at: datetime
) -> tuple[Gap, ...]:
    """Return which ids above `since` and up to `until` have no row; `ids` are those that have one, ascending."""
    gaps = []
    before = since
    for one in (*ids, until + 1):
        if one > before + 1:
            gaps.append(Gap(before + 1, one - 1, counted_at))
        before = one
    return tuple(gaps)


@dataclass(frozen=True, slots=True)
class Recount:
    """Which gaps are to be looked at now, and which later."""

    due: tuple[Gap, ...] = ()
    later: tuple[Gap, ...] = ()


def recount_of(gaps: tuple[Gap, ...], now: datetime) -> Recount:
    """Return which gaps are due: each once, when it is 30 to 90 minutes old; seldom, and then many at once."""
    if not gaps or now - gaps[0].counted_at < RECOUNT_UNTIL:
        return Recount(later=gaps)
    count = bisect_right(gaps, now - RECOUNT_AFTER, key=_counted_at)
    return Recount(gaps[:count], gaps[count:])


def _counted_at(gap: Gap) -> datetime:
    return gap.counted_at


def kept_gaps(gaps: tuple[Gap, ...]) -> tuple[Gap, ...]:
    """Return the newest gaps, no more than are kept."""
    return gaps[-MAX_GAPS:]


def gaps_with(ids: Iterable[int], gaps: Sequence[Gap]) -> Iterator[Gap]:
    """Yield the gaps that one of these ids is in."""
    found = sorted(ids)
    for gap in gaps:
        if bisect_right(found, gap.last) > bisect_left(found, gap.first):
            yield gap


def next_piece(piece: int, seconds: float, largest: int) -> int:
    """Return how many rows the next piece has, after one of `piece` rows that took so long."""
    factor = _AIM_SECONDS / max(seconds, 0.000_001)
    wanted = int(piece * min(2.0, factor))
    return max(1, min(wanted, largest, MAX_PIECE))
