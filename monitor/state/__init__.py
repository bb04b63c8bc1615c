"""SQLite: alerts, their history, the outbox, cursors; after the rules, before deliver, in one transaction."""

from monitor.state.state import OutboxView, PastDelivery, State

__all__ = ["OutboxView", "PastDelivery", "State"]
