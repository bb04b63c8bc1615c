"""A rule: when samples of one metric become alerts, and what these say; part of the frozen Config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain

from monitor.model.cause_graph import Claims
from monitor.model.columns import ColumnName, Labels
from monitor.model.conditions import Condition
from monitor.model.detectors import Detector, RateDetector
from monitor.model.label_patterns import LabelPatterns
from monitor.model.levels import Severity
from monitor.model.populations import Population
from monitor.model.statements import Repaired, Statement
from monitor.timing.active_hours import ActiveHours


@dataclass(frozen=True, slots=True)
class SeverityLevel:
    """One of several severities that an alert of a rule may have, and what it takes."""

    severity: Severity
    condition: Condition
    hold: timedelta = timedelta(0)
    """How long the condition must hold before the alert is so loud."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When samples of one metric of one query become alerts, and what these say."""

    name: str
    metric: str
    condition: Condition
    severity: Severity
    summary: str
    group_summary: str = ""
    resolved_summary: str = ""  # in the past tense, without for how long
    description: str = ""
    runbook: str = ""
    where: Labels = ()
    patterns: tuple[LabelPatterns, ...] = ()
    """What labels of its samples must fit, beside those of `where`."""
    hold: timedelta = timedelta(0)
    """`for` in the file: how long the condition must hold before the alert fires."""
    keep_firing_for: timedelta = timedelta(0)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    max_alerts: int = 1000
    """How many alerts it may have on one target: a label that is new at each run has no end (docs/adr/0020)."""
    needs: tuple[ColumnName, ...] = ()
    """Columns without which the rule's findings mean nothing, beside those of its query."""
    evidence: Statement | None = None
    detector: Detector | None = None
    """What its samples are compared with that is remembered of them; None: with numbers."""
    explains: tuple[str, ...] = ()  # what its alerts mute: docs/adr/0044
    explains_where: Claims = ()  # and of these only what has one of some values in a label
    muted_by: tuple[str, ...] = ()  # what mutes its alerts, said from the other end
    repaired: Repaired | None = None  # who did not leave: docs/adr/0045
    population: Population | None = None
    active: ActiveHours | None = None
    """When it is judged; outside of it its alerts are held. None: always."""
    louder: tuple[SeverityLevel, ...] = ()
    """What makes its alerts louder than `severity`, which is by `condition` and `hold`; the loudest last."""

    @property
    def levels(self) -> tuple[SeverityLevel, ...]:
        """Return every severity that its alerts may have, the loudest last: of most rules one."""
        own = SeverityLevel(self.severity, self.condition, self.hold)
        return (own, *self.louder)

    @property
    def severities(self) -> tuple[Severity, ...]:
        """Return every severity that its alerts may have, the loudest last."""
        return tuple(level.severity for level in self.levels)

    @property
    def loudest(self) -> Severity:
        """Return how loud its alerts may become."""
        return self.severities[-1]

    @property
    def active_words(self) -> str:
        """Return when it is judged, in words; empty where that is always."""
        return "" if self.active is None else f"active {self.active.text}"

    def is_closed_at(self, at: datetime) -> bool:
        """Return whether it is not judged at an instant."""
        return self.active is not None and self.active.opened_at(at) is None

    def spoken(self, severity: Severity) -> Severity:
        """Return as which of its own severities an alert counts: one of before a reload as the quietest."""
        return severity if severity in self.severities else self.severity

    def by_levels(self) -> list[Rule]:
        """Return the rule as one for each severity, as Prometheus would have it: itself where it has one."""
        if not self.louder:
            return [self]
        return [
            replace(
                self,
                severity=level.severity,
                condition=level.condition,
                hold=level.hold,
                louder=(),
            )
            for level in self.levels
        ]

    def without_holds(self) -> Rule:
        """Return the rule as it is for who looks once: what it finds is so at once."""
        at_once = timedelta(0)
        louder = tuple(replace(level, hold=at_once) for level in self.louder)
        return replace(self, hold=at_once, louder=louder)

    def threshold_text(self, severity: Severity, value: float) -> str:
        """Return what the value of an alert is beyond, as texts show it: of its severity, where it still is.

        An alert does not get quieter: one whose value fell says which of the lower thresholds it is beyond.
        """
        place = self.severities.index(self.spoken(severity))
        for level in reversed(self.levels[: place + 1]):
            if level.condition.holds(value):
                return level.condition.threshold_text
        return self.condition.threshold_text_of(value)

    @property
    def pattern_matchers(self) -> tuple[str, ...]:
        """Return its patterns as PromQL writes them within braces."""
        return tuple(chain.from_iterable(one.matchers for one in self.patterns))

    @property
    def pattern_words(self) -> tuple[str, ...]:
        """Return its patterns as people read them, each behind a blank."""
        return tuple(f" {one.words}" for one in self.patterns)

    def selects(self, labels: Labels) -> bool:
        """Return whether it judges a sample of its metric with these labels."""
        if not set(self.where).issubset(labels):
            return False
        values = dict(labels)
        return all(one.fits(values.get(one.label, "")) for one in self.patterns)

    @property
    def reach(self) -> timedelta:
        """Return how far back of each sample it looks: of a rate over a while as far as that."""
        if isinstance(self.detector, RateDetector):
            return self.detector.over
        return timedelta(0)

    @property
    def knows_past(self) -> bool:
        """Return whether it compares with what was there before, which a deployment may change on purpose."""
        return self.detector is not None and self.detector.knows_past

    @property
    def is_by_value(self) -> bool:
        """Return whether it goes by the values of one result alone."""
        return self.population is None and self.detector is None

    @property
    def rate(self) -> RateDetector | None:
        """Return how fast it wants its series to count; None where it judges how far they have, or learns."""
        return self.detector if isinstance(self.detector, RateDetector) else None

    @property
    def is_of_total(self) -> bool:
        """Return whether it judges all samples added up, so that its alerts have none of their labels."""
        return self.detector is not None and self.detector.source.is_total
