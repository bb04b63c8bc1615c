"""Draw the icon of a page's tab, by whose colour and sign a tab that nobody looks at says how things are; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COLOURS: Final[Mapping[str, str]] = {
    "ok": "#15803d",
    "warn": "#a65d00",
    "bad": "#c81e33",
    "info": "#1d4ed8",
    "wait": "#5b6472",
    "plain": "#5b6472",
}
"""Of each tone of a page, where it cannot bring its style sheet; white text is read on all of them."""
_SIGNS: Final[Mapping[str, str]] = {
    "ok": "M9 17l5 5 10-12",
    "warn": "M16 8v10M16 23v1",
    "bad": "M10 10l12 12M22 10L10 22",
    "info": "M16 14v10M16 8v1",
    "wait": "M10 16h1M16 16h1M22 16h1",
    "plain": "M10 11h12M10 16h12M10 21h12",
}
"""A sign for each: not everybody tells the colours apart."""


def icon(tone: str) -> str | None:
    """Return the icon of a tone as SVG; None of one that there is not."""
    sign = _SIGNS.get(tone)
    if sign is None:
        return None
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="8" fill="{COLOURS[tone]}"/>'
        f'<path d="{sign}" fill="none" stroke="#fff" stroke-width="4"'
        ' stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )
