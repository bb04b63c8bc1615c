"""Make a Google Chat message of a notification: a card, within the size that Chat takes; pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from monitor.model.alerts import Notification
from monitor.notify.chat_text import (
    Markup,
    Role,
    TextLine,
    color_of,
    cut,
    lines_of,
    short_links,
    texts_of,
)
from monitor.notify.encoding import as_json
from monitor.notify.message_text import AlertText, title

# Of the API (spaces.messages.create): 32,000 bytes for text and cards together.
_MAX_BYTES: Final = 30_000
# For all alerts in characters, tried until the message is small enough.
_CUTS: Final = (12_000, 6000, 3000)
_MAX_ALERTS: Final = 10
_MAX_TEXT: Final = 6000
_MAX_TITLE: Final = 300

_MARKUP: Final = Markup(
    escapes=MappingProxyType({"&": "&amp;", "<": "&lt;", ">": "&gt;"}),
    code_escapes=MappingProxyType({"&": "&amp;", "<": "&lt;", ">": "&gt;"}),
    bold=("<b>", "</b>"),
)
# `<users/all>` in a text calls everybody, `<address|words>` is a link, and there is no way to escape.
_NO_BRACKETS: Final = MappingProxyType(
    {"<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"}
)


def message_of(notification: Notification, thread_key: str, external_url: str) -> bytes:
    """Make the body: a title as text, for the phone's notice, and a card with a section for each alert."""
    texts, left_out = texts_of(
        notification, external_url, max_alerts=_MAX_ALERTS, max_length=_MAX_TEXT
    )
    text = cut(title(notification), _MAX_TITLE, _NO_BRACKETS)
    if left_out:
        text += f"\nand {left_out} more"
    content = b""
    for max_length in _CUTS:
        share = max_length // max(1, len(texts))
        sections = [{"widgets": _widgets(alert, share)} for alert in texts]
        content = as_json(
            {
                "text": text,
                "cardsV2": [{"cardId": "alerts", "card": {"sections": sections}}],
                "thread": {"threadKey": thread_key},
            }
        )
        if len(content) <= _MAX_BYTES:
            break
    return content


def _widgets(alert: AlertText, max_length: int) -> list[dict[str, Any]]:
    lines = [
        _colored(line, color_of(alert)) for line in lines_of(alert, _MARKUP, max_length)
    ]
    widgets: list[dict[str, Any]] = [{"textParagraph": {"text": "\n".join(lines)}}]
    links = short_links(alert)
    if links:
        buttons = [
            {"text": text, "onClick": {"openLink": {"url": address}}}
            for text, address in links
        ]
        widgets.append({"buttonList": {"buttons": buttons}})
    return widgets


def _colored(line: TextLine, color: str) -> str:
    if line.role is Role.FACTS:
        return f'<font color="{color}">{line.text}</font>'
    return line.text
