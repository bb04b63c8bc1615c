"""`kind = "mattermost"`: what such a receiver has of its own, and the keys that say it."""

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
class MattermostSettings(IncomingWebhookSettings):
    """The address of one of Mattermost's incoming webhooks."""

    kind: ClassVar[str] = "mattermost"


class MattermostSchema(IncomingWebhookSchema):
    """`kind = "mattermost"`."""


def read_mattermost(table: ReceiverTable) -> MattermostSettings:
    """Read the table; problems are noted in it."""
    return MattermostSettings(*read_address(table, table.validate(MattermostSchema)))
