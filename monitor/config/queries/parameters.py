"""Parameters of queries: their types, and which layer of the files decides their value; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from monitor.config.labels import LABEL_NAME
from monitor.config.sql.statement import IDENTIFIER_GRAMMAR, is_identifier
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.config.toml.validation import check_table, read_scalar
from monitor.config.toml.wording import found
from monitor.model.settings import Scalar

NEEDS: Final = "needs"
"""The built-in parameter of a schema query: every needed column on its target, as JSON."""

_TYPE_NAMES: Final[Mapping[type, str]] = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
}


def check_declared(
    section: Section, parameters: Mapping[str, Scalar], problems: Problems
) -> None:
    """Check the names of a query's own `[parameters]`."""
    check_table(section, "parameters", parameters, _declaration_fault, problems)


def _declaration_fault(name: str, _default: Scalar) -> str | None:
    if name == NEEDS:
        return f":{NEEDS} is built in; it cannot be declared"
    if LABEL_NAME.fullmatch(name) is None:
        return "is not a parameter name; allowed: letters, digits and _, no digit first"
    return None


def resolve(
    query: str,
    declared: Mapping[str, Scalar],
    identifiers: frozenset[str],
    layers: Sequence[Section],
    problems: Problems,
) -> dict[str, Scalar]:
    """Return the value of each declared parameter: the last layer that gives it wins.

    The type is that of the default; a value of another one is noted, and does not count. `identifiers`
    are those that stand for names of tables and columns.
    """
    # Query's default < [parameters] < [queries.NAME.parameters] < the target's own: the nearest decides.
    values = dict(declared)
    for layer in layers:
        for name in layer.data.keys() & declared.keys():
            value = layer.data[name]
            fault = _value_fault(query, declared[name], value)
            if fault is None and name in identifiers:
                fault = _identifier_fault(value)
            if fault is not None:
                problems.add(layer.origin(name), fault)
            elif isinstance(declared[name], float):
                values[name] = float(value)
            else:
                values[name] = value
    return values


def _value_fault(query: str, default: Scalar, value: Any) -> str | None:
    try:
        read_scalar(value)
    except ValueError as error:
        return str(error)
    wanted, given = type(default), type(value)
    # To SQL 1 and 1.0 are one number, to TOML they are not.
    is_integer_for_float = (wanted, given) == (float, int)
    if given is wanted or is_integer_for_float:
        return None
    return f'{found(value)}; query "{query}" takes {_TYPE_NAMES[wanted]}'


def _identifier_fault(value: Scalar) -> str | None:
    if is_identifier(value):
        return None
    return (
        f'"{value}" is not a name of a table or column; allowed: {IDENTIFIER_GRAMMAR}'
    )
