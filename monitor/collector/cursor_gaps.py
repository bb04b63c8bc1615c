"""Which ids had no row when their range was counted, and which of them have one now; of a cursor's run, pure."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from monitor.model.cursor_position import Gap

MAX_GAPS = 10_000
"""Of more the oldest are looked at before their time."""
_MOST_GAPS = 2 * MAX_GAPS
"""Where they are not reached in time the oldest go."""
_GAPS_AT_ONCE = 200
_ROWS_AT_ONCE = 20_000


def gaps_between(
    ids: Sequence[int],
    since: int,
    until: int,
    counted_at: datetime,
    newer_than: float | None = None,
) -> Iterator[Gap]:
    """Yield which ids above `since` and up to `until` have no row; `ids` are those that have one, ascending."""
    before = since
    for one in (*ids, until + 1):
        if one > before + 1:
            yield Gap(before + 1, one - 1, counted_at, newer_than)
        before = one


def in_steps(gaps: Iterable[Gap]) -> list[Gap]:
    """Return gaps as few: where ids come in steps, all between two rows and the next two are of one width."""
    joined: list[Gap] = []
    expected: Gap | None = None
    for gap in gaps:
        if gap == expected:
            last = joined.pop()
            joined.append(replace(last, last=gap.last, step=last.width))
        else:
            joined.append(gap)
        expected = _next_of(joined[-1])
    return joined


def _next_of(gap: Gap) -> Gap:
    """Return the gap that goes on in the same step, behind one row."""
    first = gap.last + 2
    return replace(gap, first=first, last=first + gap.width - 2, step=0)


def single_gaps(gap: Gap) -> list[Gap]:
    """Return the gaps without a step that a gap is made of."""
    firsts = range(gap.first, gap.last + 1, gap.width)
    return [_single(gap, first) for first in firsts]


def _single(gap: Gap, first: int) -> Gap:
    last = min(first + gap.width - 2, gap.last)
    return replace(gap, first=first, last=last, step=0)


def clipped(gaps: Iterable[Gap], since: int, until: int) -> tuple[Gap, ...]:
    """Return what gaps have of the ids above one and up to another."""
    found: list[Gap] = []
    for gap in gaps:
        found += _clipped(gap, since, until)
    return tuple(found)


def _clipped(gap: Gap, since: int, until: int) -> list[Gap]:
    first = max(gap.first, since + 1)
    last = min(gap.last, until)
    if (first, last) == (gap.first, gap.last):
        return [gap]
    if first > last:
        return []
    cut: list[Gap] = []
    for one in single_gaps(gap):
        first = max(one.first, since + 1)
        last = min(one.last, until)
        if first <= last:
            cut.append(replace(one, first=first, last=last))
    return in_steps(cut)


def kept_gaps(gaps: tuple[Gap, ...]) -> tuple[Gap, ...]:
    """Return the newest gaps, no more than there may be."""
    return gaps[-_MOST_GAPS:]


def next_gaps(gaps: Sequence[Gap]) -> tuple[Sequence[Gap], Sequence[Gap]]:
    """Return the first gaps, as many as are looked at with one statement, and the others."""
    # The rows between them are passed over one by one.
    first = gaps[:_GAPS_AT_ONCE]
    rows = itertools.accumulate((gap.last - gap.first) // gap.width for gap in first)
    count = bisect_left(list(rows), _ROWS_AT_ONCE) + 1
    return first[:count], gaps[len(first[:count]) :]


def gaps_with(ids: Iterable[int], gaps: Iterable[Gap]) -> Iterator[Gap]:
    """Yield the gaps that one of these ids is in, without steps."""
    found = sorted(ids)
    for gap in gaps:
        within = found[bisect_left(found, gap.first) : bisect_right(found, gap.last)]
        # The last of each step had a row.
        late = [one for one in within if (one - gap.first + 1) % gap.width]
        for first in dict.fromkeys(one - (one - gap.first) % gap.width for one in late):
            yield _single(gap, first)


def spans_without(
    gaps: Iterable[Gap], since: int, until: int
) -> Iterator[tuple[int, int]]:
    """Yield the parts of a range that are in none of these gaps: above the first id, up to the second."""
    ends = sorted((gap.first, gap.last) for gap in gaps)
    for first, last in (*ends, (until + 1, until)):
        if first > since + 1:
            yield since, first - 1
        since = last
