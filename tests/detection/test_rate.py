"""How much a counter rose in a while: resets, gaps, a clock that was set back, and what is kept of many points.

That the numbers are Prometheus's is in tests/lifecycle/test_rates.py.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detection.rate import (
    MAX_POINTS,
    RateMemory,
    increase_of,
    resets_of,
    with_point,
    within,
)

MINUTE = 60.0
FIVE_MINUTES = 5 * MINUTE
HOUR = 3600.0


def seen(
    points: Iterable[tuple[float, float]], over: float = FIVE_MINUTES
) -> RateMemory:
    memory = RateMemory()
    for at, value in points:
        memory = with_point(within(memory, over, at), over, at, value)
    return memory


def test_one_point_says_nothing_and_two_say_what_lies_between() -> None:
    assert increase_of(seen([(0, 7)]), FIVE_MINUTES, 0) is None
    two = seen([(0, 1000), (FIVE_MINUTES, 1012)])
    assert increase_of(two, FIVE_MINUTES, FIVE_MINUTES) == 12


@pytest.mark.parametrize(
    ("values", "increase"),
    [
        ([1000, 1001, 1002, 1003, 1004, 1005], 5),
        ([1000, 1001, 1002, 3, 4, 5], 7),
        ([1000, 0, 0, 0, 0, 5], 5),
        ([1000, 1000, 1000, 1000, 1000, 1000], 0),
    ],
)
def test_a_reset_is_a_counter_that_began_again_at_nothing(
    values: list[float], increase: float
) -> None:
    points = [(number * MINUTE, value) for number, value in enumerate(values)]
    assert increase_of(seen(points), FIVE_MINUTES, FIVE_MINUTES) == increase


def test_an_end_within_reach_is_reached_and_one_that_is_not_by_half_an_interval() -> (
    None
):
    within_reach = seen([(240, 10_000), (300, 10_006)], over=2 * MINUTE)
    assert increase_of(within_reach, 2 * MINUTE, 300) == 12
    too_far = seen([(240, 10_000), (300, 10_006)])
    assert increase_of(too_far, FIVE_MINUTES, 300) == 9


def test_a_counter_was_never_below_nothing() -> None:
    young = seen([(240, 2), (300, 8)], over=2 * MINUTE)
    # Two more a fifth of a minute before its first point: there it was 0.
    assert increase_of(young, 2 * MINUTE, 300) == 8


def test_what_is_older_than_the_while_or_later_than_now_is_forgotten() -> None:
    memory = seen([(0, 1), (60, 2), (120, 3)])
    assert within(memory, MINUTE, 121).points == memory.points[2:]
    clock_set_back = within(memory, FIVE_MINUTES, 61)
    assert clock_set_back.points == memory.points[:2]


COUNTERS = st.lists(
    st.tuples(st.floats(0.1, 30), st.one_of(st.floats(0, 5), st.none())),
    min_size=50,
    max_size=800,
)


@given(COUNTERS)
def test_of_many_points_few_are_kept_and_nothing_that_they_counted_is_lost(
    steps: list[tuple[float, float | None]],
) -> None:
    points, at, value, counted = [(0.0, 0.0)], 0.0, 0.0, 0.0
    for seconds, rise in steps:
        at += seconds
        value = 0.5 if rise is None else value + rise
        counted += value - points[-1][1] if value >= points[-1][1] else value
        points.append((at, value))
    over = 10 * HOUR
    memory = seen(points, over)
    assert len(memory.points) <= MAX_POINTS + 2
    first, *rest = memory.points
    lost = sum(point.lost for point in rest)
    assert rest[-1].value - first.value + lost == pytest.approx(counted)
    assert sum(point.steps for point in rest) == len(steps)


def test_how_often_a_series_began_anew_is_counted_and_not_by_how_much() -> None:
    memory = RateMemory()
    assert resets_of(memory) is None
    for at, value in enumerate((900, 10, 70, 20, 80, 80, 5)):
        memory = with_point(memory, 600.0, float(60 * at), float(value))
    assert resets_of(memory) == 3
    assert resets_of(within(memory, 600.0, 700.0)) == 2
