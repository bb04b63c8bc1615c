"""Send notifications and alerts to receivers, a worker each; after the state, the end of the pipe."""

from monitor.notify.manager import Deliveries
from monitor.notify.ping import Ping
from monitor.notify.routing import (
    WATCHDOG,
    notifications_for,
    refused_by,
    reminders_for,
    takes_notifications,
    told_by,
    wants,
    with_told,
)
from monitor.notify.secrets import secrets_of
from monitor.notify.test_alert import canary
from monitor.notify.transport import Means

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
