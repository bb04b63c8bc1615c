"""Draw lines over time as the parts of an SVG: a gap where there was no data, thresholds, incidents; pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from monitor.model.text_formats import people_number
from monitor.model.trends import TrendPoint
from monitor.model.wording import counted, format_number
from monitor.web.plot_scales import number_ticks, tick_text, time_ticks
from monitor.web.run_times import NO_RUNS, RunTimes

LEFT: Final = 58
RIGHT: Final = 708
TOP: Final = 10
BOTTOM: Final = 172
MAX_LINES = 6
"""More lines of one plot nobody tells apart; those that say most are drawn."""
_MAX_COLUMNS = 320
"""So many places a line has from left to right; of several points in one the lowest and highest are drawn."""
_TABLE_ROWS = 24


@dataclass(frozen=True, slots=True)
class PlotSeries:
    """What is drawn as one line; two points between which data is missing are not joined.

    `max_gap` is how far apart they may be where of no run of their query is known.
    """

    name: str
    points: Sequence[TrendPoint]
    max_gap: timedelta
    runs: RunTimes = NO_RUNS

    def is_gap(self, before: TrendPoint, after: TrendPoint) -> bool:
        """Return whether data is missing between two points."""
        return self.runs.is_gap(before.at_seconds, after.at_seconds, self.max_gap)


@dataclass(frozen=True, slots=True)
class FiringTime:
    """A length of time in which an alert fired."""

    name: str
    began_at: datetime
    ended_at: datetime
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it is called, its path, and the points that stand alone."""

    name: str
    number: int
    """Of its colour and dashes."""
    path: str
    dots: tuple[tuple[str, str], ...]
    last: str


@dataclass(frozen=True, slots=True)
class AxisTick:
    """A number or time at an axis, and where."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Band:
    """An incident, as it is marked."""

    left: str
    width: str
    name: str


@dataclass(frozen=True, slots=True)
class ThresholdLine:
    """Where a rule fires."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot as the template draws it, and the same as a table."""

    key: str
    title: str
    description: str
    lines: tuple[Line, ...]
    left_out: int
    rows: tuple[AxisTick, ...]
    columns: tuple[AxisTick, ...]
    bands: tuple[Band, ...]
    thresholds: tuple[ThresholdLine, ...]
    table: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where instants and values stand on the plot."""

    start: datetime
    end: datetime
    low: float
    high: float

    def x(self, at_seconds: float) -> float:
        """Return where an instant stands from the left."""
        whole = (self.end - self.start).total_seconds()
        share = (at_seconds - self.start.timestamp()) / whole
        return LEFT + share * (RIGHT - LEFT)

    def y(self, value: float) -> float:
        """Return where a value stands from the top."""
        share = (value - self.low) / (self.high - self.low)
        return BOTTOM - share * (BOTTOM - TOP)


def plot_of(
    title: str,
    series: Sequence[PlotSeries],
    start: datetime,
    end: datetime,
    *,
    thresholds: Sequence[float] = (),
    incidents: Sequence[FiringTime] = (),
) -> Plot:
    """Draw series between two instants; what is not a number is not there, and a threshold is in the picture."""
    within = [_within(one, start, end) for one in series]
    drawn = sorted((one for one in within if one.points), key=_weight)[:MAX_LINES]
    limits = [one for one in thresholds if math.isfinite(one)]
    ticks = number_ticks(*_range(drawn, limits))
    frame = Frame(start, end, ticks[0], ticks[-1])
    return Plot(
        key=title,
        title=title,
        description=_description(drawn, start, end),
        lines=tuple(_line(one, place, frame) for place, one in enumerate(drawn)),
        left_out=len(series) - len(drawn),
        rows=tuple(AxisTick(_place(frame.y(one)), tick_text(one)) for one in ticks),
        columns=tuple(
            AxisTick(_place(frame.x(at.timestamp())), text)
            for at, text in time_ticks(start, end)
        ),
        bands=tuple(_bands(incidents, frame)),
        thresholds=tuple(
            ThresholdLine(_place(frame.y(one)), format_number(one)) for one in limits
        ),
        table=tuple(_table(drawn, start, end)),
    )


def _within(series: PlotSeries, start: datetime, end: datetime) -> PlotSeries:
    """Return a series with the points that are between two instants, and are numbers."""
    first, last = start.timestamp(), end.timestamp()
    points = [
        point
        for point in series.points
        if first <= point.at_seconds <= last and math.isfinite(point.last)
    ]
    return replace(series, points=points)


def _weight(series: PlotSeries) -> tuple[bool, float, str]:
    """Sort what moves before what does not, and what is large before what is small."""
    low = min(point.low for point in series.points)
    high = max(point.high for point in series.points)
    return (low == high, -max(abs(low), abs(high)), series.name)


def _range(drawn: Sequence[PlotSeries], limits: Sequence[float]) -> tuple[float, float]:
    lows = [point.low for one in drawn for point in one.points]
    highs = [point.high for one in drawn for point in one.points]
    return (
        min([*lows, *limits], default=0.0),
        max([*highs, *limits], default=0.0),
    )


def _line(series: PlotSeries, number: int, frame: Frame) -> Line:
    runs = list(runs_of(series))
    paths = [_path(run, frame) for run in runs if len(run) > 1]
    alone = [run[0] for run in runs if len(run) == 1]
    return Line(
        name=series.name,
        number=number,
        path="".join(paths),
        dots=tuple(
            (_place(frame.x(one.at_seconds)), _place(frame.y(one.last)))
            for one in alone
        ),
        last=people_number(series.points[-1].last),
    )


def runs_of(series: PlotSeries) -> Iterator[list[TrendPoint]]:
    """Yield the points that are joined: what is between two of these is a gap."""
    run: list[TrendPoint] = []
    for point in series.points:
        if run and series.is_gap(run[-1], point):
            yield run
            run = []
        run.append(point)
    if run:
        yield run


def _path(run: Sequence[TrendPoint], frame: Frame) -> str:
    places = [f"{_place(x)} {_place(y)}" for x, y in _corners(run, frame)]
    return f"M{'L'.join(places)}"


def _corners(run: Sequence[TrendPoint], frame: Frame) -> Iterator[tuple[float, float]]:
    """Yield where a line goes: of the points of one column through the lowest, the highest and the last."""
    width = (RIGHT - LEFT) / _MAX_COLUMNS
    columns: dict[int, list[TrendPoint]] = {}
    for point in run:
        column = int((frame.x(point.at_seconds) - LEFT) / width)
        columns.setdefault(column, []).append(point)
    for points in columns.values():
        last = points[-1]
        x = frame.x(last.at_seconds)
        heights = [min(one.low for one in points), max(one.high for one in points)]
        for value in dict.fromkeys([*heights, last.last]):
            yield x, frame.y(value)


def _bands(incidents: Sequence[FiringTime], frame: Frame) -> Iterator[Band]:
    for incident in incidents:
        began = max(incident.began_at, frame.start)
        ended = min(incident.ended_at, frame.end)
        if began <= ended:
            left, right = frame.x(began.timestamp()), frame.x(ended.timestamp())
            # Also what was over at once is seen.
            width = max(right - left, 2.0)
            yield Band(_place(left), _place(width), incident.name)


def _table(
    drawn: Sequence[PlotSeries], start: datetime, end: datetime
) -> Iterator[tuple[str, ...]]:
    """Yield rows of an instant and the value of each line then; a dash where it had none."""
    step = (end - start) / _TABLE_ROWS
    for number in range(1, _TABLE_ROWS + 1):
        at = start + number * step
        values = [_value_at(one, at) for one in drawn]
        yield (f"{at:%Y-%m-%d %H:%M}", *values)


def _value_at(series: PlotSeries, at: datetime) -> str:
    instant = at.timestamp()
    place = bisect_right(series.points, instant, key=lambda point: point.at_seconds)
    if not place:
        return "–"
    last, later = series.points[place - 1], series.points[place : place + 1]
    is_joined = any(not series.is_gap(last, point) for point in later)
    is_near = instant - last.at_seconds <= series.max_gap.total_seconds()
    return people_number(last.last) if is_joined or is_near else "–"


def _description(drawn: Sequence[PlotSeries], start: datetime, end: datetime) -> str:
    span = f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    if not drawn:
        return f"No data {span}"
    said = []
    for one in drawn:
        low = people_number(min(point.low for point in one.points))
        high = people_number(max(point.high for point in one.points))
        said.append(f"{one.name} between {low} and {high}")
    return f"{counted(len(drawn), 'line')} {span}: {'; '.join(said)}"


def _place(number: float) -> str:
    """Write where something stands, to a tenth of a unit."""
    return f"{number:.1f}".removesuffix(".0")
