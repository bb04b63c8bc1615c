"""What was counted of a table before it ended below that, and what of it is new since; of a cursor's run, pure.

The ids come again: of a table that was emptied or restored with other rows, of a server that is briefly behind with
the same ones. Those that are the same are not later than the newest row that was counted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.collector.cursor_gaps import (
    clipped,
    gaps_between,
    gaps_with,
    in_steps,
    single_gaps,
    spans_without,
)
from monitor.model.cursor_position import CursorPosition, Gap, Passed

_MAX_PASSED = 8
"""A table begins anew so often before it has passed where it was; oftener some of what is new may not count."""


@dataclass(frozen=True, slots=True)
class IdSpan:
    """Ids above `since` and up to `until`, of which all rows count, or those of a later time."""

    since: int
    until: int
    newer_than: float | None = None


def begun_anew(
    position: CursorPosition, until: int, newest_seconds: float | None, now: datetime
) -> CursorPosition:
    """Return the position of a table that ends below it, from where it is counted on.

    `newest_seconds`: the latest time of a row that was counted; without it all rows above `until` are new.
    """
    passed: tuple[Passed, ...] = ()
    gaps: tuple[Gap, ...] = ()
    above: tuple[Gap, ...] = ()
    if newest_seconds is not None:
        passed = _with_passed(position.passed, Passed(position.until, newest_seconds))
        # They are looked at later: the server may have to come to them once more.
        known = tuple(replace(gap, counted_at=now) for gap in position.gaps)
        gaps = clipped(known, -1, until)
        above = clipped(known, until, position.until)
    return replace(
        position,
        until=until,
        marks=(),
        gaps=gaps,
        passed=passed,
        passed_gaps=(*above, *position.passed_gaps),
        # Of no shape: its rows are read anew.
        shape="",
        restarts=position.restarts + 1,
    )


def still_passed(position: CursorPosition, until: int) -> CursorPosition:
    """Return the position with what was counted before above an id alone."""
    passed = tuple(one for one in position.passed if one.until > until)
    last = max((one.until for one in passed), default=until)
    gaps = clipped(position.passed_gaps, until, last)
    return replace(position, passed=passed, passed_gaps=gaps)


def next_passed(position: CursorPosition, since: int) -> Passed | None:
    """Return what was counted before of the next ids above one; None where they are all new."""
    return next((one for one in position.passed if one.until > since), None)


def parts_with_rows(
    ids: Sequence[int], part: IdSpan, gaps: Sequence[Gap]
) -> Iterator[IdSpan]:
    """Yield in which parts a range is read: in a gap of before that has a row by now it is not by the time alone."""
    within = clipped(gaps, part.since, part.until)
    return _divided(part, list(gaps_with(ids, within)))


def gaps_of_part(
    ids: Sequence[int], part: IdSpan, gaps: Sequence[Gap], counted_at: datetime
) -> list[Gap]:
    """Return which ids of a range have no row: in a gap of before still the same rows count when they come."""
    return in_steps(_gaps_of_part(ids, part, gaps, counted_at))


def _gaps_of_part(
    ids: Sequence[int], part: IdSpan, gaps: Sequence[Gap], counted_at: datetime
) -> Iterator[Gap]:
    known: list[Gap] = []
    for gap in clipped(gaps, part.since, part.until):
        known += single_gaps(gap)
    for one in _divided(part, known):
        within = ids[bisect_right(ids, one.since) : bisect_right(ids, one.until)]
        yield from gaps_between(
            within, one.since, one.until, counted_at, one.newer_than
        )


def _divided(part: IdSpan, gaps: Sequence[Gap]) -> Iterator[IdSpan]:
    """Yield a range in parts, ascending: those within a gap, which have no steps, and those between."""
    parts = [IdSpan(gap.first - 1, gap.last, gap.newer_than) for gap in gaps]
    for since, until in spans_without(gaps, part.since, part.until):
        parts.append(replace(part, since=since, until=until))
    yield from sorted(parts, key=_since)


def _since(part: IdSpan) -> int:
    return part.since


def _with_passed(known: tuple[Passed, ...], new: Passed) -> tuple[Passed, ...]:
    """Return what was passed, lowest ids first, where a table begins anew once more."""
    if known and known[0].newest_seconds >= new.newest_seconds:
        # Nothing was counted since, and that one reaches further.
        return known
    passed = (new, *known)
    if len(passed) <= _MAX_PASSED:
        return passed
    first, second, *others = passed
    return (replace(second, newest_seconds=first.newest_seconds), *others)
