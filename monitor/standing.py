"""The alerts that stand, by scope, and those that resolved of late: what is known between runs; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.model.alerts import Alert, AlertState, Change, Scope, Transition
from monitor.model.settings import Labels

RESOLVED_KEPT = timedelta(minutes=15)
"""How long a resolved alert is still shown and re-sent, as Prometheus does."""


@dataclass(slots=True)
class Standing:
    """Pending and firing alerts of each scope; changed by one thread, read through `everything`."""

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

    def set(self, scope: Scope, alerts: dict[Labels, Alert]) -> bool:
        """Replace the alerts of one scope; tells whether that changes anything."""
        if alerts == self.active.get(scope, {}):
            return False
        if alerts:
            self.active[scope] = alerts
        else:
            self.active.pop(scope, None)
        return True

    def note(self, transitions: Iterable[Transition]) -> None:
        """Keep what resolved for a while, and no longer once it is back."""
        for transition in transitions:
            if transition.change is Change.RESOLVED:
                self.resolved[transition.alert.labels] = transition.alert
            else:
                self.resolved.pop(transition.alert.labels, None)

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
