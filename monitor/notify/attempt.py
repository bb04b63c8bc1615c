"""One attempt to deliver, whatever sends it, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from monitor.model.alerts import Delivery
from monitor.model.errors import DeliveryError
from monitor.timing.clock import Clock

Send: TypeAlias = Callable[[datetime], None]
"""Sends something at an instant; DeliveryError if the far end did not take it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """When an attempt began, how long it took, and what went wrong, if anything."""

    at: datetime
    seconds: float
    error: DeliveryError | None = None

    def delivery(self, receiver: str, notifications: int = 1) -> Delivery:
        """Return it as the outcome for a receiver, of so many notifications or alerts."""
        if self.error is None:
            return Delivery(receiver, self.at, self.seconds, notifications)
        return Delivery(
            receiver,
            self.at,
            self.seconds,
            notifications,
            self.error.reason,
            self.error.message,
            recoverable=self.error.recoverable,
        )


def attempt(clock: Clock, send: Send) -> Attempt:
    """Make one attempt; raises nothing."""
    began = time.monotonic()
    error = None
    try:
        send(clock.now())
    except DeliveryError as failed:
        error = failed
    except Exception as defect:  # noqa: BLE001 # around a delivery: a defect is one more failed attempt
        error = failure_of(defect)
    seconds = time.monotonic() - began
    # Computed back from its end: the clock may have been set meanwhile.
    return Attempt(clock.now() - timedelta(seconds=seconds), seconds, error)


def failure_of(defect: Exception) -> DeliveryError:
    """Return a defect of ours as the failure of a delivery; its text could hold anything, also secrets."""
    return DeliveryError("internal", type(defect).__name__, recoverable=True)
