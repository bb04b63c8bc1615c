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
from monitor.notify.context import SenderContext
from monitor.notify.http_client import HttpClient
from monitor.notify.secrets import address_of, read_secret
from monitor.notify.webhook.body import webhook_body
from monitor.notify.webhook.headers import read_header
from monitor.notify.webhook.settings import WebhookSettings

SIGNATURE_HEADER: Final = "X-TokenMonitor-Signature"
TIMESTAMP_HEADER: Final = "X-TokenMonitor-Timestamp"


class WebhookSender:
    """Makes the attempts at one receiver."""

    def __init__(self, settings: WebhookSettings, context: SenderContext) -> None:
        self._settings = settings
        self._secrets = context.transport.secrets
        self._http = HttpClient(context.transport, timeout=context.timeout)
        self._external_url = context.external_url
        self._template: BodyTemplate | None = None
        if settings.template is not None:
            self._template = BodyTemplate(
                settings.template, is_json=is_json(settings.content_type)
            )

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt; a receiver can see by the idempotency key that it has this one already."""
        body = self._body(notification)
        secret_headers = {
            name: read_header(path, self._secrets)
            for name, path in self._settings.header_files.items()
        }
        headers = {
            "Content-Type": self._settings.content_type,
            **self._settings.headers,
            **secret_headers,
            "Idempotency-Key": notification.key,
        }
        secrets = list(secret_headers.values())
        if self._settings.hmac_secret is not None:
            key = read_secret(self._settings.hmac_secret, self._secrets)
            headers.update(signature(key, body, now))
            secrets.append(key)
        address = address_of(self._settings.url, self._settings.url_file, self._secrets)
        self._http.send(address, body, headers, now=now, secrets=secrets)

    def abort(self) -> None:
        """Cut the attempt under way."""
        self._http.abort()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _body(self, notification: Notification) -> bytes:
        body = webhook_body(notification, external_url=self._external_url)
        if self._template is None:
            return json.dumps(body).encode()
        try:
            return self._template.render(body).encode("utf-8", "replace")
        except ValueError as error:
            # A reload can fix it, so the notification is kept.
            raise DeliveryError(
                "template", f"the template: {error}", recoverable=True
            ) from None


def signature(secret: str, body: bytes, now: datetime) -> Mapping[str, str]:
    """Make the headers by which a receiver can verify that a body is ours, and not an old one."""
    timestamp = str(int(now.timestamp()))
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return {
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: f"sha256={signed.hexdigest()}",
    }
