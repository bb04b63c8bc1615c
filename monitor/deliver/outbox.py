"""Take notifications from the outbox, oldest first, and send each until its receiver has it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from monitor.clock import Clock
from monitor.deliver.backoff import Jitter, backoff_seconds
from monitor.deliver.payload import webhook_body
from monitor.deliver.post import Post
from monitor.deliver.worker import OnDelivery, ReceiverStatus, Worker
from monitor.errors import DeliveryError
from monitor.model.alerts import Delivery, Notification
from monitor.model.settings import Receiver

_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 300.0
_THE_END = datetime.max.replace(tzinfo=UTC)


class Waiting(Protocol):
    """What the outbox says of one receiver."""

    @property
    def waiting(self) -> int:
        """Count what was not taken yet."""
        ...

    @property
    def oldest_at(self) -> datetime:
        """Tell when the oldest of it was made."""
        ...


class Outbox(Protocol):
    """Where notifications wait; the state, as its workers see it."""

    def due(self, receiver: str, *, now: datetime, limit: int = 1) -> Sequence[Notification]:
        """List what to send now, oldest first."""
        ...

    def next_try_at(self, receiver: str) -> datetime | None:
        """Tell when the oldest may be tried; None if nothing waits."""
        ...

    def delivered(self, notification: Notification, delivery: Delivery) -> None:
        """Take out what the receiver has."""
        ...

    def failed(self, notification: Notification, delivery: Delivery, *, next_try_at: datetime | None) -> None:
        """Count a failed attempt; None gives up."""
        ...

    def outbox(self) -> Mapping[str, Waiting]:
        """Count what waits for each receiver."""
        ...


class Sender(Protocol):
    """Sends one notification to a kind of receiver; DeliveryError if it was not taken."""

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt."""
        ...

    def abort(self) -> None:
        """Cut the attempt under way, from another thread."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class Webhook:
    """POST Alertmanager's webhook body."""

    def __init__(self, receiver: Receiver, post: Post, *, external_url: str) -> None:
        self._receiver = receiver
        self._post = post
        self._external_url = external_url

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt; a receiver can tell by the idempotency key that it has this one already."""
        body = webhook_body(notification, external_url=self._external_url)
        headers = {**self._receiver.headers, "Idempotency-Key": notification.key}
        self._post.send(self._address(), json.dumps(body).encode(), headers, now=now)

    def abort(self) -> None:
        """Cut the attempt under way."""
        self._post.abort()

    def close(self) -> None:
        """Close the connection."""
        self._post.close()

    def _address(self) -> str:
        path = self._receiver.url_file
        return self._receiver.urls[0] if path is None else _read_address(path)


class OutboxWorker(Worker):
    """The thread of one receiver that is told of changes, each once and in order."""

    def __init__(
        self,
        receiver: Receiver,
        outbox: Outbox,
        sender: Sender,
        *,
        clock: Clock,
        on_delivery: OnDelivery,
        jitter: Jitter,
    ) -> None:
        super().__init__(receiver.name, receiver, clock=clock, on_delivery=on_delivery, jitter=jitter)
        self._outbox = outbox
        self._sender = sender

    def status(self) -> ReceiverStatus:
        """Tell what waits and how the last attempts went."""
        waiting = self._outbox.outbox().get(self._receiver.name)
        return ReceiverStatus(
            0 if waiting is None else waiting.waiting,
            None if waiting is None else waiting.oldest_at,
            self.health.failing_since,
            self.health.last_reason,
            self.health.last_message,
        )

    def _work(self) -> float | None:
        due = self._outbox.due(self._receiver.name, now=self._clock.now())
        if due:
            self._deliver(due[0])
            return 0.0
        next_try_at = self._outbox.next_try_at(self._receiver.name)
        if next_try_at is None:
            return None
        return max(0.0, (next_try_at - self._clock.now()).total_seconds())

    def _work_off(self) -> float | None:
        while not self._is_stopping:
            due = self._outbox.due(self._receiver.name, now=_THE_END)
            if not due or not self._deliver(due[0]):
                break
        return 0.0

    def _deliver(self, notification: Notification) -> bool:
        at, seconds, error = self._attempt(lambda now: self._sender.send(notification, now))
        outcome = self._outcome(error, at, seconds)
        if error is None:
            self._outbox.delivered(notification, outcome)
        else:
            self._outbox.failed(notification, outcome, next_try_at=self._next_try_at(notification, error))
        self._told(error, at, seconds)
        return error is None

    def _next_try_at(self, notification: Notification, error: DeliveryError) -> datetime | None:
        if not error.recoverable:
            return None
        seconds = error.retry_after_seconds
        if seconds is None:
            seconds = backoff_seconds(
                notification.attempts + 1,
                first=_FIRST_RETRY_SECONDS,
                most=_LONGEST_RETRY_SECONDS,
                jitter=self._jitter,
            )
        return self._clock.now() + timedelta(seconds=seconds)

    def _abort(self) -> None:
        self._sender.abort()

    def _close(self) -> None:
        self._sender.close()


def _read_address(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, ValueError) as error:
        text = getattr(error, "strerror", None) or "is no text"
        raise DeliveryError("url_file", f"{path}: {text}", recoverable=True) from None
