"""A rule: when samples of one metric become alerts, and what these say; part of the frozen Config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from monitor.model.columns import ColumnName, Labels
from monitor.model.conditions import Condition
from monitor.model.detectors import Detector
from monitor.model.levels import Severity
from monitor.model.populations import Population
from monitor.model.statements import Repaired, Statement


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
    repaired: Repaired | None = None  # who did not leave: docs/adr/0045
    population: Population | None = None

    def selects(self, labels: Labels) -> bool:
        """Return whether it judges a sample of its metric with these labels."""
        return set(self.where).issubset(labels)

    @property
    def is_of_total(self) -> bool:
        """Return whether it judges all samples added up, so that its alerts have none of their labels."""
        return self.detector is not None and self.detector.source.is_total
