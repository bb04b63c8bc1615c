"""Several severities in one rule, as in `above = { warning = 300, critical = 1800 }`; pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Final

from monitor.config.queries.schema import RuleSchema
from monitor.config.queries.thresholds import LevelThreshold, threshold_at
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.wording import found
from monitor.model.conditions import ConditionKind
from monitor.model.settings import Severity

_QUIETEST_FIRST: Final = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)
_LEVELED: Final = ("above", "below")
_FEW: Final = 2


def with_severity(section: Section) -> Section:
    """View a rule as if it had a severity, where each of its thresholds says one."""
    if not _levels_in(section):
        return section
    data = {**section.data, "severity": str(_QUIETEST_FIRST[0])}
    return Section(data, section.origins, section.path)


def check_levels(section: Section, problems: Problems, *, of_monitor: bool) -> None:
    """Note what is wrong with thresholds of several severities, and with a `for` of several."""
    levels = _levels_in(section)
    for key, given in levels.items():
        _check_level_table(section, key, given, problems)
        if of_monitor:
            message = "a rule of the monitor itself has one threshold"
            problems.add(section.origin(key), message)
    holds = section.data.get("for")
    if isinstance(holds, Mapping):
        words = frozenset().union(*levels.values())
        _check_holds(section, holds, words, problems)


def _check_level_table(
    section: Section, key: str, given: Mapping[str, Any], problems: Problems
) -> None:
    _check_words(section, key, given, problems)
    if len(given) < _FEW:
        message = f"give at least two of {', '.join(_QUIETEST_FIRST)}"
        problems.add(section.origin(key), message)
    if "severity" in section.data:
        message = f'is said by each threshold in "{key}"; leave it out'
        problems.add(section.origin("severity"), message)


def _check_holds(
    section: Section, holds: Mapping[str, Any], words: Set[str], problems: Problems
) -> None:
    """Note a `for` of other severities than the thresholds have."""
    origin = section.origin("for")
    if not words:
        allowed = "a duration, or one for each severity of above or below"
        problems.add(origin, f"{found(holds)}; allowed: {allowed}")
        return
    _check_words(section, "for", holds, problems)
    for severity in sorted(words - holds.keys()):
        problems.add(origin, f'"{severity}" is missing')


def levels_of(kind: ConditionKind, checked: RuleSchema) -> tuple[LevelThreshold, ...]:
    """Return the thresholds of each severity, the quietest first; none of a rule that has one."""
    given: Any = getattr(checked, kind)
    if not isinstance(given, Mapping):
        return ()
    holds = checked.for_
    if not isinstance(holds, Mapping):
        holds = dict.fromkeys(_QUIETEST_FIRST, holds)
    levels = []
    for severity in [word for word in _QUIETEST_FIRST if word in given]:
        threshold = threshold_at((kind, str(severity)), given[severity])
        levels.append(LevelThreshold(severity, threshold, holds[severity]))
    return tuple(levels)


def _levels_in(section: Section) -> dict[str, Mapping[str, Any]]:
    given = {key: section.data.get(key) for key in _LEVELED}
    return {key: value for key, value in given.items() if isinstance(value, Mapping)}


def _check_words(
    section: Section, key: str, given: Mapping[str, Any], problems: Problems
) -> None:
    for word in given.keys() - set(_QUIETEST_FIRST):
        message = f"unknown key{near_miss(word, _QUIETEST_FIRST)}"
        problems.add(section.origin(key, word), message)
