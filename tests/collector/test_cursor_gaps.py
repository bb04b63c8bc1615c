"""Gaps in ids: kept as few where ids come in steps, without a gap more or less; no more than there may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.collector.cursor_gaps import (
    MAX_GAPS,
    clipped,
    gaps_between,
    gaps_with,
    in_steps,
    next_gaps,
    single_gaps,
    spans_without,
)
from monitor.collector.cursor_ranges import Recount, recount_of
from monitor.model.cursor_position import Gap

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
END = 80


@st.composite
def some_ids(draw: st.DrawFn) -> list[int]:
    """Draw ids that come in steps, of one server or several, with some more or less."""
    found: set[int] = set()
    for _ in range(draw(st.integers(1, 3))):
        first, step = draw(st.integers(1, END)), draw(st.integers(1, 9))
        found |= set(range(first, draw(st.integers(first, END)) + 1, step))
    found ^= draw(st.sets(st.integers(1, END), max_size=5))
    return sorted(found)


def ids_of(gaps: tuple[Gap, ...]) -> list[int]:
    return [
        one
        for gap in gaps
        for single in single_gaps(gap)
        for one in range(single.first, single.last + 1)
    ]


@given(some_ids(), st.integers(0, END), st.integers(0, END))
def test_gaps_in_steps_are_the_ids_without_a_row_and_so_are_parts_of_them(
    ids: list[int], since: int, until: int
) -> None:
    gaps = tuple(in_steps(gaps_between(ids, 0, END, NOW)))
    absent = [one for one in range(1, END + 1) if one not in ids]
    assert ids_of(gaps) == absent
    within = [one for one in absent if since < one <= until]
    assert ids_of(clipped(gaps, since, until)) == within


@given(some_ids(), st.sets(st.integers(1, END)))
def test_late_rows_are_found_in_gaps_in_steps_and_no_row_that_was_there(
    ids: list[int], there: set[int]
) -> None:
    singles = tuple(gaps_between(ids, 0, END, NOW))
    gaps = in_steps(singles)
    late = list(gaps_with(there, gaps))
    assert late == list(gaps_with(there, singles))
    covered = {
        one
        for since, until in spans_without(late, 0, END)
        for one in range(since + 1, until + 1)
    }
    assert covered | set(ids_of(tuple(late))) == set(range(1, END + 1))
    assert covered.isdisjoint(ids_of(tuple(late)))


def test_ids_in_steps_are_one_gap_and_an_irregular_one_is_two_more() -> None:
    ids = list(range(7, 7000, 7))
    (gap,) = in_steps(gaps_between(ids, 0, 7000 - 7, NOW))
    assert (gap.first, gap.last, gap.step) == (1, 6992, 7)
    ids.remove(700)
    assert len(list(in_steps(gaps_between(ids, 0, 7000 - 7, NOW)))) == 3


def test_so_many_gaps_are_looked_at_at_once_that_few_rows_are_between() -> None:
    wide = tuple(Gap(n * 30_000, n * 30_000 + 20_000, NOW, step=2) for n in range(9))
    first, others = next_gaps(wide)
    assert (len(first), len(others)) == (2, 7)
    narrow = tuple(Gap(one, one, NOW) for one in range(1, 999, 2))
    first, others = next_gaps(narrow)
    assert (len(first), len(others)) == (200, len(narrow) - 200)


def test_of_more_gaps_than_are_kept_the_oldest_are_due_early_and_counted() -> None:
    old, new = NOW - timedelta(minutes=40), NOW - timedelta(minutes=5)
    gaps = tuple(
        Gap(2 * number, 2 * number, old if number < 30 else new)
        for number in range(MAX_GAPS + 50)
    )
    assert recount_of(gaps[:MAX_GAPS], NOW) == Recount(later=gaps[:MAX_GAPS])
    assert recount_of(gaps, NOW) == Recount(gaps[:50], gaps[50:], early_count=20)
