"""What a kind of receiver is: one value, a row of the table in `kinds`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from monitor.config.receivers import ReceiverSchema, ReceiverTable
from monitor.model.alerts import Alert, Notification, ReceiverHealth
from monitor.model.settings import Receiver, ReceiverSettings
from monitor.notify.attempt import Send
from monitor.notify.context import DeliveryContext, SenderContext, Waiting
from monitor.notify.outbox import OutboxWorker, Sender
from monitor.notify.worker import Worker

SettingsT = TypeVar("SettingsT", bound=ReceiverSettings)


class ReceiverWorkers(Protocol):
    """The threads that deliver to one receiver, and how they fare."""

    @property
    def receiver(self) -> Receiver:
        """Return to whom they deliver."""
        ...

    @property
    def workers(self) -> Sequence[Worker]:
        """Return the threads, one for each address."""
        ...

    def status(self, waiting: Waiting | None) -> ReceiverHealth:
        """Return how the last attempts went, given what waits in the outbox."""
        ...


@dataclass(frozen=True)
class ReceiverKind(ABC, Generic[SettingsT]):
    """A kind of receiver: its settings, the schema of its keys, how one becomes the other, and what sends."""

    settings: type[SettingsT]
    schema: type[ReceiverSchema]
    read_settings: Callable[[ReceiverTable], SettingsT]
    """Notes problems in the table; with any, the settings come to nothing."""

    @property
    def name(self) -> str:
        """Return the word after `kind =` in the configuration."""
        return self.settings.kind

    def settings_of(self, receiver: Receiver) -> SettingsT:
        """Return the receiver's own settings; TypeError for a receiver of another kind."""
        if not isinstance(receiver.settings, self.settings):
            raise TypeError(f"receiver {receiver.name}: is not of kind {self.name}")
        return receiver.settings

    @abstractmethod
    def workers(self, receiver: Receiver, context: DeliveryContext) -> ReceiverWorkers:
        """Make the workers of a receiver of this kind; nothing is started or opened yet."""

    @abstractmethod
    def test_sends(
        self, receiver: Receiver, alert: Alert, context: SenderContext
    ) -> Sequence[Send]:
        """Return how to send a test alert, once to each address."""


@dataclass(frozen=True)
class OutboxKind(ReceiverKind[SettingsT]):
    """A kind that is notified of each change once: all that it adds is what makes one attempt."""

    make_sender: Callable[[SettingsT, SenderContext], Sender]

    def sender(self, receiver: Receiver, context: SenderContext) -> Sender:
        """Make the sender of a receiver of this kind; opens nothing yet."""
        return self.make_sender(self.settings_of(receiver), context)

    def workers(self, receiver: Receiver, context: DeliveryContext) -> ReceiverWorkers:
        """Make the one worker, which takes what is due from the outbox."""
        sender = self.sender(receiver, context.for_sender(receiver.timeout))
        return OutboxWorker(receiver, sender, context)

    def test_sends(
        self, receiver: Receiver, alert: Alert, context: SenderContext
    ) -> Sequence[Send]:
        """Return the one attempt at a notification of the alert, under a key of its own."""
        sender = self.sender(receiver, context)
        group = {"alertname": alert.name}
        key = f"{receiver.name}-test-{alert.active_at.isoformat()}"

        def send(now: datetime) -> None:
            try:
                sender.send(Notification(receiver.name, key, group, (alert,), now), now)
            finally:
                sender.close()

        return (send,)
