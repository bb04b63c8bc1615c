"""`kind = "discord"`: what such a receiver has of its own, and the keys that say it."""

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
class DiscordSettings(IncomingWebhookSettings):
    """The address of a webhook of a Discord channel."""

    kind: ClassVar[str] = "discord"


class DiscordSchema(IncomingWebhookSchema):
    """`kind = "discord"`."""


def read_discord(table: ReceiverTable) -> DiscordSettings:
    """Read the table; problems are noted in it."""
    return DiscordSettings(*read_address(table, table.validate(DiscordSchema)))
