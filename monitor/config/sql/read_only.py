"""Refuse statements that could write, lock, or hide what they do; pure.

A seat belt against mistakes: what the account may do is decided by its GRANT.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.config.sql.lexer import Token
from monitor.config.toml.wording import code_point

# Native functions are found by name even where it is quoted, and with blanks before the parenthesis.
_FUNCTIONS = frozenset(
    {"GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS", "NEXTVAL", "SETVAL"}
)

_WITH_ANY_TEXT = ("comment", "string", "quoted_name")
_LETTERS = "LMN"
_PLAIN = {
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


def guard(tokens: Sequence[Token]) -> tuple[tuple[Token, str], ...]:
    """List what is refused, each with the token at which it stands; nothing for a read-only statement."""
    odd = _odd_characters(tokens)
    if odd:
        return tuple(odd)  # words that hang together by them say nothing more
    refused = [*_hidden_code(tokens), *_unclosed(tokens)]
    code = [token for token in tokens if token.kind not in ("comment", "blank")]
    while code and code[-1].text == ";":
        code.pop()
    second = next((token for token in code if token.text == ";"), None)
    if second is not None:
        return (*refused, (second, "holds several statements; allowed: one"))
    return (*refused, *_verb(code), *_clauses(code))


def _hidden_code(tokens: Sequence[Token]) -> list[tuple[Token, str]]:
    return [
        (
            token,
            f"{token.text[:4].rstrip('0123456789 ')} … */ hides code in a comment, which is refused",
        )
        for token in tokens
        if token.kind == "comment"
        and token.text[:4].upper().startswith(("/*!", "/*M!"))
    ]


def _unclosed(tokens: Sequence[Token]) -> list[tuple[Token, str]]:
    first = next((token for token in tokens if token.kind == "unclosed"), None)
    return [] if first is None else [(first, f"{first.text} is never closed")]


def _odd_characters(tokens: Sequence[Token]) -> list[tuple[Token, str]]:
    """Find what editors and web pages put in place of plain characters, once of each kind."""
    found: dict[str, Token] = {}
    for token in tokens:
        if token.kind in _WITH_ANY_TEXT or token.text.isascii():
            continue
        for character in token.text:
            if (
                not character.isascii()
                and unicodedata.category(character)[0] not in _LETTERS
            ):
                found.setdefault(character, token)
    return [(token, _odd_text(character)) for character, token in found.items()]


def _odd_text(character: str) -> str:
    name = code_point(character)
    category = unicodedata.category(character)
    if category[0] in "ZC":
        return f"{name} is no blank to the server; write a plain one, or none"
    plain = _PLAIN.get(category)
    return (
        f"{name} is no SQL; write {plain}"
        if plain
        else f"{name} is no SQL outside of quotes"
    )


def _verb(code: Sequence[Token]) -> list[tuple[Token, str]]:
    if not code:
        return []
    at = _skip(code, 0, "(")
    if at < len(code) and code[at].word == "WITH":
        after = _after_ctes(code, at + 1)
        if after is None:
            return [(code[at], "WITH is not followed by NAME AS (…) and a SELECT")]
        at = _skip(code, after, "(")
    verb = code[at] if at < len(code) else code[-1]
    if verb.word in ("SELECT", "SHOW"):
        return []
    return [(verb, f'"{verb.text}" is refused; allowed: SELECT, WITH … SELECT, SHOW')]


def _after_ctes(code: Sequence[Token], at: int) -> int | None:
    """Find where the common table expressions end; the verb that counts comes only after them."""
    if at < len(code) and code[at].word == "RECURSIVE":
        at += 1
    while True:
        at += 1  # the name
        if _text(code, at) == "(":
            at = _group_end(code, at)
        if _text(code, at).upper() != "AS" or _text(code, at + 1) != "(":
            return None
        at = _group_end(code, at + 1)
        if _text(code, at).upper() == "CYCLE":  # MariaDB: CYCLE columns RESTRICT
            while at < len(code) and code[at].word != "RESTRICT":
                at += 1
            at += 1
        if _text(code, at) != ",":
            return at
        at += 1


def _group_end(code: Sequence[Token], at: int) -> int:
    depth = 0
    while at < len(code):
        depth += {"(": 1, ")": -1}.get(code[at].text, 0)
        at += 1
        if depth == 0:
            break
    return at


def _skip(code: Sequence[Token], at: int, text: str) -> int:
    while _text(code, at) == text:
        at += 1
    return at


def _text(code: Sequence[Token], at: int) -> str:
    return code[at].text if at < len(code) else ""


def _clauses(code: Sequence[Token]) -> list[tuple[Token, str]]:
    refused = []
    for at, token in enumerate(code):
        following = [next_token.word for next_token in code[at + 1 : at + 4]]
        if token.word == "INTO":
            refused.append((token, "INTO is refused: a health query writes nothing"))
        elif token.word == "FOR" and following[:1] in (["UPDATE"], ["SHARE"]):
            refused.append((token, f"FOR {following[0]} is refused: it locks rows"))
        elif token.word == "LOCK" and following == ["IN", "SHARE", "MODE"]:
            refused.append((token, "LOCK IN SHARE MODE is refused: it locks rows"))
        elif token.word == "NEXT" and following[:2] == ["VALUE", "FOR"]:
            refused.append((token, "NEXT VALUE FOR is refused: it moves a sequence"))
        elif token.name.upper() in _FUNCTIONS and _text(code, at + 1) == "(":
            refused.append(
                (
                    token,
                    f"{token.name.upper()}() is refused: it changes what others see",
                )
            )
    return refused
