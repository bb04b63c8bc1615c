"""Change their statements as little as their settings need: parameters, constant labels, parts of one metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Final

from monitor.config.sql.lexer import code_of, scan, without_trailing_semicolons

_FIRST_WORDS: Final = ("SELECT", "WITH", "(")


def plain(sql: str) -> str:
    """Return a statement without blanks around it and without its last semicolon."""
    tokens = without_trailing_semicolons(scan(sql.strip()))
    return "".join(token.text for token in tokens).strip()


def is_select(sql: str) -> bool:
    """Return whether a statement may stand in parentheses as a table."""
    code = code_of(scan(sql))
    return bool(code) and code[0].text.upper() in _FIRST_WORDS


def with_labels(sql: str, labels: Mapping[str, str]) -> str:
    """Return a statement with constant columns beside its own."""
    columns = ["statement.*"]
    for name, value in labels.items():
        columns.append(f"{_literal(value)} AS `{name}`")
    return _select(columns, sql, "statement")


def with_suffix(sql: str, names: Iterable[str], suffix: str) -> str:
    """Return a statement whose parameters of these names have a suffix."""
    renamed = set(product(["parameter"], names))
    parts = []
    for token in scan(sql):
        parts.append(token.text)
        if (token.kind, token.name) in renamed:
            parts.append(suffix)
    return "".join(parts)


def union(statements: Sequence[str], columns: Sequence[str]) -> str:
    """Return one statement with the rows of all; columns by their names, as each may have its own order."""
    quoted = [f"`{column}`" for column in columns]
    parts = []
    for number, sql in enumerate(statements, 1):
        parts.append(_select(quoted, sql, f"part_{number}"))
    return "\nUNION ALL\n".join(parts)


def _select(columns: Sequence[str], sql: str, alias: str) -> str:
    # The statement has its own lines: its last one may end in a comment.
    return f"SELECT {', '.join(columns)}\nFROM (\n{sql}\n) AS {alias}"


def _literal(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
