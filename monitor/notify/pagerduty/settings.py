"""What a receiver of PagerDuty has of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from monitor.model.settings import ReceiverSettings
from monitor.model.targets import NamedFile, PasswordSource

PUBLIC_URL: Final = "https://events.pagerduty.com/v2/enqueue"


@dataclass(frozen=True, slots=True)
class PagerdutySettings(ReceiverSettings):
    """The key of a service's integration, and where its events go."""

    kind: ClassVar[str] = "pagerduty"
    keeps_incidents: ClassVar[bool] = True

    routing_key: PasswordSource
    url: str = field(default=PUBLIC_URL, repr=False)

    def files(self) -> Sequence[NamedFile]:
        """Return the file with the key."""
        file = self.routing_key.file
        return () if file is None else (NamedFile("routing_key_file", file),)

    def secrets(self) -> Sequence[str]:
        """Return nothing: the key is never in the configuration itself."""
        return ()
