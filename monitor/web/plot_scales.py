"""Choose the numbers and times that stand at the axes of a plot, as people read them; pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from monitor.model.text_formats import people_number

_STEPS: Final = (1, 2, 2.5, 5, 10)
_NEARLY: Final = 0.999
"""What is a step but for the noise of the binary form is one."""
_HOURS: Final = timedelta(hours=4)
_DAY: Final = timedelta(days=1)
_WANTED = 4
_FLAT = 1e-300
"""What is less than that cannot be divided any more."""
_MANY = 1000
_UNITS: Final = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))


def number_ticks(low: float, high: float) -> list[float]:
    """Return round numbers that enclose a range, evenly spaced; also where the range is one number."""
    if high - low < _FLAT:
        # A line in the middle, of which it is seen that it is flat.
        room = max(abs(low) / 2, 1.0)
        # No axis goes below 0 where nothing is: there are no negative counts or seconds.
        low, high = (low if low == 0 else low - room), high + room
    step = _round_step((high - low) / _WANTED)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, last + 1)]


def _round_step(least: float) -> float:
    """Return the smallest round step that is no less than this."""
    magnitude = 10.0 ** math.floor(math.log10(least))
    place = bisect_left(_STEPS, least / magnitude * _NEARLY)
    return magnitude * _STEPS[place]


def tick_text(value: float) -> str:
    """Write a number at an axis: short, 1.5 M."""
    for size, unit in _UNITS:
        if abs(value) >= max(size, 10 * _MANY):
            return f"{people_number(float(f'{value / size:.4g}'))}{unit}"
    return people_number(float(f"{value:.4g}"))


def time_ticks(start: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    """Yield the instants at a time axis with their texts: hours of a day, days of a week; UTC."""
    is_day = end - start <= timedelta(days=2)
    step, form = (_HOURS, "%H:%M") if is_day else (_DAY, "%a %d")
    if end - start <= _HOURS:
        step = _HOURS / 8
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    # Down: the first one is not before the start.
    at = midnight - (midnight - start) // step * step
    while at <= end:
        yield at, f"{at:{form}}"
        at += step
