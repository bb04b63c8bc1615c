"""Of how many a rule's findings are a part: the metric that counts them, and the share that is too much; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

from monitor.model.wording import format_number

TEXT_NAMES = ("share", "population")
"""What the texts of a rule with a population can name beside what all can."""
UNKNOWN = "unknown"
"""What texts say of a population, or a share of it, that nobody knows."""


@dataclass(frozen=True, slots=True)
class Population:
    """The metric, of any query of the target, whose samples added up are the population of a finding."""

    metric: str
    above_share: float | None = None
    """A finding is only what is above this share of it too; None: a share is for texts alone."""


def is_judged_by_share(population: Population | None) -> TypeGuard[Population]:
    """Return whether the findings of a rule with this population depend on their share of it."""
    return population is not None and population.above_share is not None


def words_of(population: Population | None) -> str:
    """Return the condition about the share as a person reads it; empty where there is none."""
    if population is None or population.above_share is None:
        return ""
    return f"and above {share_text(population.above_share)} of {population.metric}"


def share_text(share: float) -> str:
    """Return a share as texts say it, in percent; of less than one percent with two digits that count."""
    percent = 100 * share
    digits = 1 if percent >= 1 else 2
    return f"{format_number(round(percent, digits))} %"
