"""Which alerts are for a receiver, and in the snapshot how each does and what its last delivery came to; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from monitor.alerting.severity import rank
from monitor.alerting.snapshot import ReceiverView, Snapshot
from monitor.model.alerts import Alert, Delivery, ReceiverHealth
from monitor.model.own_alerts import WATCHDOG
from monitor.model.settings import Labels, Receiver, Severity


def lets_through(receiver: Receiver, severity: Severity, labels: Labels) -> bool:
    """Return whether alerts with these labels are for a receiver, by its filters."""
    if rank(severity) < rank(receiver.min_severity):
        return False
    return set(receiver.match) <= set(labels)


def is_for(receiver: Receiver, alert: Alert) -> bool:
    """Return whether an alert is for a receiver, whatever state it is in."""
    if alert.name == WATCHDOG:
        # Who asks for it gets it, whatever else the receiver filters: it proves that alerts arrive.
        return receiver.watchdog
    return lets_through(receiver, alert.severity, alert.labels)


def wanting(receivers: Iterable[Receiver], alert: Alert) -> list[str]:
    """Return the names of the receivers that an alert is for."""
    return [receiver.name for receiver in receivers if is_for(receiver, alert)]


def with_receiver(
    snapshot: Snapshot, receiver: str, health: ReceiverHealth
) -> Snapshot:
    """Record how a receiver does."""
    view = snapshot.receivers.get(receiver, ReceiverView(receiver))
    if view.health == health:
        return snapshot
    return _with_receiver(snapshot, replace(view, health=health))


def with_receivers(
    snapshot: Snapshot, receivers: Mapping[str, ReceiverHealth]
) -> Snapshot:
    """Record how each of these receivers does."""
    for name, health in receivers.items():
        snapshot = with_receiver(snapshot, name, health)
    return snapshot


def with_delivery(snapshot: Snapshot, delivery: Delivery) -> Snapshot:
    """Record the last attempt at a receiver; one of several addresses that failed does not make a receiver fail."""
    view = snapshot.receivers.get(delivery.receiver)
    if view is None:
        # Removed by a reload meanwhile.
        return snapshot
    taken_at = view.taken_at if delivery.reason else delivery.at
    changed = replace(view, last_delivery=delivery, taken_at=taken_at)
    return _with_receiver(snapshot, changed)


def _with_receiver(snapshot: Snapshot, view: ReceiverView) -> Snapshot:
    return replace(snapshot, receivers={**snapshot.receivers, view.name: view})
