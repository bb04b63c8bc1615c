"""How much the state keeps: rows of the past, and what waits for a receiver."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from monitor.storage.outbox_limits import MAX_BYTES, MAX_ENTRIES


@dataclass(frozen=True, slots=True)
class StateLimits:
    """How much is kept: rows of the past, and what waits for one receiver."""

    history_rows: int = 10_000
    """Of transitions, and as many of deliveries."""
    outbox_entries: int = MAX_ENTRIES
    outbox_bytes: int = MAX_BYTES
    outbox_age: timedelta = timedelta(hours=24)


DEFAULT_LIMITS = StateLimits()
