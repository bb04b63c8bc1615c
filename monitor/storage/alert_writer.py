"""Write the alerts of a scope in place of those that it had: only what changed of them; into the tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType

from monitor.model.alerts import Alert, Scope
from monitor.model.settings import Labels
from monitor.storage.serialization import alert_to_text

_NONE: Mapping[Labels, Alert] = MappingProxyType({})
_DELETE_ALL = "DELETE FROM alerts WHERE rule = ? AND target = ? AND subject = ?"
_INSERT = "INSERT OR REPLACE INTO alerts (rule, target, subject, fingerprint, state, alert) VALUES (?,?,?,?,?,?)"


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
        if generation != self._generation:
            self._known, self._generation = {}, generation
        for scope, alerts in changes.items():
            key = (scope.rule, scope.target, scope.subject)
            known = self._known.get(scope)
            if known is None:
                connection.execute(_DELETE_ALL, key)
                known = _NONE
            gone = [
                (*key, known[labels].fingerprint)
                for labels in known.keys() - alerts.keys()
            ]
            connection.executemany(f"{_DELETE_ALL} AND fingerprint = ?", gone)
            new = (
                alert for labels, alert in alerts.items() if known.get(labels) != alert
            )
            connection.executemany(
                _INSERT,
                [
                    (*key, alert.fingerprint, alert.state, alert_to_text(alert))
                    for alert in new
                ],
            )

    def accept(self, changes: Mapping[Scope, Mapping[Labels, Alert]]) -> None:
        """Note that these are in the table: the transaction was committed."""
        self._known.update(changes)
        for scope, alerts in changes.items():
            if not alerts:
                del self._known[scope]
