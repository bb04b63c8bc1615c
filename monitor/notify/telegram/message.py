"""Make the text of a Telegram message of a notification, in Telegram's HTML; pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from monitor.model.alerts import Notification
from monitor.model.settings import Severity
from monitor.notify.chat_text import (
    Markup,
    quiet,
    section,
    texts_of,
    units,
)
from monitor.notify.message_text import AlertText, title

# Of the API (core.telegram.org/bots/api, sendMessage): 4096 characters, counted in UTF-16 and without the
# marks; with them we are below it for certain.
_MAX_TEXT: Final = 4096
_MAX_ALERTS: Final = 10
_MAX_TITLE: Final = 300

_ENTITIES: Final = MappingProxyType(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
)
_MARKUP: Final = Markup(
    escapes=_ENTITIES,
    code_escapes=_ENTITIES,
    bold=("<b>", "</b>"),
    code=("<pre>", "</pre>"),
    link='<a href="{address}">{text}</a>',
    link_escapes=_ENTITIES,
    tamed=quiet,
)
_CIRCLES: Final = MappingProxyType(
    {
        Severity.CRITICAL: "\N{LARGE RED CIRCLE}",
        Severity.WARNING: "\N{LARGE ORANGE CIRCLE}",
        Severity.INFO: "\N{LARGE BLUE CIRCLE}",
    }
)
_RESOLVED_CIRCLE: Final = "\N{LARGE GREEN CIRCLE}"


def text_of(notification: Notification, external_url: str) -> str:
    """Write the text: a title, and each alert behind a circle coloured by how bad it is."""
    texts, left_out = texts_of(
        notification, external_url, max_alerts=_MAX_ALERTS, max_length=_MAX_TEXT
    )
    blocks = [_MARKUP.escaped(title(notification), _MAX_TITLE)]
    if left_out:
        blocks.append(f"and {left_out} more")
    left = _MAX_TEXT - sum(units(block) + 2 for block in blocks)
    # Of each alert the empty line before it, the circle and the space behind it.
    max_length = left // max(1, len(texts)) - 5
    blocks[1:1] = [
        f"{_circle(text)} {section(text, _MARKUP, max_length)}" for text in texts
    ]
    return "\n\n".join(blocks)


def is_silent(notification: Notification) -> bool:
    """Return whether nobody need be woken: nothing fires, or for information only."""
    return all(
        alert.resolved_at is not None or alert.severity is Severity.INFO
        for alert in notification.alerts
    )


def _circle(alert: AlertText) -> str:
    return _CIRCLES[alert.severity] if alert.is_firing else _RESOLVED_CIRCLE
