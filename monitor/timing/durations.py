"""Durations as Prometheus writes them (`1h30m`, `500ms`): text to timedelta and back; pure."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]+){unit})?" for unit in _UNITS))


def parse_duration(text: str) -> timedelta:
    """Read `500ms`, `30s`, `5m`, `1h30m`, `1d`, `0s`; ValueError says what is allowed."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueError(
            f'"{text}" is not a duration; allowed: 500ms, 30s, 5m, 1h30m, 1d'
        )
    return timedelta(
        milliseconds=sum(int(n) * _UNITS[u] for u, n in match.groupdict("0").items())
    )


def format_duration(duration: timedelta) -> str:
    """Write a duration the way that `parse_duration` reads it, to the millisecond."""
    rest = round(duration.total_seconds() * 1000)
    if rest <= 0:
        return "0s"
    parts = []
    for unit, size in _UNITS.items():
        if unit in ("y", "w"):
            continue
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def format_seconds(duration: timedelta) -> str:
    """Write a duration in the same way, to the second: for people, who need no milliseconds."""
    return format_duration(timedelta(seconds=round(duration.total_seconds())))
