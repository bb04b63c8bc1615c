"""Find who is to be notified again of active alerts, and look only where that is due; before the outbox."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.model.alerts import Alert, AlertState, Notification, Scope
from monitor.model.settings import Labels, Receiver
from monitor.notify.routing import is_untold, reminders_for, takes_notifications, wants


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at the alerts of a scope gave: nothing is due before `next_at`, if ever."""

    alerts: Mapping[Labels, Alert]
    next_at: datetime | None


class Reminders:
    """Remember for each scope when somebody is to be notified again; one thread's own.

    A scope is looked at anew when its alerts are another mapping than at the last look, when the receivers
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
            one
            for one in receivers
            if takes_notifications(one) and one.name not in self._full
        ]
        # Made anew at each call, so that a scope that is gone is forgotten.
        looks = {
            scope: self._look(open_to, scope, alerts, now)
            for scope, alerts in active.items()
        }
        self._looks = looks
        found: list[Alert] = []
        for look in looks.values():
            if look.next_at is not None and look.next_at <= now:
                found.extend(look.alerts.values())
        return reminders_for(open_to, found, now=now) if found else ()

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
    firing = [
        alert for alert in alerts if alert.state is AlertState.FIRING and not alert.held
    ]
    earliest: datetime | None = None
    for receiver in receivers:
        for alert in firing:
            if not wants(receiver, alert):
                continue
            if is_untold(receiver, alert):
                return now
            if not receiver.repeat_interval:
                continue
            at = dict(alert.told)[receiver.name] + receiver.repeat_interval
            earliest = at if earliest is None else min(earliest, at)
    return earliest
