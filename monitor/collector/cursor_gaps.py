"""Which ids had no row when their range was counted, and which of them have one now; of a cursor's run, pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from monitor.model.cursor_position import Gap

MAX_GAPS = 10_000
"""More are not kept, the oldest go: with 16 bytes each they are written with every position."""


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


def kept_gaps(gaps: tuple[Gap, ...]) -> tuple[Gap, ...]:
    """Return the newest gaps, no more than are kept."""
    return gaps[-MAX_GAPS:]


def gaps_with(ids: Iterable[int], gaps: Sequence[Gap]) -> Iterator[Gap]:
    """Yield the gaps that one of these ids is in."""
    found = sorted(ids)
    for gap in gaps:
        if bisect_right(found, gap.last) > bisect_left(found, gap.first):
            yield gap
