"""Read which condition a rule gives, and the detector that some of them stand for; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from monitor.config.queries.schema import (
    BaselineSchema,
    ChangeSchema,
    RuleSchema,
    SeriesSchema,
)
from monitor.config.queries.slo import read_slo, said_of_slo
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import validate
from monitor.model.conditions import CONDITIONS, Condition, ConditionKind
from monitor.model.detectors import (
    BaselineDetector,
    ChangeDetector,
    Detector,
    Direction,
    NewDetector,
    SeriesSource,
    SloDetector,
)
from monitor.model.populations import Population
from monitor.model.wording import format_number
from monitor.timing.durations import format_duration


def read_kind(section: Section, problems: Problems) -> ConditionKind | None:
    """Return which condition a rule gives; None where it is not exactly one."""
    given = [kind for kind in CONDITIONS if kind in section.data]
    if len(given) == 1:
        return given[0]
    message = f"give exactly one of {', '.join(CONDITIONS)}"
    problems.add(section.origin(*given[1:2]), message)
    return None


def check_share(section: Section, problems: Problems) -> None:
    """Note a share of nothing, and one that goes with another condition than `above`."""
    given = section.data.keys()
    if "above_share" in given and not given >= {"above", "population"}:
        message = 'goes with "above" and "population" only'
        problems.add(section.origin("above_share"), message)


def read_population(
    checked: RuleSchema, section: Section, problems: Problems
) -> Population | None:
    """Return the population of a rule; None where it has none."""
    if checked.population is None:
        return None
    share = checked.above_share
    if share is not None and not 0 <= share < 1:
        message = "is a share from 0 to below 1, such as 0.2"
        problems.add(section.origin("above_share"), message)
    return Population(checked.population, share)


def condition_of(
    kind: ConditionKind, checked: RuleSchema, detector: Detector | None
) -> Condition | None:
    """Build the condition of the one key that is given; None where its value is not valid."""
    # What was not valid was left out by the schema.
    value = getattr(checked, kind)
    if value is None:
        return None
    match kind:
        case "above" | "below" | "equals" | "not_equals":
            return Condition(kind, value)
        case "between" | "not_between":
            low, high = value
            said = f"{format_number(low)} and {format_number(high)}"
            return Condition(kind, low, high, said)
        case "absent":
            return Condition(kind)
        case "baseline" | "change" | "new" | "slo":
            return Condition(kind, said=_said_of(detector)) if detector else None
        case _:
            assert_never(kind)


def read_detector(
    kind: ConditionKind,
    section: Section,
    metrics: Iterable[str],
    problems: Problems,
) -> Detector | None:
    """Return the detector that a rule's condition stands for; None where it is a plain comparison.

    `metrics` are those of its query: a value may be divided by another one.
    """
    match kind:
        case "baseline":
            usual = validate(BaselineSchema, section.at(kind), problems)
            _check_per(usual, section.at(kind), metrics, problems)
            return BaselineDetector(_source(usual), Direction(usual.direction))
        case "change":
            return _change(section.at(kind), metrics, problems)
        case "new":
            return NewDetector()
        case "slo":
            return read_slo(section.at(kind), problems)
        case (
            "above"
            | "below"
            | "equals"
            | "not_equals"
            | "between"
            | "not_between"
            | "absent"
        ):
            return None
        case _:
            assert_never(kind)


def _said_of(detector: Detector | None) -> str:
    """Return what a detector's threshold is in words; empty where it has none."""
    match detector:
        case ChangeDetector():
            share = f"{100 * detector.by:.15g} %"
            return f"by {share} within {format_duration(detector.over)}"
        case SloDetector():
            return said_of_slo(detector)
        case _:
            return ""


def _change(
    section: Section, metrics: Iterable[str], problems: Problems
) -> ChangeDetector | None:
    before = len(problems)
    checked = validate(ChangeSchema, section, problems)
    _check_per(checked, section, metrics, problems)
    for key in ("by", "over"):
        if key not in section.data:
            problems.add(section.origin(), f'"{key}" is missing')
    if checked.by <= 0:
        problems.add(section.origin("by"), "is a share above 0, such as 0.2")
    if len(problems) > before:
        return None
    return ChangeDetector(
        by=checked.by,
        over=checked.over,
        at_least=checked.at_least,
        source=_source(checked),
        direction=Direction(checked.direction),
        accept=checked.accept,
    )


def _source(checked: SeriesSchema) -> SeriesSource:
    return SeriesSource(
        is_total=checked.total,
        per=checked.per,
        missing_is_zero=checked.missing == "zero",
    )


def _check_per(
    checked: SeriesSchema,
    section: Section,
    metrics: Iterable[str],
    problems: Problems,
) -> None:
    known = frozenset(metrics)
    if checked.per and checked.per not in known:
        message = f'unknown metric "{checked.per}"{near_miss(checked.per, known)}'
        problems.add(section.origin("per"), message)
