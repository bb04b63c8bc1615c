"""Tell by when a query ran, of the past as it ran then, where the lines of what it found are broken; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Final

_NEAR: Final = 2
"""By so many runs before, and as many after, it is judged how often it ran then."""


@dataclass(frozen=True, slots=True)
class RunPace:
    """How often a query runs now, and how much later than that is still the next run; `span`: of one point."""

    period: timedelta
    span: timedelta
    slack: float

    @property
    def max_gap(self) -> timedelta:
        """Return how far apart two points may be that are joined, as it runs now."""
        return max(self.period, self.span) * self.slack

    def max_step_seconds(self, steps_seconds: Sequence[int]) -> float:
        """Return how long after a run the next one is not late, where runs near it were so far apart."""
        # The shortest: a run that fails now and then makes the others no longer.
        then_seconds = min(steps_seconds)
        limit_seconds = self.slack * then_seconds
        if then_seconds <= (self.period - self.span).total_seconds():
            # It ran more often than it does now.
            return limit_seconds
        return max(limit_seconds, self.max_gap.total_seconds())


@dataclass(frozen=True, slots=True)
class RunTimes:
    """When a query ran and had data, in Unix time: the next run after each, and after which that was late."""

    following: Mapping[int, int] = field(default_factory=dict)
    late: frozenset[int] = frozenset()

    def is_gap(self, at_seconds: int, later_seconds: int, max_gap: timedelta) -> bool:
        """Return whether data is missing between two points; `max_gap` is for what of no run is known."""
        following = self.following.get(at_seconds)
        if following is None:
            return later_seconds - at_seconds > max_gap.total_seconds()
        # It ran, and found nothing of this series.
        return following < later_seconds or at_seconds in self.late


def run_times(runs_seconds: Sequence[int], pace: RunPace) -> RunTimes:
    """Judge each step from a run to the next by those near it, and the newest ones also by how often it runs now."""
    return RunTimes(
        following=dict(pairwise(runs_seconds)),
        late=frozenset(_late(runs_seconds, pace)),
    )


def _late(runs_seconds: Sequence[int], pace: RunPace) -> Iterator[int]:
    """Yield the runs after which the next one came late."""
    steps = [later - at for at, later in pairwise(runs_seconds)]
    now_seconds = pace.max_gap.total_seconds()
    for place, step in enumerate(steps):
        before = steps[max(0, place - _NEAR) : place]
        after = steps[place + 1 : place + 1 + _NEAR]
        limits = [pace.max_step_seconds(near) for near in (before, after) if near]
        if len(after) < _NEAR:
            limits.append(now_seconds)
        if step > max(limits):
            yield runs_seconds[place]


NO_RUNS: Final = RunTimes()
