"""What a receiver of Alertmanager has of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Final

from monitor.model.settings import ReceiverSettings
from monitor.model.targets import NamedFile

DEFAULT_RESEND_DELAY: Final = timedelta(minutes=1)
"""As Prometheus's --rules.alert.resend-delay."""


@dataclass(frozen=True, slots=True)
class AlertmanagerSettings(ReceiverSettings):
    """The addresses of one Alertmanager or of the members of one cluster, which may hold passwords."""

    kind: ClassVar[str] = "alertmanager"
    takes_notifications: ClassVar[bool] = False

    urls: tuple[str, ...] = field(repr=False)
    resend_delay: timedelta = DEFAULT_RESEND_DELAY
    """How often what is active is sent again; `endsAt` is four of these ahead."""

    def files(self) -> Sequence[NamedFile]:
        """Return nothing: it names no files."""
        return ()

    def secrets(self) -> Sequence[str]:
        """Return nothing: of an address errors name the host only."""
        return ()
