"""Remember statements that may run on though we let go of them, so that none is joined by another."""

from __future__ import annotations

import re
import threading

from monitor.database.connection import Connection, ConnectionId, Refusal
from monitor.model.errors import QueryError, Reason

# Far more than the queries of a target; statements with other parameters each time would add up.
_MAX_STATEMENTS = 100
# Two statements that differ only behind this are taken for the same one.
_COMPARED_LENGTH = 1000
# A list in three-byte UTF-8 shows "????" for what takes four bytes.
_NOT_COMPARED = re.compile(r"[^\x00-\x7f]|\?")
_TRIMMED = " \t\r\n;"  # a server drops these at both ends of a statement


class OrphanedStatements:
    """What one target's server was sent and never answered, by the very statement; thread-safe.

    Neither its own limit nor KILL may have ended it, behind a proxy for instance (docs/adr/0007).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, ConnectionId] = {}

    def note(self, sql: str, where: ConnectionId) -> None:
        """Note that a statement had no answer, and where it may still run."""
        with self._lock:
            known = self._known.get(sql)
            # Of another server, as after a failover, the earlier one means nothing any more.
            if known is None or known.hostname != where.hostname:
                self._known[sql] = where
            while len(self._known) > _MAX_STATEMENTS:
                oldest = next(iter(self._known))
                del self._known[oldest]

    def check(self, connection: Connection, sql: str) -> None:
        """Ask about an earlier sending of the same statement; QueryError `timeout` while it still runs.

        Of another server behind the same address, or one that does not show it, nothing is known: it may run.
        """
        where = self._known.get(sql)
        if where is None or where.hostname != connection.server.hostname:
            return
        if _is_running(connection, where.thread_id, sql):
            words = f"still runs on the server since an earlier run; it takes a KILL {where.thread_id} there"
            raise QueryError(Reason.TIMEOUT, words, detail="still_running")
        with self._lock:
            self._known.pop(sql, None)


def _is_running(connection: Connection, thread_id: int, sql: str) -> bool:
    query = connection.dialect.running_statement.format(thread_id=thread_id)
    rows = connection.attempt(lambda: connection.execute(query))
    if isinstance(rows, Refusal):
        return False
    # After a restart of the server the same number is somebody else.
    return any(_compared(str(info)) == _compared(sql) for (info,) in rows)


def _compared(sql: str) -> str:
    return _NOT_COMPARED.sub("", sql.strip(_TRIMMED))[:_COMPARED_LENGTH]
