"""Refuse statements that could write, lock, or hide what they do; pure.

A seat belt against mistakes: what the account may do is decided by its GRANT.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from monitor.config.sql.lexer import Token, code_of
from monitor.config.toml.wording import code_point

Refusal: TypeAlias = tuple[Token, str]
"""What is refused: the token at which it stands, and why."""

# Native functions are found by name even where it is quoted, and with blanks before the parenthesis.
_FUNCTIONS: Final = frozenset(
    {
        "GET_LOCK",
        "RELEASE_LOCK",
        "RELEASE_ALL_LOCKS",
        "NEXTVAL",
        "SETVAL",
    }
)
# By the words that follow one another.
_CLAUSES: Final = (
    (("INTO",), "INTO is refused: a health query writes nothing"),
    (("FOR", "UPDATE"), "FOR UPDATE is refused: it locks rows"),
    (("FOR", "SHARE"), "FOR SHARE is refused: it locks rows"),
    (
        ("LOCK", "IN", "SHARE", "MODE"),
        "LOCK IN SHARE MODE is refused: it locks rows",
    ),
    (
        ("NEXT", "VALUE", "FOR"),
        "NEXT VALUE FOR is refused: it moves a sequence",
    ),
)
_MAX_CLAUSE_WORDS: Final = 4

_WITH_ANY_TEXT: Final = ("comment", "string", "quoted_name")
# Categories of Unicode begin with these: letters, marks, numbers; blanks and what is not seen.
_LETTERS: Final = "LMN"
_BLANKS: Final = "ZC"
_PLAIN: Final = {
    "Pi": "' or `",
    "Pf": "' or `",
    "Ps": "(",
    "Pe": ")",
    "Pd": "-",
    "Po": "the plain one of the keyboard",
}
"""What a kind of character stands for, by its category in Unicode."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a statement, and on which of its lines, counted from 1."""

    line: int
    message: str


def guard(tokens: Sequence[Token]) -> tuple[Refusal, ...]:
    """Return what is refused, each with the token at which it stands; nothing for a read-only statement."""
    odd = tuple(_odd_characters(tokens))
    if odd:
        return odd  # words that hang together by them say nothing more
    refused = [*_hidden_code(tokens), *_unclosed(tokens)]
    code = code_of(tokens)
    while code and code[-1].text == ";":
        code.pop()
    semicolons = [token for token in code if token.text == ";"]
    if semicolons:
        refused.append((semicolons[0], "holds several statements; allowed: one"))
    elif code:
        refused += [*_verb(code), *_clauses(code)]
    return tuple(refused)


def _hidden_code(tokens: Sequence[Token]) -> Iterator[Refusal]:
    """Find comments that a server runs: `/*! … */` both, by their version `/*!50100 … */`, MariaDB `/*M! … */`."""
    for token in tokens:
        opening = token.text[:4]
        is_run = opening.upper().startswith(("/*!", "/*M!"))
        if token.kind == "comment" and is_run:
            mark = opening.rstrip("0123456789 ")
            yield token, f"{mark} … */ hides code in a comment, which is refused"


def _unclosed(tokens: Sequence[Token]) -> Iterator[Refusal]:
    for token in tokens:
        if token.kind == "unclosed":
            yield token, f"{token.text} is never closed"
            return  # what follows is read askew


def _odd_characters(tokens: Sequence[Token]) -> Iterator[Refusal]:
    """Find what editors and web pages put in place of plain characters, once of each kind."""
    seen: set[str] = set()
    for token in tokens:
        if token.kind in _WITH_ANY_TEXT or token.text.isascii():
            continue
        for character in token.text:
            if _is_odd(character) and character not in seen:
                seen.add(character)
                yield token, _odd_text(character)


def _is_odd(character: str) -> bool:
    is_letter = unicodedata.category(character)[0] in _LETTERS
    return not character.isascii() and not is_letter


def _odd_text(character: str) -> str:
    name = code_point(character)
    category = unicodedata.category(character)
    if category[0] in _BLANKS:
        return f"{name} is no blank to the server; write a plain one, or none"
    if category in _PLAIN:
        return f"{name} is no SQL; write {_PLAIN[category]}"
    return f"{name} is no SQL outside of quotes"


def _verb(code: Sequence[Token]) -> Iterator[Refusal]:
    """Look at the verb that decides what a statement does; there is at least one token."""
    reader = _Reader(code)
    reader.skip("(")
    if reader.word == "WITH":
        start = reader.at
        reader.at += 1
        if not reader.skip_common_tables():
            yield code[start], "WITH is not followed by NAME AS (…) and a SELECT"
            return
        reader.skip("(")
    verb = code[min(reader.at, len(code) - 1)]
    if verb.word not in ("SELECT", "SHOW"):
        allowed = "SELECT, WITH … SELECT, SHOW"
        yield verb, f'"{verb.text}" is refused; allowed: {allowed}'


@dataclass(slots=True)
class _Reader:
    """A place in the code, which moves on; behind the end it finds nothing."""

    code: Sequence[Token]
    at: int = 0

    @property
    def text(self) -> str:
        """Return the token here as it is written."""
        return self.code[self.at].text if self.at < len(self.code) else ""

    @property
    def word(self) -> str:
        """Return the bare word here in capitals."""
        return self.code[self.at].word if self.at < len(self.code) else ""

    def skip(self, text: str) -> None:
        """Go on behind every token with this text."""
        while self.text == text:
            self.at += 1

    def skip_common_tables(self) -> bool:
        """Go on to the verb that counts, behind `NAME (columns) AS (…), …`; False where it is not so."""
        if self.word == "RECURSIVE":
            self.at += 1
        while True:
            self.at += 1  # the name
            if self.text == "(":
                self._skip_group()
            is_as = self.text.upper() == "AS"
            self.at += 1
            if not is_as or self.text != "(":
                return False
            self._skip_group()
            if self.text.upper() == "CYCLE":
                self._skip_cycle()
            if self.text != ",":
                return True
            self.at += 1

    def _skip_cycle(self) -> None:
        """Go on behind MariaDB's CYCLE columns RESTRICT."""
        while self.at < len(self.code) and self.word != "RESTRICT":
            self.at += 1
        self.at += 1

    def _skip_group(self) -> None:
        """Go on behind the parenthesis that closes the one here, or to the end."""
        depth = 0
        while self.at < len(self.code):
            depth += {"(": 1, ")": -1}.get(self.text, 0)
            self.at += 1
            if depth == 0:
                return


def _clauses(code: Sequence[Token]) -> Iterator[Refusal]:
    for at, token in enumerate(code):
        words = tuple(other.word for other in code[at : at + _MAX_CLAUSE_WORDS])
        for clause, why in _CLAUSES:
            if words[: len(clause)] == clause:
                yield token, why
        is_called = [other.text for other in code[at + 1 : at + 2]] == ["("]
        function = token.name.upper()
        if is_called and function in _FUNCTIONS:
            yield token, f"{function}() is refused: it changes what others see"
