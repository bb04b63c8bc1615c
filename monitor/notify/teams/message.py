"""Make an Adaptive Card of a notification, within the size that Teams takes; pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from monitor.model.alerts import Notification
from monitor.model.settings import Severity
from monitor.model.wording import shortened
from monitor.notify.chat_text import (
    PLAIN,
    Role,
    TextLine,
    lines_of,
    short_links,
    texts_of,
)
from monitor.notify.encoding import as_json
from monitor.notify.message_text import AlertText, title

# Teams refuses what is longer than 28 KB (Microsoft's "limits and specifications"); the workflow puts the card
# into a message of its own, for which some is left.
_MAX_BYTES: Final = 24_000
# For all alerts in characters, tried until the card is small enough.
_CUTS: Final = (12_000, 6000, 3000, 1500)
_MAX_ALERTS: Final = 10
_MAX_TEXT: Final = 6000
_MAX_TITLE: Final = 300

_STYLES: Final = MappingProxyType(
    {
        Severity.CRITICAL: "attention",
        Severity.WARNING: "warning",
        Severity.INFO: "accent",
    }
)
_RESOLVED_STYLE: Final = "good"
_LOOKS: Final[Mapping[Role, Mapping[str, Any]]] = MappingProxyType(
    {
        Role.SUMMARY: {"weight": "Bolder"},
        Role.FACTS: {"isSubtle": True},
        Role.TEXT: {},
        Role.CODE: {"fontType": "Monospace"},
    }
)


def message_of(notification: Notification, external_url: str) -> bytes:
    """Make the body: one card with a title, and for each alert a container, coloured by how bad it is."""
    texts, left_out = texts_of(
        notification, external_url, max_alerts=_MAX_ALERTS, max_length=_MAX_TEXT
    )
    heading = shortened(title(notification), _MAX_TITLE)
    content = b""
    for max_length in _CUTS:
        share = max_length // max(1, len(texts))
        blocks = [_paragraph({"weight": "Bolder", "size": "Large"}, heading)]
        blocks += [_container(text, share) for text in texts]
        if left_out:
            blocks.append(_paragraph({"isSubtle": True}, f"and {left_out} more"))
        content = as_json(_message(blocks))
        if len(content) <= _MAX_BYTES:
            break
    return content


def _message(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        # The newest that Teams shows on phones too.
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": blocks,
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _container(alert: AlertText, max_length: int) -> dict[str, Any]:
    style = _STYLES[alert.severity] if alert.is_firing else _RESOLVED_STYLE
    items = [_line(line) for line in lines_of(alert, PLAIN, max_length)]
    links = short_links(alert)
    if links:
        actions = [
            {"type": "Action.OpenUrl", "title": text, "url": address}
            for text, address in links
        ]
        items.append({"type": "ActionSet", "actions": actions})
    return {"type": "Container", "style": style, "separator": True, "items": items}


def _line(line: TextLine) -> dict[str, Any]:
    return _paragraph(_LOOKS[line.role], line.text)


def _paragraph(look: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Write a text as a run, of which Teams shows every character: a TextBlock would read it as Markdown."""
    run = {"type": "TextRun", "text": text, **look}
    return {"type": "RichTextBlock", "inlines": [run]}
