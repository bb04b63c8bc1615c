"""Hold what rules with a detector remember, and say when it is to be written; in the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from monitor.alerting import deploys
from monitor.alerting.active import ActiveAlerts
from monitor.alerting.evaluate import matching
from monitor.alerting.inputs import Facts
from monitor.alerting.scopes import Scopes
from monitor.detection.incidents import Causes
from monitor.detection.rates import written_every_seconds
from monitor.detection.rules import Memories, RuleMemory, with_findings
from monitor.model.detectors import learns
from monitor.model.results import Result, Sample, Success
from monitor.model.settings import Config, JobKey, Rule
from monitor.storage.rule_memories import MemoryKey

WRITTEN_EVERY_SECONDS = 300.0
"""So much of what was learned a crash may cost; what was found is written with the alert that it made."""

_RuleMemories: TypeAlias = Mapping[MemoryKey, RuleMemory]


@dataclass(frozen=True, slots=True)
class Judged:
    """A result with what detectors found in it, and what of their memory is to be written with it."""

    result: Result
    due: _RuleMemories
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many series of it have no place in the memory of which rule, where it is some."""


class Detectors:
    """What the detectors of all rules remember; owned by the pipeline's thread."""

    def __init__(self, kept: _RuleMemories, config: Config) -> None:
        self._of: dict[JobKey, Memories] = {}
        self._written: dict[MemoryKey, float] = {}
        self._found: dict[MemoryKey, tuple[Sample, ...]] = {}
        for (job, rule), memory in kept.items():
            self._of[job] = {**self._of.get(job, {}), rule: memory}
        self._causes = _causes_in(config)

    def judge(
        self,
        facts: Facts,
        result: Result,
        active: ActiveAlerts,
        clock_shift: timedelta,
    ) -> Judged:
        """Return a result with what its query's detectors find in it.

        They learn from it, but for what an active alert covers, or what missing columns make meaningless, or
        what is of the middle of a deployment; what somebody accepted they take as it is. What they remember goes by
        a clock that nobody sets, which is behind ours by the `clock_shift`.
        """
        if not result.job.query.has_detectors:
            return Judged(result, {})
        key = result.job.key
        snapshot, target = facts.snapshot, result.job.target.name
        missing = snapshot.missing_columns(target, facts.now, or_unknown=True)
        deploy = deploys.look_of(facts.config, snapshot, result)
        incidents = self._causes.incidents(
            result.job, active, missing, result.scheduled_at
        )
        before = self._of.get(key, {})
        detection = with_findings(result, before, incidents, deploy, clock_shift)
        self._of[key] = detection.memories
        outcome = detection.result.outcome
        if not isinstance(outcome, Success):
            return Judged(result, {})
        judged = {rule: detection.memories[rule] for rule in outcome.detected}
        left_out = {
            rule: memory.left_out for rule, memory in judged.items() if memory.left_out
        }
        at = (result.scheduled_at - clock_shift).timestamp()
        due: dict[MemoryKey, RuleMemory] = {}
        for rule in result.job.query.rules:
            memory = judged.get(rule.name)
            if memory is None:
                continue
            is_due = self._is_due(key, rule, outcome, at)
            # A crash must not have something else accepted in its place.
            if is_due or _has_accepted(before.get(rule.name, memory), memory):
                due[key, rule.name] = memory
        return Judged(detection.result, due, left_out)

    def note_written(self, due: _RuleMemories, at: float) -> None:
        """Note that these were recorded, at an instant in Unix time by the clock that nobody sets."""
        self._written.update(dict.fromkeys(due, at))

    def keep(self, config: Config) -> _RuleMemories:
        """Forget what is remembered for rules that are gone; go by the causes of this configuration.

        A rule that another query of its target has now takes along what it remembers, as it does its alerts: returns
        what is to be written for that.
        """
        self._causes = _causes_in(config)
        there = {
            (job.key, rule) for job in config.all_jobs for rule in job.query.rule_names
        }
        before, self._of = self._of, {}
        gone: dict[MemoryKey, RuleMemory] = {}
        for key, memories in before.items():
            for rule, memory in memories.items():
                if (key, rule) in there:
                    self._of[key] = {**self._of.get(key, {}), rule: memory}
                else:
                    gone[key, rule] = memory
        for removed in (self._written.keys() | self._found.keys()) - there:
            self._written.pop(removed, None)
            self._found.pop(removed, None)
        return self._renamed(gone, config) if gone else {}

    def _renamed(self, gone: _RuleMemories, config: Config) -> _RuleMemories:
        """Move memories of rules that went to the queries that have them now; return them by their new keys."""
        successors = Scopes(config).by_rule_and_target()
        renamed: dict[MemoryKey, RuleMemory] = {}
        for ((target, _), rule), memory in gone.items():
            scope = successors.get((rule, target))
            if scope is None:
                continue
            key = (target, scope.subject)
            known = self._of.get(key, {})
            if rule not in known:
                self._of[key] = {**known, rule: memory}
                renamed[key, rule] = memory
        return renamed

    def _is_due(self, job: JobKey, rule: Rule, success: Success, at: float) -> bool:
        """Return whether what a rule remembers is to be written: other series are found, or it was long ago."""
        key = (job, rule.name)
        found = matching(rule, success.detected[rule.name])
        labels = {sample.labels for sample in found}
        were = {sample.labels for sample in self._found.get(key, ())}
        self._found[key] = found
        if labels != were:
            return True
        written_every = written_every_seconds(rule, WRITTEN_EVERY_SECONDS)
        return abs(at - self._written.get(key, 0.0)) >= written_every


def _causes_in(config: Config) -> Causes:
    rules = [rule for job in config.all_jobs for rule in job.query.rules]
    learning = {rule.name for rule in rules if learns(rule.detector)}
    return Causes(config.causes, frozenset(learning))


def _has_accepted(before: RuleMemory, after: RuleMemory) -> bool:
    return before.accepted_at != after.accepted_at
