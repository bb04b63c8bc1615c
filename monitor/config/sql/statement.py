"""SQL text to statement: parameters in the driver's form, identifiers put in, the guard asked; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from monitor.config.sql.lexer import Token, scan
from monitor.config.sql.read_only import Fault, guard
from monitor.config.toml.problems import near_miss
from monitor.model.settings import Scalar, Statement

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,63}")


@dataclass(frozen=True, slots=True)
class Template:
    """A scanned statement whose parameters have no values yet."""

    tokens: tuple[Token, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Name the parameters that must be bound, each once, in order of appearance."""
        return tuple(
            dict.fromkeys(
                token.name for token in self.tokens if token.kind == "parameter"
            )
        )

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Name the parameters that stand for names of tables and columns, each once."""
        return tuple(
            dict.fromkeys(
                token.name for token in self.tokens if token.kind == "identifier"
            )
        )

    def faults(
        self, declared: Mapping[str, Scalar], extra: AbstractSet[str] = frozenset()
    ) -> tuple[Fault, ...]:
        """List what the guard refuses and which names are unknown, by line."""
        found = [] if self._has_code() else [Fault(1, "holds no statement")]
        found += [
            Fault(self._line(token), message) for token, message in guard(self.tokens)
        ]
        for token in self.tokens:
            if (
                token.kind == "parameter"
                and token.name not in declared
                and token.name not in extra
            ):
                known = {*declared, *extra}
                found.append(
                    Fault(
                        self._line(token),
                        f'unknown parameter "{token.text}"{near_miss(token.name, known)}',
                    )
                )
            elif token.kind == "identifier":
                message = _identifier_fault(token, declared)
                if message:
                    found.append(Fault(self._line(token), message))
        return tuple(dict.fromkeys(found))

    def statement(self, values: Mapping[str, Scalar]) -> Statement:
        """Write the statement for the driver; identifiers must be valid already."""
        parameters = self.parameters
        parts = []
        for token in self._without_trailing_semicolons():
            if token.kind == "parameter":
                parts.append(f"%({token.name})s")
            elif token.kind == "identifier":
                parts.append(f"`{values[token.name]}`")
            else:
                # The driver formats the whole text, comments and strings too, once it has arguments.
                parts.append(
                    token.text.replace("%", "%%") if parameters else token.text
                )
        return Statement("".join(parts), parameters)

    def _without_trailing_semicolons(self) -> list[Token]:
        kept = list(self.tokens)
        for at in range(len(kept) - 1, -1, -1):
            if kept[at].text == ";":
                del kept[at]
            elif kept[at].kind not in ("comment", "blank"):
                break
        return kept

    def _has_code(self) -> bool:
        return any(
            token.kind not in ("comment", "blank") and token.text != ";"
            for token in self.tokens
        )

    def _line(self, token: Token) -> int:
        return 1 + sum(
            earlier.text.count("\n")
            for earlier in self.tokens
            if earlier.start < token.start
        )


def read_template(text: str) -> Template:
    """Scan a statement."""
    return Template(scan(text))


def is_identifier(value: Scalar) -> bool:
    """Tell whether a value may be put into a statement as the name of a table or column."""
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


IDENTIFIER_GRAMMAR = "letters, digits, _ and $, no digit first, at most 64"


def _identifier_fault(token: Token, declared: Mapping[str, Scalar]) -> str:
    if token.name not in declared:
        names = [name for name, value in declared.items() if isinstance(value, str)]
        return f'unknown parameter "{token.text}"{near_miss(token.name, names)}'
    value = declared[token.name]
    if not is_identifier(value):
        return f'{token.text} stands for "{value}", which is not a name; allowed: {IDENTIFIER_GRAMMAR}'
    return ""
