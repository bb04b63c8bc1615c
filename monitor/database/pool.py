"""A target's connections: lent one at a time, never more than the target allows, kept while they are good."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from monitor.database.connect import Connector
from monitor.database.connection import Connection
from monitor.database.killer import Killer
from monitor.database.orphaned_statements import OrphanedStatements
from monitor.database.session import Session
from monitor.database.status import StatusReader
from monitor.model.errors import QueryError, Reason, RefusedError, TargetError
from monitor.model.results import CANCELLED, Kill
from monitor.model.settings import Target
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog

_CONNECT_TIMEOUT = timedelta(seconds=5)
# A name may lead elsewhere by then, and hosted servers cut old connections.
_OLDEST_SECONDS = 3600.0
_AGE_SPREAD_SECONDS = 300
# less than the session's wait_timeout, so that we are the ones who close
_IDLE_SECONDS = 540.0
# for the two answers that say it: whether the connection lives, and how the server stands
_ALIVE_SECONDS = 2.0
# one each for what may break a connection: SHOW REPLICA STATUS, SHOW GRANTS
_TRIES = 3
_STOP_SECONDS = 1.5
# Beside one of ours that lives, a new connection is asked for only to see whether it gets in again.
_TRY_AGAIN_SECONDS = 10.0


class Database:
    """One target's server: leases sessions to threads, stops what runs, closes what is open."""

    def __init__(
        self,
        target: Target,
        *,
        secrets: SecretReader,
        watchdog: Watchdog,
        timeout: timedelta = _CONNECT_TIMEOUT,
        on_kill: Callable[[Kill], None] = lambda _kill: None,
    ) -> None:
        self._target = target
        self._watchdog = watchdog
        self._connector = Connector(
            target, secrets=secrets, watchdog=watchdog, timeout=timeout
        )
        self._killer = Killer(
            self._connector,
            watchdog,
            lambda reason, message: on_kill(Kill(target.name, reason, message)),
        )
        self._status_reader = StatusReader(watchdog)
        self._orphans = OrphanedStatements()
        self._changed = threading.Condition()
        self._idle: list[Connection] = []
        self._taken = 0
        self._leased: set[Session] = set()
        self._looked_at: set[Connection] = set()
        """Let in, and not lent yet: whether they are good is being asked."""
        self._try_again_at: float | None = None
        """While new connections are refused beside one that lives: when to ask for one again."""
        self._is_stopping = False

    @contextmanager
    def lease(self, *, deadline_seconds: float) -> Iterator[Session]:
        """Lend a connection, a new one where no idle one is good.

        In so many seconds one of `max_connections` places must be free (QueryError `timeout`, detail busy),
        and the server let us in and say how it stands (TargetError): after them nothing is tried again. What
        has to be asked all the same, as after a long wait for a place, has a second for each answer.
        Where no new connection is had while one of ours lives, that one is waited for (RefusedError).
        """
        until_seconds = time.monotonic() + deadline_seconds
        self._take_place(deadline_seconds)
        try:
            connection, refusal = self._connection(until_seconds)
            session = Session(
                connection,
                reopen=self._connector.open,
                killer=self._killer,
                watchdog=self._watchdog,
                orphans=self._orphans,
                refusal=refusal,
            )
            with self._changed:
                self._leased.add(session)
                self._looked_at.discard(connection)
                is_stopping = self._is_stopping
            try:
                if is_stopping:
                    raise _not_started()
                yield session
            finally:
                self._take_back(session)
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify_all()

    def cancel_all(self) -> None:
        """Stop what runs, on the server too, within about 2 s, and lend nothing more; never raises."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
            leased = tuple(self._leased)
        for session in leased:
            session.stop()
        self._killer.wait(seconds=_STOP_SECONDS)
        for session in leased:
            session.connection.cut()

    def close(self) -> None:
        """Close what lies idle; what is lent is closed as it comes back."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        self._killer.close()

    def _take_place(self, seconds: float) -> None:
        with self._changed:
            free = self._changed.wait_for(
                lambda: self._is_stopping or self._taken < self._target.max_connections,
                seconds,
            )
            if self._is_stopping:
                raise _not_started()
            if not free:
                raise QueryError(
                    Reason.TIMEOUT,
                    f"all {self._target.max_connections} connections to {self._target.name} are busy",
                    detail="busy",
                )
            self._taken += 1

    def _connection(
        self, until_seconds: float
    ) -> tuple[Connection, TargetError | None]:
        """Find a connection to lend; beside it why a new one was refused, where it was not."""
        if (
            not self._is_to_try_again()
            and (idle := self._idle_connection(until_seconds)) is not None
        ):
            return (
                self._renewed(idle, until_seconds)
                if self._is_to_renew(idle)
                else (idle, None)
            )
        try:
            connection = self._new_connection(until_seconds)
        except TargetError as error:
            return self._living_connection(error, until_seconds), error
        self._try_again_at = None
        return connection, None

    def _is_to_renew(self, connection: Connection) -> bool:
        """Tell whether a connection that is kept beyond its time is to be replaced by a new one now."""
        at = self._try_again_at
        return _is_expired(connection) and (at is None or time.monotonic() >= at)

    def _renewed(
        self, old: Connection, until_seconds: float
    ) -> tuple[Connection, TargetError | None]:
        """Replace the only connection that lives: it goes when there is a new one, else it is kept.

        So for a moment there may be one more than our number, in place of the one for KILL: nothing runs.
        """
        with self._closed_when_interrupted(old):
            try:
                connection = self._new_connection(until_seconds)
            except TargetError as error:
                self._try_again_at = time.monotonic() + _TRY_AGAIN_SECONDS
                return old, error
        self._close(old)
        self._try_again_at = None
        return connection, None

    def _is_to_try_again(self) -> bool:
        """Tell whether to ask for a new connection although an old one is idle; never beyond our number."""
        with self._changed:
            at = self._try_again_at
            is_room = len(self._idle) + self._in_use() < self._target.max_connections
            return at is not None and is_room and time.monotonic() >= at

    def _living_connection(
        self, refusal: TargetError, until_seconds: float
    ) -> Connection:
        """Wait for a connection of ours that lives; the refusal where there is none, or not in time."""
        while True:
            with self._changed:
                is_alive = bool(self._idle) or self._in_use() > 0
                self._try_again_at = (
                    time.monotonic() + _TRY_AGAIN_SECONDS if is_alive else None
                )
                left_seconds = until_seconds - time.monotonic()
                self._changed.wait_for(
                    lambda: self._is_stopping or self._idle or not self._in_use(),
                    max(left_seconds, 0.0),
                )
                if self._is_stopping:
                    raise _not_started()
                if not self._idle:
                    raise _refused(refusal) if self._in_use() else refusal
            if (connection := self._idle_connection(until_seconds)) is not None:
                return connection

    def _in_use(self) -> int:
        """Count the connections that live and are not idle; under the lock."""
        return len(self._leased) + len(self._looked_at)

    def _idle_connection(self, until_seconds: float) -> Connection | None:
        has_asked = False
        while True:
            with self._changed:
                if not self._idle:
                    return None
                # the last one in: the others grow old and go
                connection = self._idle.pop()
                is_needed = self._is_needed(connection)
                self._looked_at.add(connection)
            with self._closed_when_interrupted(connection):
                if is_needed and not (has_asked and time.monotonic() >= until_seconds):
                    has_asked = True
                    with self._watchdog.after(_ALIVE_SECONDS, connection.cut):
                        is_alive = connection.is_alive()
                    if is_alive and self._status_reader.refresh(
                        connection, until_seconds
                    ):
                        return connection
            self._close(connection)

    def _new_connection(self, until_seconds: float) -> Connection:
        for _ in range(_TRIES):
            connection = self._connector.open(
                timedelta(seconds=until_seconds - time.monotonic())
            )
            with self._changed:
                self._looked_at.add(connection)
            with self._closed_when_interrupted(connection):
                if self._status_reader.refresh(connection, until_seconds):
                    return connection
            self._close(connection)
            # not even the time; or none is left
            if connection.status_questions is None or time.monotonic() >= until_seconds:
                break
        error = TargetError(
            Reason.TARGET_DOWN, "let us in and answered no more", detail="lost"
        )
        self._connector.note_failure(error)
        raise error

    @contextmanager
    def _closed_when_interrupted(self, connection: Connection) -> Iterator[None]:
        """Close a connection that nobody has yet when ^C comes while it is looked at."""
        try:
            yield
        except BaseException:
            connection.in_order = False
            self._close(connection)
            raise

    def _close(self, connection: Connection) -> None:
        """Close a connection that turned out to be of no use; who waits for one that lives need not any more."""
        connection.close()
        with self._changed:
            self._looked_at.discard(connection)
            self._changed.notify_all()

    def _take_back(self, session: Session) -> None:
        connection = session.connection
        connection.idle_since = time.monotonic()
        with self._changed:
            self._leased.discard(session)
            kept = connection.in_order and not self._is_stopping
            if kept:
                self._idle.append(connection)
            gone = [] if kept else [connection]
            for other in tuple(self._idle):
                self._idle.remove(other)
                if self._is_needed(other):
                    self._idle.append(other)
                else:
                    gone.append(other)
            self._changed.notify_all()
        for other in gone:
            other.close()

    def _is_needed(self, connection: Connection) -> bool:
        """Tell whether a connection that nobody has is to be kept; under the lock.

        One whose time is over goes while another lives. The last one stays, and so do all while new ones are
        refused: to close it first would make a target lost that only lets nobody in any more.
        """
        if not connection.in_order:
            return False
        is_last = not self._idle and not self._in_use()
        return not _is_expired(connection) or is_last or self._try_again_at is not None


def _is_expired(connection: Connection) -> bool:
    """Tell whether the time of a connection is over, as one that lives or as one that is idle."""
    now = time.monotonic()
    # spread, so that what was opened together is not renewed together
    oldest = _OLDEST_SECONDS - connection.identity.thread_id % _AGE_SPREAD_SECONDS
    return (
        now - connection.opened_at >= oldest
        or now - connection.idle_since >= _IDLE_SECONDS
    )


def _refused(error: TargetError) -> RefusedError:
    return RefusedError(
        error.reason, error.message, code=error.code, detail=error.detail
    )


def _not_started() -> QueryError:
    return QueryError(
        Reason.KILLED, "not started, because the monitor is stopping", detail=CANCELLED
    )
