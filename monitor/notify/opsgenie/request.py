"""Make the requests of an alert for the Alert API of Opsgenie, within its limits; pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from monitor.model.alerts import Alert, AlertState, Notification
from monitor.model.settings import Severity
from monitor.model.wording import shortened
from monitor.notify.chat_text import PLAIN, section
from monitor.notify.message_text import AlertText, alert_text
from monitor.notify.plain_text import one_line

# Of the API (docs.opsgenie.com, Alert API, Create Alert): 130 characters of message, 15,000 of description,
# 8000 in all details, 512 of entity, 50 of a tag.
_MAX_MESSAGE: Final = 130
_MAX_DESCRIPTION: Final = 15_000
_MAX_DETAILS: Final = 8000
_MAX_DETAIL: Final = 1000
_MAX_ENTITY: Final = 512
_MAX_TAG: Final = 50
_SOURCE: Final = "token-monitor"

_PRIORITIES: Final = MappingProxyType(
    {Severity.CRITICAL: "P1", Severity.WARNING: "P3", Severity.INFO: "P5"}
)


def request_of(
    alert: Alert, notification: Notification, *, url: str, external_url: str
) -> tuple[str, dict[str, Any]]:
    """Return address and body: an alert is created under its fingerprint, and closed by it."""
    text = alert_text(alert, notification, external_url, max_length=_MAX_DESCRIPTION)
    if alert.state is not AlertState.FIRING:
        alias = quote(alert.fingerprint, safe="")
        address = f"{url.rstrip('/')}/{alias}/close?identifierType=alias"
        return address, {"source": _SOURCE, "note": text.status_line}
    return url, {
        "message": shortened(text.summary, _MAX_MESSAGE),
        "alias": alert.fingerprint,
        "description": section(text, PLAIN, _MAX_DESCRIPTION),
        "tags": [shortened(one_line(alert.name), _MAX_TAG), str(alert.severity)],
        "details": _details(text),
        "entity": shortened(one_line(alert.scope.target), _MAX_ENTITY),
        "source": _SOURCE,
        "priority": _PRIORITIES[alert.severity],
    }


def _details(text: AlertText) -> dict[str, str]:
    """Return the labels, as many as there is room for."""
    details: dict[str, str] = {}
    left = _MAX_DETAILS
    for name, label in text.labels:
        value = shortened(label, _MAX_DETAIL)
        left -= len(name) + len(value)
        if left < 0:
            break
        details[name] = value
    return details
