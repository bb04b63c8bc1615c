"""Stop statements on the server from a connection of its own, one at a time, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType

from monitor.database.connect import Connector
from monitor.database.connection import ConnectionId
from monitor.database.dialect import IDENTIFY_HOST, dialect_of
from monitor.database.driver_errors import failure_of
from monitor.model.errors import QueryError, Reason, TargetError
from monitor.timing.deadlines import Watchdog

_KILL_SECONDS = 2.0
# Ended meanwhile, or behind a load balancer another server: ER_NO_SUCH_THREAD.
_NO_SUCH_THREAD = 1094
# Own threads need no right; another's takes one that a reader has not: ER_KILL_DENIED_ERROR.
_NOT_OURS = 1095
_BY_CODE: Mapping[int | None, str] = MappingProxyType(
    {_NO_SUCH_THREAD: "no_such_thread", _NOT_OURS: "denied"}
)
_BY_REASON: Mapping[Reason, str] = MappingProxyType(
    {Reason.ACCESS_DENIED: "denied", Reason.TARGET_DOWN: "unreachable"}
)
"""Why a KILL failed, where its code does not say it; any other reason is `failed`."""


class Killer:
    """Sends KILL QUERY to the very server that runs a statement; connects only for that.

    `on_end` hears of each attempt, in the killer's thread: "" for one that was done, else reason and message;
    where there is no thread to be had, in that of the request.
    """

    def __init__(
        self,
        connector: Connector,
        watchdog: Watchdog,
        on_end: Callable[[str, str], None],
    ) -> None:
        self._connector = connector
        self._watchdog = watchdog
        self._on_end = on_end
        self._changed = threading.Condition()
        self._waiting: dict[ConnectionId, None] = {}
        self._is_busy = False
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def request(self, victim: ConnectionId) -> None:
        """Queue a statement to be stopped; returns at once, never raises."""
        with self._changed:
            if self._is_closed:
                return
            refusal = self._start()
            if not refusal:
                self._waiting[victim] = None
                self._changed.notify_all()
        if refusal:
            self._on_end("failed", refusal)

    def wait(self, *, seconds: float) -> bool:
        """Wait until all that was requested is done, at most so long."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._waiting and not self._is_busy, seconds
            )

    def close(self) -> None:
        """Finish what was requested, within a bound, and stop."""
        self.wait(seconds=_KILL_SECONDS)
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=_KILL_SECONDS)

    def _start(self) -> str:
        """Start the thread where there is none; return why there is none to be had, until the next request."""
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._work, name="kill-query", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                return str(error)
            self._thread = thread
        return ""

    def _work(self) -> None:
        while (victim := self._next()) is not None:
            # Nothing more can be done about a KILL that failed: our own deadline cuts the connection.
            self._on_end(*self._outcome(victim))

    def _next(self) -> ConnectionId | None:
        with self._changed:
            self._is_busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if self._is_closed:
                return None
            victim = next(iter(self._waiting))
            del self._waiting[victim]
            self._is_busy = True
            return victim

    def _outcome(self, victim: ConnectionId) -> tuple[str, str]:
        try:
            is_done = self._kill(victim)
        except TargetError as error:
            return "unreachable", error.message
        # As everywhere, the driver may raise anything for a malformed answer.
        except Exception as error:  # noqa: BLE001
            failure = failure_of(error)
            return _refusal_of(failure), failure.message
        if not is_done:
            return "other_server", "another server answers there now"
        return "", ""

    def _kill(self, victim: ConnectionId) -> bool:
        kill_query = dialect_of(victim.flavor).kill_query
        connection = self._connector.open_bare(victim.address, seconds=_KILL_SECONDS)
        try:
            with self._watchdog.after(_KILL_SECONDS, connection.cut):
                # Behind one address there may be several servers, and each counts its threads itself.
                if connection.execute(IDENTIFY_HOST)[0][0] != victim.hostname:
                    return False
                connection.execute(kill_query.format(thread_id=victim.thread_id))
                return True
        finally:
            connection.close()


def _refusal_of(error: QueryError) -> str:
    by_reason = _BY_REASON.get(error.reason, "failed")
    return _BY_CODE.get(error.code, by_reason)
