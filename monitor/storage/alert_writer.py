"""Write the alerts of a scope in place of those that it had: only what changed of them; into the tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from monitor.model.alerts import Alert, Scope
from monitor.model.settings import Labels
from monitor.storage.rows import insert_into
from monitor.storage.serialization import alert_to_text

_DELETE_ALL = "DELETE FROM alerts WHERE rule = ? AND target = ? AND subject = ?"


class AlertRecord(NamedTuple):
    """A row of `alerts`: one that is pending or firing."""

    rule: str
    target: str
    subject: str
    fingerprint: str
    state: str
    alert: str


class AlertWriter:
    """Remember what the table has, so that one alert that changes among thousands costs one row.

    What a transaction wrote counts from `accept` on. Of another generation nothing is known: when a disk
    was left, rows may have been lost, and the next write of a scope writes all of it.
    """

    def __init__(self) -> None:
        self._known: dict[Scope, Mapping[Labels, Alert]] = {}
        self._generation = 0

    def write(
        self,
        connection: sqlite3.Connection,
        changes: Mapping[Scope, Mapping[Labels, Alert]],
        *,
        generation: int,
    ) -> None:
        """Write each scope's alerts, within a transaction; may be called again for the same."""
        # Another generation: the tables were copied from or to a disk, maybe not whole.
        if generation != self._generation:
            self._known, self._generation = {}, generation
        for scope, alerts in changes.items():
            known = self._known.get(scope)
            if known is None:
                # What the table has of it is not known either.
                key = (scope.rule, scope.target, scope.subject)
                connection.execute(_DELETE_ALL, key)
            _write_scope(connection, scope, known or {}, alerts)

    def accept(self, changes: Mapping[Scope, Mapping[Labels, Alert]]) -> None:
        """Note that these are in the table: the transaction was committed."""
        self._known.update(changes)
        for scope, alerts in changes.items():
            if not alerts:
                del self._known[scope]


def _write_scope(
    connection: sqlite3.Connection,
    scope: Scope,
    known: Mapping[Labels, Alert],
    alerts: Mapping[Labels, Alert],
) -> None:
    key = (scope.rule, scope.target, scope.subject)
    ended = [known[labels] for labels in known.keys() - alerts.keys()]
    connection.executemany(
        f"{_DELETE_ALL} AND fingerprint = ?",
        [(*key, alert.fingerprint) for alert in ended],
    )
    changed = [alert for labels, alert in alerts.items() if known.get(labels) != alert]
    connection.executemany(
        insert_into("alerts", AlertRecord._fields, or_replace=True),
        [_alert_to_row(scope, alert) for alert in changed],
    )


def _alert_to_row(scope: Scope, alert: Alert) -> AlertRecord:
    return AlertRecord(
        rule=scope.rule,
        target=scope.target,
        subject=scope.subject,
        fingerprint=alert.fingerprint,
        state=alert.state,
        alert=alert_to_text(alert),
    )
