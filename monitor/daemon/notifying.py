"""Make what receivers are to hear of what changed, and write into the alerts who was notified; in the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from monitor.alerting.active import Changes
from monitor.alerting.severity import SUPERSEDED
from monitor.model.alerts import Alert, GivenUp, NoticeGroup, Notification, Scope
from monitor.model.settings import Receiver
from monitor.notify.notified import (
    notified_by,
    refused_by,
    with_notified,
    without_given_up,
)
from monitor.notify.reminders import Reminders
from monitor.notify.routing import notifications_for
from monitor.storage import State
from monitor.storage.given_up import mark_of


@dataclass(frozen=True, slots=True)
class Notices:
    """What receivers are to hear, and what is recorded with it."""

    notifications: tuple[Notification, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    """How many alerts that began have no room in whose outbox."""
    marks: Mapping[str, datetime | None] = field(default_factory=dict)
    """What was given up, and is forgotten as soon as the alerts say so."""


class Notifying:
    """Finds who is to hear of which change, and again; one thread's own."""

    def __init__(self) -> None:
        self._reminders = Reminders()

    def notices(
        self,
        state: State,
        changes: Changes,
        receivers: tuple[Receiver, ...],
        *,
        run_key: str,
        now: datetime,
        reminds: bool,
    ) -> Notices:
        """Return what is due of changes, and write into these who is notified; `reminds`: also of what stands."""
        if not reminds and not changes.transitions:
            return Notices()
        full = state.bound_outbox(now)
        given_up = state.given_up()
        if given_up:
            take_back(changes, given_up)
        transitions = tuple(changes.transitions)
        notifications = notifications_for(
            receivers, transitions, run_key=run_key, now=now, full=full
        )
        note_notified(changes, notifications)
        if reminds:
            active = {scope: changes.of(scope) for scope in changes.scopes()}
            waiting = partial(_waiting, state, notifications)
            due = self._reminders.due(
                receivers, active, now=now, full=full, waiting=waiting
            )
            note_notified(changes, due)
            notifications += due
        return Notices(
            notifications,
            refused_by(receivers, transitions, full),
            dict.fromkeys(mark_of(untold) for untold in given_up),
        )


def _waiting(state: State, news: tuple[Notification, ...]) -> frozenset[NoticeGroup]:
    """Return of what something waits, or will when these are recorded."""
    return state.waiting_groups() | {one.about for one in news}


def take_back(changes: Changes, given_up: GivenUp) -> None:
    """Write into the alerts who was not notified after all, since that was given up."""
    change_known(changes, partial(without_given_up, given_up=given_up))


def change_known(changes: Changes, change: Callable[[Alert], Alert]) -> None:
    """Write into the alerts who knows them; also into what has just ended, by which is found who hears so."""
    for scope in changes.scopes():
        alerts = changes.of(scope)
        if any(alert.is_known() for alert in alerts.values()):
            changes.change_each(scope, change)
    for position, transition in enumerate(changes.transitions):
        alert = change(transition.alert)
        changes.transitions[position] = replace(transition, alert=alert)


def note_notified(changes: Changes, notifications: tuple[Notification, ...]) -> None:
    """Write into the firing alerts who was notified of them; recorded with the notifications as one."""
    notified = notified_by(notifications)
    for scope in _going_on(notifications):
        noted = {
            labels: with_notified(alert, notified)
            for labels, alert in changes.of(scope).items()
        }
        changes.put(scope, noted)


def _going_on(notifications: tuple[Notification, ...]) -> set[Scope]:
    """Return the scopes of what fires, or has a louder one in its place that does."""
    scopes = set()
    for notification in notifications:
        for alert in notification.alerts:
            if alert.is_firing() or alert.resolve_reason == SUPERSEDED:
                scopes.add(alert.scope)
    return scopes
