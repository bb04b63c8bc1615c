"""Find who is to be notified again of active alerts, and look only where that is due; before the outbox."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from monitor.alerting.resolved import end_of
from monitor.alerting.severity import SUPERSEDED
from monitor.model.alerts import (
    Alert,
    AlertState,
    Change,
    NoticeGroup,
    Notification,
    Scope,
)
from monitor.model.settings import Labels, Receiver
from monitor.notify.ends import as_known_to
from monitor.notify.notified import notified_at
from monitor.notify.routing import Batch, is_to_hear, notified_once

WaitingGroups: TypeAlias = Callable[[], Collection[NoticeGroup]]
"""Returns of what something waits in the outbox."""

_LOOKED_AT_AGAIN: Final = timedelta(minutes=1)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at the alerts of a scope gave: nothing is due before `next_at`."""

    alerts: Mapping[Labels, Alert]
    next_at: datetime


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
        waiting: WaitingGroups = frozenset,
    ) -> tuple[Notification, ...]:
        """Make the notifications that are due now; receivers that are `full` get none.

        Nothing is repeated of what something is `waiting`, which is asked only where something is due again.
        """
        self._forget_if_others(receivers, frozenset(full))
        open_to = notified_once(
            receiver for receiver in receivers if receiver.name not in self._full
        )
        # A new mapping at each call, so that a scope that is gone is forgotten.
        looks: dict[Scope, _Look] = {}
        due: list[Alert] = []
        for scope, alerts in active.items():
            look = self._look(open_to, scope, alerts, now)
            looks[scope] = look
            if look.next_at <= now:
                due.extend(alerts.values())
        self._looks = looks
        return self._without_waiting(reminders_for(open_to, due, now=now), waiting, now)

    def _without_waiting(
        self, made: tuple[Notification, ...], waiting: WaitingGroups, now: datetime
    ) -> tuple[Notification, ...]:
        """Leave out the repeats that the outbox would not take: who counts as notified has a notification."""
        repeats = [one for one in made if one.is_repeat]
        if not repeats:
            return made
        news = [one for one in made if not one.is_repeat]
        busy = {*waiting(), *(one.about for one in news)}
        for one in repeats:
            if one.about not in busy:
                news.append(one)
                continue
            # What waits may wait for a day: thousands of alerts are not looked at each second of it.
            for scope in {alert.scope for alert in one.alerts}:
                look = self._looks[scope]
                self._looks[scope] = replace(look, next_at=now + _LOOKED_AT_AGAIN)
        return tuple(news)

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
        return _Look(alerts, _next_reminder_at(receivers, alerts.values(), now))


def reminders_for(
    receivers: Iterable[Receiver], alerts: Iterable[Alert], *, now: datetime
) -> tuple[Notification, ...]:
    """Make those of what fires: to who has none of it, as when a reload brought the receiver, and again.

    Nothing of what is held: its state is as it was when there was data, which is not news.
    """
    firing = [alert for alert in alerts if _has_news(alert)]
    notifications: list[Notification] = []
    for receiver in notified_once(receivers):
        due = _DueBatches.to(receiver, now)
        for alert in firing:
            due.add(alert)
        notifications.extend(due.notifications())
    return tuple(notifications)


@dataclass(frozen=True, slots=True)
class _DueBatches:
    """What one receiver is to be notified of now."""

    late: Batch
    """What it never heard of."""
    held_back: Batch
    """What a silence kept from it: due once, so that unlike a repeat it is not left out where something waits."""
    repeats: Batch

    @classmethod
    def to(cls, receiver: Receiver, now: datetime) -> _DueBatches:
        """Begin them for a receiver."""
        at = now.isoformat()
        return cls(
            # Without an instant in its key: whoever makes it, and however often, it is the same event.
            late=Batch(receiver, "", now),
            held_back=Batch(receiver, at, now),
            repeats=Batch(receiver, at, now, is_repeat=True),
        )

    def add(self, alert: Alert) -> None:
        """Add an alert that fires, if the receiver is to hear of it now."""
        receiver = self.late.receiver
        if not is_to_hear(receiver, alert):
            return
        last_at = notified_at(receiver, alert)
        if last_at is None:
            self.late.add(alert, str(Change.FIRED))
            _close_quieter(self.late, alert)
        elif _repeat_at(receiver, alert, last_at) <= self.late.now:
            was_silenced = alert.was_silenced_since(last_at)
            batch = self.held_back if was_silenced else self.repeats
            batch.add(alert, "again")

    def notifications(self) -> Iterator[Notification]:
        """Yield them: what is news first."""
        for batch in (self.late, self.held_back, self.repeats):
            yield from batch.notifications()


def _close_quieter(late: Batch, alert: Alert) -> None:
    """Add the end of the quieter alert as which a receiver knows one, where it keeps an incident of that."""
    receiver = late.receiver
    known = as_known_to(receiver.name, alert)
    closes = receiver.settings.keeps_incidents and receiver.send_resolved
    if known is not None and closes:
        ended = end_of(known, late.now, SUPERSEDED)
        late.add(ended.alert, str(ended.change))


def _next_reminder_at(
    receivers: Iterable[Receiver], alerts: Iterable[Alert], now: datetime
) -> datetime:
    """Return when a receiver is next to be notified of one of these; _NEVER where none is, as they are."""
    firing = [alert for alert in alerts if _has_news(alert)]
    earliest = _NEVER
    for receiver in receivers:
        for alert in firing:
            if not is_to_hear(receiver, alert):
                continue
            last_at = notified_at(receiver, alert)
            if last_at is None:
                return now
            earliest = min(earliest, _repeat_at(receiver, alert, last_at))
    return earliest


def _repeat_at(receiver: Receiver, alert: Alert, last_at: datetime) -> datetime:
    """Return when a receiver is to be notified again of an alert that it was notified of at an instant."""
    return alert.remind_at(last_at, receiver.repeat_interval) or _NEVER


def _has_news(alert: Alert) -> bool:
    """Return whether there is something to say of an alert that stands: of a held one nothing is known."""
    return alert.state is AlertState.FIRING and not alert.held
