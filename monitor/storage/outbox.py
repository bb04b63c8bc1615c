"""The outbox's rows: notifications in, notifications out, and what is given up into the history."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from monitor.model.alerts import Delivery, Notification, Untold
from monitor.storage.given_up import mark_of
from monitor.storage.history import (
    DeliveryRow,
    bounded,
    fingerprints_of,
    insert_deliveries,
)
from monitor.storage.marks import write_mark
from monitor.storage.rows import column_list, placeholders
from monitor.storage.serialization import (
    UnreadableError,
    alerts_to_text,
    instant_to_text,
    text_to_alerts,
    text_to_instant,
    text_to_json,
)
from monitor.timing.shift import moved

# Of one rule and target a receiver hears in order, so that no alert's end overtakes its beginning.
IS_HEAD = (
    "o.receiver = ? AND NOT EXISTS (SELECT 1 FROM outbox earlier"
    " WHERE earlier.receiver = o.receiver AND earlier.labels = o.labels AND earlier.id < o.id)"
)

# Also what a bad disk made unreadable: it is looked at, and given up.
_IS_DUE = "(? OR next_try_at <= ? OR next_try_at NOT GLOB '[0-9]*')"


class OutboxRow(NamedTuple):
    """A row of `outbox`, without its number, by which it is ordered; `labels` are those of the group."""

    receiver: str
    key: str
    labels: str
    alerts: str
    created_at: str
    attempts: int
    next_try_at: str
    is_repeat: bool
    size: int


_NUMBERED_COLUMNS = f"id, {column_list(OutboxRow._fields)}"

# Behind a receiver that takes nothing repeats would pile up, and push out what is news.
_INSERT = (
    f"INSERT OR IGNORE INTO outbox ({column_list(OutboxRow._fields)})"
    f" SELECT {placeholders(OutboxRow._fields)} WHERE ? = 0"
    " OR NOT EXISTS (SELECT 1 FROM outbox WHERE receiver = ? AND labels = ?)"
)


@dataclass(frozen=True, slots=True)
class GivingUp:
    """When and why rows are given up without an attempt; the reason is a word of the metrics."""

    at: datetime
    reason: Literal["expired", "unclaimed", "unreadable"]
    message: str


def insert_notifications(
    connection: sqlite3.Connection, notifications: Iterable[Notification]
) -> None:
    """Put notifications at the end; one that is there already stays as it is.

    A repeat is left out while anything about the same rule and target waits.
    """
    for notification in notifications:
        row = _notification_to_row(notification)
        condition = (row.is_repeat, row.receiver, row.labels)
        connection.execute(_INSERT, (*row, *condition))


def rename(connection: sqlite3.Connection, renamed: Mapping[str, str]) -> None:
    """Let what waits for receivers wait for them under their new names."""
    connection.executemany(
        "UPDATE OR IGNORE outbox SET receiver = ? WHERE receiver = ?",
        [(new, old) for old, new in renamed.items()],
    )


def select_due(*, least_tried_first: bool) -> str:
    """Return the query for what is next; its values: receiver, whether also what is due later, now, how many."""
    order = "attempts, id" if least_tried_first else "id"
    return (
        f"SELECT {_NUMBERED_COLUMNS} FROM outbox o"
        f" WHERE {IS_HEAD} AND {_IS_DUE} ORDER BY {order} LIMIT ?"
    )


def remove(connection: sqlite3.Connection, notification: Notification) -> None:
    """Delete what was delivered, or is given up after an attempt."""
    connection.execute("DELETE FROM outbox WHERE id = ?", (notification.id,))


def postpone(
    connection: sqlite3.Connection, notification: Notification, next_try_at: datetime
) -> None:
    """Count an attempt that failed, and set when the next one may be."""
    connection.execute(
        "UPDATE outbox SET attempts = attempts + 1, next_try_at = ? WHERE id = ?",
        (instant_to_text(next_try_at), notification.id),
    )


def retry_now(connection: sqlite3.Connection, *, receiver: str, now: datetime) -> None:
    """Make all that waits for a receiver due."""
    text = instant_to_text(now)
    connection.execute(
        "UPDATE outbox SET next_try_at = ? WHERE receiver = ? AND next_try_at > ?",
        (text, receiver, text),
    )


def row_to_notification(row: Sequence[Any]) -> Notification:
    """Read a row of `select_due`; UnreadableError."""
    id_, *columns = row
    found = OutboxRow(*columns)
    group = text_to_json(found.labels)
    try:
        # Not in the notification, but it must be readable: by it the row is found to be due.
        text_to_instant(found.next_try_at)
        return Notification(
            receiver=found.receiver,
            key=found.key,
            group=dict(group),
            alerts=text_to_alerts(found.alerts),
            created_at=text_to_instant(found.created_at),
            attempts=found.attempts,
            id=id_,
            is_repeat=bool(found.is_repeat),
        )
    except (ValueError, TypeError) as error:
        raise UnreadableError(str(error)) from None


def give_up(
    connection: sqlite3.Connection,
    where: str,
    values: Sequence[object],
    how: GivingUp,
) -> tuple[Delivery, ...]:
    """Move rows to the history without an attempt; return what has to be logged of each, oldest first.

    What fires of it is marked: its receiver was not notified of it.
    """
    columns = "id, receiver, key, labels, alerts, created_at, is_repeat"
    select = f"SELECT {columns} FROM outbox WHERE {where} ORDER BY id"
    found = connection.execute(select, values).fetchall()
    rows: list[DeliveryRow] = []
    deliveries: list[Delivery] = []
    for _, receiver, key, labels, alerts, created_at, is_repeat in found:
        about = _about(labels, alerts)
        if how.reason != "unreadable" and not is_repeat:
            # Who missed a repeat knows the alert, and what a lost file had was found and told anew (recovery.join).
            _mark_untold(connection, receiver, alerts, created_at)
        row = DeliveryRow(
            at=instant_to_text(how.at),
            receiver=receiver,
            key=key,
            outcome="given_up",
            reason=how.reason,
            message=how.message,
            duration_seconds=0,
            alerts=bounded(alerts),
            rule=about.rule,
            target=about.target,
            fingerprints=about.fingerprints,
        )
        rows.append(row)
        delivery = Delivery(
            receiver,
            how.at,
            0.0,
            reason=how.reason,
            message=how.message,
            recoverable=False,
        )
        deliveries.append(delivery)
    insert_deliveries(connection, rows)
    connection.executemany(
        "DELETE FROM outbox WHERE id = ?", [(id_,) for id_, *_ in found]
    )
    return tuple(deliveries)


def _mark_untold(
    connection: sqlite3.Connection, receiver: str, alerts: str, created_at: str
) -> None:
    """Mark of what fires that its receiver did not get it; nothing of what cannot be read."""
    with suppress(ValueError, TypeError):
        made_at = text_to_instant(created_at)
        for alert in text_to_alerts(alerts):
            if alert.is_firing():
                untold = Untold(receiver, alert.fingerprint)
                write_mark(connection, mark_of(untold), made_at)


class _About(NamedTuple):
    """What a row of the outbox is about, as the history's columns have it."""

    rule: str = ""
    target: str = ""
    fingerprints: str = ""


def _about(labels: str, alerts: str) -> _About:
    """Return what a row is about; nothing of one that cannot be read."""
    with suppress(UnreadableError, AttributeError):
        group = text_to_json(labels)
        found = fingerprints_of(text_to_alerts(alerts))
        return _About(group.get("alertname", ""), group.get("target", ""), found)
    return _About()


def move(connection: sqlite3.Connection, by: timedelta) -> None:
    """Move all instants of what waits, and let all be tried at once: the clock was set by this much."""
    changed: list[tuple[str, str, str, int]] = []
    waiting = connection.execute("SELECT id, created_at, alerts FROM outbox").fetchall()
    for id_, created_at, alerts in waiting:
        # What cannot be read is given up where it is sent.
        with suppress(ValueError, OverflowError):
            text = instant_to_text(text_to_instant(created_at) + by)
            shifted = alerts_to_text(moved(text_to_alerts(alerts), by))
            changed.append((text, text, shifted, id_))
    connection.executemany(
        "UPDATE outbox SET created_at = ?, next_try_at = ?, alerts = ? WHERE id = ?",
        changed,
    )


def _notification_to_row(notification: Notification) -> OutboxRow:
    created_at = instant_to_text(notification.created_at)
    alerts = alerts_to_text(notification.alerts)
    return OutboxRow(
        receiver=notification.receiver,
        key=notification.key,
        labels=json.dumps(dict(notification.group), sort_keys=True),
        alerts=alerts,
        created_at=created_at,
        attempts=notification.attempts,
        next_try_at=created_at,
        is_repeat=notification.is_repeat,
        size=len(alerts.encode()),
    )
