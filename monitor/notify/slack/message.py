"""Make a Slack message of a notification, within the limits of Block Kit; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

from monitor.alerting.severity import rank
from monitor.model.alerts import Notification
from monitor.model.settings import Severity
from monitor.notify.message_text import AlertText, alert_text, title
from monitor.notify.plain_text import is_code, joined

# Slack refuses a message with more than 50 blocks (docs.slack.dev, Blocks): one alert is one block, and
# twenty are as many as anybody reads.
_MAX_ALERTS: Final = 20
# Characters in a section's and in a header's text (docs.slack.dev, section block and header block).
_MAX_SECTION: Final = 3000
_MAX_HEADER: Final = 150
# All sections together; beyond about this Slack folds a message away behind "See more".
_MAX_ALL_SECTIONS: Final = 12_000
_MAX_FACTS: Final = 150
# With less room than this a line, or a block of code, says nothing.
_MIN_LINE: Final = 60
_MIN_CODE: Final = 100

_COLORS: Final = MappingProxyType(
    {
        Severity.CRITICAL: "#d00000",
        Severity.WARNING: "#daa038",
        Severity.INFO: "#439fe0",
    }
)
_RESOLVED_COLOR: Final = "#2eb886"
_MENTION: Final = re.compile(r"@(?=here|channel|everyone)", re.IGNORECASE)
_ENTITIES: Final = MappingProxyType({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def message_of(notification: Notification, external_url: str) -> dict[str, Any]:
    """Make the message: a title, a section for each alert, a bar coloured by how bad it is."""
    heading = escaped(title(notification), _MAX_HEADER)
    shown = notification.alerts[:_MAX_ALERTS]
    texts = [
        alert_text(alert, notification, external_url, max_length=_MAX_SECTION)
        for alert in shown
    ]
    max_length = min(_MAX_SECTION, _MAX_ALL_SECTIONS // max(1, len(texts)))
    attachments = []
    for color, alike in groupby(sorted(texts, key=_rank), key=_color):
        blocks = [_section(_section_text(text, max_length)) for text in alike]
        attachments.append({"color": color, "blocks": blocks})
    left_out = len(notification.alerts) - len(texts)
    if left_out:
        blocks = [_section(f"and {left_out} more")]
        attachments.append({"color": _RESOLVED_COLOR, "blocks": blocks})
    header = {"type": "plain_text", "text": heading, "emoji": False}
    return {
        "text": heading,
        "blocks": [{"type": "header", "text": header}],
        "attachments": attachments,
    }


def escaped(text: str, max_length: int) -> str:
    """Escape what Slack reads as markup or as a call to people, and shorten what is then too long."""
    quiet = _MENTION.sub("@\u200b", text)
    parts: list[str] = []
    left = max_length - 1
    for character in quiet:
        part = _ENTITIES.get(character, character)
        # Slack counts in UTF-16, where such a character is two.
        left -= len(part) + (character > "\uffff")
        if left < 0:
            return "".join(parts) + "…"
        parts.append(part)
    return "".join(parts)


def _section(text: str) -> dict[str, Any]:
    # verbatim: no address, channel or name in the text becomes a link by itself
    return {
        "type": "section",
        "text": {"type": "mrkdwn", "text": text, "verbatim": True},
    }


def _section_text(alert: AlertText, max_length: int) -> str:
    """Write one alert; of what is too long the evidence goes first, the links never."""
    links = " · ".join(
        f"<{_link_target(address)}|{text}>" for text, address in alert.links
    )
    if len(links) >= max_length // 2:
        links = ""
    facts = f"{alert.status_line} · {alert.severity} · value {alert.value}"
    lines = [
        f"*{escaped(alert.summary, max_length // 3)}*",
        escaped(facts, _MAX_FACTS),
    ]
    written = sum(len(line) for line in lines)
    left = max_length - len(links) - written - 2 * len(lines)
    for text, code in _parts(alert):
        if left < (_MIN_CODE if code else _MIN_LINE):
            break
        line = _text_and_code(text, code, left - 1)
        lines.append(line)
        left -= len(line) + 1
    evidence = "\n".join(alert.evidence_lines)
    if evidence and left > _MIN_CODE:
        lines.append(_text_and_code("", evidence, left - 2))
    if links:
        lines.append(links)
    return "\n".join(lines)


def _parts(alert: AlertText) -> Iterator[tuple[str, str]]:
    """Write each part as its text, and the code that is to be copied as it stands."""
    if alert.description:
        yield alert.description, ""
    if alert.labels:
        yield joined(alert.labels, "  "), ""
    for name, text in alert.notes:
        if is_code(text):
            yield f"{name}:\n", text.strip()
        else:
            yield f"{name}: {text}", ""


def _text_and_code(text: str, code: str, max_length: int) -> str:
    lead = escaped(text, max_length)
    if not code:
        return lead
    # Three of them in a row would end the block; single ones are quotes of SQL names.
    quiet = code.replace("```", "` ` `")
    return f"{lead}```{escaped(quiet, max_length - len(lead) - 6)}```"


def _link_target(address: str) -> str:
    """Write an address so that it ends where it ends: `<address|text>` is how Slack writes a link."""
    return address.replace("&", "&amp;").replace("|", "%7C").replace("@", "%40")


def _rank(alert: AlertText) -> tuple[bool, int]:
    """Order alerts: what fires first, the worst of it foremost."""
    if not alert.is_firing:
        return True, 0
    return False, -rank(alert.severity)


def _color(alert: AlertText) -> str:
    return _COLORS[alert.severity] if alert.is_firing else _RESOLVED_COLOR
