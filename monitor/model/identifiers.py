"""Write names of tables and columns as MariaDB and MySQL take them in a statement; pure."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"[^\0]{1,64}")
"""The longest name that the servers have; NUL is the one character that none can have."""
_NOT_IN_A_LINE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Whoever copies a text must not get a statement from the line after a comment, nor read it the other way round."""


def identifier_fault(value: object) -> str:
    """Return why a value cannot be the name of a schema, table or column; empty where it can.

    Whatever else is in it stays within the backticks; the server says of what it does not have.
    """
    if isinstance(value, str) and _NAME.fullmatch(value):
        return ""
    return f"{value!r} is none; allowed: text of 1 to 64 characters"


def in_one_line(text: str) -> str:
    """Return what a name, a type or a place is in a sentence: without what ends a line, or turns it round."""
    return _NOT_IN_A_LINE.sub(" ", text)


def quoted(identifier: str) -> str:
    """Return a name between backticks, those in it doubled."""
    # A doubled backtick is all that needs to be written otherwise; a backslash stands for itself.
    return "`" + identifier.replace("`", "``") + "`"
