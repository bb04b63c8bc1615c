"""The alerts that stand, by scope, and those that resolved of late: what is known between runs; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.instants import moved
from monitor.model.alerts import Alert, AlertState, Change, Scope, Transition
from monitor.model.settings import Labels
from monitor.rules import Evaluation

RESOLVED_KEPT = timedelta(minutes=15)
"""How long a resolved alert is still shown and re-sent, as Prometheus does."""


@dataclass(slots=True)
class Standing:
    """Pending and firing alerts of each scope; one thread's own. Others see what `everything` gave."""

    active: dict[Scope, dict[Labels, Alert]] = field(default_factory=dict)
    resolved: dict[Labels, Alert] = field(default_factory=dict)
    judged: set[Scope] = field(default_factory=set)
    """Scopes that had data since the start: what they find next began since then."""

    def restore(self, active: Iterable[Alert], resolved: Iterable[Alert], gap: timedelta) -> None:
        """Take up alerts of an earlier process: held until a run of theirs succeeds.

        `gap` is how long nobody looked: the clock of a pending alert stood still meanwhile.
        """
        for alert in active:
            back = replace(alert, held=True)
            if alert.state is AlertState.PENDING:
                back = replace(back, active_at=alert.active_at + max(gap, timedelta(0)))
            self.active.setdefault(alert.scope, {})[alert.labels] = back
        self.resolved.update((alert.labels, alert) for alert in resolved)

    def of(self, scope: Scope) -> Mapping[Labels, Alert]:
        """Give the alerts of one scope."""
        return self.active.get(scope, {})

    def accept(self, draft: Draft) -> None:
        """Take over what a draft changed; call when it is recorded."""
        for scope, alerts in draft.changed.items():
            if alerts:
                self.active[scope] = alerts
            else:
                self.active.pop(scope, None)
        self.judged |= draft.judged
        for transition in draft.transitions:
            if transition.change is Change.RESOLVED:
                self.resolved[transition.alert.labels] = transition.alert
            elif transition.change is Change.FIRED:
                self.resolved.pop(transition.alert.labels, None)

    def move(self, by: timedelta) -> None:
        """Move all instants: the clock that they were read from was wrong by this much."""
        self.active = {scope: moved(alerts, by) for scope, alerts in self.active.items()}
        self.resolved = moved(self.resolved, by)

    def forget_resolved(self, now: datetime) -> bool:
        """Drop what resolved long ago; tells whether anything was."""
        old = [
            labels
            for labels, alert in self.resolved.items()
            if alert.resolved_at is not None and now - alert.resolved_at > RESOLVED_KEPT
        ]
        for labels in old:
            del self.resolved[labels]
        return bool(old)

    def active_alerts(self) -> tuple[Alert, ...]:
        """Give all pending and firing alerts."""
        return tuple(alert for alerts in self.active.values() for alert in alerts.values())

    def everything(self) -> tuple[Alert, ...]:
        """Give all alerts, the recently resolved last."""
        return (*self.active_alerts(), *self.resolved.values())


@dataclass(slots=True)
class Draft:
    """What one message would change: seen by what is judged after it, in force when it is recorded."""

    standing: Standing
    changed: dict[Scope, dict[Labels, Alert]] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    judged: set[Scope] = field(default_factory=set)

    def of(self, scope: Scope) -> Mapping[Labels, Alert]:
        """Give the alerts of one scope as they would be."""
        return self.changed.get(scope, self.standing.of(scope))

    def put(self, scope: Scope, alerts: dict[Labels, Alert]) -> None:
        """Replace the alerts of one scope."""
        if alerts != self.standing.of(scope):
            self.changed[scope] = alerts
        else:
            self.changed.pop(scope, None)

    def apply(self, scope: Scope, evaluation: Evaluation) -> None:
        """Take what an evaluation gave."""
        self.put(scope, evaluation.active)
        self.transitions.extend(evaluation.transitions)

    def is_first(self, scope: Scope) -> bool:
        """Tell whether the scope had no data since the start."""
        return scope not in self.standing.judged and scope not in self.judged

    def scopes(self) -> set[Scope]:
        """List the scopes that have alerts."""
        return self.standing.active.keys() | self.changed.keys()

    def alerts_on(self, target: str) -> list[Alert]:
        """Give the pending and firing alerts about one target as they would be."""
        return [
            alert for scope in self.scopes() if scope.target == target for alert in self.of(scope).values()
        ]

    def active_alerts(self) -> list[Alert]:
        """Give all pending and firing alerts as they would be."""
        return [alert for scope in self.scopes() for alert in self.of(scope).values()]
