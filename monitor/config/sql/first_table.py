"""Find the table that a statement reads first, by the words of its text alone; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from monitor.config.sql.lexer import Token, code_of

# What stands in parentheses and is no query of its own: TRIM(' ' FROM name) reads no table.
_CALL: Final = re.compile(r"\((?!\s*(?:SELECT|WITH)\b)[^()]*\)", re.IGNORECASE)
_FROM: Final = re.compile(r"\bFROM (\{?[\w$]+\}?)", re.IGNORECASE)


def first_table(tokens: Sequence[Token]) -> str:
    """Return the name behind the first FROM of a query, `{name}` where it is a parameter; empty without one."""
    texts: list[str] = []
    for token in code_of(tokens):
        shown = {"string": "''", "quoted_name": token.name}
        texts.append(shown.get(token.kind, token.text))
    text, is_shorter = " ".join(texts), 1
    while is_shorter:
        text, is_shorter = _CALL.subn("", text)
    found = _FROM.search(text)
    return found[1] if found is not None else ""
