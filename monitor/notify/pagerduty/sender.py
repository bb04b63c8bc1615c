"""POST one event for each alert to PagerDuty's Events API, version 2."""

from __future__ import annotations

import time
from datetime import datetime

from monitor.model.alerts import Notification
from monitor.model.errors import DeliveryError
from monitor.notify.context import SenderContext
from monitor.notify.http_client import HttpClient
from monitor.notify.pagerduty.event import event
from monitor.notify.pagerduty.settings import PagerdutySettings
from monitor.notify.progress import Progress, StepRefusal
from monitor.notify.secrets import read_secret


class PagerdutySender:
    """Makes the attempts at one receiver.

    A retry goes on with the events that were not taken; after a restart all are sent again, which
    PagerDuty takes as one by their `dedup_key`.
    """

    def __init__(self, settings: PagerdutySettings, context: SenderContext) -> None:
        self._settings = settings
        self._secrets = context.transport.secrets
        self._http = HttpClient(context.transport, timeout=context.timeout)
        self._timeout_seconds = context.timeout.total_seconds()
        self._external_url = context.external_url
        self._progress = Progress()

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt at all events that were not taken yet, within the receiver's timeout."""
        deadline = time.monotonic() + self._timeout_seconds
        key = read_secret(self._settings.routing_key, self._secrets)
        steps = self._progress.of(notification.key)
        is_any_done = False
        for position, alert in enumerate(notification.alerts):
            step = f"{position} {alert.fingerprint}"
            if step in steps.done:
                continue
            body = event(
                alert, notification, routing_key=key, external_url=self._external_url
            )
            try:
                self._send(body, key, deadline, now)
            except DeliveryError as error:
                if error.recoverable:
                    if error.reason == "timeout" and is_any_done:
                        # It takes them, they are only many: on with the rest.
                        error.retry_after_seconds = 0.0
                    raise
                # One that is refused for good does not take the others with it.
                steps.refused.append(StepRefusal.of(error))
            steps.done.add(step)
            is_any_done = True
        self._progress.end(notification.key)
        if steps.refused:
            first = steps.refused[0]
            count = f"{len(steps.refused)} of {len(notification.alerts)} events"
            message = f"{count}: {first.message}"
            raise DeliveryError(first.reason, message, recoverable=False)

    def abort(self) -> None:
        """Cut the attempt under way."""
        self._http.abort()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _send(self, body: bytes, key: str, deadline: float, now: datetime) -> None:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise DeliveryError(
                "timeout", "not all events were taken in time", recoverable=True
            )
        try:
            status = self._http.send(
                self._settings.url, body, {}, now=now, secrets=(key,), seconds=seconds
            )
        except DeliveryError as error:
            if error.reason == "http_400" and "routing" in error.message.lower():
                # The key is wrong and can be replaced, not the event.
                error.recoverable = True
            raise
        if status != 202:
            # Something on the way answered in PagerDuty's place.
            text = f"HTTP {status}, where PagerDuty says 202"
            raise DeliveryError(f"http_{status}", text, recoverable=True)
