"""The outbox's rows: notifications in, notifications out, and what is given up into the history."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from monitor.model.alerts import Alert, Delivery, Notification
from monitor.storage.serialization import (
    UnreadableError,
    alerts_to_text,
    instant_to_text,
    text_to_alerts,
    text_to_instant,
    text_to_json,
)
from monitor.timing.shift import moved

COLUMNS = (
    "id, receiver, key, labels, alerts, created_at, attempts, is_repeat, next_try_at"
)

# Of one rule and target a receiver hears in order, so that no alert's end overtakes its beginning.
IS_HEAD = (
    "o.receiver = ? AND NOT EXISTS (SELECT 1 FROM outbox earlier"
    " WHERE earlier.receiver = o.receiver AND earlier.labels = o.labels AND earlier.id < o.id)"
)

_MAX_KEPT = 16 * 1024
"""Bytes; the history has ten thousand rows."""

IS_DUE = "(next_try_at <= ? OR next_try_at NOT GLOB '[0-9]*')"
"""Also what a bad disk made unreadable: it is looked at, and given up."""


def insert_notifications(
    connection: sqlite3.Connection, notifications: Iterable[Notification]
) -> None:
    """Put notifications at the end; one that is there already stays as it is.

    A repeat is left out while anything about the same rule and target waits.
    """
    for notification in notifications:
        row = _to_row(notification)
        # Behind a receiver that takes nothing repeats would pile up, and push out what is news.
        connection.execute(
            "INSERT OR IGNORE INTO outbox (receiver, key, labels, alerts, created_at, attempts, is_repeat,"
            " next_try_at, size) SELECT ?,?,?,?,?,?,?,?,? WHERE ? = 0 OR NOT EXISTS"
            " (SELECT 1 FROM outbox WHERE receiver = ? AND labels = ?)",
            (*row, notification.is_repeat, row[0], row[2]),
        )


def row_to_notification(row: tuple[Any, ...]) -> Notification:
    """Read a row of COLUMNS; UnreadableError."""
    id_, receiver, key, labels, alerts, created_at, attempts, is_repeat, next_try_at = (
        row
    )
    group = text_to_json(labels)
    try:
        created, _ = text_to_instant(created_at), text_to_instant(next_try_at)
        told = text_to_alerts(alerts)
        return Notification(
            receiver, key, dict(group), told, created, attempts, id_, bool(is_repeat)
        )
    except (ValueError, TypeError) as error:
        raise UnreadableError(str(error)) from None


def insert_delivery(
    connection: sqlite3.Connection,
    notification: Notification,
    delivery: Delivery,
    outcome: str,
) -> None:
    """Keep an attempt in the history; with its alerts when it was the last and they were not taken.

    What was taken is kept in a few words only: a receiver takes as much as there is.
    """
    alerts = "[]"
    if outcome == "given_up":
        alerts = _kept(alerts_to_text(notification.alerts))
    elif outcome == "taken":
        alerts = json.dumps(in_words(notification.alerts), ensure_ascii=False)
    connection.execute(
        "INSERT INTO deliveries (at, receiver, key, outcome, reason, message, duration_seconds, alerts)"
        " VALUES (?,?,?,?,?,?,?,?)",
        (
            instant_to_text(delivery.at),
            notification.receiver,
            notification.key,
            outcome,
            delivery.reason,
            delivery.message,
            delivery.duration_seconds,
            alerts,
        ),
    )


def in_words(alerts: Iterable[Alert]) -> str:
    """Say what a notification tells of: `Low on main: 2 firing, 1 resolved`."""
    counts: dict[str, Counter[str]] = {}
    for alert in alerts:
        where = (
            f"{alert.name} on {alert.scope.target}"
            if alert.scope.target
            else alert.name
        )
        counts.setdefault(where, Counter())[alert.state] += 1
    return "; ".join(
        f"{where}: {', '.join(f'{count} {state}' for state, count in sorted(states.items()))}"
        for where, states in counts.items()
    )


def give_up(
    connection: sqlite3.Connection,
    where: str,
    values: tuple[object, ...],
    *,
    at: datetime,
    reason: str,
    message: str,
) -> tuple[Delivery, ...]:
    """Move rows to the history without an attempt; gives what has to be told of each."""
    select = f"SELECT id, receiver, key, alerts FROM outbox WHERE {where} ORDER BY id"
    rows = connection.execute(select, values).fetchall()
    connection.executemany(
        "INSERT INTO deliveries (at, receiver, key, outcome, reason, message, duration_seconds, alerts)"
        " VALUES (?, ?, ?, 'given_up', ?, ?, 0, ?)",
        [
            (instant_to_text(at), receiver, key, reason, message, _kept(alerts))
            for _, receiver, key, alerts in rows
        ],
    )
    connection.executemany(
        "DELETE FROM outbox WHERE id = ?", [(id_,) for id_, *_ in rows]
    )
    return tuple(
        Delivery(receiver, at, 0.0, reason=reason, message=message, recoverable=False)
        for _, receiver, *_ in rows
    )


def _kept(alerts: str) -> str:
    """Return what the history keeps of alerts that nobody got: of very many only their number in words."""
    if len(alerts) <= _MAX_KEPT:
        return alerts
    with suppress(UnreadableError):
        return json.dumps(in_words(text_to_alerts(alerts)), ensure_ascii=False)
    return alerts[:_MAX_KEPT]


def move(connection: sqlite3.Connection, by: timedelta) -> None:
    """Move all instants of what waits, and let all be tried at once."""
    changed = []
    for id_, created_at, alerts in connection.execute(
        "SELECT id, created_at, alerts FROM outbox"
    ).fetchall():
        with suppress(
            ValueError, OverflowError
        ):  # what cannot be read is given up where it is sent
            text = instant_to_text(text_to_instant(created_at) + by)
            changed.append(
                (text, text, alerts_to_text(moved(text_to_alerts(alerts), by)), id_)
            )
    connection.executemany(
        "UPDATE outbox SET created_at = ?, next_try_at = ?, alerts = ? WHERE id = ?",
        changed,
    )


def _to_row(notification: Notification) -> tuple[str | int, ...]:
    created_at = instant_to_text(notification.created_at)
    alerts = alerts_to_text(notification.alerts)
    return (
        notification.receiver,
        notification.key,
        json.dumps(dict(notification.group), sort_keys=True),
        alerts,
        created_at,
        notification.attempts,
        notification.is_repeat,
        created_at,
        len(alerts.encode()),
    )
