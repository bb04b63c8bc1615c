"""Write a value as the format behind its name asks, as `{value:bytes}` of a text does; pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from monitor.model.wording import format_number

# "at least 7" keeps its words.
_NUMBER_AT_END: Final = re.compile(r"(.*?)(-?[0-9][0-9,]*(?:\.[0-9]+)?)")
_BYTES: Final = ("B", "kB", "MB", "GB", "TB", "PB")
_SPANS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_MANY: Final = 1000


def format_fault(spec: str) -> str | None:
    """Return what is wrong with a format, None where there is one of its name; an empty one changes nothing."""
    if spec in ("", *_FORMATS):
        return None
    named = [name for name in _FORMATS if name[0] != "."]
    return f'unknown format "{spec}"; allowed: {", ".join(named)}, .0f to .9f'


def formatted(text: str, spec: str) -> str:
    """Return a value as a format writes it; what is not a number stays as it is, but in an address."""
    if spec == "url":
        return quote(text, safe="")
    match = _NUMBER_AT_END.fullmatch(text)
    if match is None:
        return text
    words, number = match[1], float(match[2].replace(",", ""))
    return words + _FORMATS[spec](number)


def people_text(text: str) -> str:
    """Return the text of a number as people write it, and any other text as it is."""
    return formatted(text, "number")


def people_number(value: float) -> str:
    """Return a number as people write it: 1,234,567, 0.3333; four digits that count where it is not whole."""
    if not math.isfinite(value):
        return format_number(value)
    if value == int(value):
        return f"{int(value):,}"
    if abs(value) >= _MANY:
        return f"{value:,.0f}"
    return format_number(float(f"{value:.4g}"))


def percent(value: float) -> str:
    """Return a share of 1: 25 %, 0.5 %."""
    return f"{people_number(float(f'{value * 100:.3g}'))} %"


def byte_size(value: float) -> str:
    """Return a number of bytes: 1.2 MB; a megabyte is a million of them."""
    *units, unit = _BYTES
    for smaller in units:
        if abs(value) < _MANY:
            unit = smaller
            break
        value /= _MANY
    return f"{people_number(float(f'{value:.3g}'))} {unit}"


def span(seconds: float) -> str:
    """Return a number of seconds by its two largest units: 1 d 2 h, 3 min 20 s, 0.25 s."""
    if abs(seconds) < 1:
        return f"{people_number(float(f'{seconds:.3g}'))} s"
    rest = abs(round(seconds))
    place = 0
    while rest < _SPANS[place][1]:
        place += 1
    unit, length = _SPANS[place]
    smaller_unit, smaller_length = _SPANS[min(place + 1, len(_SPANS) - 1)]
    count, rest = divmod(rest, length)
    text = f"{'-' if seconds < 0 else ''}{count} {unit}"
    smaller = rest // smaller_length
    return f"{text} {smaller} {smaller_unit}" if smaller else text


def _fixed(digits: int, value: float) -> str:
    return f"{value:.{digits}f}"


_FORMATS: Final[Mapping[str, Callable[[float], str]]] = MappingProxyType(
    {
        "duration": span,
        "percent": percent,
        "bytes": byte_size,
        "number": people_number,
        "exact": format_number,
        "url": format_number,
        **{f".{digits}f": partial(_fixed, digits) for digits in range(10)},
    }
)
"""By their names in the texts; `url` is of text too."""
