"""`kind = "teams"`: what such a receiver has of its own, and the keys that say it."""

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
class TeamsSettings(IncomingWebhookSettings):
    """The address of a Teams workflow that waits for webhook requests."""

    kind: ClassVar[str] = "teams"


class TeamsSchema(IncomingWebhookSchema):
    """`kind = "teams"`."""


def read_teams(table: ReceiverTable) -> TeamsSettings:
    """Read the table; problems are noted in it."""
    return TeamsSettings(*read_address(table, table.validate(TeamsSchema)))
