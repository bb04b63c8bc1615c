"""Compute by how much a counter rises in a while, as PromQL's increase() means it; pure, a series at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

MAX_POINTS: Final = 100
"""Of a while so many points are kept, and at most two more: what comes closer together takes the last one's place."""
_NEAR: Final = 1.1
"""An end of the while that is nearer to the points than so many of their intervals is one that they reach."""
_FEWEST: Final = 2


@dataclass(frozen=True, slots=True)
class RatePoint:
    """What a counter was at an instant, in Unix time."""

    at: float
    value: float
    lost: float = 0.0
    """How much the resets since the point before it took away."""
    steps: int = 1
    """How many points after that one it stands for: those that were too close together, and itself."""


@dataclass(frozen=True, slots=True)
class RateMemory:
    """The points of one while of a series, oldest first."""

    points: tuple[RatePoint, ...] = ()

    def to_record(self) -> list[list[float]]:
        """Return it as plain values for JSON."""
        return [[one.at, one.value, one.lost, one.steps] for one in self.points]

    @classmethod
    def from_record(cls, record: Iterable[Sequence[float]]) -> RateMemory:
        """Return what `to_record` gave as a memory; TypeError or ValueError where it is none."""
        points = [
            RatePoint(float(at), float(value), float(lost), int(steps))
            for at, value, lost, steps in record
        ]
        return cls(tuple(points))


def within(memory: RateMemory, over_seconds: float, at: float) -> RateMemory:
    """Return what is earlier than an instant, and not older than the while that ends there.

    A point of later is one of before the clock was set back: its distance to others is not known.
    """
    begins = at - over_seconds
    points = tuple(point for point in memory.points if begins <= point.at < at)
    return RateMemory(points)


def with_point(
    memory: RateMemory, over_seconds: float, at: float, value: float
) -> RateMemory:
    """Return the memory with one more value, which is of later than what is in it."""
    if not memory.points:
        return RateMemory((RatePoint(at, value),))
    *earlier, last = memory.points
    point = RatePoint(at, value, _lost(last.value, value))
    if _is_too_close(earlier, last, over_seconds):
        # Not forgotten with it: a reset that happened between two points that stay.
        lost, steps = point.lost + last.lost, point.steps + last.steps
        point = replace(point, lost=lost, steps=steps)
        return RateMemory((*earlier, point))
    return RateMemory((*earlier, last, point))


def increase_of(memory: RateMemory, over_seconds: float, at: float) -> float | None:
    """Return by how much a counter rose in the while that ends at an instant; None where that is not known.

    As Prometheus extrapolates it (promql/functions.go, extrapolatedRate, version 2): to the ends of the while, but
    only by half an interval to one that is further away from the points than 1.1 of their intervals; and back to no
    earlier than where the counter would have been 0.
    """
    points = memory.points
    if len(points) < _FEWEST:
        return None
    first, last = points[0], points[-1]
    sampled_seconds = last.at - first.at
    lost = sum(point.lost for point in points[1:])
    steps = sum(point.steps for point in points[1:])
    increase = last.value - first.value + lost
    interval = sampled_seconds / steps
    to_begin = first.at - (at - over_seconds)
    if increase > 0 and first.value >= 0:
        to_begin = min(to_begin, sampled_seconds * first.value / increase)
    to_end = at - last.at
    seconds = sampled_seconds
    seconds += _reached(to_begin, interval) + _reached(to_end, interval)
    return increase * seconds / sampled_seconds


def resets_of(memory: RateMemory) -> int | None:
    """Return how often a counter began anew between the points of a while; None where that is not known.

    As PromQL's resets(); points that were too close together count as one at most.
    """
    if len(memory.points) < _FEWEST:
        return None
    return sum(point.lost > 0 for point in memory.points[1:])


def _reached(seconds: float, interval: float) -> float:
    """Return how far beyond the points the while is taken to go on as it was."""
    return seconds if seconds < _NEAR * interval else interval / 2


def _lost(before: float, after: float) -> float:
    """Return what a reset took away: a counter that is lower began again at 0."""
    return before if after < before else 0.0


def _is_too_close(
    earlier: Sequence[RatePoint], last: RatePoint, over_seconds: float
) -> bool:
    if not earlier:
        return False
    return last.at - earlier[-1].at < over_seconds / MAX_POINTS
