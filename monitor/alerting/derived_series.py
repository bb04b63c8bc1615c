"""Put the series of a derived value's inputs together, and compute each: from views to samples; pure.

Series belong together where the labels of the derived value are equal, as in PromQL. What cannot be told of a
series, since it was counted in part or divided by zero, makes the result silent about it: its alerts are held.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from monitor.alerting.query_view import QueryView
from monitor.model.derivations import Derivation, DerivedInput, SeriesAggregate
from monitor.model.results import Sample, Success
from monitor.model.settings import Labels, labels_of
from monitor.model.wording import format_number


def _average(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


_AGGREGATES: Final[Mapping[SeriesAggregate, Callable[[Sequence[float]], float]]] = (
    MappingProxyType(
        {
            "sum": sum,
            "avg": _average,
            "min": min,
            "max": max,
        }
    )
)


@dataclass(frozen=True, slots=True)
class InputSeries:
    """The samples of one input by the labels of the derived value, and the labels of which nobody can tell."""

    samples: Mapping[Labels, Sequence[Sample]]
    unknown: AbstractSet[Labels]


def series_of(
    one: DerivedInput, view: QueryView, derivation: Derivation
) -> InputSeries:
    """Return the series of an input, each by those of its labels that the derived value has."""
    samples: dict[Labels, list[Sample]] = {}
    unknown: set[Labels] = set()
    for sample in view.samples:
        if not one.selects(sample.metric, sample.labels):
            continue
        labels = derivation.kept(sample.labels)
        samples.setdefault(labels, []).append(sample)
        if sample.at_least:
            unknown.add(labels)
    # Of series that are not selected nothing need be said.
    for labels in filter(one.may_be, _unsaid(one, view)):
        unknown.add(derivation.kept(labels))
    return InputSeries(samples, unknown)


def _unsaid(one: DerivedInput, view: QueryView) -> Sequence[Labels]:
    """Return the labels about which the last run of an input says nothing, or not all."""
    success = view.outcome
    return success.unsaid_of(one.metric) if isinstance(success, Success) else ()


def derived_success(
    metric: str, derivation: Derivation, inputs: Mapping[str, InputSeries]
) -> Success:
    """Return a sample for each label set of which every input has a value, and about which it can say nothing."""
    found: list[Sample] = []
    unknown = [series.unknown for series in inputs.values()]
    silent: set[Labels] = set().union(*unknown)
    unsaid = Success((), 0, silent=tuple(silent))
    for labels in _label_sets(derivation, inputs):
        values = _values(labels, derivation, inputs)
        if values is None or unsaid.is_silent_about(metric, labels):
            continue
        value = derivation.expression.value(values)
        if value is None:
            # That it cannot be computed is no reason for an alert to be over.
            silent.add(labels)
        else:
            found.append(Sample(metric, labels, value, _details(values)))
    return Success(tuple(found), len(found), silent=tuple(sorted(silent)))


def _details(values: Mapping[str, float]) -> Labels:
    """Return the value of each input, for the texts of alerts."""
    return labels_of((name, format_number(value)) for name, value in values.items())


def _label_sets(
    derivation: Derivation, inputs: Mapping[str, InputSeries]
) -> list[Labels]:
    """Return every label set that some input has, sorted; without labels there is one, that of the value itself."""
    label_sets = set(derivation.own_label_sets)
    for series in inputs.values():
        label_sets.update(series.samples)
    return sorted(label_sets)


def _values(
    labels: Labels, derivation: Derivation, inputs: Mapping[str, InputSeries]
) -> dict[str, float] | None:
    """Return the value of each input for a label set; None where one has no such series, and nothing in its place."""
    values: dict[str, float] = {}
    for one in derivation.inputs:
        samples = inputs[one.name].samples.get(labels, ())
        value = _aggregated(samples, derivation.aggregate) if samples else one.absent
        if value is None:
            return None
        values[one.name] = value
    return values


def _aggregated(samples: Sequence[Sample], aggregate: SeriesAggregate) -> float:
    numbers = [sample.value for sample in samples]
    if any(map(math.isnan, numbers)):
        return math.nan  # whatever its place: Python's min and max go by it
    return _AGGREGATES[aggregate](numbers)
