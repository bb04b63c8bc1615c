"""How long to wait after a failed attempt; pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime

Jitter = Callable[[], float]
"""Gives a number from 0 to below 1."""

_LONGEST_RETRY_AFTER_SECONDS = 3600.0


def backoff_seconds(
    failures: int, *, first: float, most: float, jitter: Jitter
) -> float:
    """Choose any wait up to one that doubles with each failure: exponential with full jitter."""
    # 2.0 ** 1024 overflows; long before that it is `most`.
    return jitter() * min(most, first * 2.0 ** min(failures - 1, 64))


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Read Retry-After, seconds or a date; an hour at most, None if there is none or it is senseless."""
    if header is None:
        return None
    try:
        seconds = float(header) if header.strip().isdigit() else _until(header, now)
    except (TypeError, ValueError):
        return None
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_SECONDS)


def _until(date: str, now: datetime) -> float:
    return (parsedate_to_datetime(date) - now).total_seconds()
