"""Statements as they are sent to a server, and what they may be bound to; part of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Scalar: TypeAlias = int | float | bool | str
Bindable: TypeAlias = Scalar | bytes | tuple[str | bytes | None, ...]
"""What a statement's parameter may be bound to: also bytes, and a list, in its own brackets, behind IN."""


class Identifier(str):
    """A name of a schema, table or column that only a run knows: bound between backticks, never as a text."""

    __slots__ = ()


def placeholder(name: str) -> str:
    """Return what a parameter that stands for an `Identifier` is called, which is how a file writes it."""
    return f"{{{name}}}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One read-only statement in the driver's `%(name)s` form, identifiers of the configuration already put in.

    `parameters` are the names that must be bound, each once, in order of appearance; those in braces stand for
    an `Identifier`. Where there are none the text is passed to the driver without arguments and `%` is not doubled.
    """

    text: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repaired:
    """The statement that says who, of those that a rule found earlier, was repaired or still counts somewhere."""

    statement: Statement
    members: str
    """The detail that lists whom the rule found; the statement takes it for those found earlier."""
