"""Cut a SQL text into tokens: strings, quoted names, comments, words, parameters; pure.

The lexical rules are those of MySQL and MariaDB: `--` begins a comment only before a blank, `#` does
always, a backslash escapes within strings, and `/*! … */` is code in disguise (the guard refuses it).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
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
_TOKEN = re.compile(
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


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text as written; `name` is the parameter's or the quoted name's, else the text."""

    kind: Kind
    text: str
    start: int
    name: str

    @property
    def word(self) -> str:
        """Give a bare word in capitals, and nothing for any other token."""
        return self.text.upper() if self.kind == "word" else ""


def scan(text: str) -> tuple[Token, ...]:
    """Cut a text into tokens; joined, their texts are the text."""
    return tuple(_token(match) for match in _TOKEN.finditer(text))


def _token(match: re.Match[str]) -> Token:
    group = match.lastgroup
    if group == "parameter":
        return Token("parameter", match[0], match.start(), match[group])
    if group == "identifier":
        return Token("identifier", match[0], match.start(), match[group])
    if group == "string":
        return Token("string", match[0], match.start(), match[0][1:-1])
    if group == "quoted_name":
        return Token(
            "quoted_name", match[0], match.start(), match[0][1:-1].replace("``", "`")
        )
    for kind in _PLAIN_KINDS:
        if group == kind:
            return Token(kind, match[0], match.start(), match[0])
    return Token("other", match[0], match.start(), match[0])


_PLAIN_KINDS: tuple[Kind, ...] = ("comment", "unclosed", "number", "word", "blank")
