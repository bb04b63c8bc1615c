"""What is kept for plots: a row for each minute and hour of a target, bounded, also over a restart."""

from __future__ import annotations

import math
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.settings import labels_of
from monitor.model.trends import (
    HOUR,
    HOURS_KEPT,
    MINUTE,
    MINUTES_KEPT,
    SeriesName,
    TrendNews,
    TrendPoint,
    TrendRow,
    packed_hour,
    packed_minute,
    unpacked_hour,
    unpacked_minute,
)
from monitor.storage import State

START = datetime(2026, 11, 22, tzinfo=UTC)
ONE_MINUTE = timedelta(minutes=1)
PRO = SeriesName("balances", "token_subscribers", labels_of({"plan": "pro"}))
TEAM = SeriesName("balances", "token_subscribers", labels_of({"plan": "team"}))
# What a float of four bytes holds exactly.
VALUES = st.dictionaries(st.integers(0, 20), st.integers(-10_000, 10_000), max_size=9)


def write(state: State, minute: int, values: dict[int, float]) -> None:
    """Write a minute, counted from the start, when it is over."""
    at = START + minute * ONE_MINUTE
    row = TrendRow("main", int(at.timestamp()), values)
    news = TrendNews([row], {"main": {PRO: 0, TEAM: 1}})
    state.write_trends(news, at + ONE_MINUTE)


def values_of(
    state: State, name: SeriesName = PRO, span: int = MINUTE
) -> list[TrendPoint]:
    since = START - timedelta(days=365)
    return state.trends("main", span, since).points_of(name)


@given(VALUES)
def test_a_minute_is_read_back_as_it_was_and_has_nothing_elsewhere(
    values: dict[int, float],
) -> None:
    packed = packed_minute(values)
    for slot in range(25):
        low, high, last = unpacked_minute(packed, slot)
        if slot in values:
            assert low == high == last == values[slot]
        else:
            assert math.isnan(last)


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_an_hour_has_the_lowest_highest_and_last_of_its_minutes(
    minutes: list[dict[int, float]],
) -> None:
    packed = packed_hour([packed_minute(values) for values in minutes])
    for slot in range(25):
        there = [values[slot] for values in minutes if slot in values]
        found = unpacked_hour(packed, slot)
        if there:
            assert found == (min(there), max(there), there[-1])
        else:
            assert all(map(math.isnan, found))


def test_what_is_no_number_or_too_large_for_a_plot_has_no_point() -> None:
    packed = packed_minute({0: math.nan, 1: math.inf, 2: 1e39, 3: -1e300, 4: 5.0})
    found = [unpacked_minute(packed, slot)[2] for slot in range(5)]
    assert [math.isnan(value) for value in found] == [True, True, True, True, False]


def test_minutes_and_hours_are_there_after_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "state.sqlite")
    state = State(path)
    for minute in range(125):
        write(state, minute, {0: float(minute)} if minute != 60 else {})
    state.close()
    again = State(path)
    assert [point.last for point in values_of(again)][58:62] == [58, 59, 61, 62]
    first, second = values_of(again, span=HOUR)
    assert (first.low, first.high, first.last) == (0, 59, 59)
    assert (second.low, second.high, second.last) == (61, 119, 119)
    assert values_of(again, TEAM) == []
    assert again.trend_slots() == {"main": {PRO: 0, TEAM: 1}}
    assert again.warnings == ()
    again.close()


def test_when_something_is_kept_is_told_without_reading_what() -> None:
    state = State()
    for hour in range(26):
        write(state, 60 * hour, dict.fromkeys([0, 10_000], 1.0))
    began = int(START.timestamp())
    tracemalloc.start()
    hours = state.trend_times("main", HOUR, START + timedelta(hours=1))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert hours == [began + number * HOUR for number in range(1, 25)]
    # What is kept of one of these hours alone is more.
    assert peak_bytes < 100_000
    last = state.trend_times("main", MINUTE, START + timedelta(hours=25))
    assert last == [began + 25 * HOUR]
    assert state.trend_times("other", HOUR, START) == []
    state.close()


def test_an_hour_that_a_restart_cut_is_added_up_later(tmp_path: Path) -> None:
    path = str(tmp_path / "state.sqlite")
    state = State(path)
    write(state, 10, {0: 1.0})
    state.close()
    again = State(path)
    write(again, 300, {0: 2.0})
    assert [point.last for point in values_of(again, span=HOUR)] == [1]
    again.close()


def test_minutes_and_hours_have_an_end() -> None:
    state = State()
    write(state, 0, {0: 1.0})
    minutes = int(MINUTES_KEPT / ONE_MINUTE)
    write(state, 61, {0: 2.0})
    write(state, minutes + 62, {0: 3.0})
    assert [point.last for point in values_of(state)] == [3]
    assert [point.last for point in values_of(state, span=HOUR)] == [1, 2]
    write(state, int(HOURS_KEPT / ONE_MINUTE) + 120, {0: 4.0})
    assert [point.last for point in values_of(state, span=HOUR)] == [3]
    state.close()


@pytest.mark.parametrize("is_restarted", [False, True])
def test_what_a_clock_that_was_ahead_wrote_goes_once_it_is_right(
    tmp_path: Path, is_restarted: bool
) -> None:
    path = str(tmp_path / "state.sqlite")
    state = State(path)
    ahead = int(timedelta(days=3000) / ONE_MINUTE)
    write(state, ahead, {0: 7.0})
    write(state, ahead + 70, {0: 8.0})
    assert len(values_of(state)) == 2
    assert len(values_of(state, span=HOUR)) == 1
    if is_restarted:
        state.close()
        state = State(path)
    write(state, 2, {0: 1.0})
    assert [point.last for point in values_of(state)] == [1]
    assert values_of(state, span=HOUR) == []
    state.close()


def test_the_minute_that_goes_on_when_the_clock_is_set_right_is_not_kept_ahead() -> (
    None
):
    state = State()
    later = START + timedelta(days=3000)
    row = TrendRow("main", int(later.timestamp()), {0: 7.0})
    state.write_trends(TrendNews([row], {"main": {PRO: 0}}), START)
    assert values_of(state) == []
    state.close()


def test_a_series_that_cannot_be_read_is_said_and_left_out() -> None:
    state = State()
    write(state, 0, {0: 1.0, 1: 2.0})
    state._disk.write(
        lambda connection: connection.execute(
            "UPDATE trend_series SET labels = '[' WHERE slot = 0"
        )
    )
    assert values_of(state) == []
    assert [point.last for point in values_of(state, TEAM)] == [2]
    assert len(state.warnings) == 1
    state.close()


def test_a_row_of_fewer_bytes_than_it_should_have_is_no_error() -> None:
    assert math.isnan(unpacked_minute(b"\x00\x00", 0)[2])
    assert math.isnan(unpacked_hour(b"", 3)[2])
