"""Which receiver wants which alert, and what becomes due to it; between rules and state; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, assert_never

from monitor.alerting.alert_names import WATCHDOG
from monitor.alerting.severity import SUPERSEDED, without_severity
from monitor.model.alerts import Alert, AlertState, Change, Notification, Transition
from monitor.model.settings import Labels, Receiver, Severity

_RANKS: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def wants(receiver: Receiver, alert: Alert) -> bool:
    """Return whether a receiver is to be notified of an alert in its present state."""
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


def notifications_for(
    receivers: Iterable[Receiver],
    transitions: Sequence[Transition],
    *,
    run_key: str,
    now: datetime,
    full: Collection[str] = (),
) -> tuple[Notification, ...]:
    """Make one notification for each receiver, rule and target of a run's transitions.

    Not for Alertmanagers, which are sent again and again what is active. Who was not notified that an
    alert fires need not hear that it ended; a receiver whose outbox is `full` is notified when there is
    room. `run_key` names the run: the same run gives the same idempotency keys.
    """
    notifications: list[Notification] = []
    for receiver in receivers:
        if not receiver.takes_notifications:
            continue
        begun = _begun(receiver, transitions)
        news: list[_News] = []
        for transition in transitions:
            if transition.change is Change.FIRED and receiver.name in full:
                continue
            if _is_news(receiver, transition, begun):
                news.append(_News(transition.alert, str(transition.change)))
        for group in _groups(news):
            key = _key(receiver, run_key, group)
            notifications.append(_notification(receiver, key, group, now))
    return tuple(notifications)


def reminders_for(
    receivers: Iterable[Receiver], alerts: Iterable[Alert], *, now: datetime
) -> tuple[Notification, ...]:
    """Make those of what fires: to who has none of it, as when a reload brought the receiver, and again.

    Nothing of what is held: its state is as it was when there was data, which is no news.
    """
    firing = [alert for alert in alerts if is_firing_with_data(alert)]
    notifications: list[Notification] = []
    for receiver in receivers:
        if not receiver.takes_notifications:
            continue
        late: list[_News] = []
        repeated: list[_News] = []
        for alert in firing:
            if not wants(receiver, alert):
                continue
            if not is_notified(receiver, alert):
                late.append(_News(alert, "fired"))
            elif _is_due_again(receiver, alert, now):
                repeated.append(_News(alert, "again"))
        for group in _groups(late):
            # Without an instant: whoever brings the receiver, and however often, it is the same event.
            key = _key(receiver, "", group)
            notifications.append(_notification(receiver, key, group, now))
        for group in _groups(repeated):
            key = _key(receiver, now.isoformat(), group)
            repeat = _notification(receiver, key, group, now)
            notifications.append(replace(repeat, is_repeat=True))
    return tuple(notifications)


def refused_by(
    receivers: Iterable[Receiver],
    transitions: Iterable[Transition],
    full: Collection[str],
) -> Mapping[str, int]:
    """Count for each receiver whose outbox is full the alerts that began and are not in it."""
    if not full:
        return {}
    fired = [one.alert for one in transitions if one.change is Change.FIRED]
    counts: dict[str, int] = {}
    for receiver in receivers:
        if receiver.name not in full:
            continue
        count = sum(wants(receiver, alert) for alert in fired)
        if count:
            counts[receiver.name] = count
    return counts


def notified_by(
    notifications: Iterable[Notification],
) -> Mapping[Labels, Mapping[str, datetime]]:
    """Return for each alert, by its labels, which receivers are notified of it by these, and since when."""
    notified: dict[Labels, dict[str, datetime]] = {}
    for notification in notifications:
        for alert in notification.alerts:
            receivers = notified.setdefault(alert.labels, {})
            receivers[notification.receiver] = notification.created_at
    return notified


def with_notified(
    alert: Alert, notified: Mapping[Labels, Mapping[str, datetime]]
) -> Alert:
    """Note in a firing alert who has notifications of it now."""
    receivers = notified.get(alert.labels)
    if not receivers:
        return alert
    merged = {**dict(alert.told), **receivers}
    return replace(alert, told=tuple(sorted(merged.items())))


def is_notified(receiver: Receiver, alert: Alert) -> bool:
    """Return whether a receiver has a notification of the alert."""
    return any(name == receiver.name for name, _ in alert.told)


def is_firing_with_data(alert: Alert) -> bool:
    """Return whether an alert fires and its rule has data, so that there is something to say of it."""
    return alert.state is AlertState.FIRING and not alert.held


@dataclass(frozen=True, slots=True)
class _News:
    """What a receiver is to hear of an alert: the word is a part of the idempotency key."""

    alert: Alert
    change: str


def _is_news(
    receiver: Receiver, transition: Transition, begun: Collection[Labels]
) -> bool:
    """Return whether a receiver is notified of a transition; `begun`: what it hears begin by the same run."""
    alert = transition.alert
    match transition.change:
        case Change.PENDING:
            return False
        case Change.FIRED:
            return wants(receiver, alert)
        case Change.RESOLVED:
            # A louder alert in its place says it all; only what keeps incidents must close its own.
            if not receiver.settings.keeps_incidents and _goes_on(alert, begun):
                return False
            # Whatever the receiver filters now: it has an alert that it must be able to close.
            return receiver.send_resolved and is_notified(receiver, alert)
        case _:
            assert_never(transition.change)


def _begun(receiver: Receiver, transitions: Iterable[Transition]) -> frozenset[Labels]:
    """Return what the receiver hears begin, by what a louder alert has in common with a quieter one."""
    begun: set[Labels] = set()
    for transition in transitions:
        alert = transition.alert
        if transition.change is Change.FIRED and wants(receiver, alert):
            begun.add(without_severity(alert.labels))
    return frozenset(begun)


def _goes_on(ended: Alert, begun: Collection[Labels]) -> bool:
    """Return whether a louder alert has the place of one that ended, and the receiver hears of that one."""
    is_superseded = ended.resolve_reason == SUPERSEDED
    return is_superseded and without_severity(ended.labels) in begun


def _is_due_again(receiver: Receiver, alert: Alert, now: datetime) -> bool:
    """Return whether the last notification is as old as the receiver's repeat_interval; zero is never."""
    notified_at = dict(alert.told).get(receiver.name)
    if notified_at is None or not receiver.repeat_interval:
        return False
    return now - notified_at >= receiver.repeat_interval


def _groups(news: Iterable[_News]) -> Sequence[Sequence[_News]]:
    """Put together what is about one rule and target, in the order in which they first come."""
    groups: dict[tuple[str, str], list[_News]] = {}
    for one in news:
        scope = one.alert.scope
        groups.setdefault((scope.rule, scope.target), []).append(one)
    return list(groups.values())


def _notification(
    receiver: Receiver, key: str, group: Sequence[_News], now: datetime
) -> Notification:
    scope = group[0].alert.scope
    labels = {"alertname": scope.rule}
    if scope.target:
        labels["target"] = scope.target
    alerts = tuple(one.alert for one in group)
    return Notification(receiver.name, key, labels, alerts, now)


def _key(receiver: Receiver, run_key: str, group: Iterable[_News]) -> str:
    """Return the idempotency key: the same for the same event, whoever makes the notification again."""
    parts = [receiver.name, run_key]
    for news in sorted(group, key=lambda one: one.alert.labels):
        fired_at = news.alert.fired_at
        instant = "" if fired_at is None else fired_at.isoformat()
        parts.append(f"{news.alert.fingerprint} {instant} {news.change}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
