"""Parameters of queries: their types, and which layer of the files decides their value; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monitor.config.labels import LABEL_NAME
from monitor.config.sql.statement import IDENTIFIER_GRAMMAR, is_identifier
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Origin, Problems, near_miss
from monitor.config.toml.validation import check_table, read_scalar
from monitor.config.toml.wording import found
from monitor.model.application import HOLE, ApplicationSql
from monitor.model.settings import Scalar

NEEDS: Final = "needs"
"""The built-in parameter of a schema query: every needed column on its target, as JSON."""
TABLES: Final = "application_tables"
"""The built-in parameter of a query with a contract: the tables that the application names, with commas."""
TABLES_PATTERN: Final = "application_pattern"
"""The same of tables of which the source has only a part of the name: a regular expression."""
BUILT_IN: Final = frozenset((NEEDS, TABLES, TABLES_PATTERN))

_NO_TABLE: Final = "^$"
_ODD: Final = re.compile(r"[^a-z0-9_.]")
"""What means something in a regular expression, or may be a letter that has no capital."""
_PART: Final = "[^ ]*"
_WORD: Final = re.compile(r"[a-z]{4}")
"""A name in which there is none would fit too many tables, of which some are large in number."""

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
    if name in BUILT_IN:
        return f":{name} is built in; it cannot be declared"
    if LABEL_NAME.fullmatch(name) is None:
        return "is not a parameter name; allowed: letters, digits and _, no digit first"
    return None


def check_number(
    name: str, declared: Mapping[str, Scalar], origin: Origin, problems: Problems
) -> None:
    """Note a parameter that is no number, or that the query does not declare."""
    if name not in declared:
        known = near_miss(name, declared)
        problems.add(origin, f'the query declares no parameter "{name}"{known}')
        return
    default = declared[name]
    if isinstance(default, (bool, str)):
        message = f'the parameter "{name}" is not a number: {found(default)}'
        problems.add(origin, message)


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


def tables_of(application: ApplicationSql) -> dict[str, str]:
    """Return the parameters: tables in small letters, and a pattern of those that only a run knows by name."""
    whole: set[str] = set()
    patterns: set[str] = set()
    for table in application.tables:
        name = table.lower()
        if HOLE in name:
            patterns |= _patterns_of(name)
        # A comma would make two of it.
        elif "," not in name:
            whole.add(name)
    pattern = "|".join(sorted(patterns))
    return {
        TABLES: ",".join(sorted(whole)),
        TABLES_PATTERN: f"^({pattern})$" if pattern else _NO_TABLE,
    }


def _patterns_of(name: str) -> set[str]:
    """Return the pattern of a name with holes; none where too little of it is known."""
    parts = [_ODD.sub(".", part) for part in name.split(HOLE)]
    if not any(_WORD.search(part) for part in parts):
        return set()
    return {_PART.join(parts)}
