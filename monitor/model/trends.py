"""How the values of series went over a day and over weeks: what is kept of them for plots; values only."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest
from typing import NamedTuple, TypeAlias

from monitor.model.columns import Labels
from monitor.model.results import Result, Success

MINUTE = 60
HOUR = 3600
"""The two lengths of time, in seconds, of which a value is kept."""
MINUTES_KEPT = timedelta(hours=26)
HOURS_KEPT = timedelta(days=90)

COST_METRIC = "token_monitor_statement_milliseconds"
"""The series of a target that says how long the monitor's statements ran, within each minute."""
DURATION_METRIC = "token_monitor_query_duration_seconds"
"""The series of a query that says how long its last run took."""

_MAX_FLOAT = 3.4e38
_ABSENT = math.nan


class SeriesName(NamedTuple):
    """Which series of a target it is; `query` is empty of one that is about the target itself."""

    query: str
    metric: str
    labels: Labels = ()


Slots: TypeAlias = Mapping[SeriesName, int]
"""The place of each series of a target in every row of its points."""


class TrendPoint(NamedTuple):
    """What a series was within a minute or an hour."""

    at_seconds: int
    """When that began, in Unix time."""
    low: float
    high: float
    last: float


@dataclass(frozen=True, slots=True)
class TrendRow:
    """The values of all series of a target within one minute, by their slots."""

    target: str
    at_seconds: int
    """When the minute began, in Unix time."""
    values: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class TrendNews:
    """What a minute adds: the values of each target, and the series that are new."""

    rows: Sequence[TrendRow]
    new_series: Mapping[str, Slots]
    """By the names of their targets."""


@dataclass(frozen=True, slots=True)
class TargetTrends:
    """The points of a target's series over some time; `rows` are packed, by when each began, in Unix time."""

    slots: Slots
    span_seconds: int
    rows: Sequence[tuple[int, bytes]]

    def points_of(self, name: SeriesName) -> list[TrendPoint]:
        """Return the points of a series, the oldest first; none of one that is not kept."""
        slot = self.slots.get(name)
        if slot is None:
            return []
        return list(self._points(slot))

    def _points(self, slot: int) -> Iterator[TrendPoint]:
        read = unpacked_minute if self.span_seconds == MINUTE else unpacked_hour
        for at_seconds, packed in self.rows:
            low, high, last = read(packed, slot)
            if not math.isnan(last):
                yield TrendPoint(at_seconds, low, high, last)


def packed_minute(values: Mapping[int, float]) -> bytes:
    """Return the values of a minute, each in the place of its slot; seven digits of each."""
    width = max(values, default=-1) + 1
    floats = [_fit(values.get(slot, _ABSENT)) for slot in range(width)]
    return struct.pack(f"<{width}f", *floats)


def unpacked_minute(packed: bytes, slot: int) -> tuple[float, float, float]:
    """Return the lowest, highest and last value of a slot within a minute; NaN where it has none."""
    value = _float_at(packed, slot)
    return value, value, value


def packed_hour(minutes: Sequence[bytes]) -> bytes:
    """Return the lowest, highest and last values of each slot over the minutes of an hour, in their order."""
    rows = [struct.unpack(f"<{len(minute) // 4}f", minute) for minute in minutes]
    floats: list[float] = []
    # A minute in which the last slots had no value is shorter.
    for values in zip_longest(*rows, fillvalue=_ABSENT):
        there = [value for value in values if not math.isnan(value)]
        floats += [min(there), max(there), there[-1]] if there else [_ABSENT] * 3
    return struct.pack(f"<{len(floats)}f", *floats)


def unpacked_hour(packed: bytes, slot: int) -> tuple[float, float, float]:
    """Return the lowest, highest and last value of a slot within an hour; NaN where it has none."""
    low, high, last = (_float_at(packed, 3 * slot + place) for place in range(3))
    return low, high, last


def _float_at(packed: bytes, place: int) -> float:
    if 4 * (place + 1) > len(packed):
        return _ABSENT
    (value,) = struct.unpack_from("<f", packed, 4 * place)
    return float(value)


def _fit(value: float) -> float:
    """Return a value that the row can hold; what has no number has none here either."""
    return value if abs(value) < _MAX_FLOAT else _ABSENT


def trend_values(result: Result) -> Iterator[tuple[SeriesName, float]]:
    """Yield the values of a result, and how long it took; none of a run without data.

    Nor of a query about the schema: a hundred columns that are there say nothing over time.
    """
    query, outcome = result.job.query, result.outcome
    if not isinstance(outcome, Success) or query.is_about_schema:
        return
    yield SeriesName(query.name, DURATION_METRIC), result.duration_seconds
    exported = {metric.name for metric in query.exported_metrics}
    for sample in outcome.samples:
        # Of a histogram no sample has the metric's own name.
        if sample.metric in exported:
            name = SeriesName(query.name, sample.metric, sample.labels)
            yield name, sample.value
