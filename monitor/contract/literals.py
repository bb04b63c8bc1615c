"""The texts that a source file puts together of its literals, with holes for what only runs know; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from monitor.contract.languages import Language
from monitor.model.application import HOLE

_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")
_ENDS: Final = frozenset((",", ";", ":", "?", "=>", "&&", "||", "??", ""))
"""What ends an operand of a concatenation, where it stands outside of parentheses; the end of the file too."""
_TARGET: Final = re.compile(r"([\w$]+)\s*(=|\.=|\+=)\s*\Z")
_BEFORE: Final = 80
"""So many characters before a literal may name the variable that it goes to."""
ANYTHING: Final = re.compile("")


@dataclass(frozen=True, slots=True)
class CodeToken:
    """A piece of a source file, a literal, a word or a sign, and where it ends."""

    kind: str
    text: str
    end: int


@dataclass(frozen=True, slots=True)
class LiteralText:
    """What literals and the expressions between them say together, and on which line it begins."""

    line: int
    text: str
    variable: str = ""
    """To which variable it is assigned, if to one."""
    is_appended: bool = False
    """Whether the variable has it behind what it had before."""


def literal_texts(
    source: str,
    language: Language,
    wanted: re.Pattern[str] = ANYTHING,
) -> Iterator[LiteralText]:
    """Yield the texts of a file in their order, of which the first literal has what is wanted, or is appended."""
    code = language.code_of(source)
    line = 1
    at = end = 0
    for match in language.literals.finditer(code):
        start = match.start()
        if match["string"] is None or start < end:
            continue
        variable, is_appended = _target(code, start)
        if not is_appended and not wanted.search(match[0]):
            continue
        line += code.count("\n", at, start)
        at = start
        text, end = _joined(code, match, language)
        yield LiteralText(
            line=line,
            text=text,
            variable=variable,
            is_appended=is_appended,
        )


def _target(
    code: str,
    start: int,
) -> tuple[str, bool]:
    """Return the variable that a literal goes to, and whether that had something before."""
    target = _TARGET.search(code, max(0, start - _BEFORE), start)
    if target is None:
        return "", False
    return target[1], target[2] != "="


def _joined(
    code: str,
    literal: re.Match[str],
    language: Language,
) -> tuple[str, int]:
    """Return the text that begins with a literal, and the place behind it."""
    parts = [language.text_of(literal[0])]
    end = literal.end()
    while True:
        token = _next_token(code, end, language)
        if token.text == language.concatenation:
            operand, end = _operand(code, token.end, language)
            parts.append(operand)
        elif token.kind == "string" and language.joins_neighbours:
            parts.append(language.text_of(token.text))
            end = token.end
        else:
            return "".join(parts), end


def _operand(
    code: str,
    at: int,
    language: Language,
) -> tuple[str, int]:
    """Return what an operand says, a literal its text and anything else a hole, and the place behind it."""
    depth = 0
    tokens: list[CodeToken] = []
    while True:
        token = _next_token(code, at, language)
        depth += token.text in _OPENING
        depth -= token.text in _CLOSING
        is_end = token.text == language.concatenation or token.text in _ENDS
        is_outside = depth < (1 if is_end else 0)
        if is_outside or token.kind == "end":
            break
        tokens.append(token)
        at = token.end
    kinds = {token.kind for token in tokens}
    if kinds != {"string"}:
        return HOLE, at
    texts = [language.text_of(token.text) for token in tokens]
    return "".join(texts), at


def _next_token(
    code: str,
    at: int,
    language: Language,
) -> CodeToken:
    """Return the token behind a place, comments left out; an empty one at the end."""
    while True:
        match = language.tokens.search(code, at)
        if match is None:
            return CodeToken("end", "", at)
        at = match.end()
        kind = str(match.lastgroup)
        if kind not in ("comment", "regex"):
            return CodeToken(kind, match[0], at)
