"""SQL text to statement: parameters in the driver's form, identifiers put in, the guard asked; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from monitor.config.sql.lexer import (
    Token,
    TokenKind,
    code_of,
    scan,
    without_trailing_semicolons,
)
from monitor.config.sql.read_only import Fault, guard
from monitor.config.toml.problems import near_miss
from monitor.model.settings import Scalar, Statement

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,63}")
IDENTIFIER_GRAMMAR: Final = "letters, digits, _ and $, no digit first, at most 64"
"""What needs no quoting trick in any server; 64 is the longest name that they have."""


@dataclass(frozen=True, slots=True)
class Template:
    """A scanned statement whose parameters have no values yet."""

    text: str
    tokens: tuple[Token, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the parameters that must be bound, each once, in order of appearance."""
        return self._names_of("parameter")

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Return the parameters that stand for names of tables and columns, each once."""
        return self._names_of("identifier")

    def _names_of(self, kind: TokenKind) -> tuple[str, ...]:
        names = [token.name for token in self.tokens if token.kind == kind]
        return tuple(dict.fromkeys(names))

    def faults(
        self, declared: Mapping[str, Scalar], extra: AbstractSet[str] = frozenset()
    ) -> tuple[Fault, ...]:
        """Return what the guard refuses, and which names are unknown, each once.

        `declared` are the parameters with their defaults, `extra` what may be bound beside them, identifiers in
        their braces.
        """
        found = []
        if all(token.text == ";" for token in code_of(self.tokens)):
            found.append(Fault(1, "holds no statement"))
        refused = [*guard(self.tokens), *_unknown_names(self.tokens, declared, extra)]
        for token, message in refused:
            found.append(Fault(self._line(token), message))
        return tuple(dict.fromkeys(found))

    def statement(self, values: Mapping[str, Scalar]) -> Statement:
        """Return the statement for the driver; identifiers must be valid already."""
        parameters = self.parameters
        parts = []
        for token in without_trailing_semicolons(self.tokens):
            # PyMySQL puts values in on our side; names of tables it cannot, they are checked and quoted.
            if token.kind == "parameter":
                parts.append(f"%({token.name})s")
            elif token.kind == "identifier":
                parts.append(f"`{values[token.name]}`")
            else:
                parts.append(token.text)
                if parameters:
                    # The driver formats the whole text, comments and strings too, once it has arguments.
                    parts[-1] = token.text.replace("%", "%%")
        return Statement("".join(parts), parameters)

    def _line(self, token: Token) -> int:
        return 1 + self.text.count("\n", 0, token.start)


def read_template(text: str) -> Template:
    """Scan a statement; any text has a template, and `faults` says what is wrong with it."""
    return Template(text, scan(text))


def is_identifier(value: Scalar) -> bool:
    """Return whether a value may be put into a statement as the name of a table or column."""
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


def name_fault(placeholder: str, value: Scalar) -> str | None:
    """Return why a value cannot be put in place of `{NAME}`, or None where it can."""
    if is_identifier(value):
        return None
    return f'{placeholder} stands for "{value}", which is not a name; allowed: {IDENTIFIER_GRAMMAR}'


def _unknown_names(
    tokens: Sequence[Token], declared: Mapping[str, Scalar], extra: AbstractSet[str]
) -> Iterator[tuple[Token, str]]:
    """Yield the tokens that name no parameter, or one that does not fit there, each with why."""
    bindable = {*declared, *extra}
    for token in tokens:
        fault = None
        if token.kind == "parameter" and token.name not in bindable:
            known = near_miss(token.name, bindable)
            fault = f'unknown parameter "{token.text}"{known}'
        elif token.kind == "identifier" and token.text not in extra:
            fault = _identifier_fault(token, declared)
        if fault is not None:
            yield token, fault


def _identifier_fault(token: Token, declared: Mapping[str, Scalar]) -> str | None:
    """Return why this is not a parameter with the name of a table or column, or None where it is."""
    if token.name in declared:
        return name_fault(token.text, declared[token.name])
    names = [name for name, value in declared.items() if isinstance(value, str)]
    return f'unknown parameter "{token.text}"{near_miss(token.name, names)}'
