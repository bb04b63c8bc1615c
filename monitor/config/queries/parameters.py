"""Parameters of queries: their types, and which layer of the files decides their value; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monitor.config.labels import LABEL_NAME
from monitor.config.sql.statement import IDENTIFIER_GRAMMAR, is_identifier
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.config.toml.validation import read_scalar
from monitor.config.toml.wording import found
from monitor.model.settings import Scalar

NEEDS = "needs"
"""The built-in parameter of a schema query: every needed column on its target, as JSON."""

_TYPE_NAMES = {bool: "a boolean", int: "an integer", float: "a number", str: "a string"}


def check_declared(
    section: Section, parameters: Mapping[str, Scalar], problems: Problems
) -> None:
    """Check the names of a query's own `[parameters]`."""
    for name in parameters:
        if name == NEEDS:
            problems.add(
                section.origin("parameters", name),
                f":{NEEDS} is built in; it cannot be declared",
            )
        elif LABEL_NAME.fullmatch(name) is None:
            message = "is not a parameter name; allowed: letters, digits and _, no digit first"
            problems.add(section.origin("parameters", name), message)


def resolve(
    query: str,
    declared: Mapping[str, Scalar],
    identifiers: frozenset[str],
    layers: Sequence[Section],
    problems: Problems,
) -> dict[str, Scalar]:
    """Decide each declared parameter: the last layer that gives it wins, a bad value is noted."""
    values = dict(declared)
    for layer in layers:
        for name, value in layer.data.items():
            if name not in declared:
                continue
            fault = _fault(query, declared[name], value, is_name=name in identifiers)
            if fault:
                problems.add(layer.origin(name), fault)
            else:
                values[name] = (
                    float(value) if isinstance(declared[name], float) else value
                )
    return values


def _fault(query: str, default: Scalar, value: Any, *, is_name: bool) -> str:
    try:
        read_scalar(value)
    except ValueError as error:
        return str(error)
    wanted, given = type(default), type(value)
    if given is not wanted and (wanted, given) != (float, int):
        return f'{found(value)}; query "{query}" takes {_TYPE_NAMES[wanted]}'
    if is_name and not is_identifier(value):
        return f'"{value}" is not a name of a table or column; allowed: {IDENTIFIER_GRAMMAR}'
    return ""
