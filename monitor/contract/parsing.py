"""A statement's text to a parsed one, by sqlglot, and the parts of that; pure."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Final

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

_DIALECT: Final = "mysql"
_MODIFIERS: Final = re.compile(
    r"\A(\s*(?:INSERT|REPLACE|UPDATE|DELETE))((?:\s+(?:LOW_PRIORITY|HIGH_PRIORITY|DELAYED|QUICK|IGNORE))+)\b",
    re.IGNORECASE,
)
_REPLACE: Final = re.compile(r"\A\s*REPLACE\b(?!\s*\()", re.IGNORECASE)
_CACHE: Final = re.compile(r"\bSQL_(?:NO_)?CACHE\b", re.IGNORECASE)
_INTO_LEFT_OUT: Final = re.compile(
    r"\A(\s*INSERT)\s+(?!INTO\b)(?=[`\w])", re.IGNORECASE
)

# Colours, names of classes, and of tokens with all that is known of them.
_INSIDE: Final = re.compile(
    r"\x1b\[[0-9;]*m| for <class '[^']*'>|<Token |, start: .*|, line: .*"
)

# It would tell on stderr of each statement that it keeps as text; who calls is told by the kind of the statement.
_LOGGER: Final = "sqlglot"


class ParseError(ValueError):
    """A statement that could not be read; the text says why, in one line."""


def parsed(text: str) -> exp.Expr:
    """Return the one statement of a text; ParseError where it cannot be read, or is not one."""
    logging.getLogger(_LOGGER).setLevel(logging.ERROR)
    try:
        statements = [
            one
            for one in parse(_in_words_of_parser(text), read=_DIALECT)
            if one is not None
        ]
    except SqlglotError as error:
        raise ParseError(_first_line(str(error))) from None
    except RecursionError:
        raise ParseError("is nested too deeply") from None
    except Exception:  # noqa: BLE001 - of a text that is no SQL the parser itself may fail
        raise ParseError("could not be read") from None
    if len(statements) != 1:
        raise ParseError(f"holds {len(statements)} statements")
    return statements[0]


def _in_words_of_parser(text: str) -> str:
    """Return a statement without what changes nothing of the names in it."""
    text = _MODIFIERS.sub(r"\1", text)
    text = _REPLACE.sub("INSERT", text)
    text = _CACHE.sub("", text)
    return _INTO_LEFT_OUT.sub(r"\1 INTO ", text)


def _first_line(message: str) -> str:
    """Return what the parser says, without the statement and the terminal's colours."""
    line = message.partition("\n")[0] or "cannot be read"
    return _INSIDE.sub("", line).rstrip(". ")


def children(node: exp.Expr, *keys: str) -> list[exp.Expr]:
    """Return what a node has under these keys, as its class orders them."""
    return [one for one in node.iter_expressions() if one.arg_key in keys]


def names_in(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the columns and sub-selects of an expression, and nothing of what is in these."""
    walked = node.walk(prune=_is_name_or_query)
    yield from (one for one in walked if _is_name_or_query(one))


def places_of(node: exp.Expr) -> list[exp.Expr]:
    """Return what a statement, or a table that others are joined to, reads from."""
    return [part.this for part in children(node, "from_", "joins")]


def conditions_of(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the conditions of the joins of a node; of USING the columns."""
    for join in children(node, "joins"):
        using = children(join, "using")
        yield from children(join, "on")
        yield from (exp.column(name.name) for name in using)


def result_names(select: exp.Select) -> frozenset[str]:
    """Return the names that a SELECT gives to its columns, in small letters."""
    aliases = select.find_all(exp.Alias)
    return frozenset(one.alias.lower() for one in aliases if one.parent is select)


def _is_name_or_query(node: exp.Expr) -> bool:
    return isinstance(node, (exp.Column, exp.Query))


def is_star_of_table(column: exp.Expr) -> bool:
    """Return whether a column of a SELECT stands for all of one table: `t.*`."""
    is_column = isinstance(column, exp.Column)
    return is_column and isinstance(column.this, exp.Star)


def renames(node: exp.Expr) -> frozenset[str]:
    """Return the names that the alias of a table gives to its columns, in small letters."""
    alias = node.args.get("alias")
    if not isinstance(alias, exp.TableAlias):
        return frozenset()
    return frozenset(column.name.lower() for column in alias.columns)
