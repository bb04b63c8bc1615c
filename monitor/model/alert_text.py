"""Put values into the texts of alerts: our own replacer, which reads names and nothing else; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from monitor.model.text_formats import format_fault, formatted

# str.format will not do: "{x.__class__}" reaches into the program.
_PART = re.compile(
    r"\{\{|\}\}|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<format>[^{}]*))?\}|[{}]"
)
_NOTHING: Mapping[str, str] = MappingProxyType({})


def names_in(text: str) -> tuple[str, ...]:
    """Return the names that a text asks for, each once, in order.

    ValueError for a lone brace, which is written double, and for an unknown format behind a name.
    """
    names: dict[str, None] = {}
    for part in _PART.finditer(text):
        _refuse_unknown(part)
        names[part.groupdict("")["name"]] = None
    # A doubled brace has no name.
    names.pop("", None)
    return tuple(names)


def _refuse_unknown(part: re.Match[str]) -> None:
    """Raise ValueError for a lone brace, and for a format that there is not."""
    whole = part[0]
    if whole in "{}":
        place = part.start() + 1
        raise ValueError(f'lone "{whole}" at character {place}; write "{whole * 2}"')
    fault = format_fault(part.groupdict("")["format"])
    if fault is not None:
        raise ValueError(f"{whole}: {fault}")


def render(
    text: str, values: Mapping[str, str], exact: Mapping[str, str] = _NOTHING
) -> str:
    """Replace `{name}` by its value, and `{{` by a brace; a name without a value stays as it is.

    A format, as in `{name:bytes}`, is given the value that `exact` has, where it has one.
    """

    for_formats = {**values, **exact}

    def replace(part: re.Match[str]) -> str:
        whole = part[0]
        name, spec = part["name"], part["format"]
        if name is None:
            return whole[0]
        if spec and name in for_formats:
            return formatted(for_formats[name], spec)
        return values.get(name, whole)

    return _PART.sub(replace, text)
