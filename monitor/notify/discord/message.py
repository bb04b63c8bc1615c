"""Make a Discord message of a notification, within the limits of embeds; pure."""

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
from monitor.notify.message_text import AlertText, title

# Of the API (Discord's documentation, Message and Embed Limits): 10 embeds, 4096 characters of description,
# 6000 in all embeds of a message, 2000 of content.
_MAX_ALERTS: Final = 10
_MAX_EMBED: Final = 4096
_MAX_ALL_EMBEDS: Final = 6000
_MAX_TITLE: Final = 300

_MARKUP: Final = Markup(
    escapes=MappingProxyType({mark: f"\\{mark}" for mark in "\\*_~`|>#[]()<"}),
    bold=("**", "**"),
    code=("```\n", "\n```"),
    link="[{text}](<{address}>)",
    link_escapes=MappingProxyType({"<": "%3C", ">": "%3E", ")": "%29"}),
    tamed=quiet,
    tamed_code=without_fences,
)


def message_of(notification: Notification, external_url: str) -> dict[str, Any]:
    """Make the message: a title, and for each alert an embed, coloured by how bad it is."""
    texts, left_out = texts_of(
        notification, external_url, max_alerts=_MAX_ALERTS, max_length=_MAX_EMBED
    )
    max_length = min(_MAX_EMBED, _MAX_ALL_EMBEDS // max(1, len(texts)))
    content = _MARKUP.escaped(title(notification), _MAX_TITLE)
    if left_out:
        content += f"\nand {left_out} more"
    return {
        "content": content,
        "embeds": [_embed(text, max_length) for text in texts],
        # Whatever the texts hold, nobody is called.
        "allowed_mentions": {"parse": []},
    }


def _embed(alert: AlertText, max_length: int) -> dict[str, Any]:
    return {
        "description": section(alert, _MARKUP, max_length),
        "color": int(color_of(alert).removeprefix("#"), 16),
    }
