"""How long to wait after a failed attempt: all of it is here; pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, TypeAlias

from monitor.model.errors import DeliveryError

Jitter: TypeAlias = Callable[[], float]
"""Returns a number from 0 to below 1."""

# A server that says "tomorrow" would keep an alert from everybody; it is asked again within the hour.
_MAX_RETRY_AFTER_SECONDS: Final = 3600.0
# A shorter wait, again and again, would be an attack.
_MIN_RETRY_AFTER_SECONDS: Final = 1.0
# 2.0 ** 1024 overflows; long before that every wait is as long as it can be.
_MAX_DOUBLINGS: Final = 64


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double with each failure, up to a bound: exponential back-off with full jitter.

    Any wait from zero to that is chosen, so that what failed together does not come again together
    (Amazon, "Exponential Backoff And Jitter").
    """

    first_seconds: float
    max_seconds: float

    def seconds(self, failures: int, jitter: Jitter) -> float:
        """Choose the wait after so many failures in a row, which is one at least."""
        doubled = self.first_seconds * 2.0 ** min(failures - 1, _MAX_DOUBLINGS)
        return jitter() * min(self.max_seconds, doubled)

    def seconds_after(
        self, error: DeliveryError, failures: int, jitter: Jitter
    ) -> float:
        """Choose the wait after a failed attempt; what the far end asks for goes before all else."""
        if error.retry_after_seconds is not None:
            return error.retry_after_seconds
        return self.seconds(failures, jitter)


NOTIFICATION: Final = Backoff(first_seconds=1.0, max_seconds=300.0)
"""Of one notification in the outbox, while others pass it."""
RECEIVER: Final = Backoff(first_seconds=1.0, max_seconds=60.0)
"""Of a receiver at which several notifications failed in a row; short, since all that waits waits for it."""


def resend_backoff(resend_delay: timedelta) -> Backoff:
    """Return that of an Alertmanager's address, which is sent everything again after the delay anyway."""
    return Backoff(first_seconds=0.5, max_seconds=resend_delay.total_seconds())


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Read Retry-After, seconds or a date; an hour at most, None if there is none or it is senseless."""
    if header is None:
        return None
    try:
        is_number = header.strip().isdigit()
        seconds = float(header) if is_number else _seconds_until(header, now)
    except (TypeError, ValueError):
        return None
    return bounded_retry_after(seconds)


def bounded_retry_after(seconds: float) -> float | None:
    """Return a wait that a far end asks for as one that we keep to; None for what asks for none.

    To come at once is not asked for: that would be a loop for as long as it fails. Nor by a date that is past, of a
    clock that is behind ours.
    """
    if math.isnan(seconds) or seconds <= 0.0:
        return None
    return min(max(seconds, _MIN_RETRY_AFTER_SECONDS), _MAX_RETRY_AFTER_SECONDS)


def _seconds_until(date: str, now: datetime) -> float:
    return (parsedate_to_datetime(date) - now).total_seconds()
