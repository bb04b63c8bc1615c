"""Judge a run's samples by what rules remember of earlier ones; stands between result and alerts; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import isfinite
from typing import TypeAlias

from monitor.detection.incidents import NO_INCIDENTS, Incidents
from monitor.detection.looks import (
    LookTime,
    SeriesLook,
    SeriesMemory,
    SeriesValue,
    look_at,
    series_values,
)
from monitor.detection.memory_age import learns_for
from monitor.detection.rates import look_at_rates
from monitor.model.deploys import NO_DEPLOY, DeployLook
from monitor.model.detectors import LearningDetector, RateDetector
from monitor.model.learning import Learning
from monitor.model.online_changes import is_of_online_change
from monitor.model.results import Result, Sample, Success
from monitor.model.settings import Job, Labels, Rule
from monitor.model.walks import Sweep
from monitor.timing.shift import moved

MAX_SERIES = 500
"""Of so many series a rule remembers something: what is labelled by what has no end would never stop growing."""
FORGOTTEN_DAYS = 90
"""A series that was in no result for so long is forgotten, and makes room."""
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class RuleMemory:
    """What a rule's detector remembers. `shape`: of what; of something else it would mean nothing."""

    shape: str
    began: float
    """When it saw its first result, in Unix time by a clock that nobody sets; so are all times of its series."""
    series: Mapping[Labels, SeriesMemory] = field(default_factory=dict)
    days: Mapping[Labels, int] = field(default_factory=dict)
    """The day on which each series was last in a result, by its number; of those of `series`."""
    left_out: int = 0
    """How many series of the last result have no place."""
    accepted_at: float = 0.0
    """When somebody said that what is there is meant to be so, as far as that was done; by the same clock."""

    def is_of_future(self, at: float) -> bool:
        """Return whether a clock that was a day ahead of an instant, or more, has left it: blind until that comes."""
        last_day = max(self.days.values(), default=0)
        was_seen_later = last_day > at // _DAY_SECONDS + 1
        return was_seen_later or self.began > at + _DAY_SECONDS


def shape_of(job: Job, rule: Rule) -> str:
    """Return what a rule's memory is of: another metric, choice or detector has another one."""
    detector = rule.detector
    patterns = "".join(f" {one.words}" for one in rule.patterns)
    return f"{rule.metric} {dict(rule.where)} {detector} {sorted(job.query.parameters.items())}{patterns}"


Memories: TypeAlias = Mapping[str, RuleMemory]
"""By the rules' names, of one job."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What the detectors of one query made of a result."""

    result: Result
    """With what they found."""
    memories: Memories
    """Of all rules of the query that have a detector and were judged, now or before."""


def with_findings(
    result: Result,
    memories: Memories,
    incidents: Incidents = NO_INCIDENTS,
    deploy: DeployLook = NO_DEPLOY,
    clock_shift: timedelta = timedelta(0),
) -> Detection:
    """Return the result with what the detectors of its query's rules found, and what they remember now.

    `memories` is what they remembered. A run without data teaches nothing, and what is remembered stays; what
    one of the incidents covers teaches nothing either, but it is judged. `deploy`: what of it is of the middle of
    a deployment, or meant to be as it is. `clock_shift`: how far the clock was set by now, of which memories know
    nothing.
    """
    success = result.outcome
    if not isinstance(success, Success) or not result.job.query.has_detectors:
        return Detection(result, memories)
    at = (result.scheduled_at - clock_shift).timestamp()
    deploy = moved(deploy, -clock_shift)
    kept, detected = dict(memories), {}
    undecided: dict[str, tuple[Labels, ...]] = {}
    learning: dict[str, Learning] = {}
    for rule in result.job.query.rules:
        detector = rule.detector
        if detector is None or not _says_something(result.job, rule, success):
            continue
        memory = _memory_of(result.job, rule, memories, at)
        if isinstance(detector, RateDetector):
            # By when it was read: a run that had to wait would make a slower counter of it.
            seen_at = (result.started_at - clock_shift).timestamp()
            series = memory.series
            seen = look_at_rates(
                rule, detector, series, success, seen_at, most_series=MAX_SERIES
            )
            kept[rule.name] = replace(
                memory, series=seen.series, left_out=seen.left_out
            )
            detected[rule.name] = seen.rates
            undecided[rule.name] = seen.undecided
        else:
            judging = _judging(rule, detector, memory, deploy)
            when = LookTime(at, memory.began, clock_shift)
            judged = _judge(judging, success, when, incidents)
            learning[rule.name] = _learning(detector, when)
            kept[rule.name], detected[rule.name] = judged.memory, judged.findings
            undecided[rule.name] = judged.undecided
    outcome = replace(
        success, detected=detected, undecided=undecided, learning=learning
    )
    return Detection(replace(result, outcome=outcome), kept)


def _learning(detector: LearningDetector, when: LookTime) -> Learning:
    """Return since when a rule remembers what it judges by, as our clock shows it."""
    is_young = when.at - when.began < learns_for(detector).total_seconds()
    return Learning(when.shown(when.began), is_young)


def _memory_of(job: Job, rule: Rule, memories: Memories, at: float) -> RuleMemory:
    memory, shape = memories.get(rule.name), shape_of(job, rule)
    if memory is None or memory.shape != shape:
        return RuleMemory(shape, at)
    return memory


def _says_something(job: Job, rule: Rule, success: Success) -> bool:
    """Return whether that a series is not there means anything: a walk has none before it was through once."""
    if rule.is_of_total and (success.silent or success.is_in_part(rule.metric)):
        # What an item has that failed, or what was counted in part only, would be missing in the sum.
        return False
    if job.query.walk is None:
        return True
    if isinstance(job.query.walk, Sweep):
        # Not by the position: a run between two cycles has none to keep, and speaks of the last.
        return () not in success.silent
    return any(sample.metric == rule.metric for sample in success.samples)


@dataclass(frozen=True, slots=True)
class _Judging:
    """One rule at one result: what it remembers, and what a deployment makes of what it sees."""

    rule: Rule
    detector: LearningDetector
    memory: RuleMemory
    is_in_deploy: bool
    is_meant: bool


def _judging(
    rule: Rule, detector: LearningDetector, memory: RuleMemory, deploy: DeployLook
) -> _Judging:
    accepted_at = 0.0
    if deploy.accepted_at is not None:
        accepted_at = deploy.accepted_at.timestamp()
    is_meant = detector.knows_past and memory.accepted_at < accepted_at
    if is_meant and deploy.is_after_accepted:
        # Until then what a sweep says may be half of what was before: it is accepted again at the next look.
        memory = replace(memory, accepted_at=accepted_at)
    is_in_deploy = rule.name in deploy.waiting
    return _Judging(rule, detector, memory, is_in_deploy, is_meant)


@dataclass(frozen=True, slots=True)
class _RuleStep:
    """What a rule remembers after a result, what it found, and of which series it can say nothing."""

    memory: RuleMemory
    findings: tuple[Sample, ...]
    undecided: tuple[Labels, ...]


def _judge(
    judging: _Judging, success: Success, when: LookTime, incidents: Incidents
) -> _RuleStep:
    rule, detector, memory = judging.rule, judging.detector, judging.memory
    there = _lasting(series_values(rule, detector.source, success.samples))
    today = int(when.at // _DAY_SECONDS)
    days = _days_seen(memory, there, today)
    series = {labels: memory.series[labels] for labels in days}
    values = _finite(there)
    undecided = tuple(labels for labels in there if labels not in values)
    if detector.counts_missing:
        values |= _zeros(rule, series.keys() - there.keys(), success)
    findings: list[Sample] = []
    left_out = 0
    for labels, value in values.items():
        known = series.get(labels)
        if known is None and len(series) >= MAX_SERIES:
            left_out += 1
            continue
        days.setdefault(labels, today)
        lesson = replace(
            incidents.lesson_of(rule, labels),
            is_in_deploy=judging.is_in_deploy,
            is_meant=judging.is_meant,
        )
        look = SeriesLook(labels, value, when, lesson)
        series[labels], finding = look_at(rule, detector, known, look)
        if finding is not None:
            findings.append(finding)
    after = replace(memory, series=series, days=days, left_out=left_out)
    return _RuleStep(after, tuple(findings), undecided)


def _finite(values: Mapping[Labels, SeriesValue]) -> dict[Labels, SeriesValue]:
    """Return the series that have a number: NaN says nothing, and what is learned of it never goes away."""
    return {labels: one for labels, one in values.items() if isfinite(one.value)}


def _lasting(values: Mapping[Labels, SeriesValue]) -> dict[Labels, SeriesValue]:
    """Return the series without those of a copy that a tool makes of a table: it comes and goes, and is no news."""
    return {
        labels: value
        for labels, value in values.items()
        if not is_of_online_change(labels)
    }


def _days_seen(
    memory: RuleMemory, values: Mapping[Labels, SeriesValue], today: int
) -> dict[Labels, int]:
    """Return on which day each series was last there; without those that were not for long."""
    days: dict[Labels, int] = {}
    for labels in memory.series:
        day = today if labels in values else memory.days.get(labels, today)
        if today - day < FORGOTTEN_DAYS:
            days[labels] = day
    return days


def _zeros(
    rule: Rule, missing: Iterable[Labels], success: Success
) -> dict[Labels, SeriesValue]:
    """Return 0 for each series that is remembered and not there, where the result says something of it."""
    return {
        labels: SeriesValue(0.0)
        for labels in missing
        if not success.is_silent_about(rule.metric, labels)
    }
