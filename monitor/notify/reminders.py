"""Find what is to be told of alerts that stand, looking only where something is due; before the outbox."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.deliver.selection import is_untold, reminders_for, takes_notifications, wants
from monitor.model.alerts import Alert, AlertState, Notification, Scope
from monitor.model.settings import Labels, Receiver


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at the alerts of a scope gave: nothing is due before `next_at`, if ever."""

    alerts: Mapping[Labels, Alert]
    next_at: datetime | None


class Reminders:
    """Remember for each scope when somebody is to be told again; one thread's own.

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
        if receivers is not self._receivers or self._full != frozenset(full):
            self._receivers, self._full, self._looks = receivers, frozenset(full), {}
        open_to = [one for one in receivers if takes_notifications(one) and one.name not in self._full]
        looks: dict[Scope, _Look] = {}
        found: list[Alert] = []
        for scope, alerts in active.items():
            known = self._looks.get(scope)
            if known is None or known.alerts is not alerts:
                known = _Look(alerts, next_reminder_at(open_to, alerts.values(), now))
            if known.next_at is not None and known.next_at <= now:
                found.extend(alerts.values())
            looks[scope] = known
        self._looks = looks
        return reminders_for(open_to, found, now=now) if found else ()


def next_reminder_at(
    receivers: Iterable[Receiver], alerts: Iterable[Alert], now: datetime
) -> datetime | None:
    """Return when a receiver is next to be told of one of these; None if never, as they are."""
    firing = [alert for alert in alerts if alert.state is AlertState.FIRING and not alert.held]
    instants = []
    for receiver in receivers:
        for alert in firing:
            if not wants(receiver, alert):
                continue
            if is_untold(receiver, alert):
                return now
            if receiver.repeat_interval:
                instants.append(dict(alert.told)[receiver.name] + receiver.repeat_interval)
    return min(instants, default=None)
