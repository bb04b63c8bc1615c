"""`kind = "alertmanager"`: what such a receiver has of its own, and the keys that say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, ClassVar, Final

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.config.schema import RootUrl
from monitor.config.toml.validation import Duration, from_to
from monitor.model.settings import ReceiverSettings
from monitor.model.targets import NamedFile

DEFAULT_RESEND_DELAY: Final = timedelta(minutes=1)
"""As Prometheus's --rules.alert.resend-delay."""


@dataclass(frozen=True, slots=True)
class AlertmanagerSettings(ReceiverSettings):
    """The addresses of one Alertmanager or of the members of one cluster, which may hold passwords."""

    kind: ClassVar[str] = "alertmanager"
    takes_notifications: ClassVar[bool] = False
    how: ClassVar[frozenset[str]] = frozenset({"resend_delay"})

    urls: tuple[str, ...] = field(repr=False)
    resend_delay: timedelta = DEFAULT_RESEND_DELAY
    """How often what is active is sent again; `endsAt` is four of these ahead."""

    def files(self) -> Sequence[NamedFile]:
        """Return nothing: it names no files."""
        return ()

    def secrets(self) -> Sequence[str]:
        """Return nothing: of an address errors name the host only."""
        return ()


# `endsAt` is four of these ahead: of a monitor that died the alerts end within four hours at most.
_ResendDelay = Annotated[
    Duration, from_to(timedelta(milliseconds=1), timedelta(hours=1), "1ms to 1h")
]


class AlertmanagerSchema(ReceiverSchema):
    """`kind = "alertmanager"`."""

    urls: list[RootUrl] | None = None
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
