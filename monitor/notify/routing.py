"""Which receiver wants which alert, and the notifications that become due; between rules and state; pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from monitor.alerting.alert_names import WATCHDOG
from monitor.alerting.resolved import MOVED
from monitor.alerting.severity import SUPERSEDED, rank, without_severity
from monitor.model.alerts import Alert, AlertState, Change, Notification, Transition
from monitor.model.settings import Labels, Receiver, Severity


def wants(receiver: Receiver, alert: Alert) -> bool:
    """Return whether a receiver is to be notified of an alert in its present state."""
    if alert.state is AlertState.PENDING:
        return False
    if alert.state is AlertState.RESOLVED and not receiver.send_resolved:
        return False
    if alert.name == WATCHDOG:
        # Who asks for it gets it, whatever else the receiver filters: it proves that alerts arrive.
        return receiver.watchdog
    return _lets_through(receiver, alert.severity, alert.labels)


def is_to_hear(receiver: Receiver, alert: Alert) -> bool:
    """Return whether a receiver is to be notified of an alert, which may be muted under what explains it.

    Who does not hear of the cause hears of what it explains: nothing that holds may be silent for somebody.
    """
    if alert.cause:
        severity = Severity(dict(alert.cause)["severity"])
        if _lets_through(receiver, severity, alert.cause):
            return False
    return wants(receiver, alert)


def _lets_through(receiver: Receiver, severity: Severity, labels: Labels) -> bool:
    """Return whether alerts with these labels are for a receiver, by its filters."""
    if rank(severity) < rank(receiver.min_severity):
        return False
    return set(receiver.match) <= set(labels)


def notified_once(receivers: Iterable[Receiver]) -> Sequence[Receiver]:
    """Choose the receivers that are notified of each change once, by way of the outbox."""
    return [receiver for receiver in receivers if receiver.takes_notifications]


def notified_at(receiver: Receiver, alert: Alert) -> datetime | None:
    """Return since when a receiver has its last notification of an alert; None where it has none."""
    return dict(alert.notified).get(receiver.name)


def notifications_for(
    receivers: Iterable[Receiver],
    transitions: Sequence[Transition],
    *,
    run_key: str,
    now: datetime,
    full: Collection[str] = (),
) -> tuple[Notification, ...]:
    """Make one notification for each receiver, rule and target of a run's transitions.

    Not for Alertmanagers, which are sent again and again what is active. A receiver whose outbox is `full`
    is notified of what begins when there is room. `run_key` names the run: the same run gives the same
    idempotency keys.
    """
    notifications: list[Notification] = []
    for receiver in notified_once(receivers):
        begun = _begun(receiver, transitions, full)
        batch = Batch(receiver, run_key, now)
        for transition in transitions:
            if _is_news(receiver, transition, begun):
                batch.add(transition.alert, str(transition.change))
        notifications.extend(batch.notifications())
    return tuple(notifications)


def refused_by(
    receivers: Iterable[Receiver],
    transitions: Iterable[Transition],
    full: Collection[str],
) -> Mapping[str, int]:
    """Count for each receiver whose outbox is full the alerts that began and are not in it."""
    fired = [one.alert for one in transitions if one.change is Change.FIRED]
    return Counter(
        receiver.name
        for receiver in receivers
        if receiver.name in full
        for alert in fired
        if is_to_hear(receiver, alert)
    )


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
    merged = dict(alert.notified)
    merged.update(receivers)
    return replace(alert, notified=tuple(sorted(merged.items())))


@dataclass(frozen=True, slots=True)
class _AlertNews:
    """What a receiver is to hear of an alert: the word is a part of the idempotency key."""

    alert: Alert
    change: str


@dataclass(slots=True)
class Batch:
    """What one receiver is to hear by one run: what is about one rule and target is one notification.

    `run_key` makes the idempotency keys differ from those of other runs.
    """

    receiver: Receiver
    run_key: str
    now: datetime
    is_repeat: bool = False
    groups: dict[tuple[str, str], list[_AlertNews]] = field(default_factory=dict)

    def add(self, alert: Alert, change: str) -> None:
        """Add what changed of an alert."""
        key = (alert.scope.rule, alert.scope.target)
        self.groups.setdefault(key, []).append(_AlertNews(alert, change))

    def notifications(self) -> Iterator[Notification]:
        """Yield a notification for each rule and target, in the order in which they first came."""
        for (rule, target), news in self.groups.items():
            labels = {"alertname": rule}
            if target:
                labels["target"] = target
            yield Notification(
                self.receiver.name,
                self._key(news),
                labels,
                tuple(one.alert for one in news),
                self.now,
                is_repeat=self.is_repeat,
            )

    def _key(self, news: Iterable[_AlertNews]) -> str:
        """Return the idempotency key: the same for the same event, whoever makes the notification again."""
        parts = [self.receiver.name, self.run_key]
        for one in sorted(news, key=lambda one: one.alert.labels):
            fired_at = one.alert.fired_at
            instant = "" if fired_at is None else fired_at.isoformat()
            parts.append(f"{one.alert.fingerprint} {instant} {one.change}")
        text = "\n".join(parts)
        # 128 bits: no two events will share a key.
        digest = hashlib.sha256(text.encode())
        return digest.hexdigest()[:32]


def _is_news(
    receiver: Receiver, transition: Transition, begun: Collection[Labels]
) -> bool:
    """Return whether a receiver is notified of a transition.

    `begun` is what the receiver hears begin by the same run.
    """
    alert = transition.alert
    match transition.change:
        case Change.PENDING:
            return False
        case Change.FIRED:
            return without_severity(alert.labels) in begun
        case Change.RESOLVED if alert.resolve_reason == MOVED:
            # Whoever watches the target now says how it goes on.
            return False
        case Change.RESOLVED:
            if _goes_on(alert, begun) and not receiver.settings.keeps_incidents:
                # The louder alert says it all; only what keeps incidents must close its own.
                return False
            # Whatever the receiver filters now: it has an alert that it must be able to close. Who was not
            # notified that it fires need not hear that it ended.
            is_notified = notified_at(receiver, alert) is not None
            return receiver.send_resolved and is_notified
        case _:
            assert_never(transition.change)


def _begun(
    receiver: Receiver, transitions: Iterable[Transition], full: Collection[str]
) -> frozenset[Labels]:
    """Return what the receiver hears begin, by what a louder alert has in common with a quieter one.

    Nothing where its outbox is full: what is refused speaks for no end.
    """
    if receiver.name in full:
        return frozenset()
    return frozenset(
        without_severity(transition.alert.labels)
        for transition in transitions
        if transition.change is Change.FIRED
        if is_to_hear(receiver, transition.alert)
    )


def _goes_on(ended: Alert, begun: Collection[Labels]) -> bool:
    """Return whether a louder alert has the place of one that ended, and the receiver hears of that one."""
    is_superseded = ended.resolve_reason == SUPERSEDED
    common = without_severity(ended.labels)
    return is_superseded and common in begun
