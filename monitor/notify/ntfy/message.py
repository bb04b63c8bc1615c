"""Make an ntfy message of a notification, in the form of its publishing by JSON; pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from monitor.model.alerts import Notification
from monitor.model.settings import Severity
from monitor.model.wording import shortened
from monitor.notify.chat_text import PLAIN, lines_of, short_links, texts_of
from monitor.notify.encoding import digest
from monitor.notify.message_text import AlertText, title

# A longer message becomes a file that is attached, or is refused (docs.ntfy.sh, Limitations).
_MAX_BYTES: Final = 4096
# For all alerts in characters, of which one has up to four bytes: tried until the message is small enough.
_CUTS: Final = (4000, 2000, 1000)
_MAX_ALERTS: Final = 10
_MAX_TITLE: Final = 200
_MAX_ACTIONS: Final = 3

_PRIORITIES: Final = MappingProxyType(
    {Severity.CRITICAL: 5, Severity.WARNING: 4, Severity.INFO: 3}
)
# No sound, no vibration: what is over wakes nobody.
_RESOLVED_PRIORITY: Final = 2
_TAGS: Final = MappingProxyType(
    {
        Severity.CRITICAL: "rotating_light",
        Severity.WARNING: "warning",
        Severity.INFO: "information_source",
    }
)
_RESOLVED_TAG: Final = "white_check_mark"


def message_of(
    notification: Notification, topic: str, external_url: str
) -> dict[str, Any]:
    """Make the message; its texts are shown as they are, so nothing in them is escaped."""
    texts, left_out = texts_of(
        notification, external_url, max_alerts=_MAX_ALERTS, max_length=_MAX_BYTES
    )
    worst = texts[0] if texts and texts[0].is_firing else None
    message: dict[str, Any] = {
        "topic": topic,
        # The same at each attempt: from ntfy 2.16 on a second one takes the first one's place.
        "sequence_id": digest(notification.key),
        "title": shortened(title(notification), _MAX_TITLE),
        "message": _body(texts, left_out),
        "priority": _PRIORITIES[worst.severity] if worst else _RESOLVED_PRIORITY,
        "tags": [_TAGS[worst.severity] if worst else _RESOLVED_TAG],
    }
    links = short_links(texts[0]) if texts else ()
    if links:
        message["click"] = links[0][1]
    message["actions"] = [
        {"action": "view", "label": text, "url": address}
        for text, address in links[:_MAX_ACTIONS]
    ]
    return message


def _body(texts: list[AlertText], left_out: int) -> str:
    body = ""
    for max_length in _CUTS:
        share = max_length // max(1, len(texts)) - 2
        blocks = ["\n".join(_lines(text, share)) for text in texts]
        if left_out:
            blocks.append(f"and {left_out} more")
        body = "\n\n".join(blocks)
        if len(body.encode()) <= _MAX_BYTES:
            break
    return body


def _lines(alert: AlertText, max_length: int) -> list[str]:
    return [line.text for line in lines_of(alert, PLAIN, max_length)]
