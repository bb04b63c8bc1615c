"""Make a Mattermost message of a notification; pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from monitor.model.alerts import Notification
from monitor.notify.chat_text import (
    Markup,
    color_of,
    quiet,
    section,
    texts_of,
    without_fences,
)
from monitor.notify.encoding import as_json
from monitor.notify.message_text import AlertText, title

# Before version 6 servers refuse a post whose attachments have more than 8000 characters as JSON, where what is
# escaped can be four times as long. For all alerts in characters, tried until they are short enough.
_MAX_JSON: Final = 7800
_CUTS: Final = (6000, 3000, 1500)
_MAX_ALERTS: Final = 10
_MAX_SECTION: Final = 3000
_MAX_TITLE: Final = 300
_MAX_FALLBACK: Final = 100


def _tamed_code(text: str) -> str:
    # The server makes calls of Slack's <!here> before it looks what is code.
    return without_fences(text).replace("<!", "<\u200b!")


_MARKUP: Final = Markup(
    # As an entity `<` cannot begin one of Slack's calls or links, which the server translates.
    escapes=MappingProxyType(
        {mark: f"\\{mark}" for mark in "\\*_~`|#[]()!"}
        | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    ),
    bold=("**", "**"),
    code=("```\n", "\n```"),
    link="[{text}]({address})",
    link_escapes=MappingProxyType({"(": "%28", ")": "%29", "@": "%40"}),
    tamed=quiet,
    tamed_code=_tamed_code,
)


def message_of(notification: Notification, external_url: str) -> dict[str, Any]:
    """Make the message: a title, and for each alert an attachment with a bar coloured by how bad it is."""
    texts, left_out = texts_of(
        notification, external_url, max_alerts=_MAX_ALERTS, max_length=_MAX_SECTION
    )
    heading = _MARKUP.escaped(title(notification), _MAX_TITLE)
    if left_out:
        heading += f"\nand {left_out} more"
    attachments: list[dict[str, Any]] = []
    for max_length in _CUTS:
        share = min(_MAX_SECTION, max_length // max(1, len(texts)))
        attachments = [_attachment(text, share) for text in texts]
        if len(as_json(attachments)) <= _MAX_JSON:
            break
    return {"text": heading, "attachments": attachments}


def _attachment(alert: AlertText, max_length: int) -> dict[str, Any]:
    return {
        # Of notifications, and of clients that show no attachments.
        "fallback": _MARKUP.escaped(alert.summary, _MAX_FALLBACK),
        "color": color_of(alert),
        "text": section(alert, _MARKUP, max_length),
    }
