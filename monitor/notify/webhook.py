"""POST Alertmanager's webhook body, or one of the user's own, to one address."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from monitor.model.alerts import Notification
from monitor.model.body_template import BodyTemplate, is_json
from monitor.model.errors import DeliveryError
from monitor.model.settings import Receiver
from monitor.notify.http_client import Post
from monitor.notify.payload import webhook_body
from monitor.notify.secrets import address_of, read_header, read_secret
from monitor.notify.transport import Means

SIGNATURE_HEADER: Final = "X-TokenMonitor-Signature"
TIMESTAMP_HEADER: Final = "X-TokenMonitor-Timestamp"


class Webhook:
    """The sender of one receiver of this kind."""

    def __init__(self, receiver: Receiver, means: Means, *, external_url: str) -> None:
        self._receiver = receiver
        self._secrets = means.secrets
        self._post = Post(means, timeout=receiver.timeout)
        self._external_url = external_url
        self._template = (
            None
            if receiver.template is None
            else BodyTemplate(receiver.template, is_json=is_json(receiver.content_type))
        )

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt; a receiver can tell by the idempotency key that it has this one already."""
        body = self._body(notification)
        files = self._receiver.header_files
        secret_headers = {
            name: read_header(path, self._secrets) for name, path in files.items()
        }
        headers = {
            "Content-Type": self._receiver.content_type,
            **self._receiver.headers,
            **secret_headers,
            "Idempotency-Key": notification.key,
        }
        sent = list(secret_headers.values())
        if self._receiver.hmac_secret is not None:
            secret = read_secret(self._receiver.hmac_secret, self._secrets)
            headers |= signature(secret, body, now)
            sent.append(secret)
        address = address_of(self._receiver, self._secrets)
        self._post.send(address, body, headers, now=now, secrets=sent)

    def abort(self) -> None:
        """Cut the attempt under way."""
        self._post.abort()

    def close(self) -> None:
        """Close the connection."""
        self._post.close()

    def _body(self, notification: Notification) -> bytes:
        body = webhook_body(notification, external_url=self._external_url)
        if self._template is None:
            return json.dumps(body).encode()
        try:
            return self._template.render(body).encode("utf-8", "replace")
        except ValueError as error:
            # A reload can mend it, so it is kept.
            raise DeliveryError(
                "template", f"the template: {error}", recoverable=True
            ) from None


def signature(secret: str, body: bytes, now: datetime) -> Mapping[str, str]:
    """Make the headers by which a receiver can tell that a body is ours, and not an old one."""
    timestamp = str(int(now.timestamp()))
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return {
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: f"sha256={signed.hexdigest()}",
    }
