"""Look how fast the series of a rule count: what is remembered of each, and which rates are known; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from monitor.detection.looks import SeriesMemory, SeriesValue, series_values
from monitor.detection.rate import (
    RateMemory,
    increase_of,
    resets_of,
    with_point,
    within,
)
from monitor.model.detectors import RateDetector, RateUnit
from monitor.model.results import Sample, Success
from monitor.model.settings import Labels, Rule

_PARTS_OF_WHILE = 4
_NOT_THERE = SeriesValue(0.0)


@dataclass(frozen=True, slots=True)
class RatesSeen:
    """The series of a rule after a result."""

    series: Mapping[Labels, RateMemory]
    rates: tuple[Sample, ...]
    """Of each series of which it is known, as a sample of the rule's metric."""
    undecided: tuple[Labels, ...]
    """Which series of the result have fewer than two points within the while."""
    left_out: int
    """How many series of the result have no place."""


def look_at_rates(
    rule: Rule,
    detector: RateDetector,
    known: Mapping[Labels, SeriesMemory],
    success: Success,
    at: float,
    *,
    most_series: int,
) -> RatesSeen:
    """Return how fast the series of a rule count after a result that was read at an instant, in Unix time.

    As in Prometheus a series that is not in the result has a rate as long as two of its points are within the
    while; then it is gone. One that is there and has no two points yet, or no place, is undecided.
    """
    over_seconds = detector.over.total_seconds()
    values = series_values(rule, detector.source, success.samples)
    series = _within(known, over_seconds, at)
    rates: list[Sample] = []
    undecided: list[Labels] = []
    left_out = 0
    for labels, seen in values.items():
        if labels not in series and len(series) >= most_series:
            left_out += 1
            undecided.append(labels)
            continue
        memory = series.get(labels, RateMemory())
        if isfinite(seen.value):
            memory = with_point(memory, over_seconds, at, seen.value)
        series[labels] = memory
    for labels, memory in series.items():
        is_there = labels in values
        if not is_there and success.is_silent_about(rule.metric, labels):
            continue
        value = _rate_of(memory, detector, at)
        if value is None:
            # That a row is gone is a result; one that is there may be what an alert was about.
            if is_there:
                undecided.append(labels)
            continue
        details = values.get(labels, _NOT_THERE).details
        rates.append(Sample(rule.metric, labels, value, details))
    return RatesSeen(series, tuple(rates), tuple(undecided), left_out)


def _rate_of(memory: RateMemory, detector: RateDetector, at: float) -> float | None:
    """Return what of a series a rule judges; None where that is not known."""
    if detector.unit is RateUnit.RESETS:
        return resets_of(memory)
    over_seconds = detector.over.total_seconds()
    increase = increase_of(memory, over_seconds, at)
    if increase is None or detector.unit is RateUnit.INCREASE:
        return increase
    return increase / over_seconds


def written_every_seconds(rule: Rule, usual: float) -> float:
    """Return how often what a rule remembers is written: of a rate, so often that most of a while is there."""
    if rule.rate is None:
        return usual
    return min(usual, rule.rate.over.total_seconds() / _PARTS_OF_WHILE)


def _within(
    known: Mapping[Labels, SeriesMemory], over_seconds: float, at: float
) -> dict[Labels, RateMemory]:
    """Return what is remembered of each series within the while; what another detector left says nothing."""
    series: dict[Labels, RateMemory] = {}
    for labels, memory in known.items():
        if isinstance(memory, RateMemory):
            kept = within(memory, over_seconds, at)
            if kept.points:
                series[labels] = kept
    return series
