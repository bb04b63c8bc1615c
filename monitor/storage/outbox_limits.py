"""Bound what waits for a receiver: at the limit changes are merged, then what is new waits outside."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from monitor.model.alerts import Alert
from monitor.model.settings import Labels
from monitor.storage.serialization import (
    UnreadableError,
    alerts_to_text,
    text_to_alerts,
)
from monitor.timing.shift import moved

MAX_ENTRIES = 10_000
MAX_BYTES = 16 * 1024 * 1024
_ROOMY = 0.8
"""An outbox that is full has room again below this share of its limit, not at each notification less."""
_GROWN = 0.1
"""A merge reads all that waits; of a full outbox it is tried again only after it grew by this share."""
_MAX_MERGED = 500
"""Alerts in one message: more than a receiver may take at once."""

# The index of the same columns answers it, however much waits.
FILLS = "SELECT receiver, count(*), sum(size) FROM outbox GROUP BY receiver"
_MERGED_COLUMNS = (
    "receiver, key, labels, alerts, size, created_at, attempts, next_try_at, is_repeat"
)


@dataclass(frozen=True, slots=True)
class Fill:
    """How much waits for one receiver."""

    entries: int = 0
    size_bytes: int = 0


class OutboxLimits:
    """Which receivers' outboxes are full; one thread's own, but for `full_since`, which any may read."""

    def __init__(
        self, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._fills: dict[str, Fill] = {}
        self._merged: dict[str, float] = {}
        self.full_since: Mapping[str, datetime] = MappingProxyType({})

    def take_in(self, rows: Iterable[tuple[str, int, int]], now: datetime) -> list[str]:
        """Read how much waits; return the receivers whose outboxes are worth merging."""
        self._fills = {
            receiver: Fill(entries, size) for receiver, entries, size in rows
        }
        self._merged = {
            name: share
            for name, share in self._merged.items()
            if self._share(name) >= _ROOMY
        }
        self._find_full(now)
        return [
            name
            for name in self._fills
            if self._share(name) >= max(1.0, self._merged.get(name, 0.0) + _GROWN)
        ]

    def merged(self, receiver: str, fill: Fill, now: datetime) -> None:
        """Note what a merge left; where that is too little gain, the outbox is full."""
        self._fills[receiver] = fill
        if self._share(receiver) >= _ROOMY:
            self._merged[receiver] = self._share(receiver)
        self._find_full(now)

    def move(self, by: timedelta) -> None:
        """Move all instants: the clock was set by this much."""
        self.full_since = moved(self.full_since, by)

    def _find_full(self, now: datetime) -> None:
        since = self.full_since
        self.full_since = {name: since.get(name, now) for name in self._merged}

    def _share(self, receiver: str) -> float:
        fill = self._fills.get(receiver, Fill())
        return max(fill.entries / self._max_entries, fill.size_bytes / self._max_bytes)


def merge(connection: sqlite3.Connection, *, receiver: str) -> Fill:
    """Keep of what waits for a receiver the last state of each alert, within a transaction.

    What is next of each rule and target stays as it is: it may be under way. Nothing is merged with a row
    that cannot be read; that one is given up where it is sent.
    """
    heads: set[str] = set()
    rest: dict[str, list[tuple[int, str]]] = {}
    order = "SELECT id, labels, alerts FROM outbox WHERE receiver = ? ORDER BY id"
    for id_, group, alerts in connection.execute(order, (receiver,)):
        if group in heads:
            rest.setdefault(group, []).append((id_, alerts))
        heads.add(group)
    for group, rows in rest.items():
        _merge_group(connection, receiver, group, rows)
    left = "SELECT count(*), coalesce(sum(size), 0) FROM outbox WHERE receiver = ?"
    return Fill(*connection.execute(left, (receiver,)).fetchone())


def _merge_group(
    connection: sqlite3.Connection,
    receiver: str,
    group: str,
    rows: list[tuple[int, str]],
) -> None:
    last: dict[Labels, Alert] = {}
    count = 0
    merged_ids = []
    for id_, text in rows:
        try:
            alerts = text_to_alerts(text)
        except UnreadableError:
            continue
        merged_ids.append(id_)
        count += len(alerts)
        for alert in alerts:
            last.pop(alert.labels, None)  # so that it comes where its last change is
            last[alert.labels] = alert
    parts = [
        list(last.values())[first : first + _MAX_MERGED]
        for first in range(0, len(last), _MAX_MERGED)
    ]
    if len(last) == count and len(parts) >= len(merged_ids):
        return
    keys = connection.execute(
        f"SELECT key FROM outbox WHERE id IN ({_places(merged_ids)})", merged_ids
    )
    name = hashlib.sha256("\n".join(key for (key,) in keys).encode()).hexdigest()[:24]
    newest = max(merged_ids)
    for number, part in enumerate(parts):
        text = alerts_to_text(tuple(part))
        connection.execute(
            f"INSERT INTO outbox ({_MERGED_COLUMNS})"
            " SELECT receiver, ?, labels, ?, ?, created_at, 0, created_at, 0 FROM outbox WHERE id = ?",
            (f"{name}-{number}", text, len(text.encode()), newest),
        )
    connection.executemany(
        "DELETE FROM outbox WHERE id = ?", [(id_,) for id_ in merged_ids]
    )


def _places(values: list[int]) -> str:
    return ", ".join("?" * len(values))
