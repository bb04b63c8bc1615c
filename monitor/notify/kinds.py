"""The kinds of receivers that there are: one row for each, with all that it has.

Importing them opens no connection and imports no client: who only validates the configuration needs none,
and the standard library's mail alone is 2 MB. So a kind's sender is imported by the function that makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from monitor.model.settings import Receiver
from monitor.notify.alertmanager.kind import AlertmanagerKind
from monitor.notify.alertmanager.settings import (
    AlertmanagerSchema,
    AlertmanagerSettings,
    read_alertmanager,
)
from monitor.notify.context import SenderContext
from monitor.notify.email.settings import EmailSchema, EmailSettings, read_email
from monitor.notify.kind import OutboxKind, ReceiverKind
from monitor.notify.outbox import Sender
from monitor.notify.pagerduty.settings import (
    PagerdutySchema,
    PagerdutySettings,
    read_pagerduty,
)
from monitor.notify.slack.settings import SlackSchema, SlackSettings, read_slack
from monitor.notify.webhook.settings import WebhookSchema, WebhookSettings, read_webhook


def _email_sender(settings: EmailSettings, context: SenderContext) -> Sender:
    from monitor.notify.email.sender import EmailSender

    return EmailSender(settings, context)


def _pagerduty_sender(settings: PagerdutySettings, context: SenderContext) -> Sender:
    from monitor.notify.pagerduty.sender import PagerdutySender

    return PagerdutySender(settings, context)


def _slack_sender(settings: SlackSettings, context: SenderContext) -> Sender:
    from monitor.notify.slack.sender import SlackSender

    return SlackSender(settings, context)


def _webhook_sender(settings: WebhookSettings, context: SenderContext) -> Sender:
    from monitor.notify.webhook.sender import WebhookSender

    return WebhookSender(settings, context)


_ALL: Final[tuple[ReceiverKind[Any], ...]] = (
    AlertmanagerKind(AlertmanagerSettings, AlertmanagerSchema, read_alertmanager),
    OutboxKind(EmailSettings, EmailSchema, read_email, _email_sender),
    OutboxKind(PagerdutySettings, PagerdutySchema, read_pagerduty, _pagerduty_sender),
    OutboxKind(SlackSettings, SlackSchema, read_slack, _slack_sender),
    OutboxKind(WebhookSettings, WebhookSchema, read_webhook, _webhook_sender),
)

KINDS: Final[Mapping[str, ReceiverKind[Any]]] = MappingProxyType(
    {kind.name: kind for kind in _ALL}
)
"""Every kind by its name, for what reads the configuration and for what delivers."""


def kind_of(receiver: Receiver) -> ReceiverKind[Any]:
    """Return the kind of a receiver."""
    return KINDS[receiver.kind]
