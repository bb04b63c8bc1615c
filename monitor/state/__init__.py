"""SQLite: alerts, history, outbox, last results; after the rules, before deliver, in one transaction."""

from monitor.state.directory import Opened, open_directory
from monitor.state.last_results import LastResult
from monitor.state.reader import Reader, open_reader
from monitor.state.reading import OutboxView, PastDelivery
from monitor.state.state import State

__all__ = [
    "LastResult",
    "Opened",
    "OutboxView",
    "PastDelivery",
    "Reader",
    "State",
    "open_directory",
    "open_reader",
]
