"""POST a message for people to a Slack incoming webhook, or to what takes the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

from monitor.model.alerts import Notification
from monitor.model.errors import DeliveryError
from monitor.model.settings import Receiver
from monitor.notify.http_client import Post
from monitor.notify.message_text import Story, is_code, joined, story, title
from monitor.notify.secrets import address_of
from monitor.notify.transport import Means

# Limits of Block Kit: 50 blocks in a message, 3000 characters in a section, 150 in a header.
_MOST_ALERTS: Final = 20
_MOST_OF_A_SECTION: Final = 3000
_MOST_OF_A_HEADER: Final = 150
_MOST_OF_ALL_SECTIONS: Final = 12_000
_COLORS: Final = MappingProxyType(
    {"critical": "#d00000", "warning": "#daa038", "info": "#439fe0"}
)
_RESOLVED_COLOR: Final = "#2eb886"
_MENTION: Final = re.compile(r"@(?=here|channel|everyone)", re.IGNORECASE)
_ENTITIES: Final = MappingProxyType({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Slack:
    """The sender of one receiver of this kind."""

    def __init__(self, receiver: Receiver, means: Means, *, external_url: str) -> None:
        self._receiver = receiver
        self._secrets = means.secrets
        self._post = Post(means, timeout=receiver.timeout)
        self._external_url = external_url

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt."""
        body = json.dumps(message(notification, self._external_url)).encode()
        try:
            self._post.send(
                address_of(self._receiver, self._secrets), body, {}, now=now
            )
        except DeliveryError as error:
            if error.reason == "http_410":
                # channel_is_archived: it can be brought back, or the address be replaced.
                error.recoverable = True
            raise

    def abort(self) -> None:
        """Cut the attempt under way."""
        self._post.abort()

    def close(self) -> None:
        """Close the connection."""
        self._post.close()


def message(notification: Notification, external_url: str) -> dict[str, Any]:
    """Make the message: a title, a section for each alert, a bar coloured by how bad it is."""
    heading = escaped(title(notification), _MOST_OF_A_HEADER)
    told = notification.alerts[:_MOST_ALERTS]
    stories = [
        story(alert, notification, external_url, most=_MOST_OF_A_SECTION)
        for alert in told
    ]
    most = min(_MOST_OF_A_SECTION, _MOST_OF_ALL_SECTIONS // max(1, len(stories)))
    attachments = [
        {"color": color, "blocks": [_section(_text(one, most)) for one in group]}
        for color, group in groupby(sorted(stories, key=_rank), key=_color)
    ]
    more = len(notification.alerts) - len(stories)
    if more:
        attachments.append(
            {"color": _RESOLVED_COLOR, "blocks": [_section(f"and {more} more")]}
        )
    return {
        "text": heading,
        "blocks": [
            {
                "type": "header",
                "text": {"type": "plain_text", "text": heading, "emoji": False},
            }
        ],
        "attachments": attachments,
    }


def escaped(text: str, most: int) -> str:
    """Escape what Slack reads as markup or as a call to people; at most so long when it is escaped."""
    quiet = _MENTION.sub("@\u200b", text)
    parts: list[str] = []
    left = most - 1
    for character in quiet:
        part = _ENTITIES.get(character, character)
        left -= len(part) + (character > "\uffff")  # it counts as two there
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


def _text(one: Story, most: int) -> str:
    """Write one alert; of what is too long the evidence goes first, the links never."""
    facts = f"{one.course} · {one.severity} · value {one.value}"
    links = " · ".join(f"<{_target(address)}|{text}>" for text, address in one.links)
    links = links if len(links) < most // 2 else ""
    lines = [f"*{escaped(one.summary, most // 3)}*", escaped(facts, 150)]
    left = most - len(links) - sum(map(len, lines)) - 2 * len(lines)
    for text, code in _parts(one):
        if left < (100 if code else 60):
            break
        lines.append(_block(text, code, left - 1))
        left -= len(lines[-1]) + 1
    evidence = "\n".join(one.evidence_lines)
    if evidence and left > 100:
        lines.append(_block("", evidence, left - 2))
    return "\n".join([*lines, *([links] if links else [])])


def _parts(one: Story) -> Iterator[tuple[str, str]]:
    """Write each part as its text, and the code that is to be copied as it stands."""
    if one.description:
        yield one.description, ""
    if one.labels:
        yield joined(one.labels, "  "), ""
    for name, text in one.notes:
        if is_code(text):
            yield f"{name}:\n", text.strip()
        else:
            yield f"{name}: {text}", ""


def _block(text: str, code: str, most: int) -> str:
    lead = escaped(text, most)
    if not code:
        return lead
    # Three of them in a row would end the block; single ones are quotes of SQL names.
    quiet = code.replace("```", "` ` `")
    return f"{lead}```{escaped(quiet, most - len(lead) - 6)}```"


def _target(address: str) -> str:
    for character, code in (("&", "&amp;"), ("|", "%7C"), ("@", "%40")):
        address = address.replace(character, code)
    return address


def _rank(one: Story) -> tuple[bool, int]:
    return not one.is_firing, list(_COLORS).index(one.severity) if one.is_firing else 0


def _color(one: Story) -> str:
    return _COLORS[one.severity] if one.is_firing else _RESOLVED_COLOR
