"""Kind `slack`: a message for people to a Slack incoming webhook, or to what takes the same."""

from __future__ import annotations

from typing import Final

from monitor.notify.context import SenderContext
from monitor.notify.kind import OutboxKind
from monitor.notify.outbox import Sender
from monitor.notify.slack.schema import SlackSchema, read_settings
from monitor.notify.slack.settings import SlackSettings


def _make_sender(settings: SlackSettings, context: SenderContext) -> Sender:
    # Imported only where a receiver is delivered to: who only validates loads no HTTP client.
    from monitor.notify.slack.sender import SlackSender

    return SlackSender(settings, context)


KIND: Final = OutboxKind(SlackSettings, SlackSchema, read_settings, _make_sender)
