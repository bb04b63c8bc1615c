"""Hold a connection to one instant: a transaction that only reads, ended in any case; within a session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from monitor.database.connection import Connection
from monitor.database.driver_errors import failure_of
from monitor.timing.deadlines import Watchdog

# For this transaction alone: what the session is set to stays. Under READ COMMITTED the snapshot would be ignored.
_BEGIN = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)
_END = "ROLLBACK"
_MAX_BYTES = 1 << 16


@contextmanager
def open_snapshot(
    connection: Connection, watchdog: Watchdog, seconds: float
) -> Iterator[None]:
    """Begin a snapshot and roll it back; after so many seconds the connection is cut, which ends it too.

    Raises QueryError as the server answers, TargetError where the connection is lost.
    """
    with watchdog.after(seconds, connection.cut):
        for sql in _BEGIN:
            _execute(connection, sql, seconds)
        try:
            yield
        finally:
            # One that is not in order is closed by its owner, and the server rolls back.
            if connection.in_order:
                _execute(connection, _END, seconds)


def _execute(connection: Connection, sql: str, seconds: float) -> None:
    connection.driver.expect_answer(seconds=seconds, max_bytes=_MAX_BYTES)
    try:
        connection.execute(sql)
    # As everywhere, the driver may raise anything for a malformed answer.
    except Exception as error:  # noqa: BLE001
        # A transaction that did not begin, or does not end, is no state to go on from.
        connection.in_order = False
        raise failure_of(error) from None
