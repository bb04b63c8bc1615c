"""Kind `email`: a mail for each notification through one SMTP server."""

from __future__ import annotations

from typing import Final

from monitor.notify.context import SenderContext
from monitor.notify.email.schema import EmailSchema, read_settings
from monitor.notify.email.settings import EmailSettings
from monitor.notify.kind import OutboxKind
from monitor.notify.outbox import Sender


def _make_sender(settings: EmailSettings, context: SenderContext) -> Sender:
    # Imported only where a receiver is delivered to: the standard library's mail alone is 2 MB.
    from monitor.notify.email.sender import EmailSender

    return EmailSender(settings, context)


KIND: Final = OutboxKind(EmailSettings, EmailSchema, read_settings, _make_sender)
