"""Alertmanager's webhook body, version 4, of a notification; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from monitor.model.alerts import Alert, AlertState, Notification
from monitor.notify.payload import (
    NEVER,
    annotations_of,
    as_strings,
    generator_url,
    rfc3339,
)


def webhook_body(notification: Notification, *, external_url: str) -> dict[str, Any]:
    """Make Alertmanager's webhook body, version 4 (its notify/webhook and template.Data)."""
    alerts = notification.alerts
    repeated_at = notification.created_at if notification.is_repeat else None
    is_firing = any(alert.state is AlertState.FIRING for alert in alerts)
    labels = [as_strings(alert.labels) for alert in alerts]
    annotations = [annotations_of(alert, repeated_at=repeated_at) for alert in alerts]
    return {
        "version": "4",
        "groupKey": _group_key(notification.group),
        "truncatedAlerts": 0,
        "status": "firing" if is_firing else "resolved",
        "receiver": notification.receiver,
        "groupLabels": dict(notification.group),
        "commonLabels": _common(labels),
        "commonAnnotations": _common(annotations),
        "externalURL": external_url,
        "alerts": [_alert(alert, external_url, repeated_at) for alert in alerts],
    }


def _alert(
    alert: Alert, external_url: str, repeated_at: datetime | None
) -> dict[str, Any]:
    is_firing = alert.state is AlertState.FIRING
    return {
        "status": "firing" if is_firing else "resolved",
        "labels": as_strings(alert.labels),
        "annotations": annotations_of(alert, repeated_at=repeated_at),
        "startsAt": rfc3339(alert.fired_at),
        "endsAt": NEVER if is_firing else rfc3339(alert.resolved_at),
        "generatorURL": generator_url(alert, external_url),
        "fingerprint": alert.fingerprint,
    }


def _group_key(group: Mapping[str, str]) -> str:
    """Write what the alerts have in common as Alertmanager writes a group: `{}:{alertname="Low"}`."""
    labels = [f"{name}={json.dumps(value)}" for name, value in sorted(group.items())]
    return f"{{}}:{{{', '.join(labels)}}}"


def _common(sets: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the names and values that all have."""
    if not sets:
        return {}
    shared = set(sets[0].items())
    for pairs in sets[1:]:
        shared &= pairs.items()
    return dict(sorted(shared))
