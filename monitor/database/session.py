"""Run one statement within its limits on a leased connection: rows, or an error with a reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from monitor.database.answer import MAX_ANSWER_BYTES, read_answer
from monitor.database.binding import bound
from monitor.database.connection import Connection
from monitor.database.driver_errors import failure_of, is_answer_error
from monitor.database.killer import Killer
from monitor.database.orphaned_statements import OrphanedStatements
from monitor.database.server_warnings import read_warnings
from monitor.database.session_setup import enter_zone
from monitor.database.snapshot import open_snapshot
from monitor.database.status import StatusReader
from monitor.model.errors import QueryError, Reason, TargetError
from monitor.model.results import ALTERED_SESSION, CANCELLED, Rows, Server
from monitor.model.settings import Bindable, Statement
from monitor.model.targets import UTC_ZONE
from monitor.timing.deadlines import Watchdog
from monitor.timing.durations import format_duration

# The server's own limit is the timeout itself; KILL and our cut give it time to speak first. Three of them,
# since after a client's read timeout a statement goes on running on the server (measured).
_KILL_AFTER_SECONDS = 0.3
_CUT_AFTER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class SessionServices:
    """What all sessions of one target share; each is thread-safe."""

    reopen: Callable[[], Connection]
    killer: Killer
    watchdog: Watchdog
    orphans: OrphanedStatements
    status: StatusReader


@dataclass(frozen=True, slots=True)
class _Limits:
    """What one statement may take: time by our clock and by the server's own limit, and rows."""

    timeout: timedelta
    of_server: timedelta
    max_rows: int


class Session:
    """A leased connection that runs statements, one after another, in the thread that leased it.

    The pool owns it and takes its connection back; only `stop` may be called from another thread.
    """

    def __init__(
        self,
        connection: Connection,
        services: SessionServices,
        *,
        refusal: TargetError | None = None,
    ) -> None:
        self.connection = connection
        self.refusal = refusal
        """Why a new connection was refused before this one, which lived already, was lent in its place."""
        self._reopen = services.reopen
        self._killer = services.killer
        self._watchdog = services.watchdog
        self._orphans = services.orphans
        self._status = services.status
        self.statement_seconds = 0.0
        """How long the statements of this lease ran, what each took to be answered."""
        self._is_stopped = False
        self._is_snapshot = False
        self._time_zone = UTC_ZONE

    @property
    def server(self) -> Server:
        """Return which server answers, and its status as of at most 15 s before the lease."""
        return self.connection.server

    def statement_sql(
        self, statement: Statement, values: Mapping[str, Bindable]
    ) -> str:
        """Return the SQL as `fetch` would send it; QueryError for a value that is missing or cannot be bound."""
        return bound(statement, values, self.connection.driver.escape)

    def fetch(
        self,
        statement: Statement,
        values: Mapping[str, Bindable],
        *,
        timeout: timedelta,
        max_rows: int,
        server_limit: timedelta | None = None,
    ) -> Rows:
        """Run a statement, once, and return all its rows in the server's order, none left out.

        `values` by the names of the statement's parameters. It takes at most `timeout` and a second: the
        server's own limit, then KILL, then our cut of the connection. QueryError says why there are no rows
        (`timeout`, `too_many_rows` beyond `max_rows`, `bad_result` for one that cannot be believed, …),
        TargetError that the connection is lost; the session may be used again after either.

        `server_limit` is a longer one of the server's own, `timeout` without it: to state another limit before each
        of many statements would double their round trips.
        """
        if self._is_snapshot and not self.connection.in_order:
            raise QueryError(Reason.KILLED, "the snapshot has ended")
        self._open_connection()
        sql = self.statement_sql(statement, values)
        limits = _Limits(timeout, server_limit or timeout, max_rows)
        return self._fetch(sql, limits)

    def use_time_zone(self, time_zone: str) -> None:
        """Set the time zone that what follows runs in: an offset, a name, or `server` for the server's own."""
        self._time_zone = time_zone

    @contextmanager
    def snapshot(self, *, timeout: timedelta) -> Iterator[None]:
        """Let all that is fetched within see the data as of one instant; what fails within ends it.

        For at most `timeout` and a second: as long as it is open it keeps ALTER TABLE waiting. It is rolled back
        in any case, and the session is as it was.
        """
        connection = self._open_connection()
        seconds = timeout.total_seconds() + _CUT_AFTER_SECONDS
        self._is_snapshot = True
        try:
            with open_snapshot(connection, self._watchdog, seconds):
                yield
        finally:
            self._is_snapshot = False

    def refresh_status(self, *, max_age_seconds: float) -> None:
        """Read the server's status again where it is older; where the connection died of it, the next is another."""
        connection = self.connection
        if not connection.in_order:
            return  # the next one tells by itself
        until_seconds = time.monotonic() + max_age_seconds
        connection.in_order = self._status.refresh(
            connection, until_seconds, max_age_seconds=max_age_seconds
        )

    def stop(self) -> None:
        """End what runs, from another thread; its fetch raises `killed`. Returns at once."""
        self._is_stopped = True
        self._killer.request(self.connection.identity)

    def _open_connection(self) -> Connection:
        """Return a connection in order, another one where it must be; raises where its answers mean nothing."""
        if self._is_stopped:
            raise _stopped()
        if not self.connection.in_order:
            self.connection.close()
            self.connection = self._reopen()
            # Meanwhile: what was to be stopped has ended, and nothing else would stop this one.
            if self._is_stopped:
                raise _stopped()
        if self.connection.server.altered:
            self.connection.in_order = False  # the next one may be right
            raise _altered(self.connection.server)
        return self.connection

    def _fetch(self, sql: str, limits: _Limits) -> Rows:
        connection, timeout = self.connection, limits.timeout
        victim = connection.identity
        started = time.monotonic()
        outcome, was_killed = self._bounded(partial(self._ask, sql, limits), timeout)
        elapsed_seconds = time.monotonic() - started
        self.statement_seconds += elapsed_seconds
        is_answered = isinstance(outcome, Rows) or is_answer_error(outcome)
        # Without an answer it may run on: it is not sent again while it does (docs/adr/0007).
        if not is_answered and not isinstance(outcome, QueryError):
            self._orphans.note(sql, victim)
        if was_killed or self._is_stopped:
            # A KILL that comes late would hit whatever runs next on this connection.
            connection.in_order = False
        if self._is_stopped:
            raise _stopped()
        if connection.was_cut:
            raise _timed_out(timeout, detail="cut")
        if was_killed and is_answered:
            raise _timed_out(timeout, detail="killed")
        if isinstance(outcome, Exception):
            raise self._failure(outcome, is_answered=is_answered) from None
        self._check_time(elapsed_seconds, limits.of_server)
        return outcome

    def _check_time(self, elapsed_seconds: float, timeout: timedelta) -> None:
        # MySQL answers a SLEEP that reached its limit with a row and no error.
        is_late = elapsed_seconds >= timeout.total_seconds()
        if is_late and self.connection.dialect.answers_at_limit:
            raise _timed_out(timeout, detail="statement_limit")

    def _failure(self, error: Exception, *, is_answered: bool) -> QueryError:
        if isinstance(error, QueryError):
            return error
        self.connection.in_order = is_answered
        return failure_of(error)

    def _bounded(
        self, ask: Callable[[], Rows], timeout: timedelta
    ) -> tuple[Rows | Exception, bool]:
        """Ask under KILL and our own cut; return what came of it, and whether it took a KILL."""
        connection = self.connection
        victim = connection.identity
        seconds = timeout.total_seconds()
        outcome: Rows | Exception
        with (
            self._watchdog.after(
                seconds + _KILL_AFTER_SECONDS, lambda: self._killer.request(victim)
            ) as kill,
            self._watchdog.after(seconds + _CUT_AFTER_SECONDS, connection.cut),
        ):
            try:
                outcome = ask()
            # The driver raises much that is none of its own errors (UnicodeDecodeError, AssertionError,
            # struct.error, RuntimeError for a LOAD LOCAL that nobody asked for …).
            except Exception as error:  # noqa: BLE001
                outcome = error
            except BaseException:
                # ^C: closing the connection would leave the statement running on the server.
                self._killer.request(victim)
                raise
        return outcome, kill.rang

    def _ask(self, sql: str, limits: _Limits) -> Rows:
        connection = self.connection
        seconds = limits.timeout.total_seconds() + _CUT_AFTER_SECONDS + 1.0

        def expect_answer() -> None:
            # Each statement of ours ends with the connection in order; what follows may not be reached.
            connection.in_order = False
            connection.driver.expect_answer(seconds=seconds, max_bytes=MAX_ANSWER_BYTES)

        expect_answer()
        self._orphans.check(connection, sql)
        expect_answer()
        has_limit = "statement" in connection.server.limits
        if has_limit and connection.statement_limit != limits.of_server:
            _state_limit(connection, limits.of_server)
            expect_answer()
        if connection.time_zone != self._time_zone:
            enter_zone(connection, self._time_zone)
            expect_answer()
        rows = read_answer(connection.driver, sql, max_rows=limits.max_rows)
        warnings = read_warnings(connection, seconds=seconds)
        connection.in_order = True
        return replace(rows, warnings=warnings) if warnings else rows


def _state_limit(connection: Connection, timeout: timedelta) -> None:
    """Set the server's own limit, from now on."""
    dialect = connection.dialect
    connection.execute(f"SET SESSION {dialect.statement_limit(timeout)}")
    connection.statement_limit = timeout
    # It has another value for each query, which is not a mark of another client's session.
    connection.note_change(dialect.limit_variable, None)


def _altered(server: Server) -> QueryError:
    message = f"the session is not as we set it, so no result of it can be believed: {'; '.join(server.altered)}"
    return QueryError(Reason.BAD_RESULT, message, detail=ALTERED_SESSION)


def _stopped() -> QueryError:
    return QueryError(
        Reason.KILLED, "stopped, because the monitor is stopping", detail=CANCELLED
    )


def _timed_out(timeout: timedelta, *, detail: str) -> QueryError:
    return QueryError(
        Reason.TIMEOUT, f"no result within {format_duration(timeout)}", detail=detail
    )
