"""Write text and instants so that people can read them: escaped, cut, counted; pure."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal

# How PromQL writes what Python writes so.
_NOT_FINITE = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def escaped(text: str, *, kept: str = "") -> str:
    """Escape every character that is not printable, but those in `kept`.

    Line ends of any kind, controls that a terminal obeys, and changes of direction: what a database or a
    file holds may have been put there.
    """
    unprintable = {character for character in text if not character.isprintable()}
    escapes = {
        ord(character): character.encode("unicode_escape").decode()
        for character in unprintable.difference(kept)
    }
    return text.translate(escapes)


def readable(text: str) -> str:
    """Replace what UTF-8 cannot carry, such as a lone surrogate."""
    return text.encode("utf-8", "replace").decode()


def shortened(text: str, max_characters: int) -> str:
    """Cut a text that is too long, and show that it was."""
    if len(text) <= max_characters:
        return text
    return f"{text[: max_characters - 1]}…"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun: `1 query`, `2 queries`; without a plural an `s` is added."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {plural or noun + 's'}"


def format_number(value: float) -> str:
    """Return a number as people and PromQL write it: 12345678901, 0.25, 0.0000001, NaN.

    Whole numbers are exact. Others have the 15 digits that a float holds for certain: what comes after them
    is noise of the binary form, 0.30000000000000004.
    """
    if not math.isfinite(value):
        return _NOT_FINITE[f"{value}"]
    # Decimal, since a float's own format turns to 1e+21 where a reader wants digits.
    if value == int(value):
        return format(Decimal(int(value)), "f")
    return format(Decimal(f"{value:.15g}"), "f")


def utc_second(at: datetime) -> str:
    """Write an instant, which is in UTC, to the second: `2026-01-02 03:04:05 UTC`."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def utc_minute(at: datetime) -> str:
    """Write an instant, which is in UTC, to the minute: `2026-01-02 03:04 UTC`."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def clock_time(cell: timedelta) -> str:
    """Return a TIME as the servers write it: `-12:00:00`, where Python says `-1 day, 12:00:00`."""
    seconds, rest = divmod(abs(cell), timedelta(seconds=1))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
    if cell < timedelta(0):
        text = f"-{text}"
    if rest:
        text = f"{text}.{rest.microseconds:06d}"
    return text
