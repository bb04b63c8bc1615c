"""The server and the topic in the address of a topic; pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

# Of ntfy (server/server.go).
_TOPIC: Final = re.compile(r"[-_A-Za-z0-9]{1,64}")


def topic_of(address: str) -> tuple[str, str] | None:
    """Return the server's address and the topic of `https://ntfy.sh/TOPIC`; None where it has none."""
    try:
        split = urlsplit(address)
    except ValueError:
        return None
    path, _, topic = split.path.rstrip("/").rpartition("/")
    if _TOPIC.fullmatch(topic) is None:
        return None
    return urlunsplit((split.scheme, split.netloc, f"{path}/", "", "")), topic
