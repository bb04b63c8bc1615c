"""Bound what waits for a receiver: at the limit changes are merged, then what is new waits outside."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from monitor.model.alerts import Alert
from monitor.model.settings import Labels
from monitor.storage.outbox import OutboxRow
from monitor.storage.rows import column_list, insert_into, placeholders
from monitor.storage.serialization import (
    UnreadableError,
    alerts_to_text,
    text_to_alerts,
)
from monitor.timing.shift import moved

# For one receiver: what waits is read whole when it is merged (docs/adr/0020).
MAX_ENTRIES = 10_000
MAX_BYTES = 16 * 1024 * 1024
_ROOMY = 0.8
"""An outbox that is full has room again below this share of its limit, not at each notification less."""
_GROWN = 0.1
"""A merge reads all that waits; of a full outbox it is tried again only after it grew by this share."""
_MAX_MERGED = 500
"""Alerts in one message: more than a receiver may take at once."""

# The index of the same columns answers it, however much waits.
USAGE = "SELECT receiver, count(*), sum(size) FROM outbox GROUP BY receiver"


@dataclass(frozen=True, slots=True)
class Usage:
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
        self._usage: dict[str, Usage] = {}
        self._merged: dict[str, float] = {}
        self.full_since: Mapping[str, datetime] = MappingProxyType({})

    def update(self, rows: Iterable[tuple[str, int, int]], now: datetime) -> list[str]:
        """Read how much waits; return the receivers whose outboxes are worth merging."""
        self._usage = {
            receiver: Usage(entries, size) for receiver, entries, size in rows
        }
        for receiver in tuple(self._merged):
            if self._share(receiver) < _ROOMY:
                del self._merged[receiver]
        self._find_full(now)
        worth_merging: list[str] = []
        for receiver in self._usage:
            merged_share = self._merged.get(receiver, 0.0)
            if self._share(receiver) >= max(1.0, merged_share + _GROWN):
                worth_merging.append(receiver)
        return worth_merging

    def note_merged(self, receiver: str, usage: Usage, now: datetime) -> None:
        """Note what a merge left; where that is too little gain, the outbox is full."""
        self._usage[receiver] = usage
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
        usage = self._usage.get(receiver, Usage())
        entries_share = usage.entries / self._max_entries
        bytes_share = usage.size_bytes / self._max_bytes
        return max(entries_share, bytes_share)


def merge(connection: sqlite3.Connection, *, receiver: str) -> Usage:
    """Reduce what waits for a receiver to the last state of each alert, within a transaction.

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
    for rows in rest.values():
        _merge_rows(connection, rows)
    left = "SELECT count(*), coalesce(sum(size), 0) FROM outbox WHERE receiver = ?"
    return Usage(*connection.execute(left, (receiver,)).fetchone())


def _merge_rows(connection: sqlite3.Connection, rows: list[tuple[int, str]]) -> None:
    """Replace rows (number, alerts) of one rule and target by the last state of each of their alerts."""
    latest: dict[Labels, Alert] = {}
    count = 0
    merged_ids: list[int] = []
    for id_, text in rows:
        try:
            alerts = text_to_alerts(text)
        except UnreadableError:
            continue
        merged_ids.append(id_)
        count += len(alerts)
        for alert in alerts:
            # So that it comes where its last change is.
            latest.pop(alert.labels, None)
            latest[alert.labels] = alert
    parts = list(_parts(tuple(latest.values())))
    is_worth_it = len(latest) < count or len(parts) < len(merged_ids)
    if is_worth_it:
        _insert_parts(connection, parts, merged_ids)
        connection.executemany(
            "DELETE FROM outbox WHERE id = ?", [(id_,) for id_ in merged_ids]
        )


def _insert_parts(
    connection: sqlite3.Connection,
    parts: Sequence[tuple[Alert, ...]],
    merged_ids: Sequence[int],
) -> None:
    """Write what came of these rows at the end, as new as the newest of them."""
    keys = connection.execute(
        f"SELECT key FROM outbox WHERE id IN ({placeholders(merged_ids)}) ORDER BY id",
        merged_ids,
    )
    # The same key whenever these are merged: a receiver that got it before knows it.
    digest = hashlib.sha256("\n".join(key for (key,) in keys).encode()).hexdigest()
    columns = column_list(OutboxRow._fields)
    found = connection.execute(
        f"SELECT {columns} FROM outbox WHERE id = ?", (max(merged_ids),)
    )
    newest = OutboxRow(*found.fetchone())
    insert = insert_into("outbox", OutboxRow._fields)
    for number, part in enumerate(parts):
        text = alerts_to_text(part)
        row = newest._replace(
            key=f"{digest[:24]}-{number}",
            alerts=text,
            size=len(text.encode()),
            attempts=0,
            next_try_at=newest.created_at,
            is_repeat=False,
        )
        connection.execute(insert, row)


def _parts(alerts: tuple[Alert, ...]) -> Iterator[tuple[Alert, ...]]:
    for first in range(0, len(alerts), _MAX_MERGED):
        yield alerts[first : first + _MAX_MERGED]
