"""The rows of the history: what alerts did, and what came of notifications; to the tables and back."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeAlias

from monitor.model.alerts import Alert, Change, Delivery, Notification, Transition
from monitor.storage.rows import insert_into
from monitor.storage.serialization import (
    UnreadableError,
    alert_to_text,
    alerts_to_text,
    instant_to_text,
    text_to_alert,
    text_to_alerts,
    text_to_instant,
    text_to_json,
)

# The history has ten thousand rows; with more than this of each the file would have 160 MB.
_MAX_KEPT_BYTES = 16 * 1024
_MAX_FINGERPRINTS = 200

DeliveryOutcome: TypeAlias = Literal["taken", "failed", "given_up"]


class TransitionRow(NamedTuple):
    """A row of `transitions`, without its number."""

    at: str
    change: str
    rule: str
    target: str
    fingerprint: str
    alert: str


class DeliveryRow(NamedTuple):
    """A row of `deliveries`, without its number: an attempt, or what was given up without one."""

    at: str
    receiver: str
    key: str
    outcome: DeliveryOutcome
    reason: str
    message: str
    duration_seconds: float
    alerts: str
    rule: str
    target: str
    fingerprints: str
    """Of the alerts that it was about, the first of very many: by them an alert's page finds it."""


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """What came of a notification, or of one attempt at it.

    `summary` says in words what it was about, as far as that was kept; `attempts` counts those up to this one.
    Of what was given up `alerts` are what the receiver never took. `alertname` and `target` are those of its
    group, empty where an older version wrote it.
    """

    delivery: Delivery
    key: str
    is_given_up: bool
    alerts: tuple[Alert, ...]
    summary: str = ""
    attempts: int = 1
    alertname: str = ""
    target: str = ""

    @property
    def outcome(self) -> DeliveryOutcome:
        """Return what came of it."""
        if self.is_given_up:
            return "given_up"
        return "failed" if self.delivery.reason else "taken"


def insert_transitions(
    connection: sqlite3.Connection, transitions: Iterable[Transition]
) -> None:
    """Write what alerts did, in this order, within a transaction."""
    rows = [_transition_to_row(transition) for transition in transitions]
    connection.executemany(insert_into("transitions", TransitionRow._fields), rows)


def row_to_transition(row: Sequence[Any]) -> Transition:
    """Read a row with the columns of TransitionRow; UnreadableError, ValueError."""
    found = TransitionRow(*row)
    return Transition(
        change=Change(found.change),
        alert=text_to_alert(found.alert),
        at=text_to_instant(found.at),
    )


def insert_delivery(
    connection: sqlite3.Connection,
    notification: Notification,
    delivery: Delivery,
    outcome: DeliveryOutcome,
) -> None:
    """Write an attempt; with its alerts when it was the last and they were not taken.

    What was taken is kept in a few words only: a receiver takes as much as there is.
    """
    alerts = "[]"
    if outcome == "given_up":
        alerts = bounded(alerts_to_text(notification.alerts))
    elif outcome == "taken":
        alerts = json.dumps(summary_of(notification.alerts), ensure_ascii=False)
    row = DeliveryRow(
        at=instant_to_text(delivery.at),
        receiver=notification.receiver,
        key=notification.key,
        outcome=outcome,
        reason=delivery.reason,
        message=delivery.message,
        duration_seconds=delivery.duration_seconds,
        alerts=alerts,
        rule=notification.group.get("alertname", ""),
        target=notification.group.get("target", ""),
        fingerprints=fingerprints_of(notification.alerts),
    )
    insert_deliveries(connection, [row])


def insert_deliveries(
    connection: sqlite3.Connection, rows: Iterable[DeliveryRow]
) -> None:
    """Write rows that are made already."""
    connection.executemany(insert_into("deliveries", DeliveryRow._fields), rows)


def row_to_attempt(row: Sequence[Any]) -> DeliveryAttempt:
    """Read a row with the columns of DeliveryRow and the number of attempts; ValueError."""
    *columns, attempts = row
    found = DeliveryRow(*columns)
    is_given_up = found.outcome == "given_up"
    delivery = Delivery(
        found.receiver,
        text_to_instant(found.at),
        found.duration_seconds,
        reason=found.reason,
        message=found.message,
        recoverable=not is_given_up,
    )
    alerts: tuple[Alert, ...] = ()
    try:
        kept = text_to_json(found.alerts)
        if not isinstance(kept, str):
            alerts = text_to_alerts(found.alerts)
    except UnreadableError:
        kept = ""  # that it was given up is worth more than what it was
    summary = kept if isinstance(kept, str) else summary_of(alerts)
    return DeliveryAttempt(
        delivery,
        found.key,
        is_given_up,
        alerts,
        summary,
        attempts,
        alertname=found.rule,
        target=found.target,
    )


def fingerprints_of(alerts: Iterable[Alert]) -> str:
    """Return by which fingerprints a delivery is found: those of the first two hundred of its alerts."""
    return " ".join(alert.fingerprint for alert in islice(alerts, _MAX_FINGERPRINTS))


def summary_of(alerts: Iterable[Alert]) -> str:
    """Return in words what a notification is about: `Low on main: 2 firing, 1 resolved`."""
    counts: dict[str, Counter[str]] = {}
    for alert in alerts:
        where = alert.name
        if alert.scope.target:
            where = f"{alert.name} on {alert.scope.target}"
        counts.setdefault(where, Counter())[alert.state] += 1
    parts: list[str] = []
    for where, states in counts.items():
        numbers = (f"{count} {state}" for state, count in sorted(states.items()))
        parts.append(f"{where}: {', '.join(numbers)}")
    return "; ".join(parts)


def bounded(alerts: str) -> str:
    """Return what the history keeps of alerts that nobody got: of very many only their number in words."""
    if len(alerts) <= _MAX_KEPT_BYTES:
        return alerts
    with suppress(UnreadableError):
        return json.dumps(summary_of(text_to_alerts(alerts)), ensure_ascii=False)
    return alerts[:_MAX_KEPT_BYTES]


def _transition_to_row(transition: Transition) -> TransitionRow:
    alert = transition.alert
    return TransitionRow(
        at=instant_to_text(transition.at),
        change=transition.change,
        rule=alert.scope.rule,
        target=alert.scope.target,
        fingerprint=alert.fingerprint,
        alert=alert_to_text(alert),
    )
