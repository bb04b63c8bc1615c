"""Which receiver wants which alert, and the notifications that become due; between rules and state; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from monitor.alerting.receivers import is_for, lets_through
from monitor.alerting.severity import without_severity
from monitor.model.alerts import Alert, AlertState, Change, Notification, Transition
from monitor.model.settings import Receiver, Severity
from monitor.notify.ends import Begun, end_heard


def wants(receiver: Receiver, alert: Alert) -> bool:
    """Return whether a receiver is to be notified of an alert in its present state."""
    if alert.state is AlertState.PENDING:
        return False
    if alert.state is AlertState.RESOLVED and not receiver.send_resolved:
        return False
    return is_for(receiver, alert)


def is_to_hear(receiver: Receiver, alert: Alert) -> bool:
    """Return whether a receiver is to be notified of an alert, which may be silenced or muted under another.

    Who does not hear of the cause hears of what it explains: nothing that holds may be silent for somebody.
    """
    if alert.silence is not None:
        return False
    if alert.cause:
        severity = Severity(dict(alert.cause)["severity"])
        if lets_through(receiver, severity, alert.cause):
            return False
    return wants(receiver, alert)


def notified_once(receivers: Iterable[Receiver]) -> Sequence[Receiver]:
    """Choose the receivers that are notified of each change once, by way of the outbox."""
    return [receiver for receiver in receivers if receiver.takes_notifications]


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
            news = _news_of(receiver, transition, begun)
            if news is not None:
                batch.add(news, str(transition.change))
        notifications.extend(batch.notifications())
    return tuple(notifications)


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


def _begun(
    receiver: Receiver, transitions: Iterable[Transition], full: Collection[str]
) -> Begun:
    """Return what begins by these transitions for a receiver, where those in `full` have no room."""
    wanted = [
        one.alert
        for one in transitions
        if one.change is Change.FIRED
        if wants(receiver, one.alert)
    ]
    begun = {
        without_severity(alert.labels): is_to_hear(receiver, alert) for alert in wanted
    }
    if receiver.name in full:
        return dict.fromkeys(begun, False)
    return begun


def _news_of(receiver: Receiver, transition: Transition, begun: Begun) -> Alert | None:
    """Return the alert of which a receiver hears by a transition, as it knows it; None: of nothing."""
    alert = transition.alert
    match transition.change:
        case Change.PENDING:
            return None
        case Change.FIRED:
            is_heard = begun.get(without_severity(alert.labels), False)
            return alert if is_heard else None
        case Change.RESOLVED:
            return end_heard(receiver, alert, begun)
        case _:
            assert_never(transition.change)
