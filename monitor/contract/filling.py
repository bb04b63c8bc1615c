"""Fill the holes of a statement by what stands around them, so that it can be parsed; pure.

A hole is what only a run knows: a value, a name, a piece of the statement. After a complete expression it is a piece,
which is left out; where a name or a value has to come it is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.config.sql.lexer import Token, scan
from monitor.model.application import HOLE

_EXPECTING: Final = frozenset(
    (
        "SELECT",
        "DISTINCT",
        "FROM",
        "JOIN",
        "WHERE",
        "AND",
        "OR",
        "XOR",
        "NOT",
        "ON",
        "BY",
        "HAVING",
        "IN",
        "LIKE",
        "BETWEEN",
        "IS",
        "AS",
        "SET",
        "INTO",
        "UPDATE",
        "TABLE",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "UNION",
        "ALL",
        "DIV",
        "MOD",
        "REGEXP",
        "RLIKE",
        "EXISTS",
        "LIMIT",
        "OFFSET",
        "INTERVAL",
        "VALUES",
        "VALUE",
        "USING",
        "ESCAPE",
        "COLLATE",
        "BINARY",
        "ANY",
        "SOME",
        "RETURNING",
        "KEY",
        "STRAIGHT_JOIN",
    )
)
"""Words behind which a name or a value comes."""
_CLAUSES: Final = frozenset(
    (
        "FROM",
        "WHERE",
        "AND",
        "OR",
        "XOR",
        "ON",
        "GROUP",
        "ORDER",
        "HAVING",
        "LIMIT",
        "OFFSET",
        "UNION",
        "SET",
        "VALUES",
        "INTO",
        "LEFT",
        "RIGHT",
        "INNER",
        "OUTER",
        "CROSS",
        "JOIN",
        "NATURAL",
        "STRAIGHT_JOIN",
        "FOR",
        "LOCK",
        "AS",
        "ASC",
        "DESC",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "IN",
        "LIKE",
        "BETWEEN",
        "IS",
        "NOT",
        "DUPLICATE",
        "USING",
        "RETURNING",
        "PROCEDURE",
        "COLLATE",
        "REGEXP",
        "RLIKE",
        "DIV",
        "MOD",
        "ESCAPE",
        "EXCEPT",
        "INTERSECT",
        "USE",
        "FORCE",
        "IGNORE",
    )
)
"""Words before which an expression has ended."""
_NUMBERS: Final = frozenset(("LIMIT", "OFFSET", "INTERVAL"))
_LISTS: Final = frozenset(("VALUES", "VALUE", "IN"))
_VERBS: Final = frozenset(("SELECT", "INSERT", "DELETE", "REPLACE"))
_OPERATORS: Final = frozenset("=<>!+-*/%|&^~(,.")
# Not `a %s`: two words of a statement have a blank or a sign between them, and so has a remainder.
_FORMAT: Final = re.compile(r"(?<![\w`)])%(?:\(\w+\)|\d+\$)?[sdifu](?!\w)")
_SEVERAL: Final = re.compile(rf"(?:{HOLE}){{2,}}")
_NUMBERED: Final = re.compile(r"\$\d+")


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """A hole, and what stands around it: words in capitals, signs, anything else as it is."""

    before: str
    after: str
    clause: str
    """The last word before it that begins a clause."""

    @property
    def is_awaited(self) -> bool:
        """Return whether a name or a value has to come where the hole is."""
        return self.before in _EXPECTING or self.before in _OPERATORS

    @property
    def is_followed_by_operand(self) -> bool:
        """Return whether what comes next is a name or value, or begins one."""
        is_sign = self.after in _OPERATORS or self.after in (")", ";", "")
        return not is_sign and self.after not in _CLAUSES

    @property
    def filling(self) -> str:
        """Return what to put in place of the hole."""
        if "." in (self.before, self.after):
            return HOLE
        if self.clause == "LIMIT" or self.before in _NUMBERS:
            return "1"
        if self.before in _LISTS:
            return "(1)"
        if self.before == "SET":
            return HOLE if self.after == "=" else f"{HOLE} = 1"
        if self.before in _VERBS:
            # SELECT … a, INSERT … INTO: a modifier; SELECT … FROM, a column.
            return (
                HOLE if self.after in ("FROM", ",") and self.before == "SELECT" else ""
            )
        if self.is_awaited:
            return HOLE
        return "=" if self.is_followed_by_operand else ""


def filled(text: str) -> str:
    """Return a statement with all holes and placeholders filled."""
    text = _SEVERAL.sub(HOLE, _FORMAT.sub(HOLE, text))
    tokens = list(_with_holes(scan(text)))
    parts: list[str] = []
    before = clause = ""
    for at, token in enumerate(tokens):
        part = token.text
        if part == HOLE:
            part = _Neighbours(before, _next_word(tokens[at + 1 :]), clause).filling
        parts.append(part)
        if token.is_code and part:
            before = part if token.text == HOLE else token.word or part
        if token.word in _CLAUSES:
            clause = token.word
    return "".join(parts)


def _with_holes(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens, with a hole for every placeholder."""
    for token in tokens:
        is_named = token.kind in ("parameter", "identifier")
        is_numbered = _NUMBERED.fullmatch(token.text) is not None
        if token.text == "?" or is_named or is_numbered:
            yield Token("word", HOLE, token.start, HOLE)
        else:
            yield token


def _next_word(tokens: Sequence[Token]) -> str:
    for token in tokens:
        if token.is_code:
            return token.word or token.text
    return ""
