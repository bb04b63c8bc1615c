"""SQLite: alerts, their history, the outbox, cursors; after the rules, before deliver, in one transaction."""

from monitor.state.directory import Opened, open_directory
from monitor.state.state import OutboxView, PastDelivery, State

__all__ = ["Opened", "OutboxView", "PastDelivery", "State", "open_directory"]
