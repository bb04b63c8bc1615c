"""Remember statements that may run on though we let go of them, so that none is joined by another."""

from __future__ import annotations

import re
import threading

from monitor.database.connection import Connection, ConnectionId, Refusal
from monitor.model.errors import QueryError, Reason

_MOST = 100
_COMPARED = 1000
_UNSURE = re.compile(r"[^\x00-\x7f]|\?")
_TRIMMED = " \t\r\n;"  # a server drops these at both ends of a statement


class OrphanedStatements:
    """What one target's server was sent and never answered, by the very statement; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, ConnectionId] = {}

    def note(self, sql: str, where: ConnectionId) -> None:
        """Take down that a statement had no answer, and where it may still run."""
        with self._lock:
            known = self._known.get(sql)
            # Of another server, as after a failover, the earlier one tells nothing any more.
            if known is None or known.hostname != where.hostname:
                self._known[sql] = where
            while len(self._known) > _MOST:
                del self._known[next(iter(self._known))]

    def check(self, connection: Connection, sql: str) -> None:
        """Ask about an earlier sending of the same statement; QueryError `timeout` while it still runs.

        Of another server behind the same address, or one that does not tell, nothing is known: it may run.
        """
        where = self._known.get(sql)
        if where is None or where.hostname != connection.server.hostname:
            return
        if _runs(connection, where.thread_id, sql):
            words = f"still runs on the server since an earlier run; it takes a KILL {where.thread_id} there"
            raise QueryError(Reason.TIMEOUT, words, detail="still_running")
        with self._lock:
            self._known.pop(sql, None)


def _runs(connection: Connection, thread_id: int, sql: str) -> bool:
    query = f"SELECT info FROM information_schema.processlist WHERE id = {thread_id:d}"
    rows = connection.attempt(lambda: connection.execute(query))
    if isinstance(rows, Refusal):
        return False
    # After a restart of the server the same number is somebody else.
    return any(_begin(str(info)) == _begin(sql) for (info,) in rows)


def _begin(sql: str) -> str:
    # A list in three-byte UTF-8 shows "????" for what takes four bytes.
    return _UNSURE.sub("", sql.strip(_TRIMMED))[:_COMPARED]
