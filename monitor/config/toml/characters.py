"""Name characters that look like plain ones and are not: what editors and web pages put in; pure."""

from __future__ import annotations

import unicodedata

# Categories of Unicode: quotes that open and close, blanks of every kind, and what is not seen at all.
_LOOK_PLAIN = ("Pi", "Pf", "Zs", "Zl", "Zp", "Cf", "Cc")


def code_point(character: str) -> str:
    """Return how a message names a character, such as `U+201C LEFT DOUBLE QUOTATION MARK`."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


def odd_quote_or_blank(text: str) -> str:
    """Name the first character that looks like a plain quote or blank and is not; empty without one."""
    for character in text:
        is_odd = unicodedata.category(character) in _LOOK_PLAIN
        if is_odd and not character.isascii():
            return code_point(character)
    return ""
