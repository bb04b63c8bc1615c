"""POST Alertmanager's webhook body to one address."""

from __future__ import annotations

import json
import ssl
from datetime import datetime
from pathlib import Path

from monitor.deliver.payload import webhook_body
from monitor.deliver.post import Post
from monitor.errors import DeliveryError
from monitor.model.alerts import Notification
from monitor.model.settings import Receiver


class Webhook:
    """The sender of one receiver of this kind."""

    def __init__(self, receiver: Receiver, *, external_url: str, tls: ssl.SSLContext | None = None) -> None:
        self._receiver = receiver
        self._post = Post(timeout=receiver.timeout, tls=tls)
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


def _read_address(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, ValueError) as error:
        text = getattr(error, "strerror", None) or "is no text"
        raise DeliveryError("url_file", f"{path}: {text}", recoverable=True) from None
