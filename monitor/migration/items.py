"""Find of several sets of parameters the one value that names each: then they are the items of `[for_each]`; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product
from typing import Any, Final

from monitor.config.sql.lexer import Token, code_of, scan
from monitor.config.sql.statement import read_template
from monitor.migration.imported import ImportedMetric, TomlTable

_DEFAULT_MAX_ITEMS: Final = 100
_MAX_ITEMS: Final = 10_000

# What stands before it, what it is, what follows, and what stands behind its name.
_COLUMN_BY_ITSELF: Final = frozenset(
    product(
        ("SELECT", ","),
        ("parameter",),
        ("AS",),
        (",", "FROM"),
    )
)


@dataclass(frozen=True, slots=True)
class _NamedColumn:
    """A parameter that is a column of the result by itself, and the statement without it."""

    parameter: str
    label: str
    rest: str

    @property
    def is_missed(self) -> bool:
        """Return whether the rest may ask for the column: by its name, or by a number behind GROUP or ORDER BY."""
        code = code_of(scan(self.rest))
        texts = [token.text.strip("`").upper() for token in code]
        has_number = any(map(str.isdigit, texts))
        is_by_number = "BY" in texts and has_number
        is_named = self.label.upper() in texts
        return is_by_number or is_named


def for_each_of(
    sql: str, sets: Sequence[Mapping[str, Any]], metrics: Sequence[ImportedMetric]
) -> tuple[str, TomlTable]:
    """Return the statement for one set, and `[for_each]`; an empty one where no label is the name of a set.

    That is a column `:parameter AS label`: its series have the same label either way, and a set that fails
    fails alone.
    """
    if len(sets) not in range(2, _MAX_ITEMS + 1):
        return sql, {}
    labels = _common_labels(metrics)
    for column in _named_columns(sql):
        values = [one.get(column.parameter) for one in sets]
        is_label = column.label in labels and _are_names(values)
        if is_label and not column.is_missed:
            return column.rest, _table(column, sets)
    return sql, {}


def without_label(metric: ImportedMetric, label: str) -> ImportedMetric:
    """Return a metric that leaves a label to `[for_each]`."""
    labels = list(metric.keys["labels"])
    labels.remove(label)
    keys = dict(metric.keys)
    keys["labels"] = labels
    if not labels:
        del keys["labels"]
        keys.pop("null_label", None)
    return replace(metric, keys=keys)


def _common_labels(metrics: Sequence[ImportedMetric]) -> frozenset[str]:
    """Return the labels that each of the metrics has."""
    found = list(map(_labels, metrics))
    nothing: frozenset[str] = frozenset()
    return reduce(frozenset.intersection, found, nothing.union(*found))


def _labels(metric: ImportedMetric) -> frozenset[str]:
    labels: Sequence[str] = metric.keys.get("labels", ())
    return frozenset(labels)


def _named_columns(sql: str) -> Iterator[_NamedColumn]:
    """Yield each parameter that is a column of the result by itself."""
    code = code_of(scan(sql))
    words = [token.word for token in code]
    # With another one, such as of a UNION or in FROM, its columns may not be those of the result.
    if words.count("SELECT") != 1:
        return
    windows: Iterator[tuple[Token, ...]] = zip(
        code,
        code[1:],
        code[2:],
        code[3:],
        code[4:],
        strict=False,
    )
    for before, parameter, word, name, behind in windows:
        shape = (
            before.text.upper(),
            parameter.kind,
            word.word,
            behind.text.upper(),
        )
        if shape in _COLUMN_BY_ITSELF:
            rest = _without(sql, before, parameter, name, behind)
            yield _NamedColumn(parameter.name, name.name, rest)


def _without(
    sql: str, before: Token, parameter: Token, name: Token, behind: Token
) -> str:
    """Return a statement without a column, which [for_each] gives, and without one comma beside it."""
    if before.text == ",":
        end = name.start + len(name.text)
        return sql[: before.start] + sql[end:]
    end = behind.start + len(behind.text)
    return sql[: parameter.start] + sql[end:].lstrip()


def _are_names(values: Sequence[Any]) -> bool:
    """Return whether each value is a text, none is empty, and none is there twice."""
    names = {value for value in values if isinstance(value, str)}
    names.discard("")
    return len(names) == len(values)


def _table(column: _NamedColumn, sets: Sequence[Mapping[str, Any]]) -> TomlTable:
    # What no statement asks for is an error to our loader, but for the name.
    asked = dict.fromkeys((column.parameter, *read_template(column.rest).parameters))
    items = []
    for one in sets:
        kept = {name: one[name] for name in asked if name in one}
        items.append(kept)
    table: dict[str, Any] = {
        "items": items,
        "name": column.parameter,
        "label": column.label,
    }
    if len(items) > _DEFAULT_MAX_ITEMS:
        table["max_items"] = len(items)
    return table
