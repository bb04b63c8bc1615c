"""How the one kind is delivered to that keeps the alerts itself, and notifies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.model.alerts import Alert
from monitor.model.settings import Receiver
from monitor.notify.alertmanager.settings import AlertmanagerSettings
from monitor.notify.attempt import Send
from monitor.notify.context import DeliveryContext, SenderContext
from monitor.notify.kind import ReceiverKind, ReceiverWorkers


@dataclass(frozen=True)
class AlertmanagerKind(ReceiverKind[AlertmanagerSettings]):
    """A kind that is not notified of changes, but sent all that is active, again and again."""

    def workers(self, receiver: Receiver, context: DeliveryContext) -> ReceiverWorkers:
        """Make a worker for each address."""
        # Imported only where a receiver is delivered to: who only validates loads no HTTP client.
        from monitor.notify.alertmanager.workers import AlertmanagerWorkers

        return AlertmanagerWorkers(receiver, self.settings_of(receiver), context)

    def test_sends(
        self, receiver: Receiver, alert: Alert, context: SenderContext
    ) -> Sequence[Send]:
        """Return how the alert is sent to each address."""
        from monitor.notify.alertmanager.sender import test_sends

        return test_sends(self.settings_of(receiver), alert, context)
