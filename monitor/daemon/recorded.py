"""What is recorded with alerts: what is kept of a result, and who is notified; in the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from monitor.alerting.active import Changes
from monitor.alerting.severity import SUPERSEDED
from monitor.alerting.updates import Update
from monitor.detection.rules import RuleMemory
from monitor.model.alerts import Alert, Notification, Scope, Transition
from monitor.model.positions import Position
from monitor.model.settings import JobKey, Labels
from monitor.notify.notified import notified_by, with_notified
from monitor.storage import State
from monitor.storage.rule_memories import MemoryKey

DueReminders: TypeAlias = Callable[
    [Mapping[Scope, Mapping[Labels, Alert]]], tuple[Notification, ...]
]
"""Returns the reminders that are due of these alerts."""
Notify: TypeAlias = Callable[[tuple[Transition, ...]], tuple[Notification, ...]]
"""Returns the notifications of what alerts became."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is recorded of a result beside the alerts that it changes."""

    walked: Update | None = None
    """Where a walk has come; in force when it is recorded."""
    memories: Mapping[MemoryKey, RuleMemory] = field(default_factory=dict)
    """What rules remember."""

    @property
    def positions(self) -> Mapping[JobKey, Position]:
        """Return how far a walk has come."""
        return {} if self.walked is None else self.walked.positions

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to record."""
        return self.walked is None and not self.memories

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
            marks=marks,
            positions=self.positions,
            memories=self.memories,
        )


NOTHING_KEPT = Kept()


def noted_news(changes: Changes, notify: Notify) -> tuple[Notification, ...]:
    """Return the notifications of what changed, and write into the alerts who was notified."""
    notifications = notify(tuple(changes.transitions))
    note_notified(changes, notifications)
    return notifications


def note_notified(changes: Changes, notifications: tuple[Notification, ...]) -> None:
    """Write into the firing alerts who was notified of them; recorded with the notifications as one."""
    notified = notified_by(notifications)
    for scope in _going_on(notifications):
        noted = {
            labels: with_notified(alert, notified)
            for labels, alert in changes.of(scope).items()
        }
        changes.put(scope, noted)


def noted_reminders(changes: Changes, due: DueReminders) -> tuple[Notification, ...]:
    """Return the reminders that are due of all alerts, and write into these who was notified."""
    active = {scope: changes.of(scope) for scope in changes.scopes()}
    reminders = due(active)
    note_notified(changes, reminders)
    return reminders


def _going_on(notifications: tuple[Notification, ...]) -> set[Scope]:
    """Return the scopes of what fires, or has a louder one in its place that does."""
    scopes = set()
    for notification in notifications:
        for alert in notification.alerts:
            if alert.is_firing() or alert.resolve_reason == SUPERSEDED:
                scopes.add(alert.scope)
    return scopes
