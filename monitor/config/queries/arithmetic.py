"""Read what a derived value is computed by, such as `used / limit`: text to an expression, or its fault; pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from monitor.model.expressions import (
    Arithmetic,
    Constant,
    Expression,
    InputValue,
    Negation,
    Sign,
)

MAX_LENGTH: Final = 500
_MAX_DEPTH: Final = 50
"""Of parentheses and signs within each other: each is a call of ours, of which Python allows a thousand."""

_TOKEN: Final = re.compile(
    r"(?P<blank>\s+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>[-+*/()])"
)
_ALLOWED: Final = "allowed: + - * /, parentheses, numbers, names of inputs"
_SUMS: Final[dict[str, Sign]] = {"+": "+", "-": "-"}
_PRODUCTS: Final[dict[str, Sign]] = {"*": "*", "/": "/"}


class ExpressionError(Exception):
    """Text that is not an expression; says what is wrong, and at which column, counted from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"column {column}: {message}")


@dataclass(frozen=True, slots=True)
class _Word:
    """One number, name or sign of the text; the last one is empty."""

    kind: str
    text: str
    column: int

    @property
    def shown(self) -> str:
        return f'"{self.text}"' if self.text else "the end"


def read_expression(text: str) -> Expression:
    """Return what a text says; ExpressionError where it is no arithmetic, or always divides by zero."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"is longer than {MAX_LENGTH} characters", MAX_LENGTH + 1)
    reader = _ArithmeticReader(_words(text))
    expression = reader.sum()
    if reader.word.text:
        raise reader.unexpected("an operator")
    return expression


def _words(text: str) -> list[_Word]:
    words: list[_Word] = []
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ExpressionError(f'"{text[place]}"; {_ALLOWED}', place + 1)
        kind = str(found.lastgroup)
        if kind != "blank":
            words.append(_Word(kind, found.group(), place + 1))
        place = found.end()
    return [*words, _Word("end", "", len(text) + 1)]


class _ArithmeticReader:
    """Goes through the words once, by one function for each level of the grammar."""

    def __init__(self, words: list[_Word]) -> None:
        self._words = words
        self._place = 0
        self._depth = 0

    @property
    def word(self) -> _Word:
        """Return the word that comes next."""
        return self._words[self._place]

    def unexpected(self, wanted: str) -> ExpressionError:
        """Return the error that the next word is not what must stand there."""
        word = self.word
        return ExpressionError(f"{word.shown} where {wanted} belongs", word.column)

    def sum(self) -> Expression:
        """Read products that are added up or taken off."""
        left = self._product()
        while (sign := _SUMS.get(self.word.text)) is not None:
            self._place += 1
            left = Arithmetic(left, sign, self._product())
        return left

    def _product(self) -> Expression:
        left = self._factor()
        while (sign := _PRODUCTS.get(self.word.text)) is not None:
            self._place += 1
            column = self.word.column
            right = self._factor()
            if sign == "/" and _is_zero(right):
                raise ExpressionError("divides by zero, whatever the inputs", column)
            left = Arithmetic(left, sign, right)
        return left

    def _factor(self) -> Expression:
        """Read a number, a name, or something with a sign or in parentheses."""
        word = self.word
        if word.kind == "number":
            return self._number(word)
        if word.kind == "name":
            self._place += 1
            return InputValue(word.text)
        if word.text not in ("-", "("):
            raise self.unexpected("a number, a name or a parenthesis")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExpressionError(f"nests deeper than {_MAX_DEPTH}", word.column)
        self._place += 1
        inner = Negation(self._factor()) if word.text == "-" else self._in_parentheses()
        self._depth -= 1
        return inner

    def _number(self, word: _Word) -> Constant:
        value = float(word.text)
        if not math.isfinite(value):
            raise ExpressionError(f"{word.shown} is too large", word.column)
        self._place += 1
        return Constant(value)

    def _in_parentheses(self) -> Expression:
        inner = self.sum()
        if self.word.text != ")":
            raise self.unexpected("an operator or a closing parenthesis")
        self._place += 1
        return inner


def _is_zero(expression: Expression) -> bool:
    """Return whether an expression is zero by its numbers alone."""
    return not expression.names and expression.value({}) == 0
