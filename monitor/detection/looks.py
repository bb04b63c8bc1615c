"""Choose the series of a rule from samples, and look at each: what is remembered, what is found; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import TypeAlias, TypeVar, assert_never

from monitor.detection.baseline import Baseline, BaselineVerdict
from monitor.detection.change import ChangeMemory, look_for_change, which_part
from monitor.detection.change_shares import Whole
from monitor.detection.incidents import EVERYTHING, Lesson
from monitor.detection.novelty import Sighting, is_new, seen_at
from monitor.detection.objective import Miss, ObjectiveMemory, look_for_miss
from monitor.detection.rate import RateMemory
from monitor.model.detectors import (
    BaselineDetector,
    ChangeDetector,
    LearningDetector,
    NewDetector,
    SeriesSource,
    SloDetector,
)
from monitor.model.populations import share_text
from monitor.model.results import Sample
from monitor.model.settings import Labels, Rule, labels_of
from monitor.model.text_formats import people_number

SeriesMemory: TypeAlias = (
    Baseline | ChangeMemory | Sighting | ObjectiveMemory | RateMemory
)
_Memory = TypeVar("_Memory")
_SIGNS: Mapping[str, float] = {"high": 1.0, "low": -1.0, "": 0.0}


@dataclass(frozen=True, slots=True)
class SeriesValue:
    """What one series is in one result."""

    value: float
    details: Labels = ()
    parts: Mapping[Labels, float] = field(default_factory=dict)
    """Of a total: what was added up."""
    population: float | None = None
    """How many there are of what it is a part of; None where the rule does not say of what."""


@dataclass(frozen=True, slots=True)
class LookTime:
    """When a rule looks at a result, in Unix time by a clock that nobody sets: so are times that are remembered."""

    at: float
    began: float
    """When the rule saw its first result."""
    clock_shift: timedelta = timedelta(0)
    """How far the clock was set by now, for what goes by the hour or is shown."""

    def shown(self, remembered: float) -> datetime:
        """Return a time that is remembered as our clock shows it."""
        return datetime.fromtimestamp(remembered, UTC) + self.clock_shift


@dataclass(frozen=True, slots=True)
class SeriesLook:
    """One series in one result."""

    labels: Labels
    value: SeriesValue
    when: LookTime
    lesson: Lesson = EVERYTHING


def look_at(
    rule: Rule,
    detector: LearningDetector,
    known: SeriesMemory | None,
    look: SeriesLook,
) -> tuple[SeriesMemory, Sample | None]:
    """Return what is remembered of a series after a look at it, and the finding if it is one."""
    at = look.when.at
    match detector:
        case BaselineDetector():
            baseline = _of_kind(Baseline, known) or Baseline()
            verdict = baseline.judge(
                at,
                look.value.value,
                teaches=look.lesson.teaches,
                accepts=look.lesson.accepts,
                clock_shift_seconds=look.when.clock_shift.total_seconds(),
            )
            return baseline, _unusual(rule, detector, verdict, look)
        case ChangeDetector():
            change = look_for_change(
                detector,
                _of_kind(ChangeMemory, known),
                at,
                look.value.value,
                look.value.parts,
                look.lesson,
                Whole(look.value.population, look.when.began),
            )
            return change, _changed(rule, change, look)
        case NewDetector():
            sighting = _of_kind(Sighting, known)
            began = look.when.began
            seen = seen_at(detector, sighting, began=began, at=at, lesson=look.lesson)
            return seen, _new(rule, detector, seen, look)
        case SloDetector():
            objective, miss = look_for_miss(
                detector,
                _of_kind(ObjectiveMemory, known),
                at,
                look.value.value,
                teaches=look.lesson.teaches,
            )
            return objective, _missed(rule, miss, look)
        case _:
            assert_never(detector)


def _of_kind(kind: type[_Memory], memory: object) -> _Memory | None:
    """Return a memory, if it is one of this kind: what another detector has left says nothing."""
    return memory if isinstance(memory, kind) else None


def _unusual(
    rule: Rule, detector: BaselineDetector, verdict: BaselineVerdict, look: SeriesLook
) -> Sample | None:
    if not verdict.is_alarm or not detector.direction.allows(_SIGNS[verdict.direction]):
        return None
    if verdict.direction == "high" and look.value.value < _told_from(detector, verdict):
        return None
    texts = {
        "usual": _rounded(verdict.usual),
        "usual_low": _rounded(verdict.low),
        "usual_high": _rounded(verdict.high),
        "direction": "more" if verdict.direction == "high" else "less",
    }
    return _finding(rule, look, texts)


def _told_from(detector: BaselineDetector, verdict: BaselineVerdict) -> float:
    """Return from which value on a rise is told; a smaller one teaches nothing either, but is no finding."""
    if verdict.usual is None or not detector.least_rise:
        return -inf
    return verdict.usual + detector.least_rise * abs(verdict.usual)


def _changed(rule: Rule, memory: ChangeMemory, look: SeriesLook) -> Sample | None:
    found = memory.found
    if found is None:
        return None
    now = look.value.value
    texts = {
        "before": people_number(found.before),
        "change": _percent(found.before, now),
        "direction": "more" if now > found.before else "less",
        "which": which_part(found.parts, look.value.parts),
    }
    return _finding(rule, look, texts)


def _new(
    rule: Rule, detector: NewDetector, seen: Sighting, look: SeriesLook
) -> Sample | None:
    if not is_new(detector, seen, began=look.when.began, at=look.when.at):
        return None
    first = look.when.shown(seen.first)
    return _finding(rule, look, {"first_seen": f"{first:%Y-%m-%d %H:%M} UTC"})


def _missed(rule: Rule, miss: Miss | None, look: SeriesLook) -> Sample | None:
    if miss is None:
        return None
    texts = {
        "served": share_text(look.value.value),
        "objective": share_text(miss.objective),
        "burn_rate": _rounded(miss.burn.rate),
        "window": miss.burn.policy.window,
    }
    return _finding(rule, look, texts)


def _finding(rule: Rule, look: SeriesLook, texts: Mapping[str, str]) -> Sample:
    details = labels_of({**dict(look.value.details), **texts})
    return Sample(rule.metric, look.labels, look.value.value, details)


def _rounded(value: float | None) -> str:
    """Return a number that was computed, as exact as it is; empty where there is none."""
    return "" if value is None else people_number(float(f"{value:.3g}"))


def _percent(before: float, now: float) -> str:
    if not before:
        return "from nothing"
    return f"{100 * (now - before) / abs(before):+.3g} %"


def series_values(
    rule: Rule, source: SeriesSource, samples: Iterable[Sample]
) -> dict[Labels, SeriesValue]:
    """Return the series of a rule's metric that its `where` asks for, by their labels; a total by the `where`.

    What was counted in part only says nothing of itself.
    """
    parts: dict[Labels, float] = {}
    details: dict[Labels, Labels] = {}
    divisors: dict[Labels, float] = {}
    wholes: dict[Labels, float] = {}
    for sample in samples:
        if sample.metric == source.per:
            divisors[sample.labels] = sample.value
        if sample.metric == source.share_of:
            wholes[sample.labels] = sample.value
        if sample.metric != rule.metric or sample.at_least:
            continue
        if rule.selects(sample.labels):
            parts[sample.labels] = sample.value
            details[sample.labels] = sample.details
    values: dict[Labels, SeriesValue] = {}
    if source.is_total:
        total = sum(parts.values())
        values[labels_of(rule.where)] = SeriesValue(total, parts=parts)
    else:
        for labels, value in parts.items():
            values[labels] = SeriesValue(value, details[labels])
    if source.share_of:
        for labels, one in values.items():
            values[labels] = replace(one, population=_sum_for(labels, wholes))
    if source.per:
        return _divided(values, divisors)
    return values


def _divided(
    values: Mapping[Labels, SeriesValue], divisors: Mapping[Labels, float]
) -> dict[Labels, SeriesValue]:
    """Return each value divided by the sum of what has all of its labels; without those where that is 0."""
    divided: dict[Labels, SeriesValue] = {}
    for labels, value in values.items():
        divisor = _sum_for(labels, divisors)
        if divisor:
            divided[labels] = replace(value, value=value.value / divisor)
    return divided


def _sum_for(labels: Labels, numbers: Mapping[Labels, float]) -> float:
    """Return the sum of what has all of these labels."""
    wanted = set(labels)
    return sum(number for other, number in numbers.items() if wanted <= set(other))
