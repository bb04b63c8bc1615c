"""SQLite: alerts, history, outbox, last results; behind alerting, before notify, in one transaction."""

from monitor.storage.directory import OpenedState, open_directory
from monitor.storage.history import DeliveryAttempt
from monitor.storage.last_results import LastResult
from monitor.storage.limits import StateLimits
from monitor.storage.queries import OutboxView
from monitor.storage.reader import Reader, open_reader
from monitor.storage.state import State

__all__ = [
    "DeliveryAttempt",
    "LastResult",
    "OpenedState",
    "OutboxView",
    "Reader",
    "State",
    "StateLimits",
    "open_directory",
    "open_reader",
]
