"""The conditions of rules: one table says of each what it is called, what it finds and how it is written."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from monitor.model.wording import format_number

ConditionKind: TypeAlias = Literal[
    "above",
    "below",
    "equals",
    "not_equals",
    "between",
    "not_between",
    "absent",
    "baseline",
    "change",
    "new",
    "slo",
]
"""The key of a rule in a query's .toml that gives its condition."""

COMPARISONS: Final[tuple[ConditionKind, ...]] = (
    "above",
    "below",
    "equals",
    "not_equals",
    "between",
    "not_between",
)
"""Those that compare a value with numbers: also how fast it counts."""

_Holds: TypeAlias = Callable[[float, float, float], bool]


def _with_one(compare: Callable[[float, float], bool]) -> _Holds:
    """Return a comparison with one threshold as one that is given two."""
    return lambda value, threshold, _upper: compare(value, threshold)


def _is_between(value: float, low: float, high: float) -> bool:
    return low <= value <= high


def _is_not_between(value: float, low: float, high: float) -> bool:
    # Not the opposite: NaN is neither within nor outside.
    return value < low or value > high


def _is_found(_value: float, _threshold: float, _upper: float) -> bool:
    """Return that a sample is a finding: of a detector there are no others."""
    return True


@dataclass(frozen=True, slots=True)
class ConditionType:
    """All that is decided about one kind of condition; everything else reads it here."""

    words: str
    """How a person reads it, with `{threshold}` where it has one."""
    promql: str
    """How PromQL writes it, with `{series}` and `{threshold}`; of a range also with `{low}` and `{high}`."""
    holds: _Holds | None
    """Whether (value, threshold, upper threshold) is a finding; None where a finding is that there is no value."""
    nagios: str = ""
    """The range that alerts, as plugins of Nagios write it; empty where a value alone says nothing."""
    worse: Callable[[float, float], float] | None = None
    """Which of two values is the worse one; None where neither is."""
    clear: str = ""
    """On which side of a number what fires is over, for `clear_…`; empty where it has no such key."""
    goes_on: Callable[[float, float], bool] = operator.eq
    """Whether with (value, that number) it is not over."""
    holds_of_more: bool = False
    """Whether what holds of a value holds of every higher one, so that counting in part is enough."""


# Python compares NaN as PromQL does: it is neither above, below nor equal to anything, and so it
# is not equal to everything.
CONDITIONS: Mapping[ConditionKind, ConditionType] = {
    "above": ConditionType(
        words="above {threshold}",
        promql="{series} > {threshold}",
        holds=_with_one(operator.gt),
        nagios="~:{low}",
        worse=max,
        clear="below",
        goes_on=operator.ge,
        holds_of_more=True,
    ),
    "below": ConditionType(
        words="below {threshold}",
        promql="{series} < {threshold}",
        holds=_with_one(operator.lt),
        nagios="{low}:",
        worse=min,
        clear="above",
        goes_on=operator.le,
    ),
    "equals": ConditionType(
        words="equals {threshold}",
        promql="{series} == {threshold}",
        holds=_with_one(operator.eq),
        nagios="@{low}:{low}",
    ),
    "not_equals": ConditionType(
        words="not equals {threshold}",
        promql="{series} != {threshold}",
        holds=_with_one(operator.ne),
        nagios="{low}:{low}",
    ),
    "between": ConditionType(
        words="between {threshold}",
        promql="{series} >= {low} <= {high}",
        holds=_is_between,
        nagios="@{low}:{high}",
    ),
    "not_between": ConditionType(
        words="not between {threshold}",
        promql="{series} < {low} or {series} > {high}",
        holds=_is_not_between,
        nagios="{low}:{high}",
    ),
    "absent": ConditionType(
        words="absent",
        promql="absent({series})",
        holds=None,
    ),
    "baseline": ConditionType(
        words="not as usual at this hour",
        promql="{series} # not as usual at this hour",
        holds=_is_found,
    ),
    "change": ConditionType(
        words="changed {threshold}",
        promql="{series} # changed {threshold}",
        holds=_is_found,
    ),
    "new": ConditionType(
        words="never seen before",
        promql="{series} # never seen before",
        holds=_is_found,
    ),
    "slo": ConditionType(
        words="misses {threshold}",
        promql="{series} # misses {threshold}",
        holds=_is_found,
    ),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """When a sample is a finding. `absent`: when no sample matches."""

    kind: ConditionKind
    threshold: float = 0.0
    upper: float = 0.0
    """The other end of a range."""
    said: str = ""
    """The threshold in words, where it is not one number."""
    clear: float | None = None
    """Once it fires an alert goes on up to here, and ends beyond; None: it ends where the condition does."""

    @property
    def threshold_text(self) -> str:
        """Return the threshold as texts of alerts show it."""
        return self.said or format_number(self.threshold)

    @property
    def words(self) -> str:
        """Return the condition as a person reads it: `above 50`."""
        words = self._type.words.format(threshold=self.threshold_text)
        return f"{words}, {self.clear_words}" if self.clear_words else words

    @property
    def clear_words(self) -> str:
        """Return when what fires is over, in words: `until below 40`; empty where the condition says it."""
        if self.clear is None:
            return ""
        return f"until {self._type.clear} {format_number(self.clear)}"

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
        return self._type.promql.format(
            series=series,
            threshold=self.threshold_text,
            low=format_number(self.threshold),
            high=format_number(self.upper),
        )

    def promql_of_going_on(self, series: str) -> str:
        """Return that what fires is not over yet, as PromQL writes it; empty where the condition says it."""
        if self.clear is None:
            return ""
        compared = self._type.promql.replace(" {threshold}", "= {threshold}")
        threshold = format_number(self.clear)
        return compared.format(series=series, threshold=threshold)

    @property
    def nagios_range(self) -> str:
        """Return the range that alerts, as plugins of Nagios write it; empty where a value alone says nothing."""
        return self._type.nagios.format(
            low=format_number(self.threshold),
            high=format_number(self.upper),
        )

    def holds(self, value: float, *, at_least: bool = False) -> bool:
        """Return whether a sample with this value is a finding; with `at_least`, whatever the whole value is."""
        holds = self._type.holds
        if holds is None or (at_least and not self._type.holds_of_more):
            return False
        return holds(value, self.threshold, self.upper)

    def goes_on(self, value: float) -> bool:
        """Return whether an alert that fires is not over with this value, though it is no finding any more."""
        return self.clear is not None and self._type.goes_on(value, self.clear)

    @property
    def never_clears(self) -> bool:
        """Return whether what is over would be a finding at once again."""
        return self.clear is not None and self.holds(self.clear)

    @property
    def clear_key(self) -> str:
        """Return the key of a rule that says where what fires is over."""
        return f"clear_{self._type.clear}"

    def threshold_text_of(self, value: float) -> str:
        """Return what a value is beyond, as texts show it: of one that only goes on, where it would be over."""
        if self.clear is None or self.holds(value):
            return self.threshold_text
        return format_number(self.clear)

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
