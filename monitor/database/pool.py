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
from monitor.database.session import Session, SessionServices
from monitor.database.status import StatusReader
from monitor.model.errors import QueryError, Reason, RefusedError, TargetError
from monitor.model.kills import Kill
from monitor.model.results import BUSY, CANCELLED
from monitor.model.targets import Target
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog

_CONNECT_TIMEOUT = timedelta(seconds=5)
# For the two answers that say it: whether the connection lives, and the server's status.
_ALIVE_SECONDS = 2.0
# One each for what may break a connection: SHOW REPLICA STATUS, SHOW GRANTS.
_MAX_TRIES = 3
_STOP_SECONDS = 1.5
# Beside one of ours that lives, a new connection is asked for only to see whether it gets in again.
_TRY_AGAIN_SECONDS = 10.0
# How long a second connection waits for use: long enough for queries that meet each minute, and no longer, since
# a fleet would hold a session on each server that it used once.
_MAX_SPARE_SECONDS = 180.0


class Database:
    """One target's server: leases sessions to threads, stops what runs, closes what is open. Thread-safe.

    It owns the connections, at most `max_connections` of the target beside the one for KILL. `timeout` bounds
    one attempt to connect; `on_kill` is called at the end of each attempt to stop a statement, in a thread
    of its own.
    """

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
        self._services = SessionServices(
            reopen=self._connector.open,
            killer=self._killer,
            watchdog=watchdog,
            orphans=OrphanedStatements(),
            status=self._status_reader,
        )
        self._changed = threading.Condition()
        self._idle: list[Connection] = []
        self._reserved = 0
        self._leased: set[Session] = set()
        self._checking: set[Connection] = set()
        self._opening = 0
        """Let in, and not lent yet: whether they are good is being asked."""
        self._try_again_at: float | None = None
        """While new connections are refused beside one that lives: when to ask for one again."""
        self._is_stopping = False

    @contextmanager
    def lease(self, *, deadline_seconds: float) -> Iterator[Session]:
        """Lend a connection for one thread, a new one where no idle one is good: `with database.lease(…) as session`.

        In so many seconds one of `max_connections` places must be free (QueryError `timeout`, detail busy),
        and the server let us in and say how it stands (TargetError): after them nothing is tried again. What
        has to be asked all the same, as after a long wait for a place, has a second for each answer.
        Where no new connection is had while one of ours lives, that one is waited for (RefusedError).
        Once `cancel_all` or `close` was called: QueryError `killed`.
        """
        until_seconds = time.monotonic() + deadline_seconds
        self._reserve(deadline_seconds)
        try:
            connection, refusal = self._find_connection(until_seconds)
            session = Session(connection, self._services, refusal=refusal)
            with self._changed:
                self._leased.add(session)
                self._checking.discard(connection)
                is_stopping = self._is_stopping
            try:
                if is_stopping:
                    raise _not_started()
                yield session
            finally:
                self._take_back(session)
        finally:
            with self._changed:
                self._reserved -= 1
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
        """Close what lies idle, within about 4 s; what is lent is closed as it comes back."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        self._killer.close()

    def _reserve(self, seconds: float) -> None:
        """Wait for one of the target's `max_connections` places."""
        allowed = self._target.max_connections
        with self._changed:
            is_free = self._changed.wait_for(
                lambda: self._is_stopping or self._reserved < allowed, seconds
            )
            if self._is_stopping:
                raise _not_started()
            if not is_free:
                words = f"all {allowed} connections to {self._target.name} are busy"
                raise QueryError(Reason.TIMEOUT, words, detail=BUSY)
            self._reserved += 1

    def _find_connection(
        self, until_seconds: float
    ) -> tuple[Connection, TargetError | None]:
        """Return a connection to lend; beside it why a new one was refused, where it was not."""
        if not self._is_to_try_again():
            idle = self._idle_connection(until_seconds)
            if idle is not None and self._is_to_renew(idle):
                return self._renewed(idle, until_seconds)
            if idle is not None:
                return idle, None
        try:
            connection = self._new_connection(until_seconds)
        except TargetError as error:
            return self._living_connection(error, until_seconds), error
        self._try_again_at = None
        return connection, None

    def _is_to_renew(self, connection: Connection) -> bool:
        """Return whether a connection that is kept beyond its time is to be replaced by a new one now."""
        at = self._try_again_at
        if at is not None and time.monotonic() < at:
            return False
        return connection.is_expired()

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
        """Return whether to ask for a new connection although an old one is idle; never beyond our number."""
        with self._changed:
            at = self._try_again_at
            if at is None or time.monotonic() < at:
                return False
            return len(self._idle) + self._in_use() < self._target.max_connections

    def _living_connection(
        self, refusal: TargetError, until_seconds: float
    ) -> Connection:
        """Wait for a connection of ours that lives; the refusal where there is none, or not in time."""
        while True:
            with self._changed:
                self._try_again_at = None
                if self._idle or self._may_live():
                    self._try_again_at = time.monotonic() + _TRY_AGAIN_SECONDS
                left_seconds = until_seconds - time.monotonic()
                self._changed.wait_for(
                    lambda: self._is_stopping or self._idle or not self._may_live(),
                    max(left_seconds, 0.0),
                )
                if self._is_stopping:
                    raise _not_started()
                if not self._idle:
                    raise _refused(refusal) if self._in_use() else refusal
            connection = self._idle_connection(until_seconds)
            if connection is not None:
                return connection

    def _in_use(self) -> int:
        """Return how many connections live and are not idle; under the lock."""
        return len(self._leased) + len(self._checking)

    def _may_live(self) -> bool:
        """Return whether one lives, or is being let in and has the last place of a quota; under the lock."""
        return self._in_use() > 0 or self._opening > 0

    def _idle_connection(self, until_seconds: float) -> Connection | None:
        """Take an idle connection that is good; the others on the way are closed. None where there is none."""
        has_asked = False
        while True:
            with self._changed:
                if not self._idle:
                    return None
                # The last one in: the others grow old and go.
                connection = self._idle.pop()
                is_wanted = self._is_needed(connection)
                self._checking.add(connection)
            # The first one is asked also when no time is left, as after a long wait for a place.
            if has_asked and time.monotonic() >= until_seconds:
                is_wanted = False
            with self._closed_when_interrupted(connection):
                if is_wanted:
                    has_asked = True
                    if self._is_good(connection, until_seconds):
                        return connection
            self._close(connection)

    def _is_good(self, connection: Connection, until_seconds: float) -> bool:
        # An idle one may have died unseen; a statement on it would be lost, and is not sent twice (docs/adr/0007).
        with self._watchdog.after(_ALIVE_SECONDS, connection.cut):
            is_alive = connection.is_alive()
        return is_alive and self._status_reader.refresh(connection, until_seconds)

    def _new_connection(self, until_seconds: float) -> Connection:
        """Open a connection that says how its server stands; TargetError where none is to be had in time."""
        for _ in range(_MAX_TRIES):
            connection = self._open(until_seconds)
            with self._closed_when_interrupted(connection):
                if self._status_reader.refresh(connection, until_seconds):
                    return connection
            self._close(connection)
            # Not even the time; or none is left.
            if connection.status_questions is None or time.monotonic() >= until_seconds:
                break
        error = TargetError(
            Reason.TARGET_DOWN, "let us in and answered no more", detail="lost"
        )
        self._connector.note_failure(error)
        raise error

    def _open(self, until_seconds: float) -> Connection:
        """Open a connection, which counts as one that lives from then on."""
        with self._changed:
            self._opening += 1
        try:
            connection = self._connector.open(
                timedelta(seconds=until_seconds - time.monotonic())
            )
            with self._changed:
                self._checking.add(connection)
        finally:
            with self._changed:
                self._opening -= 1
                self._changed.notify_all()
        return connection

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
            self._checking.discard(connection)
            self._changed.notify_all()

    def _take_back(self, session: Session) -> None:
        """Keep what is good of a lease that ended, and close what has become too old meanwhile."""
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
        """Return whether a connection that nobody has is to be kept; under the lock.

        One whose time is over goes while another lives, and so does a second one that is not used. The last one
        stays, and so do all while new ones are refused: to close it first would make a target lost that only
        lets nobody in any more.
        """
        if not connection.in_order:
            return False
        is_last = not self._idle and not self._in_use()
        if is_last or self._try_again_at is not None:
            return True
        is_spare = time.monotonic() - connection.idle_since >= _MAX_SPARE_SECONDS
        return not is_spare and not connection.is_expired()


def _refused(error: TargetError) -> RefusedError:
    return RefusedError(
        error.reason, error.message, code=error.code, detail=error.detail
    )


def _not_started() -> QueryError:
    return QueryError(
        Reason.KILLED, "not started, because the monitor is stopping", detail=CANCELLED
    )
