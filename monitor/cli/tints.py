"""Colour what says how bad it is, on a terminal that shows colours and for a reader who wants them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import click

_FIRST_WORD: Final = re.compile(r"[a-z]+")
_COLOURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "critical": "red",
        "firing": "red",
        "fired": "red",
        "failed": "red",
        "given": "red",
        "warning": "yellow",
        "pending": "yellow",
        "blocked": "yellow",
        "unknown": "magenta",
        "info": "cyan",
        "ok": "green",
        "resolved": "green",
        "taken": "green",
    }
)
"""By the first word of a cell; what is none of these says nothing of good or bad."""


def tinted(cells: Sequence[str]) -> list[str]:
    """Return each cell in the colour of its first word; as they are where stdout shows no colours."""
    if not _is_in_colour():
        return list(cells)
    return [_tinted(cell) for cell in cells]


def _is_in_colour() -> bool:
    """Return whether stdout is a terminal with colours, and nobody said NO_COLOR."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()


def _tinted(cell: str) -> str:
    word = _FIRST_WORD.match(cell.lower())
    colour = _COLOURS.get(word[0]) if word else None
    return cell if colour is None else click.style(cell, fg=colour)
