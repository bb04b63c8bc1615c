"""Alertmanager's webhook body, version 4, of a notification; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.model.alerts import Alert, AlertState, Notification
from monitor.notify.payload import (
    NEVER,
    annotations_of,
    as_strings,
    generator_url,
    rfc3339,
)
from monitor.timing.durations import format_seconds


def webhook_body(notification: Notification, *, external_url: str) -> dict[str, Any]:
    """Make Alertmanager's webhook body, version 4 (its notify/webhook and template.Data)."""
    alerts = [
        _alert(alert, notification, external_url) for alert in notification.alerts
    ]
    is_firing = any(alert.state is AlertState.FIRING for alert in notification.alerts)
    return {
        "version": "4",
        "groupKey": _group_key(notification.group),
        "truncatedAlerts": 0,
        "status": _status(is_firing=is_firing),
        "receiver": notification.receiver,
        "groupLabels": dict(notification.group),
        "commonLabels": _common(alerts, "labels"),
        "commonAnnotations": _common(alerts, "annotations"),
        "externalURL": external_url,
        "alerts": alerts,
    }


def _alert(
    alert: Alert, notification: Notification, external_url: str
) -> dict[str, Any]:
    is_firing = alert.state is AlertState.FIRING
    return {
        "status": _status(is_firing=is_firing),
        "labels": as_strings(alert.labels),
        "annotations": _annotations(alert, notification),
        "startsAt": rfc3339(alert.fired_at),
        "endsAt": NEVER if is_firing else rfc3339(alert.resolved_at),
        "generatorURL": generator_url(alert, external_url),
        "fingerprint": alert.fingerprint,
    }


def _annotations(alert: Alert, notification: Notification) -> dict[str, str]:
    """Return an alert's annotations; of what still fires also for how long it has."""
    annotations = annotations_of(alert)
    is_over = alert.fired_for is not None
    if notification.is_repeat and alert.fired_at is not None and not is_over:
        firing_for = notification.created_at - alert.fired_at
        annotations["firing_for"] = format_seconds(firing_for)
    return annotations


def _status(*, is_firing: bool) -> str:
    return "firing" if is_firing else "resolved"


def _group_key(group: Mapping[str, str]) -> str:
    """Write what the alerts have in common as Alertmanager writes a group: `{}:{alertname="Low"}`."""
    labels = [f"{name}={json.dumps(value)}" for name, value in sorted(group.items())]
    return f"{{}}:{{{', '.join(labels)}}}"


def _common(alerts: Sequence[Mapping[str, Any]], key: str) -> dict[str, str]:
    """Return the labels or annotations that all alerts have with the same value, by name."""
    if not alerts:
        return {}
    shared = set(alerts[0][key].items())
    for alert in alerts[1:]:
        shared &= alert[key].items()
    return dict(sorted(shared))
