"""Who was notified of which alert, as the alerts say it, and who could not be; beside what is due; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from monitor.model.alerts import (
    Alert,
    Change,
    GivenUp,
    Notification,
    Transition,
    Untold,
)
from monitor.model.settings import Labels, Receiver
from monitor.notify.destinations import Moves
from monitor.notify.ends import as_it_was
from monitor.notify.routing import is_to_hear


def notified_at(receiver: Receiver, alert: Alert) -> datetime | None:
    """Return since when a receiver has its last notification of an alert; None where it has none."""
    return dict(alert.notified).get(receiver.name)


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
    """Note in a firing alert who has notifications of it now, and who knows it as a quieter one no more."""
    receivers = notified.get(alert.labels, {})
    unended = tuple(
        (name, one)
        for name, one in alert.unended
        if name not in receivers
        if name not in notified.get(as_it_was(alert, one).labels, {})
    )
    if not receivers and unended == alert.unended:
        return alert
    merged = {**dict(alert.notified), **receivers}
    return replace(alert, notified=tuple(sorted(merged.items())), unended=unended)


def without_given_up(alert: Alert, given_up: GivenUp) -> Alert:
    """Return an alert as one of which those were not notified for whom that was given up, and nothing made since."""
    notified = tuple(
        (name, at)
        for name, at in alert.notified
        if not _is_untold(given_up, name, alert, at)
    )
    unended = tuple(
        (name, one)
        for name, one in alert.unended
        if not _is_untold(given_up, name, as_it_was(alert, one), one.fired_at)
    )
    return replace(alert, notified=notified, unended=unended)


def with_moves(alert: Alert, moves: Moves) -> Alert:
    """Return an alert as one of which a receiver was notified under its new name, and nobody who is elsewhere now."""
    notified = {
        moves.renamed.get(name, name): at
        for name, at in alert.notified
        if not moves.forgets(name, alert.fingerprint)
    }
    unended = {
        moves.renamed.get(name, name): one
        for name, one in alert.unended
        if not moves.forgets(name, as_it_was(alert, one).fingerprint)
    }
    return replace(
        alert,
        notified=tuple(sorted(notified.items())),
        unended=tuple(sorted(unended.items())),
    )


def _is_untold(given_up: GivenUp, receiver: str, alert: Alert, at: datetime) -> bool:
    made_at = given_up.get(Untold(receiver, alert.fingerprint))
    return made_at is not None and at <= made_at


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
