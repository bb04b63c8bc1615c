"""What is usual now: the values that a new one is compared with, from the memory; the second step of the baseline.

There are several, and what lies between them is usual: a value is unusual only as far as they all agree on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from statistics import fmean, median

from monitor.detection.baseline_memory import HOURS_A_DAY, Memory
from monitor.detection.baseline_settings import BaselineSettings

_DAYS_FOR_USUAL = 2
_DAYS_WITHOUT_LEVEL = 3
_HOURS_FOR_OFFSET = 3
_HOURS_FOR_LEVEL = 6


@dataclass(frozen=True, slots=True)
class References:
    """What is known about a half hour of the day."""

    usual: float | None
    """The one value that says best what comes now."""
    values: tuple[float, ...]
    low: float | None
    """The record of this time of the day, from below."""
    high: float | None
    """The record of the last days, from above."""


NOTHING_KNOWN = References(None, (), None, None)


def references_at(
    memory: Memory, settings: BaselineSettings, half_hour: int
) -> References:
    """Return what is usual in a half hour, counted from 1970."""
    hour = half_hour // 2 % HOURS_A_DAY
    # The nearer neighbour: the day's curve goes on within an hour, and a clock may be off by less than that.
    neighbour = (hour - 1 + 2 * (half_hour % 2)) % HOURS_A_DAY
    is_short = memory.step < settings.long_step_seconds
    usuals = usuals_of(memory, (hour, neighbour) if is_short else (hour,))
    values = [*usuals, *_as_today(memory, usuals)]
    if not is_short or len(memory.hours[hour]) < _DAYS_WITHOUT_LEVEL:
        values += _level(memory)
    best = _as_today(memory, usuals[:1]) or values[:1]
    lows = chain.from_iterable(memory.hours[known] for known in (hour, neighbour))
    return References(
        usual=next(iter(best), None),
        values=tuple(values),
        low=_record(sorted(lows), settings.record_rank),
        high=_record(sorted(memory.highs, reverse=True), settings.record_rank),
    )


def usuals_of(memory: Memory, hours: tuple[int, ...]) -> list[float]:
    """Return the usual value of each of these hours of the day that is known."""
    known = (memory.hours[hour] for hour in hours)
    return [median(values) for values in known if len(values) >= _DAYS_FOR_USUAL]


def _as_today(memory: Memory, usuals: list[float]) -> list[float]:
    """Return the same, moved by what today differs from other days."""
    if len(memory.offsets) < _HOURS_FOR_OFFSET:
        return []
    offset = median(memory.offsets)
    return [max(memory.scale.least, usual + offset) for usual in usuals]


def _level(memory: Memory) -> list[float]:
    """Return the level of the last day, whatever the hour."""
    known = len(memory.last_day) >= _HOURS_FOR_LEVEL
    return [fmean(memory.last_day)] if known else []


def _record(values: list[float], rank: int) -> float | None:
    """Return the value of a rank, or the last one where there are fewer."""
    return next(reversed(values[:rank]), None)
