"""A named destination of notifications, and what its kind has of its own; part of the configuration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from monitor.model.columns import Labels
from monitor.model.levels import Severity
from monitor.model.targets import NamedFile

DEFAULT_TIMEOUT = timedelta(seconds=10)
DEFAULT_REPEAT_INTERVAL = timedelta(hours=4)
"""As Alertmanager's own repeat_interval."""


class ReceiverSettings(ABC):
    """What one kind of receiver has of its own; each kind derives a frozen dataclass in notify/KIND/.

    Equal settings mean that a reload need not replace the receiver's workers.
    """

    __slots__ = ()

    kind: ClassVar[str]
    """The word after `kind =` in the configuration, and the name of the folder."""
    takes_notifications: ClassVar[bool] = True
    """Notified of each change once; else sent all that is active, again and again."""
    keeps_incidents: ClassVar[bool] = False
    """Keeps an incident open for each alert, so that each must be closed."""
    how: ClassVar[frozenset[str]] = frozenset()
    """The fields that say how it is sent and not whereto: who has others of these knows what was sent before."""

    @abstractmethod
    def files(self) -> Sequence[NamedFile]:
        """Return the files that these settings name, in the order of the documentation."""

    @abstractmethod
    def secrets(self) -> Sequence[str]:
        """Return what the log must hide of what the configuration itself says; files are no part of it."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A named destination of notifications, and which alerts it wants: what all kinds have."""

    name: str
    settings: ReceiverSettings
    min_severity: Severity = Severity.INFO
    match: Labels = ()
    send_resolved: bool = True
    watchdog: bool = False
    timeout: timedelta = DEFAULT_TIMEOUT
    """Of one attempt, whatever it takes."""
    repeat_interval: timedelta = DEFAULT_REPEAT_INTERVAL
    """How often it is notified again of what still fires; zero for never."""

    @property
    def kind(self) -> str:
        """Return the word for its kind."""
        return self.settings.kind

    @property
    def takes_notifications(self) -> bool:
        """Return whether it is notified of each change once, by way of the outbox."""
        return self.settings.takes_notifications
