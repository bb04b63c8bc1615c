"""Senders that POST JSON to a service: one message for a notification, or one request for each alert."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import ClassVar

from monitor.model.alerts import Notification
from monitor.model.errors import DeliveryError
from monitor.notify.answers import AnswerRules
from monitor.notify.context import SenderContext
from monitor.notify.http_client import HttpClient
from monitor.notify.progress import DeliveryStep, Progress, StepRefusal


@dataclass(frozen=True, slots=True)
class Post:
    """One request; the address, headers and secrets are not shown."""

    address: str = field(repr=False)
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What an answer may repeat of it and nobody may read, beside parts of the address and of headers."""
    rules: AnswerRules | None = None
    """What answers to it mean, where that is not what they always mean."""


class PostingSender(ABC):
    """What senders of both forms share: one connection, and how the service's answers are read."""

    rules: ClassVar[AnswerRules]

    def __init__(self, context: SenderContext) -> None:
        self._secrets = context.transport.secrets
        self._http = HttpClient(
            context.transport, timeout=context.timeout, rules=self.rules
        )
        self._external_url = context.external_url

    @abstractmethod
    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt."""

    def abort(self) -> None:
        """Cut the attempt under way."""
        self._http.abort()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _post(self, post: Post, now: datetime, seconds: float | None = None) -> None:
        self._http.send(
            post.address,
            post.body,
            post.headers,
            now=now,
            secrets=post.secrets,
            seconds=seconds,
            rules=post.rules,
        )


class MessageSender(PostingSender):
    """Makes the attempts at a receiver that takes one message for each notification."""

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt."""
        self._post(self.message(notification), now)

    @abstractmethod
    def message(self, notification: Notification) -> Post:
        """Make the request; DeliveryError where a secret cannot be read."""


class PerAlertSender(PostingSender):
    """Makes the attempts at a receiver that takes one request for each alert.

    A retry goes on with those that were not taken; after a restart all are sent again, so the service has
    to know an alert by its fingerprint.
    """

    noun: ClassVar[str]
    """What the service calls a request, in the plural."""

    def __init__(self, context: SenderContext) -> None:
        super().__init__(context)
        self._timeout_seconds = context.timeout.total_seconds()
        self._progress = Progress()

    @abstractmethod
    def posts(self, notification: Notification) -> Iterator[Post]:
        """Make the requests, in the order of the alerts; DeliveryError where a secret cannot be read."""

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt at all that was not taken yet, within the receiver's timeout."""
        deadline = time.monotonic() + self._timeout_seconds
        refusals = self._progress.take(
            notification.key, self._steps(notification, deadline, now)
        )
        self._raise_refusals(refusals, len(notification.alerts))

    def _steps(
        self, notification: Notification, deadline: float, now: datetime
    ) -> Iterator[DeliveryStep]:
        posts = zip(notification.alerts, self.posts(notification), strict=True)
        for position, (alert, post) in enumerate(posts):
            name = f"{position} {alert.fingerprint}"
            yield name, partial(self._post_in_time, post, deadline, now)

    def _post_in_time(self, post: Post, deadline: float, now: datetime) -> None:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            message = f"not all {self.noun} were taken in time"
            raise DeliveryError("timeout", message, recoverable=True)
        self._post(post, now, seconds)

    def _raise_refusals(self, refusals: Sequence[StepRefusal], posts: int) -> None:
        """Raise one error for all that was refused for good: the first's words speak for all."""
        if not refusals:
            return
        first = refusals[0]
        message = f"{len(refusals)} of {posts} {self.noun}: {first.message}"
        raise DeliveryError(first.reason, message, recoverable=False)
