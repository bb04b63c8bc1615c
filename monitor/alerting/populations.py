"""Find of how many the users of a finding are a part, by what other queries last said; between snapshot and rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.model.populations import (
    UNKNOWN,
    Population,
    is_judged_by_share,
    share_text,
)
from monitor.model.results import Sample
from monitor.model.settings import Labels, Query, Rule
from monitor.model.wording import format_number


@dataclass(frozen=True, slots=True)
class PopulationCounts:
    """What is known of a population: its samples, added up for each finding."""

    population: Population | None = None
    samples: Sequence[Sample] = ()

    @property
    def is_lacking(self) -> bool:
        """Return whether findings depend on a share, and nobody knows of what."""
        return is_judged_by_share(self.population) and not self.samples

    @property
    def above_share(self) -> float | None:
        """Return the share that a finding must be above; None where there is none."""
        return None if self.population is None else self.population.above_share

    def is_enough(self, sample: Sample) -> bool:
        """Return whether a sample is above the share that its rule asks for, if it asks for one."""
        threshold = self.above_share
        if threshold is None:
            return True
        size = self.size_of(sample.labels)
        # Of nobody, and of what nobody knows, nothing is too much.
        is_known = size > 0
        return is_known and sample.value > threshold * size

    def is_unknown(self, labels: Labels) -> bool:
        """Return whether a share is asked for, and nobody counted of what: nobody knows whether it is too much."""
        return self.above_share is not None and not self._sizes_of(labels)

    def size_of(self, labels: Labels) -> float:
        """Return how many the population of these labels is: all samples that agree where both have a label."""
        return sum(self._sizes_of(labels))

    def _sizes_of(self, labels: Labels) -> list[float]:
        own = dict(labels)
        return [one.value for one in self.samples if _agrees(one, own)]

    def texts_of(self, sample: Sample) -> Mapping[str, str]:
        """Return what the names of texts stand for; none without a population."""
        if self.population is None:
            return {}
        size = self.size_of(sample.labels)
        if size <= 0:
            return {"share": UNKNOWN, "population": UNKNOWN}
        return {
            "share": share_text(sample.value / size),
            "population": format_number(size),
        }


NO_POPULATION: Final = PopulationCounts()


def counts_in(
    population: Population | None, samples: Iterable[Sample]
) -> PopulationCounts:
    """Return what some samples say of a population."""
    if population is None:
        return NO_POPULATION
    own = [sample for sample in samples if sample.metric == population.metric]
    return PopulationCounts(population, own)


def needs_share_of(query: Query, rule: Rule) -> bool:
    """Return whether a rule finds nothing while nobody knows what this query counts."""
    population = rule.population
    if not is_judged_by_share(population):
        return False
    return any(metric.name == population.metric for metric in query.metrics)


def _agrees(sample: Sample, own: Mapping[str, str]) -> bool:
    return all(own.get(name, value) == value for name, value in sample.labels)
