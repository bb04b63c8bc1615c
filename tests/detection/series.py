"""Series that a baseline is judged on: what is healthy in all its kinds, and what happens to it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence

from monitor.detection.baseline import Baseline

MINUTE = 60.0
HOUR = 3600.0
DAY = 24 * HOUR
START = 1_798_416_000.0  # a Monday, 0:00 UTC

Point = tuple[float, float]
Curve = Callable[[float, random.Random], float]
"""A value at so many seconds after START."""


def at_day(day: float) -> float:
    """Return a time in seconds after START."""
    return day * DAY


def diurnal(seconds: float, mean: float = 100.0, swing: float = 0.6) -> float:
    """Return what a series with a night has at a time."""
    return mean * (1 + swing * math.sin(2 * math.pi * seconds / DAY - 1.5))


def poisson(rng: random.Random, mean: float) -> float:
    """Return how many of independent events happen."""
    if mean > 50:
        return float(max(0, round(rng.gauss(mean, math.sqrt(mean)))))
    limit, events, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        events += 1
        product *= rng.random()
    return float(events)


def is_weekend(seconds: float) -> bool:
    """Return whether it is Saturday or Sunday."""
    return int(seconds // DAY) % 7 >= 5


def series(
    curve: Curve, *, step: float = 5 * MINUTE, days: float = 35, seed: int = 1
) -> Iterator[Point]:
    """Yield a series: seconds after START, and the value."""
    rng = random.Random(seed)
    for number in range(int(days * DAY / step)):
        yield number * step, curve(number * step, rng)


def changed(
    points: Iterator[Point],
    change: Callable[[float], float],
    starts: Sequence[float],
    lasts: float,
) -> Iterator[Point]:
    """Yield a series in which something happens at some times."""
    for at, value in points:
        hit = any(start <= at < start + lasts for start in starts)
        yield at, change(value) if hit else value


def alarms(points: Iterator[Point], baseline: Baseline | None = None) -> list[float]:
    """Return when alarms begin, in seconds after START."""
    baseline = baseline or Baseline()
    found, was_on = [], False
    for at, value in points:
        is_on = baseline.judge(START + at, value).is_alarm
        if is_on and not was_on:
            found.append(at)
        was_on = is_on
    return found
