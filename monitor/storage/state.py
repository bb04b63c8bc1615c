"""What is remembered: alerts, transitions and the outbox, written together or not at all."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from monitor.detection.rules import RuleMemory
from monitor.model.alerts import Alert, Delivery, Notification, Scope, Transition
from monitor.model.declared import NOTHING_NEW, Declared
from monitor.model.positions import Position
from monitor.model.settings import JobKey, Labels
from monitor.model.trends import TrendNews
from monitor.storage import outbox
from monitor.storage.alert_writer import AlertWriter
from monitor.storage.declared import write_declared
from monitor.storage.disk import BackOnDisk, Disk
from monitor.storage.disk_usage import DiskUsage, measure
from monitor.storage.file_names import MEMORY
from monitor.storage.history import insert_delivery, insert_transitions
from monitor.storage.last_results import LastResult, LastResultRow, result_to_row
from monitor.storage.limits import DEFAULT_LIMITS, StateLimits
from monitor.storage.marks import move_marks, write_mark, write_marks
from monitor.storage.outbox import GivingUp
from monitor.storage.outbox_limits import USAGE, OutboxLimits, merge
from monitor.storage.positions import write_positions
from monitor.storage.queries import OutboxView, StateQueries
from monitor.storage.retention import Pruned, prune, prune_a_while, prune_step
from monitor.storage.rows import insert_into
from monitor.storage.rule_memories import MemoryKey, write_memories
from monitor.storage.serialization import instant_to_text, text_to_instant
from monitor.storage.trends import TrendWriter
from monitor.storage.vacuum import vacuum_step

BUSY_SECONDS = 12.0
"""How long a file that another program has locked is tried, less than until we count as frozen."""


class State(StateQueries):
    """Remember alerts, their history and what is due to receivers. Thread-safe; it owns its file.

    When the disk fails it goes on in memory with all that it knows, and says so to `on_lost_disk`, each time.
    When another program has the file locked for longer than `busy_seconds`, sqlite3.OperationalError from any
    method that writes or asks: nothing was changed, the same may be tried again. `take_directory` makes the
    file's directory ours before the file is gone back to, or raises StateError or OSError. `on_disk=False`
    begins in memory, with what can be read of the file. Instants are aware, in UTC.
    """

    def __init__(
        self,
        path: str = MEMORY,
        *,
        limits: StateLimits = DEFAULT_LIMITS,
        on_lost_disk: Callable[[str], None] = lambda _message: None,
        busy_seconds: float = BUSY_SECONDS,
        take_directory: Callable[[], None] = lambda: None,
        on_disk: bool = True,
    ) -> None:
        super().__init__(limits.history_rows)
        self._limits = limits
        self._outbox_limits = OutboxLimits(
            max_entries=limits.outbox_entries, max_bytes=limits.outbox_bytes
        )
        self._path = path
        self._written = AlertWriter()
        # From a write to its `accept`: what is known of the table would else be older than the table.
        self._recording = threading.Lock()
        self._trends = TrendWriter()
        self.disk_usage: DiskUsage | None = None
        """As of the last `measure`; None where the state has no file."""
        self._disk = Disk(
            path,
            busy_seconds=busy_seconds,
            on_lost=on_lost_disk,
            on_quarantined=self._note_quarantined,
            take_directory=take_directory,
            is_usable=on_disk,
        )

    @property
    def is_durable(self) -> bool:
        """Return whether what is written outlives the process."""
        return self._disk.is_durable

    def try_disk(self, now: datetime) -> BackOnDisk | None:
        """Go back to the disk if it was left and works again, with all that is known; None if it did not.

        Also notices that the file was removed or replaced. Cheap where there is nothing to do: call it
        every few seconds. A file that was quarantined for it is in `warnings`.
        """
        return self._disk.try_disk(now)

    def measure(self) -> None:
        """Measure the room that the files take and have; a disk that hangs holds up the caller."""
        self.disk_usage = None if self._path == MEMORY else measure(Path(self._path))

    def set_busy_timeout(self, busy_seconds: float) -> None:
        """Wait no longer than this for a locked file from now on: the process is about to end."""
        self._disk.set_busy_timeout(busy_seconds)

    def close(self) -> None:
        """Close the file; nothing may be asked afterwards."""
        self._disk.close()

    def record(
        self,
        scope_changes: Mapping[Scope, Mapping[Labels, Alert]],
        transitions: Sequence[Transition],
        notifications: Sequence[Notification],
        *,
        marks: Mapping[str, datetime | None] = MappingProxyType({}),
        positions: Mapping[JobKey, Position] = MappingProxyType({}),
        memories: Mapping[MemoryKey, RuleMemory] = MappingProxyType({}),
        declared: Declared = NOTHING_NEW,
        renamed: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Write what one result changed, all of it or nothing; each scope's alerts replace those that it had.

        Alerts by their labels; `transitions` in the order in which they came; `notifications` go to the end
        of their receivers' outboxes; `marks` are instants by name (None: forget it), `positions` how far walks
        have come and `memories` what rules remember, beside those that are there; `declared` replaces all that was.
        What waits for receivers that are `renamed` waits for their new names.
        """

        def write(connection: sqlite3.Connection) -> None:
            self._written.write(
                connection, scope_changes, generation=self._disk.generation
            )
            insert_transitions(connection, transitions)
            if transitions:
                self._prune(connection, "transitions")
            outbox.rename(connection, renamed)
            outbox.insert_notifications(connection, notifications)
            write_marks(connection, marks)
            write_positions(connection, positions)
            write_memories(connection, memories)
            write_declared(connection, declared)

        with self._recording:
            self._disk.write(write)
            self._written.accept(scope_changes)

    def bound_outbox(self, now: datetime) -> frozenset[str]:
        """Merge what waits where it is too much; return the receivers whose outboxes take nothing new."""
        for receiver in self._outbox_limits.update(self._disk.rows(USAGE), now):
            usage = self._disk.write(partial(merge, receiver=receiver))
            self._outbox_limits.note_merged(receiver, usage, now)
        return frozenset(self._outbox_limits.full_since)

    def outbox(self) -> Mapping[str, OutboxView]:
        """Return how much waits, for each receiver that has something waiting, and which are full."""
        full = self._outbox_limits.full_since
        return {
            name: replace(view, full_since=full.get(name))
            for name, view in super().outbox().items()
        }

    def save_results(self, results: Sequence[LastResult]) -> None:
        """Remember what queries last gave, all of them at once."""
        rows = [result_to_row(result) for result in results]
        insert = insert_into("last_results", LastResultRow._fields, or_replace=True)
        self._disk.write(lambda connection: connection.executemany(insert, rows))

    def write_trends(self, news: TrendNews, now: datetime) -> None:
        """Write a minute of what is kept for plots."""
        self._disk.write(partial(self._trends.write, news=news, now=now))

    def write_mark(self, name: str, at: datetime) -> None:
        """Remember an instant under a name: `alive`, when the daemon was last known to run."""
        self._disk.write(partial(write_mark, name=name, at=at))

    def move(
        self,
        by: timedelta,
        alerts: Mapping[Scope, Mapping[Labels, Alert]],
        declared: Declared,
    ) -> None:
        """Move the instants of what waits and of marks, and write all this again: the clock was set by this much.

        What has happened keeps the time at which we thought it did; so does what walks and rules remember, and
        `clock_shift` says from then on how far that is off.
        """

        def write(connection: sqlite3.Connection) -> None:
            self._written.write(connection, alerts, generation=self._disk.generation)
            write_declared(connection, declared)
            outbox.move(connection, by)
            move_marks(connection, by)

        with self._recording:
            self._disk.write(write)
            self._written.accept(alerts)
        self._outbox_limits.move(by)

    def prune_before(
        self,
        instant: datetime,
        *,
        receivers: Sequence[str] = (),
        jobs: Collection[JobKey] | None = None,
        now: datetime | None = None,
    ) -> Pruned:
        """Delete some of the history that is older, and give up some of what has waited since before.

        Of receivers that are no longer configured: others would have taken or lost it by now. It is given
        up as of `now`, or else of the instant. What walks and rules remember goes where no job is configured
        that ran since; with None for `jobs` it all stays. A step takes a fraction of a second: call it until nothing
        is left, between other work.
        """

        def write(connection: sqlite3.Connection) -> Pruned:
            return prune_step(
                connection, instant, receivers, now=now or instant, jobs=jobs
            )

        return prune_a_while(lambda: self._disk.write(write))

    def vacuum_step(self) -> bool:
        """Release a little of the room that is free in the file to the disk; return whether there is more."""
        if self.is_durable and self._disk.write(vacuum_step):
            return True
        # Until then the file is as long as it was.
        self._rows("PRAGMA wal_checkpoint(PASSIVE)")
        return False

    def due(
        self,
        receiver: str,
        *,
        now: datetime,
        limit: int = 1,
        least_tried_first: bool = False,
        whenever: bool = False,
    ) -> tuple[Notification, ...]:
        """Return what to send now, oldest first; of one rule and target only the oldest that waits.

        `least_tried_first`: rather what had the fewest attempts, so that one which can never be
        delivered does not use up all the attempts that are made. `whenever`: also what is due later.
        """
        select = outbox.select_due(least_tried_first=least_tried_first)
        values = (receiver, whenever, instant_to_text(now), limit)
        while True:
            rows = self._rows(select, values)
            due: list[Notification] = []
            for row in rows:
                try:
                    due.append(outbox.row_to_notification(row))
                except (ValueError, TypeError) as error:
                    self._give_up_unreadable(row[0], now, str(error))
            # Where none could be read, others have come to the head of the line.
            if due or not rows:
                return tuple(due)

    def next_try_at(self, receiver: str) -> datetime | None:
        """Return when the next of a receiver's notifications may be tried; None if nothing waits."""
        rows = self._rows(
            f"SELECT min(next_try_at) FROM outbox o WHERE {outbox.IS_HEAD}", (receiver,)
        )
        ((text,),) = rows
        return None if text is None else text_to_instant(text)

    def retry_now(self, receiver: str, *, now: datetime) -> None:
        """Make all that waits for a receiver due: it takes notifications again."""
        self._disk.write(partial(outbox.retry_now, receiver=receiver, now=now))

    def expire(self, receiver: str, *, now: datetime) -> tuple[Delivery, ...]:
        """Drop what has waited for too long; return what has to be logged of it."""
        too_old = instant_to_text(now - self._limits.outbox_age)
        oldest = self._rows(
            "SELECT created_at FROM outbox WHERE receiver = ? ORDER BY id LIMIT 1",
            (receiver,),
        )
        if not oldest or oldest[0][0] >= too_old:
            return ()
        hours = self._limits.outbox_age / timedelta(hours=1)
        how = GivingUp(now, "expired", f"not taken within {hours:g} h")
        where = "receiver = ? AND created_at < ?"
        return self._give_up(where, (receiver, too_old), how)

    def give_up(self, receiver: str, *, now: datetime) -> tuple[Delivery, ...]:
        """Drop all that waits for a receiver that has no outbox any more; return what has to be logged of it."""
        how = GivingUp(now, "unclaimed", "it has no outbox any more")
        return self._give_up("receiver = ?", (receiver,), how)

    def delivered(self, notification: Notification, delivery: Delivery) -> None:
        """Remove a notification that was `due` from the outbox: its receiver has it."""

        def write(connection: sqlite3.Connection) -> None:
            outbox.remove(connection, notification)
            insert_delivery(connection, notification, delivery, "taken")
            self._prune(connection, "deliveries")

        self._disk.write(write)

    def failed(
        self,
        notification: Notification,
        delivery: Delivery,
        *,
        next_try_at: datetime | None,
    ) -> None:
        """Count an attempt at what was `due` that failed; without a next try it is given up, into the history."""

        def write(connection: sqlite3.Connection) -> None:
            if next_try_at is None:
                outbox.remove(connection, notification)
                insert_delivery(connection, notification, delivery, "given_up")
            else:
                outbox.postpone(connection, notification, next_try_at)
                insert_delivery(connection, notification, delivery, "failed")
            self._prune(connection, "deliveries")

        self._disk.write(write)

    def _give_up_unreadable(self, id_: int, now: datetime, why: str) -> None:
        self._warn(f"a row of outbox cannot be read and is given up: {why}")
        self._give_up("id = ?", (id_,), GivingUp(now, "unreadable", why))

    def _give_up(
        self, where: str, values: tuple[object, ...], how: GivingUp
    ) -> tuple[Delivery, ...]:
        def write(connection: sqlite3.Connection) -> tuple[Delivery, ...]:
            given_up = outbox.give_up(connection, where, values, how)
            self._prune(connection, "deliveries")
            return given_up

        return self._disk.write(write)

    def _note_quarantined(self, warning: str) -> None:
        # However many warnings there are: nobody would find the file again.
        self._warnings[warning] = None

    def _rows(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        return self._disk.rows(sql, values)

    def _prune(self, connection: sqlite3.Connection, table: str) -> None:
        prune(connection, table, self._limits.history_rows)
