"""The keys of `kind = "alertmanager"`, and how they become its settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.config.schema import Url
from monitor.config.toml.validation import Duration, from_to
from monitor.notify.alertmanager.settings import (
    DEFAULT_RESEND_DELAY,
    AlertmanagerSettings,
)

# `endsAt` is four of these ahead: of a monitor that died the alerts end within four hours at most.
_ResendDelay = Annotated[
    Duration, from_to(timedelta(milliseconds=1), timedelta(hours=1), "1ms to 1h")
]


class AlertmanagerSchema(ReceiverSchema):
    """`kind = "alertmanager"`."""

    urls: list[Url] | None = None
    resend_delay: _ResendDelay = DEFAULT_RESEND_DELAY


def read_alertmanager(table: ReceiverTable) -> AlertmanagerSettings:
    """Read the table; problems are noted in it."""
    checked = table.validate(AlertmanagerSchema)
    if not table.section.data.get("urls"):
        table.add('is required for kind "alertmanager": at least one URL', "urls")
    if table.has("repeat_interval"):
        table.add(
            'an Alertmanager repeats by itself; it is sent what fires every "resend_delay"',
            "repeat_interval",
        )
    return AlertmanagerSettings(tuple(checked.urls or ()), checked.resend_delay)
