"""Send notifications and alerts to receivers, a worker each; after the state, the end of the pipe."""

from monitor.deliver.canary import canary
from monitor.deliver.deliveries import Deliveries
from monitor.deliver.means import Means
from monitor.deliver.ping import Ping
from monitor.deliver.secrets import secrets_of
from monitor.deliver.selection import (
    WATCHDOG,
    notifications_for,
    refused_by,
    reminders_for,
    takes_notifications,
    told_by,
    wants,
    with_told,
)

__all__ = [
    "WATCHDOG",
    "Deliveries",
    "Means",
    "Ping",
    "canary",
    "notifications_for",
    "refused_by",
    "reminders_for",
    "secrets_of",
    "takes_notifications",
    "told_by",
    "wants",
    "with_told",
]
