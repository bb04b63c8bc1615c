"""Pad the cells of a column to one width, as a terminal counts it; pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from types import MappingProxyType

# East Asian characters that are wide or fullwidth (UAX 11).
_WIDE = MappingProxyType({"W": 2, "F": 2})


def aligned(cells: Sequence[str], *, is_right: bool = False) -> list[str]:
    """Pad the cells of a column to one width."""
    widest = max(cells, key=width_of, default="")
    width = width_of(widest)
    padded = []
    for cell in cells:
        padding = " " * (width - width_of(cell))
        if is_right:
            padded.append(padding + cell)
        else:
            padded.append(cell + padding)
    return padded


def width_of(text: str) -> int:
    """Return how many columns a terminal needs for a text."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(character) for character in text)


def _columns_of(character: str) -> int:
    """Return none for a combining mark, which joins the character before it."""
    if unicodedata.combining(character):
        return 0
    return _WIDE.get(unicodedata.east_asian_width(character), 1)
