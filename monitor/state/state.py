"""What is remembered: alerts, transitions and the outbox, written together or not at all."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.model.alerts import Alert, AlertState, Change, Delivery, Notification, Scope, Transition
from monitor.model.settings import Labels
from monitor.state.layout import MEMORY, open_database
from monitor.state.records import (
    alert_to_text,
    alerts_to_text,
    instant_to_text,
    text_to_alert,
    text_to_alerts,
    text_to_instant,
)


@dataclass(frozen=True, slots=True)
class OutboxView:
    """What waits for one receiver."""

    waiting: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class PastDelivery:
    """An attempt as it is kept; `is_given_up`: permanent, `alerts` were never taken."""

    delivery: Delivery
    key: str
    is_given_up: bool
    alerts: tuple[Alert, ...]


class State:
    """Remember alerts, their history and what is due to receivers. Thread-safe.

    `history_limit` bounds the rows of past transitions, and those of past deliveries. When the disk
    fails it goes on in memory with all that it knows, and says so to `on_lost_disk`, once.
    """

    def __init__(
        self,
        path: str = MEMORY,
        *,
        history_limit: int = 10_000,
        on_lost_disk: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self._lock = threading.Lock()
        self._history_limit = history_limit
        self._on_lost_disk = on_lost_disk
        self._connection = open_database(path)
        self.is_durable = path != MEMORY

    def close(self) -> None:
        """Close the file; nothing may be asked afterwards."""
        with self._lock:
            self._connection.close()

    def record(
        self,
        scope_changes: Mapping[Scope, Mapping[Labels, Alert]],
        transitions: Sequence[Transition],
        notifications: Sequence[Notification],
    ) -> None:
        """Write what one result changed; each scope's alerts replace those that it had."""

        def write(connection: sqlite3.Connection) -> None:
            for scope, alerts in scope_changes.items():
                _replace_alerts(connection, scope, alerts)
            connection.executemany(
                "INSERT INTO transitions (at, change, rule, target, fingerprint, alert) VALUES (?,?,?,?,?,?)",
                [_transition_row(transition) for transition in transitions],
            )
            if transitions:
                self._prune(connection, "transitions")
            connection.executemany(
                "INSERT OR IGNORE INTO outbox (receiver, key, labels, alerts, created_at, attempts,"
                " next_try_at) VALUES (?,?,?,?,?,?,?)",
                [_outbox_row(notification) for notification in notifications],
            )

        self._write(write)

    def mark(self, name: str, at: datetime) -> None:
        """Remember an instant under a name: `alive`, when the daemon was last known to run."""
        self._write(
            lambda connection: connection.execute(
                "INSERT INTO marks (name, at) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET at = excluded.at",
                (name, instant_to_text(at)),
            )
        )

    def marked(self, name: str) -> datetime | None:
        """Tell the instant that was remembered under a name."""
        rows = self._rows("SELECT at FROM marks WHERE name = ?", (name,))
        return text_to_instant(rows[0][0]) if rows else None

    def forget_before(self, instant: datetime) -> None:
        """Drop history that is older; what still waits in the outbox stays."""

        def write(connection: sqlite3.Connection) -> None:
            for table in ("transitions", "deliveries"):
                connection.execute(f"DELETE FROM {table} WHERE at < ?", (instant_to_text(instant),))

        self._write(write)

    def due(self, receiver: str, *, now: datetime, limit: int = 1) -> tuple[Notification, ...]:
        """List what to send now, oldest first; behind one that still waits for its next try, nothing."""
        rows = self._rows(
            "SELECT id, key, labels, alerts, created_at, attempts, next_try_at FROM outbox"
            " WHERE receiver = ? ORDER BY id LIMIT ?",
            (receiver, limit),
        )
        due = []
        for id_, key, labels, alerts, created_at, attempts, next_try_at in rows:
            if text_to_instant(next_try_at) > now:
                break
            created = text_to_instant(created_at)
            group = json.loads(labels)
            due.append(Notification(receiver, key, group, text_to_alerts(alerts), created, attempts, id_))
        return tuple(due)

    def next_try_at(self, receiver: str) -> datetime | None:
        """Tell when the oldest notification of a receiver may be tried; None if nothing waits."""
        rows = self._rows(
            "SELECT next_try_at FROM outbox WHERE receiver = ? ORDER BY id LIMIT 1", (receiver,)
        )
        return text_to_instant(rows[0][0]) if rows else None

    def delivered(self, notification: Notification, delivery: Delivery) -> None:
        """Take a notification from the outbox: its receiver has it."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM outbox WHERE id = ?", (notification.id,))
            self._keep_delivery(connection, notification, delivery, "taken")

        self._write(write)

    def failed(self, notification: Notification, delivery: Delivery, *, next_try_at: datetime | None) -> None:
        """Count an attempt that failed; without a next try it is given up, and kept in the history."""

        def write(connection: sqlite3.Connection) -> None:
            if next_try_at is None:
                connection.execute("DELETE FROM outbox WHERE id = ?", (notification.id,))
            else:
                connection.execute(
                    "UPDATE outbox SET attempts = attempts + 1, next_try_at = ? WHERE id = ?",
                    (instant_to_text(next_try_at), notification.id),
                )
            outcome = "given_up" if next_try_at is None else "failed"
            self._keep_delivery(connection, notification, delivery, outcome)

        self._write(write)

    def outbox(self) -> Mapping[str, OutboxView]:
        """Count what waits, for each receiver that has something waiting."""
        rows = self._rows("SELECT receiver, count(*), min(created_at) FROM outbox GROUP BY receiver")
        return {receiver: OutboxView(count, text_to_instant(oldest)) for receiver, count, oldest in rows}

    def active_alerts(self) -> tuple[Alert, ...]:
        """List pending and firing alerts, by scope and labels."""
        rows = self._rows("SELECT alert FROM alerts")
        alerts = (text_to_alert(text) for (text,) in rows)
        return tuple(sorted(alerts, key=lambda alert: (alert.scope, alert.labels)))

    def recently_resolved(self, since: datetime) -> tuple[Alert, ...]:
        """List alerts as they last resolved, at or after an instant; not those that fire again."""
        rows = self._rows(
            "SELECT alert FROM transitions t WHERE change = ? AND at >= ?"
            " AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.fingerprint = t.fingerprint AND a.state = ?)"
            " ORDER BY id",
            (Change.RESOLVED, instant_to_text(since), AlertState.FIRING),
        )
        latest = {alert.labels: alert for alert in (text_to_alert(text) for (text,) in rows)}
        return tuple(latest.values())

    def history(
        self,
        limit: int,
        *,
        alertname: str | None = None,
        target: str | None = None,
        since: datetime | None = None,
    ) -> tuple[Transition, ...]:
        """List past transitions, newest first."""
        rows = self._rows(
            "SELECT change, alert, at FROM transitions WHERE rule = coalesce(?, rule)"
            " AND target = coalesce(?, target) AND at >= ? ORDER BY id DESC LIMIT ?",
            (alertname, target, "" if since is None else instant_to_text(since), limit),
        )
        return tuple(
            Transition(Change(change), text_to_alert(alert), text_to_instant(at))
            for change, alert, at in rows
        )

    def deliveries(self, limit: int, *, receiver: str | None = None) -> tuple[PastDelivery, ...]:
        """List past deliveries from the outbox, newest first."""
        rows = self._rows(
            "SELECT receiver, at, duration_seconds, reason, message, outcome, key, alerts FROM deliveries"
            " WHERE receiver = coalesce(?, receiver) ORDER BY id DESC LIMIT ?",
            (receiver, limit),
        )
        return tuple(_past_delivery(*row) for row in rows)

    def _write(self, change: Callable[[sqlite3.Connection], object]) -> None:
        """Make a change, whole or not at all; where the disk refuses it, in memory from then on."""
        lost = ""
        with self._lock:
            try:
                _in_transaction(self._connection, change)
            except sqlite3.OperationalError as error:  # full, read-only, gone
                if not self.is_durable:
                    raise
                lost = str(error)
                self._leave_disk()
                _in_transaction(self._connection, change)
        if lost:
            self._on_lost_disk(lost)

    def _leave_disk(self) -> None:
        memory = open_database(MEMORY)
        # A disk that can no longer be read either: what is active comes back with the next runs.
        with contextlib.suppress(sqlite3.Error):
            self._connection.backup(memory)
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._connection = memory
        self.is_durable = False

    def _rows(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def _keep_delivery(
        self, connection: sqlite3.Connection, notification: Notification, delivery: Delivery, outcome: str
    ) -> None:
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
                alerts_to_text(notification.alerts) if outcome == "given_up" else "[]",
            ),
        )
        self._prune(connection, "deliveries")

    def _prune(self, connection: sqlite3.Connection, table: str) -> None:
        connection.execute(
            f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?", (self._history_limit,)
        )


def _in_transaction(connection: sqlite3.Connection, change: Callable[[sqlite3.Connection], object]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        change(connection)
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled it back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _replace_alerts(connection: sqlite3.Connection, scope: Scope, alerts: Mapping[Labels, Alert]) -> None:
    key = (scope.rule, scope.target, scope.subject)
    connection.execute("DELETE FROM alerts WHERE rule = ? AND target = ? AND subject = ?", key)
    connection.executemany(
        "INSERT INTO alerts (rule, target, subject, fingerprint, state, alert) VALUES (?,?,?,?,?,?)",
        [(*key, alert.fingerprint, alert.state, alert_to_text(alert)) for alert in alerts.values()],
    )


def _transition_row(transition: Transition) -> tuple[str, ...]:
    alert = transition.alert
    return (
        instant_to_text(transition.at),
        transition.change,
        alert.scope.rule,
        alert.scope.target,
        alert.fingerprint,
        alert_to_text(alert),
    )


def _outbox_row(notification: Notification) -> tuple[str | int, ...]:
    created_at = instant_to_text(notification.created_at)
    return (
        notification.receiver,
        notification.key,
        json.dumps(dict(notification.group)),
        alerts_to_text(notification.alerts),
        created_at,
        notification.attempts,
        created_at,
    )


def _past_delivery(
    receiver: str, at: str, seconds: float, reason: str, message: str, outcome: str, key: str, alerts: str
) -> PastDelivery:
    is_given_up = outcome == "given_up"
    recoverable = not is_given_up
    delivery = Delivery(
        receiver, text_to_instant(at), seconds, reason=reason, message=message, recoverable=recoverable
    )
    return PastDelivery(delivery, key, is_given_up, text_to_alerts(alerts))
