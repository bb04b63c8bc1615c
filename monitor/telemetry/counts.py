"""Keep the series of the counted metrics: plain numbers by the values of their labels; behind `Telemetry`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate

from monitor.telemetry.own_metrics import CountedMetric, Key
from monitor.telemetry.text_format import number

CountedSeries = tuple[Key, float]
"""The values of the labels, in the order of their names, and the count."""
BucketsAndSum = tuple[list[tuple[str, int]], float]


class Counts:
    """The series of one counter. Not locked: `Telemetry` lets one thread at a time change it, or read several."""

    def __init__(self, metric: CountedMetric) -> None:
        self.metric = metric
        self._values: dict[Key, int] = {}
        self._parts: dict[Key, tuple[str, ...]] = {}
        """Of a divided counter: the values of its last label that an owner has."""

    def begin(self, key: Key) -> None:
        """Begin what is known beforehand of an owner at 0; what is there keeps its count."""
        metric = self.metric
        # In a series that begins with its first event, increase() sees none.
        for value in metric.known:
            self.add(key, value, times=0)
        if not metric.is_divided and not metric.is_rare:
            self._values.setdefault(key, 0)

    def add(self, key: Key, *part: str, times: int = 1) -> None:
        """Count; `part` is the value of the last label of a divided counter."""
        labels = (*key, *part)
        is_new = labels not in self._values
        self._values[labels] = self._values.get(labels, 0) + times
        if part and is_new:
            self._parts[key] = (*self._parts.get(key, ()), *part)

    def forget(self, key: Key) -> None:
        """Remove every series of an owner."""
        for part in self._parts.pop(key, ()):
            del self._values[*key, part]
        self._values.pop(key, None)

    def series_of(self, key: Key) -> list[CountedSeries]:
        """Return the series of one owner."""
        if not self.metric.is_divided:
            value = self._values.get(key)
            return [] if value is None else [(key, value)]
        labels = [(*key, part) for part in self._parts.get(key, ())]
        return [(one, self._values[one]) for one in labels]

    def count_of(self, key: Key) -> int | None:
        """Return the count of one owner, of a counter that is not divided; None where it has none."""
        return self._values.get(key)

    def series(self) -> list[CountedSeries]:
        """Return the series of all owners."""
        return list(self._values.items())


@dataclass(slots=True)
class Durations:
    """How long the runs of one query took. A sum of microseconds keeps its digits, and few of them."""

    buckets: list[int]
    """How many runs fell into each bucket, not summed up; the last has no bound."""
    microseconds: int = 0

    def observe(self, seconds: float, bounds: tuple[float, ...]) -> None:
        """Count one run."""
        # A bound belongs to its own bucket: le.
        self.buckets[bisect_left(bounds, seconds)] += 1
        self.microseconds += round(seconds * 1e6)

    @property
    def sum_seconds(self) -> float:
        """Return how long they took together."""
        return self.microseconds / 1e6


@dataclass(slots=True)
class Histogram:
    """The durations of all queries, with the bounds that were chosen; by default there is but the one bucket."""

    bounds: tuple[float, ...] = ()
    _of: dict[Key, Durations] = field(default_factory=dict)

    def use(self, bounds: Iterable[float]) -> None:
        """Use these bounds from now on; what was counted by others is forgotten, as at a restart."""
        chosen = tuple(sorted(set(bounds)))
        if chosen != self.bounds:
            self.bounds = chosen
            self._of = {key: self._empty() for key in self._of}

    def begin(self, key: Key) -> None:
        """Begin the series of an owner at 0; what is there keeps its count."""
        self._of.setdefault(key, self._empty())

    def forget(self, key: Key) -> None:
        """Remove the series of an owner."""
        self._of.pop(key, None)

    def observe(self, key: Key, seconds: float) -> None:
        """Count one run."""
        self._of[key].observe(seconds, self.bounds)

    def of(self, key: Key) -> BucketsAndSum | None:
        """Return each bound as its label has it with how many runs took no longer, and what all took together.

        None of an owner that is not known.
        """
        durations = self._of.get(key)
        if durations is None:
            return None
        labels = (*map(number, self.bounds), "+Inf")
        buckets = list(zip(labels, accumulate(durations.buckets), strict=True))
        return buckets, durations.sum_seconds

    def _empty(self) -> Durations:
        return Durations([0] * (len(self.bounds) + 1))
