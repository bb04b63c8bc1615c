"""Up to where a cursor counts, and which gaps it looks at again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.collector.cursor_gaps import gaps_between, gaps_with
from monitor.collector.cursor_ranges import (
    next_piece,
    recount_of,
    settled_mark,
    with_mark,
)
from monitor.model.cursor_position import Gap, Mark

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
SETTLE = timedelta(seconds=30)


def ago(seconds: float, highest: int = 1) -> Mark:
    return Mark(NOW - timedelta(seconds=seconds), highest)


def test_the_newest_mark_that_is_old_enough_counts() -> None:
    marks = (ago(90, 1), ago(31, 2), ago(29, 3))
    assert settled_mark(marks, NOW, SETTLE, None) == marks[1]
    assert settled_mark(marks[2:], NOW, SETTLE, None) is None


def test_nothing_counts_that_is_not_older_than_the_oldest_transaction() -> None:
    marks = (ago(90, 1), ago(61, 2), ago(31, 3))
    assert settled_mark(marks, NOW, SETTLE, 0.0) == marks[2]
    assert settled_mark(marks, NOW, SETTLE, 60.0) == marks[0]
    assert settled_mark(marks, NOW, SETTLE, 89.0) is None


def test_a_transaction_that_somebody_forgot_is_waited_for_10_minutes() -> None:
    marks = (ago(601, 1), ago(599, 2))
    assert settled_mark(marks, NOW, SETTLE, 7 * 86400.0) == marks[0]


def test_a_mark_of_a_clock_that_was_set_back_is_dropped() -> None:
    assert with_mark((ago(-3600, 5),), NOW, 5) == (Mark(NOW, 5),)


@given(st.lists(st.floats(0.0, 2.0), max_size=200))
def test_of_fast_runs_few_marks_are_kept_and_the_newest_always(
    steps: list[float],
) -> None:
    marks: tuple[Mark, ...] = ()
    now = NOW
    for number, step in enumerate(steps):
        now += timedelta(seconds=step)
        marks = with_mark(marks, now, number)
        assert marks[-1] == Mark(now, number)
    assert len(marks) <= 2 + 2 * sum(steps)


@given(st.sets(st.integers(1, 60)), st.integers(0, 30), st.integers(30, 60))
def test_an_id_has_a_row_or_is_in_exactly_one_gap(
    ids: set[int], since: int, until: int
) -> None:
    within = sorted(one for one in ids if since < one <= until)
    gaps = tuple(gaps_between(within, since, until, NOW))
    absent = [one for gap in gaps for one in range(gap.first, gap.last + 1)]
    assert sorted([*within, *absent]) == list(range(since + 1, until + 1))


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)))
def test_the_gaps_with_late_rows_are_those_that_have_one(
    ids: set[int], late: set[int]
) -> None:
    gaps = tuple(gaps_between(sorted(ids), 0, 60, NOW))
    found = list(gaps_with(late, gaps))
    assert found == [
        gap for gap in gaps if any(gap.first <= one <= gap.last for one in late)
    ]


@given(st.lists(st.integers(1, 40), max_size=60))
def test_each_gap_is_looked_at_once_when_it_is_30_to_90_minutes_old(
    steps: list[int],
) -> None:
    gaps: tuple[Gap, ...] = ()
    now = NOW
    looked_at: list[int] = []
    for number, minutes in enumerate([*steps, 30, 30, 30]):
        now += timedelta(minutes=minutes)
        recount = recount_of(gaps, now)
        for gap in recount.due:
            age = now - gap.counted_at
            # a run comes at least every 40 minutes here
            assert timedelta(minutes=30) <= age <= timedelta(minutes=100)
            looked_at.append(gap.first)
        gaps = (*recount.later, Gap(number, number, now))
    assert looked_at == sorted(set(looked_at))
    assert {*looked_at} | {gap.first for gap in gaps} == set(range(len(steps) + 3))


def test_a_piece_follows_the_time_that_one_takes() -> None:
    assert next_piece(1000, 0.001, 0.0, 5000) == 2000
    assert next_piece(4000, 0.001, 0.0, 5000) == 5000
    assert next_piece(1000, 0.1, 0.0, 5000) == 250


def test_what_each_statement_takes_anyhow_makes_no_piece_smaller() -> None:
    assert next_piece(1000, 0.042, 0.04, 5000) == 2000
    assert next_piece(1000, 0.120, 0.04, 5000) == 500
    # bounds that took longer than the piece
    assert next_piece(1000, 0.040, 0.09, 5000) == 2000


def test_time_alone_makes_no_piece_smaller_than_some_hundred_rows() -> None:
    assert next_piece(1000, 9.0, 0.0, 5000) == 200
    assert next_piece(200, 9.0, 0.0, 5000) == 200
    # one that failed is smaller, and grows where there is time
    assert next_piece(1, 0.03, 0.0, 5000) == 2
    assert next_piece(150, 0.2, 0.0, 5000) == 300
    assert next_piece(1, 9.0, 0.0, 5000) == 1
    # a statement that gives few rows at most
    assert next_piece(7, 9.0, 0.0, 7) == 7
