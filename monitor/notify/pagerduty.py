"""POST one event for each alert to PagerDuty's Events API, version 2."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from monitor.model.alerts import Alert, AlertState, Notification
from monitor.model.errors import DeliveryError
from monitor.model.settings import PasswordSource, Receiver, Scalar
from monitor.model.wording import format_number, shortened
from monitor.notify.http_client import Post
from monitor.notify.message_text import Story, one_line, story
from monitor.notify.progress import Progress
from monitor.notify.secrets import read_secret
from monitor.notify.transport import Means

# Limits of the API: 512 KB of body, 1024 characters of summary, 255 of dedup_key.
_MOST_BYTES: Final = 512_000
_MOST_OF_SUMMARY: Final = 1024
_MOST_OF_A_TEXT: Final = 100_000
_CLIENT: Final = "token-monitor"
_CUTS: Final = (
    *((10, 100_000), (5, 100_000), (2, 100_000), (1, 100_000)),
    *((0, 100_000), (0, 10_000), (0, 1000), (0, 100)),
)
"""How many rows of evidence, and how long each text may be, tried until the body is small enough."""


class PagerDuty:
    """The sender of one receiver of this kind.

    A retry goes on with the events that were not taken; after a restart all are sent again, which
    PagerDuty takes as one by their `dedup_key`.
    """

    def __init__(self, receiver: Receiver, means: Means, *, external_url: str) -> None:
        self._receiver = receiver
        self._secrets = means.secrets
        self._post = Post(means, timeout=receiver.timeout)
        self._external_url = external_url
        self._progress = Progress()

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt at all events that were not taken yet, within the receiver's timeout."""
        deadline = time.monotonic() + self._receiver.timeout.total_seconds()
        routing_key = read_secret(
            self._receiver.routing_key or PasswordSource(), self._secrets
        )
        steps = self._progress.of(notification.key)
        taken_before = len(steps.done)
        for position, alert in enumerate(notification.alerts):
            step = f"{position} {alert.fingerprint}"
            if step in steps.done:
                continue
            body = event(
                alert,
                notification,
                routing_key=routing_key,
                external_url=self._external_url,
            )
            try:
                self._send(body, routing_key, deadline, now)
            except DeliveryError as error:
                if error.recoverable:
                    if error.reason == "timeout" and len(steps.done) > taken_before:
                        error.retry_after_seconds = (
                            0.0  # it takes them, they are only many: on with the rest
                        )
                    raise
                # One that is refused for good does not take the others with it.
                steps.refused.append(f"{error.reason}: {error.message}")
            steps.done.add(step)
        self._progress.end(notification.key)
        if steps.refused:
            reason, _, message = steps.refused[0].partition(": ")
            told = (
                f"{len(steps.refused)} of {len(notification.alerts)} events: {message}"
            )
            raise DeliveryError(reason, told, recoverable=False)

    def abort(self) -> None:
        """Cut the attempt under way."""
        self._post.abort()

    def close(self) -> None:
        """Close the connection."""
        self._post.close()

    def _send(
        self, body: bytes, routing_key: str, deadline: float, now: datetime
    ) -> None:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise DeliveryError(
                "timeout", "not all events were taken in time", recoverable=True
            )
        try:
            status = self._post.send(
                self._receiver.urls[0],
                body,
                {},
                now=now,
                secrets=(routing_key,),
                seconds=seconds,
            )
        except DeliveryError as error:
            if error.reason == "http_400" and "routing" in error.message.lower():
                error.recoverable = (
                    True  # the key is wrong and can be mended, not the event
                )
            raise
        if status != 202:
            # Something on the way answered in PagerDuty's place.
            text = f"HTTP {status}, where PagerDuty says 202"
            raise DeliveryError(f"http_{status}", text, recoverable=True)


def event(
    alert: Alert, notification: Notification, *, routing_key: str, external_url: str
) -> bytes:
    """Make the body of one event, small enough for the API; what has ended needs no more than its key."""
    body: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "trigger" if alert.state is AlertState.FIRING else "resolve",
        "dedup_key": alert.fingerprint,
    }
    if body["event_action"] == "resolve":
        return json.dumps(body).encode()
    one = story(alert, notification, external_url, most=_MOST_OF_A_TEXT)
    body["client"] = _CLIENT
    if external_url:
        body["client_url"] = external_url
    body["links"] = [{"href": address, "text": text} for text, address in one.links]
    body["payload"] = {
        "summary": shortened(one.summary, _MOST_OF_SUMMARY),
        "source": shortened(one_line(alert.scope.target), 255) or _CLIENT,
        "severity": one.severity,
        "timestamp": (alert.fired_at or alert.active_at).astimezone(UTC).isoformat(),
        "component": one_line(alert.scope.subject),
        "group": _CLIENT,
        "class": alert.name,
    }
    for details in _details(one, alert.value):
        body["payload"]["custom_details"] = details
        content = json.dumps(body).encode()
        if len(content) <= _MOST_BYTES:
            break
    return content


def _details(one: Story, value: float) -> Iterator[Mapping[str, Any]]:
    texts = {"description": one.description, "course": one.course, **dict(one.notes)}
    annotations = {name: text for name, text in texts.items() if text}
    for rows, most in _CUTS:
        details: dict[str, Any] = {
            "value": _cell(value),
            "labels": {name: shortened(value, most) for name, value in one.labels},
            "annotations": {
                name: shortened(text, most) for name, text in annotations.items()
            },
        }
        evidence = [
            {name: _cell(cell) for name, cell in row.items()}
            for row in one.evidence[:rows]
        ]
        if evidence:
            details["evidence"] = evidence
        elif one.evidence:
            details["evidence"] = "left out: too long"
        yield details
    yield {"value": one.value, "left_out": "labels and texts: too long"}


def _cell(cell: Scalar | None) -> Scalar | None:
    # JSON has no word for these numbers.
    return (
        format_number(cell)
        if isinstance(cell, float) and not math.isfinite(cell)
        else cell
    )
