"""Find which functions of a query answer in the time zone of the session; pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.config.sql.lexer import Token, scan
from monitor.model.settings import Query

_BARE = frozenset(
    {"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"}
)
_CALLED = frozenset({"NOW", "SYSDATE", "CURDATE", "CURTIME", "FROM_UNIXTIME"})
_CALLED_WITH_TIME = "UNIX_TIMESTAMP"
"""Without an argument it is the number of seconds since 1970, which no zone changes."""
_BLANK = ("blank", "comment")


def local_time_functions(query: Query) -> tuple[str, ...]:
    """Return the functions, sorted, that a query's statements and evidence use: NOW() and its kin."""
    statements = [query.statement, *query.variants.values()]
    statements += [rule.evidence for rule in query.rules if rule.evidence is not None]
    found: set[str] = set()
    for statement in statements:
        found.update(_functions_in(statement.text))
    return tuple(sorted(found))


def _functions_in(text: str) -> Iterator[str]:
    tokens = [token for token in scan(text) if token.kind not in _BLANK]
    for position, token in enumerate(tokens):
        if _is_local(token, tokens[position + 1 : position + 3]):
            yield f"{token.word}()"


def _is_local(token: Token, following: list[Token]) -> bool:
    """Return whether a word, by the two tokens behind it, asks for a time in the session's zone."""
    if token.word in _BARE:
        return True
    texts = [one.text for one in following]
    is_called = texts[:1] == ["("]
    if token.word == _CALLED_WITH_TIME:
        return is_called and texts != ["(", ")"]
    return is_called and token.word in _CALLED
