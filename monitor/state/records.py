"""Alerts and instants as text for the tables, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from monitor.model.alerts import Alert, AlertState, Scope
from monitor.model.settings import Severity

_INSTANTS = ("active_at", "fired_at", "resolved_at", "keep_since")


def instant_to_text(instant: datetime) -> str:
    """Write an instant so that texts sort as instants do."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def text_to_instant(text: str) -> datetime:
    """Read what `instant_to_text` wrote."""
    return datetime.fromisoformat(text)


def alert_to_record(alert: Alert) -> dict[str, Any]:
    """Make a value for JSON of an alert; nothing is left out."""
    record: dict[str, Any] = {
        "scope": [alert.scope.rule, alert.scope.target, alert.scope.subject],
        "labels": dict(alert.labels),
        "severity": alert.severity,
        "state": alert.state,
        "value": alert.value,
        "annotations": dict(alert.annotations),
        "evidence": [dict(row) for row in alert.evidence],
        "since_at_least": alert.since_at_least,
        "held": alert.held,
        "muted_by": alert.muted_by,
        "resolve_reason": alert.resolve_reason,
    }
    for name in _INSTANTS:
        instant = getattr(alert, name)
        record[name] = None if instant is None else instant_to_text(instant)
    return record


def record_to_alert(record: dict[str, Any]) -> Alert:
    """Make the alert again that `alert_to_record` was given."""
    instants = {name: None if record[name] is None else text_to_instant(record[name]) for name in _INSTANTS}
    return Alert(
        **{
            **record,
            **instants,
            "scope": Scope(*record["scope"]),
            "labels": tuple(sorted(record["labels"].items())),
            "annotations": tuple(sorted(record["annotations"].items())),
            "severity": Severity(record["severity"]),
            "state": AlertState(record["state"]),
            "evidence": tuple(record["evidence"]),
        }
    )


def alert_to_text(alert: Alert) -> str:
    """Write one alert; the standard library's JSON, since a value may be NaN."""
    return json.dumps(alert_to_record(alert), ensure_ascii=False)


def text_to_alert(text: str) -> Alert:
    """Read one alert."""
    return record_to_alert(json.loads(text))


def alerts_to_text(alerts: tuple[Alert, ...]) -> str:
    """Write several alerts in their order."""
    return json.dumps([alert_to_record(alert) for alert in alerts], ensure_ascii=False)


def text_to_alerts(text: str) -> tuple[Alert, ...]:
    """Read several alerts."""
    return tuple(record_to_alert(record) for record in json.loads(text))
