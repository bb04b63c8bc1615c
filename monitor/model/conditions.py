"""The conditions of rules: one table says of each what it is called, what it finds and how it is written."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from monitor.model.wording import format_number

ConditionKind: TypeAlias = Literal["above", "below", "equals", "not_equals", "absent"]
"""The key of a rule in a query's .toml that gives its condition."""


@dataclass(frozen=True, slots=True)
class ConditionType:
    """All that is decided about one kind of condition; everything else reads it here."""

    words: str
    """How a person reads it, with `{threshold}` where it has one."""
    promql: str
    """How PromQL writes it, with `{series}` and `{threshold}`."""
    holds: Callable[[float, float], bool] | None
    """Whether (value, threshold) is a finding; None where a finding is that there is no value."""
    worse: Callable[[float, float], float] | None = None
    """Which of two values is the worse one; None where neither is."""
    holds_of_more: bool = False
    """Whether what holds of a value holds of every higher one, so that counting in part is enough."""


# Python compares NaN as PromQL does: it is neither above, below nor equal to anything, and so it
# is not equal to everything.
CONDITIONS: Mapping[ConditionKind, ConditionType] = {
    "above": ConditionType(
        words="above {threshold}",
        promql="{series} > {threshold}",
        holds=operator.gt,
        worse=max,
        holds_of_more=True,
    ),
    "below": ConditionType(
        words="below {threshold}",
        promql="{series} < {threshold}",
        holds=operator.lt,
        worse=min,
    ),
    "equals": ConditionType(
        words="equals {threshold}",
        promql="{series} == {threshold}",
        holds=operator.eq,
    ),
    "not_equals": ConditionType(
        words="not equals {threshold}",
        promql="{series} != {threshold}",
        holds=operator.ne,
    ),
    "absent": ConditionType(
        words="absent",
        promql="absent({series})",
        holds=None,
    ),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """When a sample is a finding. `absent`: when no sample matches."""

    kind: ConditionKind
    threshold: float = 0.0

    @property
    def threshold_text(self) -> str:
        """Return the threshold as texts of alerts show it."""
        return format_number(self.threshold)

    @property
    def words(self) -> str:
        """Return the condition as a person reads it: `above 50`."""
        return self._type.words.format(threshold=self.threshold_text)

    @property
    def finds_absence(self) -> bool:
        """Return whether the finding is that there is no sample."""
        return self._type.holds is None

    @property
    def is_lower_worse(self) -> bool:
        """Return whether the lowest value is the worst; else the highest one is shown first."""
        return self._type.worse is min

    def promql(self, series: str) -> str:
        """Return the condition about a series as PromQL writes it: `m{plan="pro"} > 50`."""
        return self._type.promql.format(series=series, threshold=self.threshold_text)

    def holds(self, value: float, *, at_least: bool = False) -> bool:
        """Return whether a sample with this value is a finding; with `at_least`, whatever the whole value is."""
        holds = self._type.holds
        if holds is None or (at_least and not self._type.holds_of_more):
            return False
        return holds(value, self.threshold)

    def worst(self, before: float | None, value: float) -> float | None:
        """Return the worst of an alert's values so far; None where no value is worse than another."""
        worse = self._type.worse
        if worse is None:
            return None
        if before is None:
            return value
        return worse(before, value)

    @property
    def _type(self) -> ConditionType:
        return CONDITIONS[self.kind]
