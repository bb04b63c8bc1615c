"""Hold which part of the history is wanted, and write it as SQL; between who asks and the tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from monitor.storage.serialization import instant_to_text

# A row that a bad disk spoilt has no severity, and fails no others.
_SEVERITY = "CASE WHEN json_valid(alert) THEN json_extract(alert, '$.severity') END = ?"
_WAS_TOLD = (
    "CASE WHEN json_valid(alert) THEN json_extract(alert, '$.fired_at') IS NOT NULL"
    " AND json_extract(alert, '$.muted_by') IS NULL AND json_extract(alert, '$.severity') <> ? END"
)

_Condition = tuple[str, str | None]
"""A condition of a WHERE with one placeholder, and the value for it; None: the condition does not count."""


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which transitions and deliveries are wanted; None: any. `until` is the first instant that is not."""

    alertname: str | None = None
    target: str | None = None
    severity: str | None = None
    fingerprint: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    was_told: bool = False
    """Of transitions only those of alerts that fired, under no other one, and are more than information."""

    def of_transitions(self) -> tuple[str, list[str]]:
        """Return the WHERE for the table of transitions, and its values."""
        of_alert = [("fingerprint = ?", self.fingerprint), (_SEVERITY, self.severity)]
        told = (_WAS_TOLD, "info" if self.was_told else None)
        return _joined([*self._common(), *of_alert, told])

    def of_deliveries(self) -> tuple[str, list[str]]:
        """Return the WHERE for the table of deliveries, which know no severity, and its values."""
        about_alert = ("instr(fingerprints, ?) > 0", self.fingerprint)
        return _joined([*self._common(), about_alert])

    def _common(self) -> list[_Condition]:
        return [
            ("rule = ?", self.alertname),
            ("target = ?", self.target),
            ("at >= ?", _instant_text(self.since)),
            ("at < ?", _instant_text(self.until)),
        ]


EVERYTHING = HistoryFilter()


def _instant_text(at: datetime | None) -> str | None:
    return None if at is None else instant_to_text(at)


def _joined(conditions: list[_Condition]) -> tuple[str, list[str]]:
    """Return the conditions that have a value, and these values."""
    texts = ["1"]
    values: list[str] = []
    for text, value in conditions:
        if value is not None:
            texts.append(text)
            values.append(value)
    return " AND ".join(texts), values
