"""What is recorded with alerts: what is kept of a result; in the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitor.alerting.active import Changes
from monitor.alerting.updates import Update
from monitor.detection.rules import RuleMemory
from monitor.model.alerts import Notification
from monitor.model.positions import Position
from monitor.model.settings import JobKey
from monitor.storage import State
from monitor.storage.rule_memories import MemoryKey


@dataclass(frozen=True, slots=True)
class Kept:
    """What is recorded of a result beside the alerts that it changes."""

    walked: Update | None = None
    """Where a walk has come; in force when it is recorded."""
    memories: Mapping[MemoryKey, RuleMemory] = field(default_factory=dict)
    """What rules remember."""
    marks: Mapping[str, datetime | None] = field(default_factory=dict)
    """Instants by their names; None: forgotten."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """New names of receivers, by those of before."""

    @property
    def positions(self) -> Mapping[JobKey, Position]:
        """Return how far a walk has come."""
        return {} if self.walked is None else self.walked.positions

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to record."""
        is_of_result = self.walked is not None or bool(self.memories)
        return not (is_of_result or self.marks or self.renamed)

    def record(
        self,
        state: State,
        changes: Changes,
        notifications: tuple[Notification, ...],
        marks: Mapping[str, datetime],
    ) -> None:
        """Record it with what changed, all of it or nothing."""
        state.record(
            changes.changed,
            changes.transitions,
            notifications,
            marks={**marks, **self.marks},
            positions=self.positions,
            memories=self.memories,
            renamed=self.renamed,
        )


NOTHING_KEPT = Kept()
