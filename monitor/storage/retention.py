"""Delete what is older than the history is kept, a few rows at a time; between other work."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.model.alerts import Delivery
from monitor.model.settings import JobKey
from monitor.storage import outbox
from monitor.storage.rows import placeholders
from monitor.storage.serialization import instant_to_text

# So short that a result which comes meanwhile does not wait noticeably.
_STEP_SECONDS = 0.1
_STEP_ROWS = 10
"""A row may have megabytes: that of a notification of a thousand alerts."""
_LOOKED_AT = 1000
# At once, since this is within the transaction of what was just written: some milliseconds.
_PRUNED_ROWS = 5000
_HISTORY = ("transitions", "deliveries")
_OF_JOBS = ("positions", "memories")


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was given up without an attempt, and whether nothing is left to delete."""

    given_up: tuple[Delivery, ...] = ()
    is_all: bool = False


def prune_a_while(step: Callable[[], Pruned]) -> Pruned:
    """Make steps until nothing is left to delete or it has taken long enough; return what all of them did."""
    pruned = Pruned()
    ends_at_seconds = time.monotonic() + _STEP_SECONDS
    while not pruned.is_all and time.monotonic() < ends_at_seconds:
        done = step()
        pruned = Pruned(pruned.given_up + done.given_up, is_all=done.is_all)
    return pruned


def prune_step(
    connection: sqlite3.Connection,
    instant: datetime,
    receivers: Sequence[str],
    *,
    now: datetime,
    jobs: Collection[JobKey] | None = None,
) -> Pruned:
    """Delete a few rows of each table that are older than the instant, within a transaction.

    `receivers` and `jobs` are those that are configured; with None no job counts as removed.
    """
    text = instant_to_text(instant)
    now_text = instant_to_text(now)
    count = 0
    for table in _HISTORY:
        count += _forget_old(connection, table, text, now_text)
    # A clock that was ahead wrote what is of the future: as old as can be it is of now.
    latest = "UPDATE last_results SET run_at = ? WHERE run_at > ?"
    connection.execute(latest, (now_text, now_text))
    delete = "DELETE FROM last_results WHERE run_at < ?"
    count += connection.execute(delete, (text,)).rowcount
    if jobs is not None:
        for table in _OF_JOBS:
            count += _forget_removed(connection, table, jobs)
    others = f"created_at < ? AND receiver NOT IN ({placeholders(receivers)})"
    given_up = outbox.give_up(
        connection,
        f"id IN (SELECT id FROM outbox WHERE {others} ORDER BY id LIMIT {_STEP_ROWS})",
        (text, *receivers),
        outbox.GivingUp(
            at=now,
            reason="unclaimed",
            message="nobody has taken it for as long as history is kept",
        ),
    )
    return Pruned(given_up, is_all=not count and not given_up)


def _forget_old(
    connection: sqlite3.Connection, table: str, before: str, now: str
) -> int:
    """Delete a few rows that are older than an instant, or of the future and before one of these; return how many.

    The oldest have the lowest numbers, so that nobody looks through all; but for what a wrong clock wrote.
    """
    first = f"SELECT id, at FROM {table} WHERE at <= ? ORDER BY id LIMIT {_LOOKED_AT}"
    old = connection.execute(
        f"SELECT id FROM ({first}) WHERE at < ? ORDER BY id LIMIT {_STEP_ROWS}",
        (now, before),
    ).fetchall()
    if not old:
        return 0
    ((oldest,), *_) = old
    ahead = connection.execute(
        f"SELECT id FROM {table} WHERE id < ? AND at > ? ORDER BY id LIMIT {_STEP_ROWS}",
        (oldest, now),
    ).fetchall()
    gone = [*ahead, *old][:_STEP_ROWS]
    connection.executemany(f"DELETE FROM {table} WHERE id = ?", gone)
    return len(gone)


def _forget_removed(
    connection: sqlite3.Connection, table: str, jobs: Collection[JobKey]
) -> int:
    """Delete a little of what was kept of jobs that are no more; return of how many jobs.

    When a job was removed nobody notes: its last result is kept for as long as the history, and says so.
    """
    without_result = connection.execute(
        f"SELECT DISTINCT target, query FROM {table} AS kept WHERE NOT EXISTS"
        " (SELECT 1 FROM last_results WHERE target = kept.target AND query = kept.query)"
    )
    removed = [key for key in without_result.fetchall() if key not in jobs]
    removed = removed[:_STEP_ROWS]
    connection.executemany(
        f"DELETE FROM {table} WHERE target = ? AND query = ?", removed
    )
    return len(removed)


def prune(connection: sqlite3.Connection, table: str, limit: int) -> None:
    """Delete the oldest rows of a table beyond so many."""
    oldest = f"SELECT id FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?"
    connection.execute(
        f"DELETE FROM {table} WHERE id IN ({oldest} ORDER BY id LIMIT {_PRUNED_ROWS})",
        (limit,),
    )
