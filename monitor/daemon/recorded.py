"""What is recorded with alerts: what is kept of a result, and who is notified; in the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.alerting.active import Changes
from monitor.alerting.updates import Update
from monitor.detection.rules import RuleMemory
from monitor.model.alerts import AlertState, Notification, Scope
from monitor.notify.routing import notified_by, with_notified
from monitor.storage.rule_memories import MemoryKey


@dataclass(frozen=True, slots=True)
class Kept:
    """What is recorded of a result beside the alerts that it changes."""

    walked: Update | None = None
    """Where a walk has come; in force when it is recorded."""
    memories: Mapping[MemoryKey, RuleMemory] = field(default_factory=dict)
    """What rules remember."""

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to record."""
        return self.walked is None and not self.memories


NOTHING_KEPT = Kept()


def note_notified(changes: Changes, notifications: tuple[Notification, ...]) -> None:
    """Write into the firing alerts who was notified of them; recorded with the notifications as one."""
    notified = notified_by(notifications)
    for scope in _firing_scopes(notifications):
        noted = {
            labels: with_notified(alert, notified)
            for labels, alert in changes.of(scope).items()
        }
        changes.put(scope, noted)


def _firing_scopes(notifications: tuple[Notification, ...]) -> set[Scope]:
    scopes = set()
    for notification in notifications:
        for alert in notification.alerts:
            if alert.state is AlertState.FIRING:
                scopes.add(alert.scope)
    return scopes
