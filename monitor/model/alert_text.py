"""Put values into the texts of alerts: our own replacer, which reads names and nothing else; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

# str.format will not do: "{x.__class__}" reaches into the program.
_PART = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]")


def names_in(text: str) -> tuple[str, ...]:
    """Return the names that a text asks for, each once, in order; ValueError for a lone brace (write it double)."""
    names: dict[str, None] = {}
    for match in _PART.finditer(text):
        if match[0] in "{}":
            raise ValueError(
                f'lone "{match[0]}" at character {match.start() + 1}; write "{match[0] * 2}"'
            )
        if match[1]:
            names[match[1]] = None
    return tuple(names)


def render(text: str, values: Mapping[str, str]) -> str:
    """Replace `{name}` by its value, and `{{` by a brace; a name without a value stays as it is."""

    def replace(match: re.Match[str]) -> str:
        if match[1]:
            return values.get(match[1], match[0])
        return match[0][0]

    return _PART.sub(replace, text)
