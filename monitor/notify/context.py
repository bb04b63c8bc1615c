"""What all workers and senders are given, and what they ask of the state and of the program."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from monitor.model.alerts import Alert, Delivery, Notification
from monitor.notify.backoff import Jitter
from monitor.notify.transport import Transport
from monitor.timing.clock import SettableClock

OnDelivery: TypeAlias = Callable[[Delivery], None]
"""Hears of every attempt, by the workers' threads; must not raise."""
AlertsNow: TypeAlias = Callable[[], Sequence[Alert]]
"""Returns the firing alerts, and those that resolved in the last 15 minutes."""


class Waiting(Protocol):
    """What the outbox says of one receiver."""

    @property
    def waiting(self) -> int:
        """Return how many notifications were not taken yet."""
        ...

    @property
    def oldest_at(self) -> datetime:
        """Return when the oldest of them was made."""
        ...

    @property
    def full_since(self) -> datetime | None:
        """Return since when what is new has to wait outside, if it has."""
        ...


class Outbox(Protocol):
    """Where notifications wait; the state, as its workers see it. Any of it may fail for a while."""

    def due(
        self,
        receiver: str,
        *,
        now: datetime,
        limit: int = 1,
        least_tried_first: bool = False,
        whenever: bool = False,
    ) -> Sequence[Notification]:
        """List what to send now or `whenever`, oldest first; of one rule and target only the oldest."""
        ...

    def next_try_at(self, receiver: str) -> datetime | None:
        """Return when the next may be tried; None if nothing waits."""
        ...

    def retry_now(self, receiver: str, *, now: datetime) -> None:
        """Let all that waits be tried at once."""
        ...

    def expire(self, receiver: str, *, now: datetime) -> Sequence[Delivery]:
        """Drop what is too old or too much, and return it."""
        ...

    def delivered(self, notification: Notification, delivery: Delivery) -> None:
        """Remove what the receiver has taken."""
        ...

    def failed(
        self,
        notification: Notification,
        delivery: Delivery,
        *,
        next_try_at: datetime | None,
    ) -> None:
        """Count a failed attempt; None gives up."""
        ...

    def outbox(self) -> Mapping[str, Waiting]:
        """Return what waits, by receiver."""
        ...


@dataclass(frozen=True, slots=True)
class SenderContext:
    """What a sender is given beside its own settings; `timeout` is of one attempt, whatever it takes."""

    transport: Transport
    timeout: timedelta
    external_url: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What all workers are given: the clock, the state, and who hears of attempts.

    `jitter` gives numbers from 0 to below 1, by which waits after failures differ.
    """

    clock: SettableClock
    outbox: Outbox
    snapshot: AlertsNow
    on_delivery: OnDelivery
    transport: Transport
    external_url: str = ""
    jitter: Jitter = field(default_factory=lambda: random.SystemRandom().random)

    def for_sender(self, timeout: timedelta) -> SenderContext:
        """Return what a sender needs of it."""
        return SenderContext(self.transport, timeout, self.external_url)
