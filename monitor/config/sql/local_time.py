"""Find which functions of a query answer in the time zone of the session; pure.

The shipped queries are written for UTC, an operator's own may be not (ADR 0017 and 0023).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from monitor.config.sql.lexer import Token, code_of, scan
from monitor.model.settings import Query

# Words of the grammar: they need no parentheses.
_BARE: Final = frozenset(
    {
        "CURRENT_DATE",
        "CURRENT_TIME",
        "CURRENT_TIMESTAMP",
        "LOCALTIME",
        "LOCALTIMESTAMP",
    }
)
_CALLED: Final = frozenset(
    {
        "NOW",
        "SYSDATE",
        "CURDATE",
        "CURTIME",
        "FROM_UNIXTIME",
    }
)
_CALLED_WITH_TIME: Final = "UNIX_TIMESTAMP"
"""Without an argument it is the number of seconds since 1970, which no zone changes."""


def local_time_functions(query: Query) -> tuple[str, ...]:
    """Return the functions, sorted, that a query's statements and evidence use: NOW() and its kin."""
    statements = query.own_statements + query.rule_statements
    functions: set[str] = set()
    for statement in statements:
        functions |= _functions_in(code_of(scan(statement.text)))
    return tuple(sorted(functions))


def _functions_in(code: Sequence[Token]) -> set[str]:
    functions = set()
    for position, token in enumerate(code):
        following = [other.text for other in code[position + 1 : position + 3]]
        if _is_local(token.word, following):
            functions.add(f"{token.word}()")
    return functions


def _is_local(word: str, following: Sequence[str]) -> bool:
    """Return whether a word, by the two tokens behind it, asks for a time in the session's zone."""
    if word in _BARE:
        return True
    is_called = following[:1] == ["("]
    if word == _CALLED_WITH_TIME:
        return is_called and following != ["(", ")"]
    return is_called and word in _CALLED
