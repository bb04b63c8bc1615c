"""Which receiver wants which alert, and what becomes due to it; between rules and state; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from monitor.alerting.severity import SUPERSEDED, without_severity
from monitor.model.alerts import Alert, AlertState, Change, Notification, Transition
from monitor.model.settings import Labels, Receiver, Severity

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
    receivers: Iterable[Receiver],
    transitions: Sequence[Transition],
    *,
    run_key: str,
    now: datetime,
    full: Collection[str] = (),
) -> tuple[Notification, ...]:
    """Make one notification for each receiver, rule and target of a run's transitions.

    Not for Alertmanagers, which are told again and again what is active. Who was not told that an
    alert fires need not hear that it ended; a receiver whose outbox is `full` is told when there is room.
    `run_key` names the run: the same run gives the same
    idempotency keys.
    """
    made = []
    for receiver in filter(takes_notifications, receivers):
        begun = _begun(receiver, transitions)
        told = [
            transition
            for transition in transitions
            if _is_news(receiver, transition, begun)
            and not (receiver.name in full and transition.change is Change.FIRED)
        ]
        for group, alerts in _groups(transition.alert for transition in told):
            changes = {
                transition.alert.labels: str(transition.change) for transition in told
            }
            key = _key(receiver, run_key, alerts, changes)
            made.append(Notification(receiver.name, key, group, alerts, now))
    return tuple(made)


def reminders_for(
    receivers: Iterable[Receiver], alerts: Iterable[Alert], *, now: datetime
) -> tuple[Notification, ...]:
    """Tell what fires to who was not told, as when a reload brought the receiver, and again to who was.

    Nothing of what is held: its state is as it was when there was data, which is no news.
    """
    firing = [
        alert for alert in alerts if alert.state is AlertState.FIRING and not alert.held
    ]
    made = []
    for receiver in filter(takes_notifications, receivers):
        wanted = [alert for alert in firing if wants(receiver, alert)]
        untold = [alert for alert in wanted if is_untold(receiver, alert)]
        again = [alert for alert in wanted if _is_due_again(receiver, alert, now)]
        for is_repeat, due in ((False, untold), (True, again)):
            for group, together in _groups(due):
                changes = {
                    alert.labels: "again" if is_repeat else "fired"
                    for alert in together
                }
                key = _key(
                    receiver, now.isoformat() if is_repeat else "", together, changes
                )
                made.append(
                    Notification(
                        receiver.name, key, group, together, now, is_repeat=is_repeat
                    )
                )
    return tuple(made)


def refused_by(
    receivers: Iterable[Receiver],
    transitions: Iterable[Transition],
    full: Collection[str],
) -> Mapping[str, int]:
    """Count for each receiver whose outbox is full the alerts that began and are not in it."""
    fired = (
        [one.alert for one in transitions if one.change is Change.FIRED] if full else []
    )
    counts = {
        receiver.name: sum(wants(receiver, alert) for alert in fired)
        for receiver in receivers
        if receiver.name in full
    }
    return {name: count for name, count in counts.items() if count}


def told_by(
    notifications: Iterable[Notification],
) -> Mapping[Labels, Mapping[str, datetime]]:
    """List for each alert who is told of it by these, and since when."""
    told: dict[Labels, dict[str, datetime]] = {}
    for notification in notifications:
        for alert in notification.alerts:
            told.setdefault(alert.labels, {})[notification.receiver] = (
                notification.created_at
            )
    return told


def with_told(alert: Alert, told: Mapping[Labels, Mapping[str, datetime]]) -> Alert:
    """Note in a firing alert who has notifications of it now."""
    now = told.get(alert.labels)
    return (
        replace(alert, told=tuple(sorted({**dict(alert.told), **now}.items())))
        if now
        else alert
    )


def _is_news(
    receiver: Receiver, transition: Transition, begun: Collection[Labels]
) -> bool:
    match transition.change:
        case Change.FIRED:
            return wants(receiver, transition.alert)
        case Change.RESOLVED:
            if receiver.kind != "pagerduty" and _goes_on(transition.alert, begun):
                return False  # only what keeps incidents must close its own
            # Whatever the receiver filters now: it has an alert that it must be able to close.
            return receiver.send_resolved and receiver.name in dict(
                transition.alert.told
            )
    return False


def _begun(receiver: Receiver, transitions: Iterable[Transition]) -> frozenset[Labels]:
    """List what the receiver hears begin, by what a louder alert has in common with a quieter one."""
    fired = (one.alert for one in transitions if one.change is Change.FIRED)
    return frozenset(
        without_severity(alert.labels) for alert in fired if wants(receiver, alert)
    )


def _goes_on(ended: Alert, begun: Collection[Labels]) -> bool:
    """Tell whether a louder alert has the place of one that ended, and the receiver hears of that one."""
    return (
        ended.resolve_reason == SUPERSEDED and without_severity(ended.labels) in begun
    )


def is_untold(receiver: Receiver, alert: Alert) -> bool:
    """Return whether a receiver has no notification of the alert."""
    return all(name != receiver.name for name, _ in alert.told)


def _is_due_again(receiver: Receiver, alert: Alert, now: datetime) -> bool:
    told_at = dict(alert.told).get(receiver.name)
    if told_at is None or not receiver.repeat_interval:
        return False
    return now - told_at >= receiver.repeat_interval


def _groups(
    alerts: Iterable[Alert],
) -> Iterator[tuple[dict[str, str], tuple[Alert, ...]]]:
    groups: dict[tuple[str, str], list[Alert]] = {}
    for alert in alerts:
        groups.setdefault((alert.scope.rule, alert.scope.target), []).append(alert)
    for (rule, target), together in groups.items():
        yield (
            {"alertname": rule} | ({"target": target} if target else {}),
            tuple(together),
        )


def _key(
    receiver: Receiver,
    run_key: str,
    alerts: Iterable[Alert],
    changes: Mapping[Labels, str],
) -> str:
    parts = [receiver.name, run_key]
    for alert in sorted(alerts, key=lambda alert: alert.labels):
        instant = "" if alert.fired_at is None else alert.fired_at.isoformat()
        parts.append(f"{alert.fingerprint} {instant} {changes[alert.labels]}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
