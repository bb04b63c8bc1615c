"""Find which functions of a query answer in the time zone of the session; pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.catalog.scan import Token, scan
from monitor.model.settings import Query

_BARE = frozenset({"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"})
_CALLED = frozenset({"NOW", "SYSDATE", "CURDATE", "CURTIME", "FROM_UNIXTIME", "UNIX_TIMESTAMP"})
_BLANK = ("blank", "comment")


def local_time_functions(query: Query) -> tuple[str, ...]:
    """Return the functions, sorted, that a query's statements and evidence use: NOW() and its kin."""
    evidence = [rule.evidence for rule in query.rules if rule.evidence is not None]
    statements = [query.statement, *query.variants.values(), *evidence]
    return tuple(sorted({name for statement in statements for name in _found(statement.text)}))


def _found(text: str) -> Iterator[str]:
    tokens = [token for token in scan(text) if token.kind not in _BLANK]
    ends = Token("other", "", len(text), "")
    for token, following, second in zip(tokens, [*tokens[1:], ends], [*tokens[2:], ends, ends], strict=False):
        is_called = following.text == "("
        # without an argument it is the number of seconds since 1970, which no zone changes
        is_zoneless = token.word == "UNIX_TIMESTAMP" and second.text == ")"
        if token.word in _BARE or (token.word in _CALLED and is_called and not is_zoneless):
            yield f"{token.word}()"
