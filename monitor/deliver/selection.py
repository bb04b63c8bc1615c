"""Which receiver wants which alert, and what becomes due to it; between rules and state; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from monitor.model.alerts import Alert, AlertState, Change, Notification, Transition
from monitor.model.settings import Receiver, Severity

WATCHDOG = "TokenMonitorWatchdog"
_RANKS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def wants(receiver: Receiver, alert: Alert) -> bool:
    """Say whether a receiver is to hear of an alert in its present state."""
    if alert.state is AlertState.PENDING:
        return False
    if alert.state is AlertState.RESOLVED and not receiver.send_resolved:
        return False
    if alert.name == WATCHDOG:
        # Who asks for it gets it, whatever else the receiver filters: it proves that alerts arrive.
        return receiver.watchdog
    if _RANKS[alert.severity] < _RANKS[receiver.min_severity]:
        return False
    return set(receiver.match) <= set(alert.labels)


def takes_notifications(receiver: Receiver) -> bool:
    """Say whether a receiver is told of each change once; an Alertmanager hears all that is active."""
    return receiver.kind != "alertmanager"


def notifications_for(
    receivers: Iterable[Receiver], transitions: Sequence[Transition], *, run_key: str, now: datetime
) -> tuple[Notification, ...]:
    """Make one notification for each receiver, rule and target of a run's transitions.

    Not for Alertmanagers, which are told again and again what is active. `run_key` names the run:
    the same run gives the same idempotency keys.
    """
    made = []
    for receiver in receivers:
        if not takes_notifications(receiver):
            continue
        groups: dict[tuple[str, str], list[Transition]] = {}
        for transition in transitions:
            if transition.change is not Change.PENDING and wants(receiver, transition.alert):
                scope = transition.alert.scope
                groups.setdefault((scope.rule, scope.target), []).append(transition)
        for (rule, target), told in groups.items():
            group = {"alertname": rule} | ({"target": target} if target else {})
            key = _key(receiver, run_key, told)
            made.append(Notification(receiver.name, key, group, tuple(t.alert for t in told), now))
    return tuple(made)


def _key(receiver: Receiver, run_key: str, told: Iterable[Transition]) -> str:
    parts = [receiver.name, run_key]
    for transition in sorted(told, key=lambda transition: transition.alert.labels):
        fired_at = transition.alert.fired_at
        instant = "" if fired_at is None else fired_at.isoformat()
        parts.append(f"{transition.alert.fingerprint} {instant} {transition.change}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
