"""Values and characters as messages write them; pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, time
from typing import Final, NamedTuple

_MAX_SHOWN: Final = 60
"""So many characters of a string stand in a message: all of a name or path, and not all of a text."""
# Categories of Unicode: quotes that open and close, blanks of every kind, and what is not seen at all.
_LOOK_PLAIN: Final = ("Pi", "Pf", "Zs", "Zl", "Zp", "Cf", "Cc")


class _TomlType(NamedTuple):
    """A type of TOML: which Python values it is, its name, and how one is written if it is short."""

    types: type | tuple[type, ...]
    name: str
    write: Callable[[object], str] | None = None


def _lower(value: object) -> str:
    return str(value).lower()


def _quoted(value: object) -> str:
    text = str(value)
    if len(text) > _MAX_SHOWN:
        text = f"{text[: _MAX_SHOWN - 3]}..."
    return f'"{text}"'


_TOML_TYPES: Final = (
    # To Python a boolean is an integer too, so it comes first.
    _TomlType(bool, "a boolean", _lower),
    _TomlType(int, "an integer", str),
    _TomlType(float, "a float", str),
    _TomlType(Mapping, "a table"),
    _TomlType(list, "a list"),
    _TomlType((date, time), "a date or time"),
    _TomlType(object, "a string", _quoted),
)


def found(value: object, *, is_secret: bool = False) -> str:
    """Return a value by what it is in TOML: `7 is an integer`; of a secret its type alone."""
    kind = next(kind for kind in _TOML_TYPES if isinstance(value, kind.types))
    if kind.write is None or is_secret:
        return f"found {kind.name}"
    return f"{kind.write(value)} is {kind.name}"


def code_point(character: str) -> str:
    """Return a character by its number and name, such as `U+201C LEFT DOUBLE QUOTATION MARK`."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


def odd_quote_or_blank(text: str) -> str:
    """Name the first character that looks like a plain quote or blank and is not; empty without one.

    Editors and web pages put them in.
    """
    for character in text:
        is_odd = unicodedata.category(character) in _LOOK_PLAIN
        if is_odd and not character.isascii():
            return code_point(character)
    return ""
