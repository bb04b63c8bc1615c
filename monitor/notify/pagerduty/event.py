"""Make an event of an alert, within the limits of PagerDuty's Events API, version 2; pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any, Final

from monitor.model.alerts import Alert, AlertState, Notification
from monitor.model.settings import Scalar
from monitor.model.wording import format_number, shortened
from monitor.notify.message_text import AlertText, alert_text
from monitor.notify.plain_text import one_line

# Of the API (developer.pagerduty.com, Events API v2, "Limitations" and "PD-CEF"): 512 KB of body, 1024
# characters of summary, 255 of dedup_key, which our fingerprints never reach.
_MAX_BYTES: Final = 512_000
_MAX_SUMMARY: Final = 1024
_MAX_SOURCE: Final = 255
_MAX_TEXT: Final = 100_000
_CLIENT: Final = "token-monitor"
# How many rows of evidence, and how long each text may be, tried until the body is small enough.
_CUTS: Final = (
    (10, _MAX_TEXT),
    (5, _MAX_TEXT),
    (2, _MAX_TEXT),
    (1, _MAX_TEXT),
    (0, _MAX_TEXT),
    (0, 10_000),
    (0, 1000),
    (0, 100),
)


def event(
    alert: Alert, notification: Notification, *, routing_key: str, external_url: str
) -> bytes:
    """Make the body of one event, small enough for the API; what has ended needs no more than its key."""
    if alert.state is not AlertState.FIRING:
        resolve = {
            "routing_key": routing_key,
            "event_action": "resolve",
            "dedup_key": alert.fingerprint,
        }
        return json.dumps(resolve).encode()
    text = alert_text(alert, notification, external_url, max_length=_MAX_TEXT)
    trigger: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": alert.fingerprint,
        "client": _CLIENT,
    }
    if external_url:
        trigger["client_url"] = external_url
    trigger["links"] = [{"href": address, "text": name} for name, address in text.links]
    trigger["payload"] = {
        "summary": shortened(text.summary, _MAX_SUMMARY),
        "source": shortened(one_line(alert.scope.target), _MAX_SOURCE) or _CLIENT,
        "severity": text.severity,
        "timestamp": (alert.fired_at or alert.active_at).astimezone(UTC).isoformat(),
        "component": one_line(alert.scope.subject),
        "group": _CLIENT,
        "class": alert.name,
    }
    return _within_limit(trigger, _details(text, alert.value))


def _within_limit(
    trigger: dict[str, Any], details: Iterator[Mapping[str, Any]]
) -> bytes:
    """Return the body with the first of the details, ever shorter ones, that the API takes."""
    content = b""
    for some in details:
        trigger["payload"]["custom_details"] = some
        content = json.dumps(trigger).encode()
        if len(content) <= _MAX_BYTES:
            break
    return content


def _details(text: AlertText, value: float) -> Iterator[Mapping[str, Any]]:
    """Yield the details as long as they are, then cut further and further."""
    annotations = {"description": text.description, "course": text.status_line}
    annotations.update(text.notes)
    for rows, max_length in _CUTS:
        details: dict[str, Any] = {
            "value": _finite(value),
            "labels": {
                name: shortened(label, max_length) for name, label in text.labels
            },
            "annotations": {
                name: shortened(annotation, max_length)
                for name, annotation in annotations.items()
                if annotation
            },
        }
        evidence = [
            {name: _finite(cell) for name, cell in row.items()}
            for row in text.evidence[:rows]
        ]
        if evidence:
            details["evidence"] = evidence
        elif text.evidence:
            details["evidence"] = "left out: too long"
        yield details
    yield {"value": text.value, "left_out": "labels and texts: too long"}


def _finite(cell: Scalar | None) -> Scalar | None:
    """Return a cell as JSON has it: for infinities and NaN it has no word."""
    if isinstance(cell, float) and not math.isfinite(cell):
        return format_number(cell)
    return cell
