"""Durations as Prometheus writes them (`1h30m`, `500ms`): text to timedelta and back; pure."""

from __future__ import annotations

import re
from datetime import timedelta

# In milliseconds. A year has 365 days, as in Prometheus.
_UNITS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
# Nobody reads 90d more easily as 12w6d.
_WRITTEN_UNITS = ("d", "h", "m", "s", "ms")
LONGEST = timedelta(days=36_500)
"""A hundred years: what is longer is a mistake, and no instant is that far from now."""
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]+){unit})?" for unit in _UNITS))


def parse_duration(text: str) -> timedelta:
    """Read `500ms`, `30s`, `5m`, `1h30m`, `1d`, `0s`; ValueError says what is allowed."""
    match = _DURATION.fullmatch(text)
    # Every part may be left out, so that the pattern fits a text without any as well.
    if match is None or not text:
        raise ValueError(
            f'"{text}" is not a duration; allowed: 500ms, 30s, 5m, 1h30m, 1d'
        )
    milliseconds = 0
    for unit, count in match.groupdict("0").items():
        milliseconds += int(count) * _UNITS[unit]
    if milliseconds > LONGEST / timedelta(milliseconds=1):
        raise ValueError(f'"{text}" is longer than a hundred years')
    return timedelta(milliseconds=milliseconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration the way that `parse_duration` reads it, to the millisecond."""
    rest = round(duration.total_seconds() * 1000)
    if rest <= 0:
        return "0s"
    parts = []
    for unit in _WRITTEN_UNITS:
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def format_seconds(duration: timedelta) -> str:
    """Write a duration in the same way, to the second: for people, who need no milliseconds."""
    return format_duration(timedelta(seconds=round(duration.total_seconds())))
