"""Make a Slack message of a notification, within the limits of Block Kit; pure."""

from __future__ import annotations

import re
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

from monitor.model.alerts import Notification
from monitor.notify.chat_text import (
    RESOLVED_COLOR,
    Markup,
    color_of,
    section,
    texts_of,
    without_fences,
)
from monitor.notify.message_text import title

# Slack refuses a message with more than 50 blocks (docs.slack.dev, Blocks): one alert is one block, and
# twenty are as many as anybody reads.
_MAX_ALERTS: Final = 20
# Characters in a section's and in a header's text (docs.slack.dev, section block and header block).
_MAX_SECTION: Final = 3000
_MAX_HEADER: Final = 150
# All sections together; beyond about this Slack folds a message away behind "See more".
_MAX_ALL_SECTIONS: Final = 12_000

_MENTION: Final = re.compile(r"@(?=here|channel|everyone)", re.IGNORECASE)
_ENTITIES: Final = MappingProxyType({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def _tamed(text: str) -> str:
    return _MENTION.sub("@\u200b", text)


def _tamed_code(text: str) -> str:
    return _tamed(without_fences(text))


_MARKUP: Final = Markup(
    escapes=_ENTITIES,
    code_escapes=_ENTITIES,
    bold=("*", "*"),
    code=("```", "```"),
    # An address ends where it ends: at the bar.
    link="<{address}|{text}>",
    link_escapes=MappingProxyType({"&": "&amp;", "|": "%7C", "@": "%40"}),
    tamed=_tamed,
    tamed_code=_tamed_code,
)


def message_of(notification: Notification, external_url: str) -> dict[str, Any]:
    """Make the message: a title, a section for each alert, a bar coloured by how bad it is."""
    heading = escaped(title(notification), _MAX_HEADER)
    texts, left_out = texts_of(
        notification, external_url, max_alerts=_MAX_ALERTS, max_length=_MAX_SECTION
    )
    max_length = min(_MAX_SECTION, _MAX_ALL_SECTIONS // max(1, len(texts)))
    attachments = []
    for color, alike in groupby(texts, key=color_of):
        blocks = [_section(section(text, _MARKUP, max_length)) for text in alike]
        attachments.append({"color": color, "blocks": blocks})
    if left_out:
        blocks = [_section(f"and {left_out} more")]
        attachments.append({"color": RESOLVED_COLOR, "blocks": blocks})
    header = {"type": "plain_text", "text": heading, "emoji": False}
    return {
        "text": heading,
        "blocks": [{"type": "header", "text": header}],
        "attachments": attachments,
    }


def escaped(text: str, max_length: int) -> str:
    """Escape what Slack reads as markup or as a call to people, and shorten what is then too long."""
    return _MARKUP.escaped(text, max_length)


def _section(text: str) -> dict[str, Any]:
    # verbatim: no address, channel or name in the text becomes a link by itself
    return {
        "type": "section",
        "text": {"type": "mrkdwn", "text": text, "verbatim": True},
    }
