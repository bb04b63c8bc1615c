"""Send notifications and alerts to receivers, a worker each; after the state, the end of the pipe."""

from monitor.deliver.canary import canary
from monitor.deliver.deliveries import Deliveries
from monitor.deliver.selection import (
    WATCHDOG,
    notifications_for,
    reminders_for,
    takes_notifications,
    wants,
    with_told,
)
from monitor.deliver.worker import ReceiverStatus

__all__ = [
    "WATCHDOG",
    "Deliveries",
    "ReceiverStatus",
    "canary",
    "notifications_for",
    "reminders_for",
    "takes_notifications",
    "wants",
    "with_told",
]
