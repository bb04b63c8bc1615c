"""Judge a run's samples by what rules remember of earlier ones; stands between result and alerts; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from monitor.detection.looks import (
    SeriesLook,
    SeriesMemory,
    SeriesValue,
    look_at,
    series_values,
)
from monitor.model.detectors import Detector
from monitor.model.results import Result, Sample, Success
from monitor.model.settings import Job, Labels, Rule
from monitor.model.walks import Sweep

MAX_SERIES = 500
"""Of so many series a rule remembers something: what is labelled by what has no end would never stop growing."""


@dataclass(frozen=True, slots=True)
class RuleMemory:
    """What a rule's detector remembers. `shape`: of what; of something else it would mean nothing."""

    shape: str
    began: float
    """When it saw its first result, in Unix time."""
    series: Mapping[Labels, SeriesMemory] = field(default_factory=dict)
    left_out: int = 0
    """How many series of the last result have no place."""


def shape_of(job: Job, rule: Rule) -> str:
    """Return what a rule's memory is of: another metric, choice or detector has another one."""
    detector = rule.detector
    return f"{rule.metric} {dict(rule.where)} {detector} {sorted(job.query.parameters.items())}"


Memories: TypeAlias = Mapping[str, RuleMemory]
"""By the rules' names, of one job."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What the detectors of one query made of a result."""

    result: Result
    """With what they found."""
    memories: Memories
    """Of all rules of the query that have a detector and were judged, now or before."""


def with_findings(result: Result, memories: Memories) -> Detection:
    """Return the result with what the detectors of its query's rules found, and what they remember now.

    `memories` is what they remembered. A run without data teaches nothing, and what is remembered stays.
    """
    success = result.outcome
    if not isinstance(success, Success) or not result.job.query.has_detectors:
        return Detection(result, memories)
    at = result.scheduled_at.timestamp()
    kept, detected = dict(memories), {}
    for rule in result.job.query.rules:
        detector = rule.detector
        if detector is None or not _says_something(result.job, rule, success):
            continue
        memory = _memory_of(result.job, rule, memories, at)
        kept[rule.name], detected[rule.name] = _judge(
            rule, detector, memory, success, at
        )
    return Detection(replace(result, outcome=replace(success, detected=detected)), kept)


def _memory_of(job: Job, rule: Rule, memories: Memories, at: float) -> RuleMemory:
    memory, shape = memories.get(rule.name), shape_of(job, rule)
    if memory is None or memory.shape != shape:
        return RuleMemory(shape, at)
    return memory


def _says_something(job: Job, rule: Rule, success: Success) -> bool:
    """Return whether that a series is not there means anything: a walk has none before it was through once."""
    if job.query.walk is None:
        return True
    if isinstance(job.query.walk, Sweep):
        # Not by the position: a run between two cycles has none to keep, and speaks of the last.
        return () not in success.silent
    return any(sample.metric == rule.metric for sample in success.samples)


def _judge(
    rule: Rule, detector: Detector, memory: RuleMemory, success: Success, at: float
) -> tuple[RuleMemory, tuple[Sample, ...]]:
    series: dict[Labels, SeriesMemory] = dict(memory.series)
    findings: list[Sample] = []
    left_out = 0
    for labels, value in _values(rule, detector, memory, success).items():
        known = series.get(labels)
        if known is None and len(series) >= MAX_SERIES:
            left_out += 1
            continue
        look = SeriesLook(labels, value, at, memory.began)
        series[labels], finding = look_at(rule, detector, known, look)
        if finding is not None:
            findings.append(finding)
    return replace(memory, series=series, left_out=left_out), tuple(findings)


def _values(
    rule: Rule, detector: Detector, memory: RuleMemory, success: Success
) -> dict[Labels, SeriesValue]:
    """Return the series of a result; one that is remembered and not there is 0, where the detector says so."""
    values = series_values(rule, detector.source, success.samples)
    if not detector.counts_missing:
        return values
    for labels in memory.series:
        if not success.is_silent_about(rule.metric, labels):
            values.setdefault(labels, SeriesValue(0.0))
    return values
