"""How loud each finding is, of a rule whose alerts can get louder; between the findings and the alerts; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from monitor.alerting.rule_input import BoundRule
from monitor.alerting.severity import loudest, rank, severity_of, without_severity
from monitor.model.alerts import Alert
from monitor.model.results import Sample
from monitor.model.settings import Labels, Severity

Reached: TypeAlias = dict[Severity, datetime]
"""Since when the condition of each severity holds, of those that are louder than the rule's own."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Findings by the labels of the alerts that they are, as loud as they have become."""

    found: Mapping[Labels, Sample]
    reached: Mapping[Labels, Reached] = field(default_factory=dict)
    at_once: frozenset[Labels] = frozenset()
    """Those whose loudness has held for as long as it takes: they fire, whatever the quieter one takes."""

    def reached_by(self, labels: Labels) -> tuple[tuple[Severity, datetime], ...]:
        """Return since when the conditions of louder severities hold for an alert, in their order."""
        return tuple(sorted(self.reached.get(labels, {}).items()))


def as_loud_as_reached(
    bound: BoundRule,
    found: Mapping[Labels, Sample],
    active: Mapping[Labels, Alert],
    now: datetime,
) -> Spoken:
    """Return findings under the severity that their alerts have by now, which only rises while one is active."""
    if not bound.rule.louder:
        return Spoken(found)
    alerts = {without_severity(labels): alert for labels, alert in active.items()}
    after: dict[Labels, Sample] = {}
    reached: dict[Labels, Reached] = {}
    at_once: set[Labels] = set()
    for quietest, sample in found.items():
        alert = alerts.get(without_severity(quietest))
        since = _since(bound, sample, alert, now)
        held = _held_for_long(bound, quietest, since, now)
        severity = loudest([severity_of(quietest), *held])
        if alert is not None and rank(alert.severity) > rank(severity):
            severity = alert.severity
        labels = bound.alert_labels(sample.labels, severity)
        after[labels] = sample
        reached[labels] = since
        if held:
            at_once.add(labels)
    return Spoken(after, reached, frozenset(at_once))


def _since(
    bound: BoundRule, sample: Sample, alert: Alert | None, now: datetime
) -> Reached:
    """Return since when each louder condition holds, with this run."""
    before = {} if alert is None else dict(alert.reached)
    return {
        level.severity: before.get(level.severity, now)
        for level in bound.rule.louder
        if level.condition.holds(sample.value, at_least=sample.at_least)
    }


def _held_for_long(
    bound: BoundRule, labels: Labels, since: Reached, now: datetime
) -> list[Severity]:
    """Return the louder severities whose conditions have held for as long as they must."""
    wait = bound.wait_of(labels)
    return [
        level.severity
        for level in bound.rule.louder
        if level.severity in since and now - since[level.severity] >= level.hold + wait
    ]
