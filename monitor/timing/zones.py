"""Read time zones as a database server spells them, and compare them with the server's own; pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"([+-])(\d{1,2}):([0-5]\d)")
_SIGNS = {"+": 1, "-": -1}
# MySQL's bounds; MariaDB takes an hour less at each end, and says so itself.
_LOWEST = timedelta(hours=-13, minutes=-59)
_HIGHEST = timedelta(hours=14)
# One on each side of daylight saving time, as the database edge asks servers.
_INSTANTS = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
_UTC = "+00:00"
_NAMES_OF_UTC = ("utc", "z", "gmt", "etc/utc")


def session_zone(text: str) -> str:
    """Return a zone as `SET time_zone` takes it on every server; ValueError where it is none.

    UTC is +00:00: its name is known only to servers that were given the tables of zones.
    """
    if text.strip().lower() in _NAMES_OF_UTC:
        return _UTC
    zone = _find_zone(text)
    if zone is None:
        raise ValueError(text)
    if isinstance(zone, timezone):
        return _INSTANTS[0].astimezone(zone).isoformat()[-len(_UTC) :]
    return text


def utc_offsets(zone: str) -> tuple[timedelta, ...]:
    """Return how far a zone is ahead of UTC in January and in July; () where nobody here knows it."""
    found = _find_zone(zone)
    if found is None:
        return ()
    return tuple(utc_offset(at.astimezone(found)) for at in _INSTANTS)


def utc_offset(at: datetime) -> timedelta:
    """Return how far an aware instant's zone is ahead of UTC then."""
    return at.replace(tzinfo=UTC) - at


def _find_zone(name: str) -> tzinfo | None:
    """Return the zone of an offset or a name; None where this machine does not know it."""
    offset = _read_offset(name)
    if offset is not None:
        return timezone(offset)
    # KeyError: not there. ValueError: not a name. OSError: a folder of zones, such as "Europe".
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _read_offset(text: str) -> timedelta | None:
    """Read `+02:00`; None of anything else, and of what no server takes."""
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    offset = _SIGNS[sign] * timedelta(hours=int(hours), minutes=int(minutes))
    return offset if _LOWEST <= offset <= _HIGHEST else None
