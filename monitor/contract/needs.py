"""Derive `needs` of a query from its own SQL: `table.column`, with `{parameters}` left as they are; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from monitor.contract.parsing import parsed
from monitor.contract.uses import uses_of
from monitor.model.application import Uses

# A name between braces is no SQL; between backquotes it is a name.
_PLACEHOLDER: Final = re.compile(r"(?<!`)\{([A-Za-z_][A-Za-z0-9_]*)\}(?!`)")
_PART: Final = r"(?:\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_$]*)"
_NEED: Final = re.compile(rf"{_PART}\.{_PART}")


def needs_of(statements: Iterable[str]) -> tuple[str, ...]:
    """Return what each of the statements reads of the database, sorted; ParseError where one cannot be read.

    They are those of a query for several kinds of server: what one of them alone reads may be missing on another.
    A column without a table's name that several tables may have is left out: nobody can tell which it is of.
    """
    needs = [_needs_of_one(text) for text in statements]
    shared = set.intersection(*needs)
    return tuple(sorted(shared))


def _needs_of_one(text: str) -> set[str]:
    statement = parsed(_PLACEHOLDER.sub(r"`{\1}`", text))
    return set(_plain_names(uses_of(statement)))


def _plain_names(uses: Uses) -> Iterator[str]:
    """Yield the columns of which the table is known, where both have names that a contract can hold."""
    for use in uses.columns:
        # One of several tables gives a name with blanks.
        name = f"{' '.join(use.tables)}.{use.column}"
        if _NEED.fullmatch(name):
            yield name
