"""What a sweep remembers from run to run: the cycle under way, the last whole one, and how wide pieces are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from monitor.model.settings import Labels, Query
from monitor.model.walks import Sweep

SweepKey: TypeAlias = int | str | bytes
"""The value of a sweep's key: a piece is what is above one, up to another."""
SumKey: TypeAlias = tuple[str, Labels]
"""The name of a metric and the labels of one of its samples."""
ExampleRow: TypeAlias = Mapping[str, str | int | float | bool | None]

FIRST_WIDTH = 1000
"""So wide is the first piece; 2 ms for the shipped queries."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How wide the next piece is."""

    width: int = FIRST_WIDTH
    """In numbers where the key is one, else in rows."""
    fixed_seconds: float = 0.0
    """What a piece takes however narrow it is; 0 as long as narrower ones take less."""
    read_width: int = 0
    """Of the last piece, or of one before it that was up to twice as wide, and what that took."""
    read_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Sums:
    """What pieces gave, added up, and examples of what rules found in them by rule and labels."""

    numbers: Mapping[SumKey, float] = field(default_factory=dict)
    examples: Mapping[SumKey, tuple[ExampleRow, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cycle:
    """What was read of a table since a cycle began."""

    begun_at: datetime
    """Not after its oldest piece."""
    read_at: datetime
    """When its newest piece was read."""
    sums: Sums = field(default_factory=Sums)
    pieces: int = 0
    statement_seconds: float = 0.0

    @property
    def length(self) -> timedelta:
        """Return how far apart its oldest and its newest piece are."""
        return self.read_at - self.begun_at


@dataclass(frozen=True, slots=True)
class PartCycle:
    """A cycle that is not through: the keys above `reached`, up to `end`, are left."""

    so_far: Cycle
    first: SweepKey
    """Where it began."""
    reached: SweepKey
    end: SweepKey

    @property
    def progress(self) -> float | None:
        """Return the share of the keys that is read, from 0 to 1; None where they are not numbers."""
        match self.first, self.reached, self.end:
            case int(first), int(reached), int(end) if end > first:
                return (reached - first) / (end - first)
            case _:
                return None


def holds_until(
    last: Cycle | None, under_way: PartCycle | None, sweep: Sweep
) -> datetime | None:
    """Return until when the last whole cycle says how things are: for three cycles, as long as they really take.

    Before there is one: until when the first may take. None where nothing was read.
    """
    cycles = [last] if last else []
    if under_way is not None:
        cycles.append(under_way.so_far)
    if not cycles:
        return None
    longest = max(cycle.length for cycle in cycles)
    return cycles[0].read_at + 3 * max(sweep.cycle, longest)


def divide_shares(query: Query, numbers: dict[SumKey, float]) -> None:
    """Divide in place the sums of each metric with `per`; of a share of nothing nothing is said."""
    divisors = {metric.name: metric.per for metric in query.metrics}
    for series in tuple(numbers):
        metric, labels = series
        divisor = divisors[metric]
        if not divisor:
            continue
        number = numbers.pop(series)
        population = _sum_of(numbers, divisor, labels)
        if population:
            numbers[series] = number / population


def _sum_of(numbers: Mapping[SumKey, float], metric: str, labels: Labels) -> float:
    """Return the sum of a metric's series that have all of these labels."""
    parts = filter(partial(_is_part, metric, labels), numbers)
    return sum(map(numbers.__getitem__, parts))


def _is_part(metric: str, labels: Labels, series: SumKey) -> bool:
    name, having = series
    return {metric, *labels} <= {name, *having}
