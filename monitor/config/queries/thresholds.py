"""The thresholds of a rule as its file gives them: numbers, or parameters that each target has a value for; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Final, TypeAlias

from monitor.config.toml.lines import KeyPath
from monitor.model.conditions import Condition, ConditionKind
from monitor.model.populations import Population
from monitor.model.rules import SeverityLevel
from monitor.model.settings import Rule, Scalar, Severity
from monitor.model.wording import format_number

ParameterValues: TypeAlias = Mapping[str, Scalar]
"""What the parameters of a query are: their defaults, or what they are on a target."""

RANGE: Final = "is not a range; allowed: [lowest, highest]"
_SHARE: Final = "is a share from 0 to below 1, such as 0.2"
ENDS: Final = 2


@dataclass(frozen=True, slots=True)
class Threshold:
    """One number, or the parameter that has it; and below which keys of the rule it stands."""

    keys: KeyPath
    number: float = 0.0
    parameter: str = ""

    def on(self, values: ParameterValues) -> float:
        """Return the number that it is with these values."""
        if not self.parameter:
            return self.number
        return float(values[self.parameter])


def threshold_at(keys: KeyPath, given: float | str) -> Threshold:
    """Return a threshold as the schema left it."""
    if isinstance(given, str):
        return Threshold(keys, parameter=given.removeprefix(":"))
    return Threshold(keys, given)


@dataclass(frozen=True, slots=True)
class LevelThreshold:
    """What it takes for an alert to have one of several severities."""

    severity: Severity
    threshold: Threshold
    hold: timedelta


@dataclass(frozen=True, slots=True)
class RuleThresholds:
    """What a rule compares with, before a target's parameters are known. `said`: of a detector, in words."""

    kind: ConditionKind
    ends: tuple[Threshold, ...] = ()
    said: str = ""
    population: str = ""
    share: Threshold | None = None
    """That of the population."""
    clear: Threshold | None = None
    """Where what fires is over, if that is not where the condition is."""

    levels: tuple[LevelThreshold, ...] = ()
    """Of several severities, the quietest first; its threshold is the one in `ends`."""

    @property
    def all(self) -> tuple[Threshold, ...]:
        """Return every threshold of the rule."""
        others = [one for one in (self.share, self.clear) if one is not None]
        louder = [level.threshold for level in self.levels[1:]]
        return (*self.ends, *louder, *others)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the parameters that it asks for."""
        return tuple(one.parameter for one in self.all if one.parameter)

    def condition(self, values: ParameterValues) -> Condition:
        """Return the condition with these values of the parameters."""
        ends = [end.on(values) for end in self.ends]
        if len(ends) == ENDS:
            low, high = ends
            said = f"{format_number(low)} and {format_number(high)}"
            return Condition(self.kind, low, high, said)
        clear = _optional(self.clear, values)
        return Condition(self.kind, sum(ends), said=self.said, clear=clear)

    def put_into(self, rule: Rule, values: ParameterValues) -> Rule:
        """Return a rule that compares with these values of the parameters."""
        rule = replace(rule, condition=self.condition(values))
        if self.levels:
            quietest, *louder = self._bound_levels(values)
            rule = replace(
                rule,
                severity=quietest.severity,
                hold=quietest.hold,
                louder=tuple(louder),
            )
        if not self.population:
            return rule
        share = _optional(self.share, values)
        return replace(rule, population=Population(self.population, share))

    def _bound_levels(self, values: ParameterValues) -> list[SeverityLevel]:
        return [
            SeverityLevel(
                level.severity,
                Condition(self.kind, level.threshold.on(values)),
                level.hold,
            )
            for level in self.levels
        ]

    def faults(self, values: ParameterValues) -> Iterator[tuple[KeyPath, str]]:
        """Yield by their keys what cannot be with these values of the parameters."""
        ends = [end.on(values) for end in self.ends]
        if ends != sorted(ends):
            yield (self.kind,), RANGE
        condition = self.condition(values)
        if condition.never_clears:
            yield (
                (condition.clear_key,),
                f"would never be: the rule is {condition.words}",
            )
        yield from self._faults_of_levels(values)
        share = _optional(self.share, values) or 0
        if not 0 <= share < 1:
            yield ("above_share",), _SHARE

    def _faults_of_levels(
        self, values: ParameterValues
    ) -> Iterator[tuple[KeyPath, str]]:
        for quieter, louder in pairwise(self._bound_levels(values)):
            if not quieter.condition.holds(louder.condition.threshold):
                words = f"{quieter.severity} is {quieter.condition.words}"
                keys = (self.kind, str(louder.severity))
                yield keys, f"is not louder: {words}"


def _optional(threshold: Threshold | None, values: ParameterValues) -> float | None:
    return None if threshold is None else threshold.on(values)
