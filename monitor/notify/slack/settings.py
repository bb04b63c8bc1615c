"""`kind = "slack"`: what such a receiver has of its own, and the keys that say it."""

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
class SlackSettings(IncomingWebhookSettings):
    """The address of one of Slack's incoming webhooks."""

    kind: ClassVar[str] = "slack"


class SlackSchema(IncomingWebhookSchema):
    """`kind = "slack"`."""


def read_slack(table: ReceiverTable) -> SlackSettings:
    """Read the table; problems are noted in it."""
    return SlackSettings(*read_address(table, table.validate(SlackSchema)))
