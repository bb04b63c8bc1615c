"""Judge a share by an objective that is given, or learned in its first two weeks; pure, a series at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from monitor.detection.burn_rate import (
    POLICIES,
    Burn,
    BurnMemory,
    burn_of,
    with_value,
)
from monitor.model.detectors import SloDetector

_DAY_SECONDS = 86_400
_LEARNING_DAYS = 14
LEARNING_SECONDS = float(_LEARNING_DAYS * _DAY_SECONDS)
_BELOW_USUAL = 0.005
"""Half a point of a hundred below what is usual."""


@dataclass(frozen=True, slots=True)
class DayMean:
    """What a share was on a day, on average of so many values."""

    count: int
    mean: float


@dataclass(frozen=True, slots=True)
class ObjectiveMemory:
    """What was spent of late, and what the share was on its first days, by the day's number."""

    burn: BurnMemory = field(default_factory=BurnMemory)
    days: Mapping[int, DayMean] = field(default_factory=dict)

    def to_record(self) -> list[Any]:
        """Return it as JSON can keep it."""
        days = [[day, one.count, one.mean] for day, one in self.days.items()]
        return [self.burn.to_record(), days]

    @classmethod
    def from_record(cls, record: Any) -> ObjectiveMemory:
        """Return what `to_record` gave."""
        burn, days = record
        known = {day: DayMean(count, mean) for day, count, mean in days}
        return cls(BurnMemory.from_record(burn), known)

    def objective(self, at: float) -> float | None:
        """Return what was learned; None while it learns. Of days, since an outage of some is not what is usual."""
        if len(self.days) < _LEARNING_DAYS or int(at // _DAY_SECONDS) in self.days:
            return None
        usual = median(one.mean for one in self.days.values())
        return max(0.0, usual - _BELOW_USUAL)


@dataclass(frozen=True, slots=True)
class Miss:
    """An objective that is missed, and how fast its budget is spent."""

    objective: float
    burn: Burn


def look_for_miss(
    detector: SloDetector,
    memory: ObjectiveMemory | None,
    at: float,
    share: float,
    *,
    teaches: bool = True,
) -> tuple[ObjectiveMemory, Miss | None]:
    """Return the memory after one more value, and the miss if the budget is spent too fast.

    `at` is Unix time in seconds. What does not teach says nothing of what is usual; it is spent all the same.
    """
    before = memory or ObjectiveMemory()
    burn = with_value(before.burn, at, share)
    days = _with_day(before.days, at, share) if teaches else before.days
    memory = ObjectiveMemory(burn, days)
    objective = detector.objective
    if objective is None:
        objective = memory.objective(at)
    if objective is None:
        return memory, None
    policies = [policy for policy in POLICIES if policy.window in detector.over]
    found = burn_of(burn, objective, policies)
    return memory, Miss(objective, found) if found else None


def _with_day(
    days: Mapping[int, DayMean], at: float, share: float
) -> Mapping[int, DayMean]:
    """Return the first days with one more value; later ones teach nothing."""
    day = int(at // _DAY_SECONDS)
    known = days.get(day, DayMean(0, 0.0))
    if not known.count and len(days) >= _LEARNING_DAYS:
        return days
    count = known.count + 1
    mean = known.mean + (share - known.mean) / count
    return {**days, day: DayMean(count, mean)}
