"""What receivers are told of an alert, in Alertmanager's words; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.alerting.texts import shown_annotations
from monitor.model.alerts import Alert, AlertState, Notification
from monitor.model.wording import format_number
from monitor.timing.durations import format_seconds

_NEVER = "0001-01-01T00:00:00Z"


def webhook_body(notification: Notification, *, external_url: str) -> dict[str, Any]:
    """Make Alertmanager's webhook body, version 4 (notify/webhook, template.Data)."""
    alerts = notification.alerts
    told_at = notification.created_at if notification.is_repeat else None
    group = ", ".join(
        f"{name}={json.dumps(value)}"
        for name, value in sorted(notification.group.items())
    )
    return {
        "version": "4",
        "groupKey": f"{{}}:{{{group}}}",
        "truncatedAlerts": 0,
        "status": "firing" if any(map(_is_firing, alerts)) else "resolved",
        "receiver": notification.receiver,
        "groupLabels": dict(notification.group),
        "commonLabels": _common([_text(alert.labels) for alert in alerts]),
        "commonAnnotations": _common(
            [annotations_of(alert, told_at=told_at) for alert in alerts]
        ),
        "externalURL": external_url,
        "alerts": [_webhook_alert(alert, external_url, told_at) for alert in alerts],
    }


def alertmanager_alert(
    alert: Alert, *, now: datetime, resend_delay: timedelta, external_url: str
) -> dict[str, Any]:
    """Make one element of what `POST /api/v2/alerts` takes; unless sent again it ends by itself."""
    ends_at = now + 4 * resend_delay if _is_firing(alert) else alert.resolved_at
    address = generator_url(alert, external_url)
    return {
        "labels": _text(alert.labels),
        "annotations": annotations_of(alert),
        "startsAt": _instant(alert.fired_at),
        "endsAt": _instant(ends_at),
    } | ({"generatorURL": address} if address else {})


def generator_url(alert: Alert, external_url: str) -> str:
    """Return the address of the alert on our page: which shows it, and opens where it stands."""
    if not external_url:
        return ""
    fingerprint = alert.fingerprint
    return f"{external_url.rstrip('/')}/?alert={fingerprint}#alert-{fingerprint}"


def annotations_of(alert: Alert, *, told_at: datetime | None = None) -> dict[str, str]:
    """Give an alert's annotations, its evidence, and how it went on or ended.

    `told_at`: when what still fires is told again; `firing_for` then says since how long it does.
    """
    annotations = _text(shown_annotations(alert).items())
    if alert.evidence:
        rows = [dict(row) for row in alert.evidence]
        annotations["evidence"] = json.dumps(rows, ensure_ascii=False, default=str)
    if alert.resolve_reason:
        annotations["resolve_reason"] = alert.resolve_reason
    if alert.fired_for is not None:
        annotations["fired_for"] = format_seconds(alert.fired_for)
        if alert.peak is not None:
            annotations["peak"] = format_number(alert.peak)
    elif told_at is not None and alert.fired_at is not None:
        annotations["firing_for"] = format_seconds(told_at - alert.fired_at)
    return annotations


def _webhook_alert(
    alert: Alert, external_url: str, told_at: datetime | None
) -> dict[str, Any]:
    return {
        "status": "firing" if _is_firing(alert) else "resolved",
        "labels": _text(alert.labels),
        "annotations": annotations_of(alert, told_at=told_at),
        "startsAt": _instant(alert.fired_at),
        "endsAt": _NEVER if _is_firing(alert) else _instant(alert.resolved_at),
        "generatorURL": generator_url(alert, external_url),
        "fingerprint": alert.fingerprint,
    }


def _text(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    # One label that is no string makes Alertmanager refuse the whole batch.
    return {str(name): str(value) for name, value in pairs}


def _common(sets: Sequence[Mapping[str, str]]) -> dict[str, str]:
    shared = (
        set.intersection(*(set(pairs.items()) for pairs in sets)) if sets else set()
    )
    return dict(sorted(shared))


def _is_firing(alert: Alert) -> bool:
    return alert.state is AlertState.FIRING


def _instant(instant: datetime | None) -> str:
    if instant is None:
        return _NEVER
    return (
        instant.astimezone(UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
