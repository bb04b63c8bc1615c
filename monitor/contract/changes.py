"""What a statement adds to the schema, or gives another name; for the repair of what is missing; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Final

from monitor.config.sql.lexer import Token, code_of, scan
from monitor.contract.renames import renamed_part, renamed_tables
from monitor.model.application import SchemaChange

_CHANGES: Final = re.compile(
    r"\A[\s(]*(?:CREATE|ALTER|DROP|RENAME|TRUNCATE)\b",
    re.IGNORECASE,
)
_NO_COLUMNS: Final = frozenset(
    (
        "CHECK",
        "CONSTRAINT",
        "FOREIGN",
        "FULLTEXT",
        "INDEX",
        "KEY",
        "PARTITION",
        "PERIOD",
        "PRIMARY",
        "SPATIAL",
        "UNIQUE",
    )
)
"""What else than a column may be added to a table."""
_BEFORE_NAME: Final = frozenset(("COLUMN", "IF", "NOT", "EXISTS"))
_PLACES: Final = frozenset(("AFTER", "FIRST", "COMMENT"))
"""Where a column goes, and what is said of it, is no part of its type."""
_BLANKS: Final = re.compile(r" (?=[(),])|(?<=[(,]) ")


def is_schema_change(text: str) -> bool:
    """Return whether a statement changes the schema, and no rows."""
    return _CHANGES.match(text) is not None


def changes_of(text: str) -> Iterator[SchemaChange]:
    """Yield what CREATE TABLE and ALTER TABLE add, and what they and RENAME TABLE rename; of all else nothing."""
    code = code_of(scan(text))
    words = [token.word for token in code[:4]]
    if words[:2] in (["RENAME", "TABLE"], ["RENAME", "TABLES"]):
        yield from renamed_tables(_items(code[2:]))
    if "TABLE" not in words:
        return
    at = words.index("TABLE") + 1
    at += _length_of(code[at:], _BEFORE_NAME)
    name = code[at : at + _length_of_name(code[at:])]
    table = name[-1].name if name else ""
    rest = code[at + len(name) :]
    if words[0] == "CREATE":
        is_temporary = "TEMPORARY" in words
        yield SchemaChange(table, is_temporary=is_temporary)
        yield from _columns(table, _items(rest[1:]))
    elif words[0] == "ALTER":
        yield from _added(table, _items(rest))


def _added(
    table: str,
    items: Iterable[Sequence[Token]],
) -> Iterator[SchemaChange]:
    """Yield what the parts of an ALTER TABLE bring: new columns, and new names."""
    for item in items:
        rest = item[1 + _length_of(item[1:], _BEFORE_NAME) :]
        words = [token.word for token in item[:2]]
        if words[:1] == ["ADD"]:
            yield from _columns(table, [rest])
        else:
            yield from renamed_part(table, words, rest)


def _columns(
    table: str,
    items: Iterable[Sequence[Token]],
) -> Iterator[SchemaChange]:
    for item in items:
        is_column = _begins_with_name(item)
        if is_column:
            yield SchemaChange(
                table=table,
                column=item[0].name,
                definition=_definition(item[1:]),
            )


def _begins_with_name(item: Sequence[Token]) -> bool:
    kinds = [token.kind for token in item[:1]]
    is_named = kinds in (["word"], ["quoted_name"])
    return is_named and item[0].word not in _NO_COLUMNS


def _definition(tokens: Sequence[Token]) -> str:
    """Return a type as it is written, up to where the column goes."""
    kept = takewhile(lambda token: token.word not in _PLACES, tokens)
    texts = [f" {token.text}" for token in kept]
    written = "".join(texts).strip()
    return _BLANKS.sub("", written)


def _items(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Yield what stands between the commas outside of parentheses, up to the end of what encloses it."""
    depth = 0
    begin = 0
    for at, token in enumerate(tokens):
        depth += token.text == "("
        depth -= token.text == ")"
        is_end = depth < 0 or token.text == ";"
        if depth <= 0 and (is_end or token.text == ","):
            yield tokens[begin:at]
            begin = at + 1
        if is_end:
            return
    yield tokens[begin:]


def _length_of_name(tokens: Sequence[Token]) -> int:
    """Return how many tokens a table's name has: the name of a database may stand before it."""
    texts = [token.text for token in tokens[:2]]
    return 3 if "." in texts else 1


def _length_of(
    tokens: Sequence[Token],
    words: frozenset[str],
) -> int:
    """Return how many of the first tokens are of these words."""
    first = takewhile(lambda token: token.word in words, tokens)
    return len(list(first))
