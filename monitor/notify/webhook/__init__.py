"""Kind `webhook`: Alertmanager's webhook body, or one of the user's own, to one address."""

from __future__ import annotations

from typing import Final

from monitor.notify.context import SenderContext
from monitor.notify.kind import OutboxKind
from monitor.notify.outbox import Sender
from monitor.notify.webhook.schema import WebhookSchema, read_settings
from monitor.notify.webhook.settings import WebhookSettings


def _make_sender(settings: WebhookSettings, context: SenderContext) -> Sender:
    # Imported only where a receiver is delivered to: who only validates loads no HTTP client.
    from monitor.notify.webhook.sender import WebhookSender

    return WebhookSender(settings, context)


KIND: Final = OutboxKind(WebhookSettings, WebhookSchema, read_settings, _make_sender)
