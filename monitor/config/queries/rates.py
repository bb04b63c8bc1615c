"""`rate` and `over` of a rule: by how fast its series count, and not by how far; pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from monitor.config.queries.schema import RuleSchema
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.model.conditions import COMPARISONS, ConditionKind
from monitor.model.detectors import RateDetector, RateUnit
from monitor.model.settings import Metric
from monitor.model.walks import result_interval
from monitor.timing.durations import format_duration

_FEWEST_RUNS: Final = 2
_NO_COUNT: Final = frozenset({"stateset", "info"})
_OF_RATE: Final = (
    'goes with "rate" only; allowed: rate = "per_second", "increase", "resets"'
)
_NO_PART: Final = 'does not go with "rate": how fast something counts is no part of it'
_NO_WHILE: Final = '"over" is missing: the while that is looked at, such as "5m"'
_TOO_SHORT: Final = (
    "has no two runs of the query in it; at least {least}, better {good}"
)
_FOR_EVER: Final = (
    "{metric} is a counter, so that this fires for ever once it was reached;"
    ' add rate = "increase" and over = "1h" for how much it rose in an hour,'
    ' or rate = "per_second" and over = "5m"'
)


def read_rate(
    kind: ConditionKind, checked: RuleSchema, section: Section, problems: Problems
) -> RateDetector | None:
    """Return by which rate a rule judges its series; None where it judges their values, or gives it wrongly."""
    if "rate" not in section.data:
        _refuse("over", _OF_RATE, section, problems)
        return None
    _refuse("population", _NO_PART, section, problems)
    if kind not in COMPARISONS:
        message = f"goes with {', '.join(COMPARISONS)} only"
        problems.add(section.origin("rate"), message)
    if "over" not in section.data:
        problems.add(section.origin("rate"), _NO_WHILE)
    if checked.rate is None or checked.over is None:
        return None
    return RateDetector(RateUnit(checked.rate), checked.over)


def check_rated_metric(metric: Metric, section: Section, problems: Problems) -> None:
    """Note a rate of a metric that counts nothing."""
    if metric.kind in _NO_COUNT:
        message = f"{metric.name} is of type {metric.kind}, and counts nothing"
        _refuse("rate", message, section, problems)


def check_rates(query: UnboundQuery, problems: Problems) -> None:
    """Note a while that is too short for the runs of a query: two of them have to be within it."""
    least = _FEWEST_RUNS * _time_between_values(query)
    for rule in query.rules:
        rate = rule.rule.rate
        if rate is not None and rate.over < least:
            message = _TOO_SHORT.format(
                least=format_duration(least), good=format_duration(2 * least)
            )
            problems.add(rule.section.origin("over"), message)


def warn_of_counters(queries: Iterable[UnboundQuery]) -> tuple[str, ...]:
    """Return a warning of each rule that finds a counter above a number, once also where targets have it alike."""
    warnings = Problems()
    for query in queries:
        for rule in query.active_rules:
            if rule.is_endless:
                message = _FOR_EVER.format(metric=rule.rule.metric)
                warnings.add(rule.section.origin("above"), message)
    said = map(str, warnings.in_order())
    return tuple(dict.fromkeys(said))


def _refuse(key: str, message: str, section: Section, problems: Problems) -> None:
    """Note a key that is given and means nothing."""
    if key in section.data:
        problems.add(section.origin(key), message)


def _time_between_values(query: UnboundQuery) -> timedelta:
    """Return after how long there is a new value; nothing where that may be any time."""
    seconds = query.schedule.interval_seconds or 0.0
    return result_interval(query.walk, timedelta(seconds=seconds))
