"""Make one sample of all rows that have the same labels, where a metric says how; between rows and samples; pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from monitor.model.metric_kinds import Aggregate
from monitor.model.results import Sample


def aggregated(samples: Iterable[Sample], how: Aggregate) -> list[Sample]:
    """Return one sample for each label set, in the order in which they came."""
    groups: defaultdict[tuple[object, ...], list[Sample]] = defaultdict(list)
    for sample in samples:
        identity = (sample.metric, sample.labels)
        groups[identity].append(sample)
    return [_combined(group, how) for group in groups.values()]


def _combined(group: list[Sample], how: Aggregate) -> Sample:
    combine = _COMBINED[how]
    value = combine([sample.value for sample in group])
    return replace(group[0], value=value)


def _least(values: Iterable[float]) -> float:
    """Return the least value, NaN before all: what is not known of one row is not known of all."""
    return min(values, key=lambda value: (not math.isnan(value), value))


def _greatest(values: Iterable[float]) -> float:
    """Return the greatest value, NaN above all; max() alone would say what came first."""
    return max(values, key=lambda value: (math.isnan(value), value))


_COMBINED: Mapping[Aggregate, Callable[[Iterable[float]], float]] = MappingProxyType(
    {
        # Not fsum(), which raises where the sum is beyond a float.
        "sum": sum,
        "min": _least,
        "max": _greatest,
    }
)
