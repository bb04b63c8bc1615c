"""Refuse statements that could write, lock, or hide what they do; pure.

A seat belt against mistakes: what the account may do is decided by its GRANT.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from monitor.config.sql.lexer import Token, code_of, without_trailing_semicolons
from monitor.config.toml.wording import code_point

StatementRefusal: TypeAlias = tuple[Token, str]
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

# A token that begins so is a comment to us: a string would begin with its quote.
_HIDDEN_CODE: Final = re.compile(r"/\*M?!", re.IGNORECASE)
_WITH_ANY_TEXT: Final = ("comment", "string", "quoted_name")
_LETTERS: Final = "LMN"
"""Categories of Unicode that begin so are of letters, marks and numbers: a name may have them."""
_NO_BLANK: Final = "is no blank to the server; write a plain one, or none"
_ADVICE: Final = {
    "Zs": _NO_BLANK,
    "Zl": _NO_BLANK,
    "Zp": _NO_BLANK,
    "Cc": _NO_BLANK,
    "Cf": _NO_BLANK,
    "Cs": _NO_BLANK,
    "Co": _NO_BLANK,
    "Cn": _NO_BLANK,
    "Pi": "is no SQL; write ' or `",
    "Pf": "is no SQL; write ' or `",
    "Ps": "is no SQL; write (",
    "Pe": "is no SQL; write )",
    "Pd": "is no SQL; write -",
    "Po": "is no SQL; write the plain one of the keyboard",
}
"""What to say of a character, by its category in Unicode."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a statement, and on which of its lines, counted from 1."""

    line: int
    message: str


def guard(tokens: Sequence[Token]) -> tuple[StatementRefusal, ...]:
    """Return what is refused, each with the token at which it stands; nothing for a read-only statement."""
    odd = _odd_characters(tokens)
    if odd:
        return tuple(odd)  # words that hang together by them say nothing more
    refused = [*_hidden_code(tokens), *_unclosed(tokens)]
    code = code_of(without_trailing_semicolons(tokens))
    # The driver would refuse a second statement too, but at the run, in the middle of the night.
    semicolons = [token for token in code if token.text == ";"]
    if semicolons:
        refused.append((semicolons[0], "holds several statements; allowed: one"))
    elif code:
        refused += [*_verb(code), *_clauses(code)]
    return tuple(refused)


def _hidden_code(tokens: Sequence[Token]) -> Iterator[StatementRefusal]:
    """Find comments that a server runs: `/*! … */`, `/*!50100 … */` by its version, MariaDB's `/*M! … */`."""
    for token in tokens:
        if _HIDDEN_CODE.match(token.text):
            mark = token.text[:4].rstrip("0123456789 ")
            yield token, f"{mark} … */ hides code in a comment, which is refused"


def _unclosed(tokens: Sequence[Token]) -> Iterator[StatementRefusal]:
    for token in tokens:
        if token.kind == "unclosed":
            yield token, f"{token.text} is never closed"
            return  # what follows is read askew


def _odd_characters(tokens: Sequence[Token]) -> list[StatementRefusal]:
    """Find what editors and web pages put in place of plain characters, once of each kind."""
    found: dict[str, Token] = {}
    for token in tokens:
        if token.text.isascii() or token.kind in _WITH_ANY_TEXT:
            continue
        for character in token.text:
            if _is_odd(character):
                found.setdefault(character, token)
    return [(token, _odd_text(character)) for character, token in found.items()]


def _is_odd(character: str) -> bool:
    if character.isascii():
        return False
    return unicodedata.category(character)[0] not in _LETTERS


def _odd_text(character: str) -> str:
    category = unicodedata.category(character)
    advice = _ADVICE.get(category, "is no SQL outside of quotes")
    return f"{code_point(character)} {advice}"


# MySQL runs `WITH … DELETE`: what counts is the verb behind the common tables, not the first word.
def _verb(code: Sequence[Token]) -> Iterator[StatementRefusal]:
    """Look at the verb that decides what a statement does; there is at least one token."""
    reader = _StatementReader(code)
    reader.skip_parentheses()
    if reader.word == "WITH":
        before = reader.here
        reader.at += 1
        if not reader.skip_common_tables():
            yield before, "WITH is not followed by NAME AS (…) and a SELECT"
            return
        reader.skip_parentheses()
    verb = code[-1] if reader.here is _END else reader.here
    if verb.word not in ("SELECT", "SHOW"):
        allowed = "SELECT, WITH … SELECT, SHOW"
        yield verb, f'"{verb.text}" is refused; allowed: {allowed}'


_END: Final = Token("blank", "", 0, "")
"""What stands behind the code: a token without text."""


@dataclass(slots=True)
class _StatementReader:
    """A place in the code, which moves on; behind the end it finds `_END`."""

    code: Sequence[Token]
    at: int = 0

    @property
    def here(self) -> Token:
        """Return the token at this place."""
        return _token_at(self.code, self.at)

    @property
    def word(self) -> str:
        """Return the bare word here in capitals; nothing where there is something else."""
        return self.here.word

    def skip_parentheses(self) -> None:
        """Go on behind every opening parenthesis here: a SELECT may stand in some."""
        while self.here.text == "(":
            self.at += 1

    def skip_common_tables(self) -> bool:
        """Go on to the verb that counts, behind `NAME (columns) AS (…), …`; False where it is not so."""
        self._skip_word("RECURSIVE")
        while self._skip_common_table():
            if self.here.text != ",":
                return True
            self.at += 1
        return False

    def _skip_common_table(self) -> bool:
        self.at += 1  # the name
        self._skip_group()  # its columns
        is_table = self._skip_word("AS") and self._skip_group()
        if self._skip_word("CYCLE"):
            self._skip_cycle()
        return is_table

    def _skip_word(self, word: str) -> bool:
        """Return whether this word stands here, and go on behind it."""
        is_here = self.word == word
        self.at += is_here
        return is_here

    def _skip_cycle(self) -> None:
        """Go on behind the rest of MariaDB's CYCLE columns RESTRICT."""
        while self.here is not _END and self.word != "RESTRICT":
            self.at += 1
        self.at += 1

    def _skip_group(self) -> bool:
        """Return whether a group in parentheses is here, and go on behind it, or to the end."""
        if self.here.text != "(":
            return False
        depth = 0
        while self.here is not _END:
            depth += {"(": 1, ")": -1}.get(self.here.text, 0)
            self.at += 1
            if depth == 0:
                break
        return True


def _token_at(code: Sequence[Token], at: int) -> Token:
    return code[at] if at < len(code) else _END


def _clauses(code: Sequence[Token]) -> Iterator[StatementRefusal]:
    words = tuple([token.word for token in code])
    for at, token in enumerate(code):
        for clause, why in _CLAUSES:
            if words[at : at + len(clause)] == clause:
                yield token, why
        function = token.name.upper()
        is_called = _token_at(code, at + 1).text == "("
        if is_called and function in _FUNCTIONS:
            yield token, f"{function}() is refused: it changes what others see"
