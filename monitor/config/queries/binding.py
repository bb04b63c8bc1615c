"""Put the values of a target's parameters in place of the names that files have in braces; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from monitor.model.settings import ColumnName, Scalar
from monitor.model.walks import Walk

NAME_PARAMETER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def bound_walk(walk: Walk | None, values: Mapping[str, Scalar]) -> Walk | None:
    """Return a walk by the column that it has on a target."""
    if walk is None:
        return None
    table = _named(walk.table, values)
    return replace(walk, table=table, column=_named(walk.column, values))


def bound_columns(
    texts: Iterable[str], values: Mapping[str, Scalar]
) -> tuple[ColumnName, ...]:
    """Return the columns of `table.column`, with the parameters in braces replaced; sorted, each once."""
    columns: set[ColumnName] = set()
    for text in texts:
        table, _, column = _named(text, values).partition(".")
        columns.add(ColumnName(table, column))
    return tuple(sorted(columns, key=str))


def _named(text: str, values: Mapping[str, Scalar]) -> str:
    """Return a text with the parameters in braces replaced."""
    return NAME_PARAMETER.sub(lambda match: str(values[match[1]]), text)
