"""Lines over time: a gap is a gap, a point alone is a dot, what is no number is not there."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from monitor.model.trends import TrendPoint
from monitor.web.plot_scales import number_ticks, tick_text, time_ticks
from monitor.web.plots import (
    BOTTOM,
    LEFT,
    MAX_LINES,
    RIGHT,
    TOP,
    FiringTime,
    Plot,
    PlotSeries,
    plot_of,
    runs_of,
)
from tests.web.picture import NOW, seconds

START = NOW - timedelta(days=1)
MINUTE = timedelta(minutes=1)
NAN = math.nan


def series(*values: float, name: str = "a", max_gap: float = 84) -> PlotSeries:
    """Return a series with a value for each minute up to now; NaN: none."""
    first = NOW - len(values) * MINUTE
    points = []
    for number, value in enumerate(values):
        at_seconds = int((first + number * MINUTE).timestamp())
        points.append(TrendPoint(at_seconds, value, value, value))
    return PlotSeries(name, points, seconds(max_gap))


def drawn(*some: PlotSeries, thresholds: tuple[float, ...] = ()) -> Plot:
    return plot_of("title", some, START, NOW, thresholds=thresholds)


def numbers_in(path: str) -> list[float]:
    return [float(text) for text in re.findall(r"-?[\d.]+", path)]


def test_a_gap_is_a_gap() -> None:
    (line,) = drawn(series(1, 2, NAN, NAN, 3, 4)).lines
    assert line.path.count("M") == 2
    (whole,) = drawn(series(1, 2, NAN, NAN, 3, 4, max_gap=200)).lines
    assert whole.path.count("M") == 1


def test_a_point_alone_is_a_dot() -> None:
    (line,) = drawn(series(7)).lines
    assert (line.path, len(line.dots), line.last) == ("", 1, "7")
    (line,) = drawn(series(7, NAN, NAN, 8, 9)).lines
    assert (line.path.count("M"), len(line.dots)) == (1, 1)


def test_of_what_is_always_0_no_axis_goes_below_0() -> None:
    assert number_ticks(0, 0)[0] == 0


def test_what_is_always_the_same_is_a_flat_line_in_the_middle() -> None:
    plot = drawn(series(5, 5, 5))
    heights = set(numbers_in(plot.lines[0].path)[1::2])
    assert len(heights) == 1
    assert TOP < heights.pop() < BOTTOM
    assert {row.text for row in drawn(series(0, 0)).rows} > {"0"}


def test_negative_values_stand_below_zero() -> None:
    plot = drawn(series(-3, 2))
    texts = [row.text for row in plot.rows]
    assert texts[0].startswith("-")
    assert "0" in texts
    assert plot.description.endswith("a between -3 and 2")


def test_what_is_no_number_is_not_there() -> None:
    plot = drawn(series(1, NAN, 2), series(NAN, NAN, name="b"))
    assert [line.name for line in plot.lines] == ["a"]
    assert "nan" not in plot.lines[0].path.lower()
    assert plot.left_out == 1


def test_without_data_there_are_axes_and_no_line() -> None:
    plot = drawn()
    assert (plot.lines, plot.description.startswith("No data")) == ((), True)
    assert len(plot.rows) > 1


def test_a_threshold_is_in_the_picture() -> None:
    plot = drawn(series(1, 2), thresholds=(50, math.inf))
    ((place, text),) = [(one.place, one.text) for one in plot.thresholds]
    assert text == "50"
    assert TOP <= float(place) <= BOTTOM


def test_incidents_are_cut_to_the_picture_and_those_before_it_left_out() -> None:
    day = timedelta(days=1)
    incidents = [
        FiringTime("older", START - 2 * day, START - day),
        FiringTime("over the edge", START - day, START + timedelta(hours=6)),
        FiringTime("short", NOW - MINUTE, NOW - MINUTE),
    ]
    plot = plot_of("title", [series(1, 2)], START, NOW, incidents=incidents)
    assert [band.name for band in plot.bands] == ["over the edge", "short"]
    assert float(plot.bands[0].left) == LEFT
    assert float(plot.bands[0].width) == (RIGHT - LEFT) / 4
    assert float(plot.bands[1].width) == 2


def test_of_many_lines_those_that_move_are_drawn_and_the_others_counted() -> None:
    still = [series(100 + n, 100 + n, name=f"still {n}") for n in range(9)]
    plot = drawn(*still, series(1, 2, name="moves"))
    assert plot.lines[0].name == "moves"
    assert (len(plot.lines), plot.left_out) == (MAX_LINES, 10 - MAX_LINES)


def test_a_spike_of_one_minute_is_seen_in_a_day() -> None:
    values = [1.0] * 1440
    values[700] = 900.0
    plot = drawn(series(*values))
    assert len(plot.lines[0].path) < 8_000
    assert min(numbers_in(plot.lines[0].path)[1::2]) < (TOP + BOTTOM) / 2


def test_the_table_says_the_same_and_has_a_dash_where_there_was_nothing() -> None:
    plot = drawn(series(*([5.0] * 30)))
    assert plot.table[-1] == ("2026-11-22 12:00", "5")
    assert plot.table[0][1] == "–"


VALUES = st.lists(
    st.floats(-1e9, 1e9) | st.just(NAN) | st.just(math.inf), min_size=1, max_size=80
)


@given(VALUES)
def test_whatever_comes_stays_within_the_picture(values: list[float]) -> None:
    plot = drawn(series(*values))
    for line in plot.lines:
        places = numbers_in(line.path) + [
            float(one) for dot in line.dots for one in dot
        ]
        assert all(0 <= place <= RIGHT for place in places)
    # No point is lost between the runs, and none is in two.
    points = [point for point in series(*values).points if math.isfinite(point.last)]
    runs = list(runs_of(PlotSeries("a", points, seconds(84))))
    assert [point for run in runs for point in run] == points


@example(low=0.0, room=5e-324)
@given(st.floats(-1e12, 1e12), st.floats(0, 1e12))
def test_the_numbers_at_an_axis_enclose_the_range_and_are_few(
    low: float, room: float
) -> None:
    ticks = number_ticks(low, low + room)
    span = max(abs(low), room, 1.0)
    assert ticks[0] <= low + 1e-9 * span
    assert ticks[-1] >= low + room - 1e-9 * span
    assert 2 <= len(ticks) <= 8
    assert ticks == sorted(ticks)


def test_numbers_and_times_read_as_people_write_them() -> None:
    assert [tick_text(one) for one in (0, 0.25, 1500, 20_000, 1_500_000)] == [
        "0",
        "0.25",
        "1,500",
        "20 k",
        "1.5 M",
    ]
    day = [text for _, text in time_ticks(START, NOW)]
    hours = ["12:00", "16:00", "20:00", "00:00", "04:00", "08:00", "12:00"]
    assert day == hours
    hours_ago = NOW - timedelta(hours=1, minutes=50)
    young = [text for _, text in time_ticks(hours_ago, NOW)]
    assert young[-4:] == ["10:30", "11:00", "11:30", "12:00"]
    week = [text for _, text in time_ticks(NOW - timedelta(days=7), NOW)]
    assert week[-1] == "Sun 22"
