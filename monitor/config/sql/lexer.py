"""Cut a SQL text into tokens: strings, quoted names, comments, words, parameters; pure.

The lexical rules are those of MySQL and MariaDB: `--` begins a comment only before a blank, `#` does
always, a backslash escapes within strings, and `/*! … */` is code in disguise (the guard refuses it).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

TokenKind: TypeAlias = Literal[
    "comment",
    "string",
    "quoted_name",
    "parameter",
    "identifier",
    "number",
    "word",
    "blank",
    "other",
    "unclosed",
]

# Numbers come before words: the server reads `1e5INTO` as a number and a keyword.
_TOKEN: Final = re.compile(
    r"""
    (?P<comment>--(?=[\x00-\x20]|\Z)[^\n]* | \#[^\n]* | /\*.*?\*/)
  | (?P<string>'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*")
  | (?P<quoted_name>`(?:[^`]|``)*`)
  | (?P<unclosed>/\* | ['"`])
  | (?P<assignment>:: | :=)
  | :(?P<parameter>[A-Za-z_][A-Za-z0-9_]*)
  | \{(?P<identifier>[A-Za-z_][A-Za-z0-9_]*)\}
  | (?P<variable>@+[A-Za-z0-9_$.]*)
  | (?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)? | \.[0-9]+(?:[eE][+-]?[0-9]+)?)
  | (?P<word>[A-Za-z_$\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*)
  | (?P<blank>\s+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
# Variables, `:=` and `::` are tokens of their own only so that no parameter is seen in them.
_KINDS: Final[dict[str | None, TokenKind]] = {
    "comment": "comment",
    "string": "string",
    "quoted_name": "quoted_name",
    "unclosed": "unclosed",
    "parameter": "parameter",
    "identifier": "identifier",
    "number": "number",
    "word": "word",
    "blank": "blank",
}
"""What a group of the pattern is; any other is of no interest."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text as written; `name` is the parameter's or the quoted name's, else the text."""

    kind: TokenKind
    text: str
    start: int
    name: str

    @property
    def word(self) -> str:
        """Return a bare word in capitals, and nothing for any other token."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def is_code(self) -> bool:
        """Return whether the server reads it: it is neither a comment nor a blank."""
        return self.kind not in ("comment", "blank")


def scan(text: str) -> tuple[Token, ...]:
    """Cut a text into tokens; joined, their texts are the text."""
    return tuple(_token(match) for match in _TOKEN.finditer(text))


def code_of(tokens: Iterable[Token]) -> list[Token]:
    """Leave out comments and blanks."""
    return [token for token in tokens if token.is_code]


def without_trailing_semicolons(tokens: Sequence[Token]) -> list[Token]:
    """Leave out the semicolons that end the text; comments and blanks between and behind them stay."""
    kept = list(tokens)
    for at in reversed(range(len(kept))):
        if kept[at].text == ";":
            del kept[at]
        elif kept[at].is_code:
            break
    return kept


def _token(match: re.Match[str]) -> Token:
    kind = _KINDS.get(match.lastgroup, "other")
    text = match[0]
    name = text
    if kind in ("parameter", "identifier"):
        name = match[kind]
    elif kind in ("string", "quoted_name"):
        name = text[1:-1]
    if kind == "quoted_name":
        name = name.replace("``", "`")
    return Token(kind, text, match.start(), name)
