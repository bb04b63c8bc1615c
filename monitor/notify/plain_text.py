"""Texts and addresses that can stand in any message for people; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlsplit

from monitor.model.wording import readable

# Longer ones are cut by programs that people read mail and chat with; a part of an address leads nowhere.
_MAX_ADDRESS: Final = 2000
_LAYOUT: Final = frozenset("\n\t")


def plain(text: str) -> str:
    """Replace what no text for people holds: control characters, and what UTF-8 cannot carry."""
    text = readable(text).replace("\r\n", "\n")
    for character in set(text) - _LAYOUT:
        if not character.isprintable():
            text = text.replace(character, " ")
    return text


def one_line(text: str) -> str:
    """Make one line of a text."""
    return " ".join(plain(text).split())


def is_code(text: str) -> bool:
    """Return whether a text is to be copied as it stands, such as the SQL of a repair."""
    return "\n" in text.strip()


def joined(pairs: Iterable[tuple[str, str]], separator: str) -> str:
    """Write names and values in one text."""
    return separator.join(f"{name}={value}" for name, value in pairs)


def web_address(text: str) -> str:
    """Return an address that can stand in a link; empty where a text is none."""
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        return ""
    if scheme not in ("http", "https"):
        return ""
    address = quote(text, safe=":/?#[]@!$&'()*+,;=%~", errors="replace")
    return address if len(address) <= _MAX_ADDRESS else ""
