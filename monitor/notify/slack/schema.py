"""The keys of `kind = "slack"`, and how they become its settings."""

from __future__ import annotations

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.config.schema import Url
from monitor.config.toml.validation import Text
from monitor.notify.slack.settings import SlackSettings


class SlackSchema(ReceiverSchema):
    """`kind = "slack"`."""

    url: Url | None = None
    url_file: Text | None = None


def read_slack(table: ReceiverTable) -> SlackSettings:
    """Read the table; problems are noted in it."""
    checked = table.validate(SlackSchema)
    table.require_one("url", "url_file")
    return SlackSettings(url=checked.url or "", url_file=table.path(checked.url_file))
