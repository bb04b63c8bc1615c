"""Make what a service of Apprise is given: a title, a text no longer than it takes, and how bad it is; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from monitor.model.alerts import Notification
from monitor.model.settings import Severity
from monitor.model.wording import shortened
from monitor.notify.chat_text import Markup, quiet, section, texts_of
from monitor.notify.message_text import title

_MAX_ALERTS: Final = 10
_MAX_TITLE: Final = 200
# Longer than anybody reads on what these services show it on.
_MAX_BODY: Final = 4000
_MARKUP: Final = Markup(tamed=quiet)

# In the words of the library, by which services choose colours, sounds and states.
_TYPES: Final[Mapping[Severity, str]] = MappingProxyType(
    {
        Severity.CRITICAL: "failure",
        Severity.WARNING: "warning",
        Severity.INFO: "info",
    }
)
_RESOLVED_TYPE: Final = "success"


@dataclass(frozen=True, slots=True)
class MessageRoom:
    """How many characters a service takes; without any for a title this is the first line of the text."""

    title: int
    body: int


@dataclass(frozen=True, slots=True)
class ServiceMessage:
    """What one service is given at one attempt."""

    title: str
    body: str
    type: str


def message_of(
    notification: Notification, room: MessageRoom, external_url: str
) -> ServiceMessage:
    """Write the message, within the room that there is."""
    allowed = min(room.title, _MAX_TITLE) if room.title > 0 else _MAX_TITLE
    heading = quiet(shortened(title(notification), allowed))[:allowed]
    left = min(room.body, _MAX_BODY)
    if room.title <= 0:
        left -= len(heading) + 2
    texts, left_out = texts_of(
        notification, external_url, max_alerts=_MAX_ALERTS, max_length=left
    )
    blocks = []
    if left_out:
        blocks.append(f"and {left_out} more")
        left -= len(blocks[0]) + 2
    share = left // max(1, len(texts)) - 2
    blocks[:0] = [section(text, _MARKUP, share) for text in texts]
    worst = texts[0] if texts and texts[0].is_firing else None
    kind = _TYPES[worst.severity] if worst else _RESOLVED_TYPE
    return ServiceMessage(heading, "\n\n".join(blocks), kind)
