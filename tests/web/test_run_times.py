"""Where lines are broken: pictures of when a query ran, a sign for each minute."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.web.run_times import RunPace, RunTimes, run_times

MINUTE = timedelta(minutes=1)


def pace(minutes: float) -> RunPace:
    return RunPace(minutes * MINUTE, MINUTE, 1.5)


def runs_in(picture: str) -> list[int]:
    return [60 * place for place, sign in enumerate(picture) if sign != " "]


def broken(picture: str, now: RunPace) -> str:
    """Draw the runs that are joined as a word of their own."""
    times = run_times(runs_in(picture), now)
    drawn = ""
    for place, sign in enumerate(picture):
        if sign != " ":
            drawn += "x|" if 60 * place in times.late else "x"
    return drawn


@pytest.mark.parametrize(
    ("picture", "minutes", "expected"),
    [
        # As often as now: what is missing is a gap.
        ("xxxxx   xxxxx", 1, "xxxxx|xxxxx"),
        ("xxxxx xxxxx", 1, "xxxxx|xxxxx"),
        ("x  x  x     x  x  x", 3, "xxx|xxx"),
        # It was stretched: dots of old are a line.
        ("xxxxx  x  x  x  x  xxxxx", 1, "xxxxxxxxxxxxxx"),
        ("x    x    x    x    xxxxxx", 1, "xxxxxxxxxx"),
        ("x    x    x         x    x    xxxxxx", 1, "xxx|xxxxxxxx"),
        # It ran more often: a gap that is shorter than an interval of now is one.
        ("xxxxxx      xxxxxx         x         x", 10, "xxxxxx|xxxxxxxx"),
        # It is stretched now, and the next one is not there yet.
        ("xxxxxx   x", 4, "xxxxxxx"),
        ("xxxxxx         x", 4, "xxxxxx|x"),
        # What fails now and then makes no longer interval.
        ("xx xx  xxx   xx xx", 1, "xx|xx|xxx|xx|xx"),
        # Of two runs only what is now can be said.
        ("x  x", 1, "x|x"),
        ("x  x", 3, "xx"),
        ("x", 1, "x"),
        ("", 1, ""),
        # A minute and a half falls on one or two.
        ("x xx xx xx xx x", 1.5, "xxxxxxxxxx"),
    ],
)
def test_a_run_is_late_by_how_often_its_query_ran_then(
    picture: str, minutes: float, expected: str
) -> None:
    assert broken(picture, pace(minutes)) == expected


def test_where_a_query_ran_and_did_not_find_a_series_there_is_a_gap() -> None:
    times = run_times(runs_in("x    x    x    x    x"), pace(1))
    assert not times.is_gap(0, 300, MINUTE)
    assert times.is_gap(0, 600, 60 * MINUTE)


def test_where_of_no_run_is_known_it_goes_by_how_often_it_runs_now() -> None:
    assert not RunTimes().is_gap(0, 60, MINUTE)
    assert RunTimes().is_gap(0, 61, MINUTE)


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 20))
def test_what_is_as_near_as_it_always_was_is_never_a_gap_and_what_is_thrice_as_far_is_one(
    steps: list[int], minutes: int
) -> None:
    runs = [0]
    for step in steps:
        runs.append(runs[-1] + 60 * step)
    late = run_times(runs, pace(minutes)).late
    limit = max([*steps, minutes], default=minutes) * 90
    least = min([*steps, minutes], default=minutes) * 60
    for at, later in pairwise(runs):
        if later - at == least:
            assert at not in late
        if later - at > limit:
            assert at in late
