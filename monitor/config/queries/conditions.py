"""Read which condition a rule gives, and the detector that some of them stand for; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, assert_never

from monitor.config.queries.levels import levels_of
from monitor.config.queries.parameters import check_number
from monitor.config.queries.rates import read_rate
from monitor.config.queries.schema import (
    BaselineSchema,
    ChangeSchema,
    RuleSchema,
    SeriesSchema,
)
from monitor.config.queries.slo import read_slo, said_of_slo
from monitor.config.queries.thresholds import (
    ParameterValues,
    RuleThresholds,
    threshold_at,
)
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import validate
from monitor.model.conditions import CONDITIONS, ConditionKind
from monitor.model.detectors import (
    BaselineDetector,
    ChangeDetector,
    Detector,
    Direction,
    NewDetector,
    SeriesSource,
    SloDetector,
)
from monitor.timing.durations import format_duration

_CLEAR_KEYS: Final = {
    f"clear_{condition.clear}": kind
    for kind, condition in CONDITIONS.items()
    if condition.clear
}
"""The keys that say where an alert is over, each with its condition."""


def read_kind(section: Section, problems: Problems) -> ConditionKind | None:
    """Return which condition a rule gives; None where it is not exactly one."""
    given = [kind for kind in CONDITIONS if kind in section.data]
    if len(given) == 1:
        return given[0]
    message = f"give exactly one of {', '.join(CONDITIONS)}"
    problems.add(section.origin(*given[1:2]), message)
    return None


def check_clear(kind: ConditionKind, section: Section, problems: Problems) -> None:
    """Note what says where an alert is over beside a condition that it does not go with."""
    for key in section.data.keys() & _CLEAR_KEYS.keys():
        if kind != _CLEAR_KEYS[key]:
            message = f'goes with "{_CLEAR_KEYS[key]}" only'
            problems.add(section.origin(key), message)
        if "above_share" in section.data:
            message = 'goes without "above_share": a share has no other end'
            problems.add(section.origin(key), message)


def check_share(section: Section, problems: Problems) -> None:
    """Note a share of nothing, and one that goes with another condition than `above`."""
    given = section.data.keys()
    if "above_share" in given and not given >= {"above", "population"}:
        message = 'goes with "above" and "population" only'
        problems.add(section.origin("above_share"), message)


def thresholds_of(
    kind: ConditionKind, checked: RuleSchema, detector: Detector | None
) -> RuleThresholds | None:
    """Return what the one key that is given compares with; None where its value is not valid."""
    # What was not valid was left out by the schema.
    value = getattr(checked, kind)
    if value is None:
        return None
    plain = _beside(kind, checked)
    match kind:
        case "above" | "below" | "equals" | "not_equals":
            levels = levels_of(kind, checked)
            ends = [level.threshold for level in levels[:1]]
            ends = ends or [threshold_at((kind,), value)]
            return replace(plain, ends=tuple(ends), levels=levels)
        case "between" | "not_between":
            low, high = value
            ends = [threshold_at((kind, 0), low), threshold_at((kind, 1), high)]
            return replace(plain, ends=tuple(ends))
        case "absent":
            return plain
        case "baseline" | "change" | "new" | "slo":
            return replace(plain, said=_said_of(detector)) if detector else None
        case _:
            assert_never(kind)


def _beside(kind: ConditionKind, checked: RuleSchema) -> RuleThresholds:
    """Return what goes with a condition: of how many it is a share, and where it is over."""
    plain = RuleThresholds(kind, population=checked.population or "")
    if checked.above_share is not None:
        share = threshold_at(("above_share",), checked.above_share)
        plain = replace(plain, share=share)
    clear_key = f"clear_{CONDITIONS[kind].clear}"
    clear = getattr(checked, clear_key, None)
    if clear is not None:
        plain = replace(plain, clear=threshold_at((clear_key,), clear))
    return plain


def check_thresholds(
    thresholds: RuleThresholds,
    declared: ParameterValues,
    section: Section,
    problems: Problems,
) -> None:
    """Note parameters that are not there or are no numbers, and what cannot be with their defaults."""
    before = len(problems)
    for one in thresholds.all:
        if one.parameter:
            check_number(one.parameter, declared, section.origin(*one.keys), problems)
    if len(problems) > before:
        return
    for keys, fault in thresholds.faults(declared):
        problems.add(section.origin(*keys), fault)


def read_detector(
    kind: ConditionKind,
    checked: RuleSchema,
    section: Section,
    metrics: Iterable[str],
    problems: Problems,
) -> Detector | None:
    """Return the detector that a rule's condition stands for; None where it is a plain comparison.

    `metrics` are those of its query: a value may be divided by another one.
    """
    rate = read_rate(kind, checked, section, problems)
    match kind:
        case "baseline":
            return _baseline(section.at(kind), metrics, problems)
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
            return rate
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


def _baseline(
    section: Section, metrics: Iterable[str], problems: Problems
) -> BaselineDetector:
    checked = validate(BaselineSchema, section, problems)
    _check_per(checked, section, metrics, problems)
    if checked.least_rise < 0:
        message = "is a share from 0 on, such as 3.0 for four times what is usual"
        problems.add(section.origin("least_rise"), message)
    return BaselineDetector(
        _source(checked), Direction(checked.direction), checked.least_rise
    )


def _change(
    section: Section, metrics: Iterable[str], problems: Problems
) -> ChangeDetector | None:
    before = len(problems)
    checked = validate(ChangeSchema, section, problems)
    _check_per(checked, section, metrics, problems)
    _check_metric("share_of", checked.share_of, section, metrics, problems)
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
        source=replace(_source(checked), share_of=checked.share_of),
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
    _check_metric("per", checked.per, section, metrics, problems)


def _check_metric(
    key: str,
    name: str,
    section: Section,
    metrics: Iterable[str],
    problems: Problems,
) -> None:
    known = frozenset(metrics)
    if name and name not in known:
        message = f'unknown metric "{name}"{near_miss(name, known)}'
        problems.add(section.origin(key), message)
