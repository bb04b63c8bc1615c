"""Read time zones as a database server spells them, and compare them with the server's own; pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"([+-])(\d{1,2}):([0-5]\d)")
# MySQL's bounds; MariaDB takes an hour less at each end, and says so itself.
_LOWEST, _HIGHEST = timedelta(hours=-13, minutes=-59), timedelta(hours=14)
# One on each side of daylight saving time, as the database edge asks servers.
_INSTANTS = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
_OF_UTC = ("utc", "z", "gmt", "etc/utc")


def session_zone(text: str) -> str:
    """Return a zone as `SET time_zone` takes it on every server; ValueError where it is none.

    UTC is +00:00: its name is known only to servers that were given the tables of zones.
    """
    if text.strip().lower() in _OF_UTC:
        return "+00:00"
    offset = _offset(text)
    if offset is not None:
        return _written(offset)
    if _named(text) is None:
        raise ValueError(text)
    return text


def utc_offsets(zone: str) -> tuple[timedelta, ...]:
    """Return how far a zone is ahead of UTC in January and in July; () where nobody here knows it."""
    offset = _offset(zone)
    if offset is not None:
        return (offset, offset)
    named = _named(zone)
    if named is None:
        return ()
    return tuple(at.astimezone(named).utcoffset() or timedelta(0) for at in _INSTANTS)


def _named(zone: str) -> ZoneInfo | None:
    """Return the zone of a name; None where this machine does not know it."""
    try:
        return ZoneInfo(zone)
    except (
        KeyError,
        ValueError,
        OSError,
    ):  # not there, not a name, or a folder of zones
        return None


def _written(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    hours, minutes = divmod(abs(minutes), 60)
    return f"{sign}{hours:02d}:{minutes:02d}"


def _offset(text: str) -> timedelta | None:
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    signed = -offset if found[1] == "-" else offset
    return signed if _LOWEST <= signed <= _HIGHEST else None
