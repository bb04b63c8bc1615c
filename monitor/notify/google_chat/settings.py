"""`kind = "google_chat"`: what such a receiver has of its own, and the keys that say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from monitor.config.receivers import ReceiverTable
from monitor.notify.incoming_webhook import (
    IncomingWebhookSchema,
    IncomingWebhookSettings,
    read_address,
)


@dataclass(frozen=True, slots=True)
class GoogleChatSettings(IncomingWebhookSettings):
    """The address of a webhook of a Google Chat space."""

    kind: ClassVar[str] = "google_chat"


class GoogleChatSchema(IncomingWebhookSchema):
    """`kind = "google_chat"`."""


def read_google_chat(table: ReceiverTable) -> GoogleChatSettings:
    """Read the table; problems are noted in it."""
    return GoogleChatSettings(*read_address(table, table.validate(GoogleChatSchema)))
