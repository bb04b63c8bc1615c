"""Find who is to be notified again of active alerts, and look only where that is due; before the outbox."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.model.alerts import Alert, Notification, Scope
from monitor.model.settings import Labels, Receiver
from monitor.notify.routing import (
    is_firing_with_data,
    is_notified,
    reminders_for,
    wants,
)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at the alerts of a scope gave: nothing is due before `next_at`, if ever."""

    alerts: Mapping[Labels, Alert]
    next_at: datetime | None


class Reminders:
    """Remember for each scope when somebody is to be notified again; one thread's own.

    A scope is looked at again when its alerts are another mapping than at the last look, when the receivers
    changed, or when it is time: thousands of alerts that stand cost nothing each second.
    """

    def __init__(self) -> None:
        self._receivers: tuple[Receiver, ...] = ()
        self._full: frozenset[str] = frozenset()
        self._looks: dict[Scope, _Look] = {}

    def due(
        self,
        receivers: tuple[Receiver, ...],
        active: Mapping[Scope, Mapping[Labels, Alert]],
        *,
        now: datetime,
        full: Collection[str] = (),
    ) -> tuple[Notification, ...]:
        """Make the notifications that are due now; receivers that are `full` get none."""
        self._forget_if_others(receivers, frozenset(full))
        open_to = [
            receiver
            for receiver in receivers
            if receiver.takes_notifications and receiver.name not in self._full
        ]
        # A new mapping at each call, so that a scope that is gone is forgotten.
        looks: dict[Scope, _Look] = {}
        due: list[Alert] = []
        for scope, alerts in active.items():
            look = self._look(open_to, scope, alerts, now)
            looks[scope] = look
            if look.next_at is not None and look.next_at <= now:
                due.extend(alerts.values())
        self._looks = looks
        return reminders_for(open_to, due, now=now) if due else ()

    def _forget_if_others(
        self, receivers: tuple[Receiver, ...], full: frozenset[str]
    ) -> None:
        if receivers is self._receivers and full == self._full:
            return
        self._receivers, self._full, self._looks = receivers, full, {}

    def _look(
        self,
        receivers: Sequence[Receiver],
        scope: Scope,
        alerts: Mapping[Labels, Alert],
        now: datetime,
    ) -> _Look:
        """Return the last look at these alerts, or look at them now."""
        known = self._looks.get(scope)
        if known is not None and known.alerts is alerts:
            return known
        return _Look(alerts, next_reminder_at(receivers, alerts.values(), now))


def next_reminder_at(
    receivers: Iterable[Receiver], alerts: Iterable[Alert], now: datetime
) -> datetime | None:
    """Return when a receiver is next to be notified of one of these; None if never, as they are."""
    firing = [alert for alert in alerts if is_firing_with_data(alert)]
    earliest: datetime | None = None
    for receiver in receivers:
        for alert in firing:
            if not wants(receiver, alert):
                continue
            if not is_notified(receiver, alert):
                return now
            if not receiver.repeat_interval:
                continue
            last_at = dict(alert.told)[receiver.name]
            at = last_at + receiver.repeat_interval
            if earliest is None or at < earliest:
                earliest = at
    return earliest
