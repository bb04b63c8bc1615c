"""Run one statement within its limits on a leased connection: rows, or an error with a reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from monitor.database.answer import MAX_ANSWER_BYTES, read_answer
from monitor.database.binding import bound
from monitor.database.connection import Connection
from monitor.database.dialect import limit_name, statement_limit
from monitor.database.driver_errors import code_of, failure_of
from monitor.database.killer import Killer
from monitor.database.orphaned_statements import OrphanedStatements
from monitor.database.reasons import is_answer
from monitor.database.server_warnings import read_warnings
from monitor.database.session_setup import enter_zone
from monitor.model.errors import QueryError, Reason, TargetError
from monitor.model.results import ALTERED_SESSION, CANCELLED, Rows, Server
from monitor.model.settings import UTC_ZONE, Flavor, Scalar, Statement
from monitor.timing.deadlines import Watchdog
from monitor.timing.durations import format_duration

# The server's own limit is the timeout itself; KILL and our cut give it time to speak first.
_KILL_AFTER_SECONDS = 0.3
_CUT_AFTER_SECONDS = 1.0


class Session:
    """A leased connection that runs statements, one after another, in the thread that leased it."""

    def __init__(
        self,
        connection: Connection,
        *,
        reopen: Callable[[], Connection],
        killer: Killer,
        watchdog: Watchdog,
        orphans: OrphanedStatements,
        refusal: TargetError | None = None,
    ) -> None:
        self.connection = connection
        self.refusal = refusal
        """Why a new connection was refused before this one, which lived already, was lent in its place."""
        self._orphans = orphans
        self._reopen = reopen
        self._killer = killer
        self._watchdog = watchdog
        self._is_stopped = False
        self._time_zone = UTC_ZONE

    @property
    def server(self) -> Server:
        """Tell which server answers."""
        return self.connection.server

    def statement_sql(self, statement: Statement, values: Mapping[str, Scalar]) -> str:
        """Give the SQL as `fetch` would send it."""
        return bound(statement, values, self.connection.driver.escape)

    def fetch(
        self,
        statement: Statement,
        values: Mapping[str, Scalar],
        *,
        timeout: timedelta,
        max_rows: int,
    ) -> Rows:
        """Run a statement, once, and give all its rows; QueryError or TargetError says why there are none."""
        if self._is_stopped:
            raise _stopped()
        if not self.connection.in_order:
            self.connection.close()
            self.connection = self._reopen()
            if self._is_stopped:  # meanwhile: what was to be stopped is no more, and nothing else would be
                raise _stopped()
        if self.connection.server.altered:
            self.connection.in_order = False  # the next one may be right
            raise _altered(self.connection.server)
        return self._fetch(
            self.statement_sql(statement, values), timeout=timeout, max_rows=max_rows
        )

    def use_time_zone(self, time_zone: str) -> None:
        """Have what follows run in a time zone: an offset, a name, or `server` for the server's own."""
        self._time_zone = time_zone

    def stop(self) -> None:
        """End what runs, from another thread; its fetch raises `killed`. Returns at once."""
        self._is_stopped = True
        self._killer.request(self.connection.identity)

    def _fetch(self, sql: str, *, timeout: timedelta, max_rows: int) -> Rows:
        connection, seconds = self.connection, timeout.total_seconds()
        victim = connection.identity
        started = time.monotonic()
        outcome: Rows | Exception
        with (
            self._watchdog.after(
                seconds + _KILL_AFTER_SECONDS, lambda: self._killer.request(victim)
            ) as kill,
            self._watchdog.after(seconds + _CUT_AFTER_SECONDS, connection.cut),
        ):
            try:
                outcome = self._ask(sql, timeout=timeout, max_rows=max_rows)
            # The driver raises much that is none of its own errors (UnicodeDecodeError, AssertionError,
            # struct.error, RuntimeError for a LOAD LOCAL that nobody asked for …).
            except Exception as error:  # noqa: BLE001
                outcome = error
            except BaseException:
                # ^C: closing the connection would leave the statement running on the server
                self._killer.request(victim)
                raise
        if not isinstance(outcome, Rows | QueryError) and not _is_answer(outcome):
            self._orphans.note(sql, victim)
        self._check_time(
            outcome, timeout, was_killed=kill.rang, seconds=time.monotonic() - started
        )
        if isinstance(outcome, Rows):
            return outcome
        if isinstance(outcome, QueryError):
            raise outcome
        connection.in_order = _is_answer(outcome)
        raise failure_of(outcome) from None

    def _ask(self, sql: str, *, timeout: timedelta, max_rows: int) -> Rows:
        connection = self.connection
        connection.in_order = False
        seconds = timeout.total_seconds() + _CUT_AFTER_SECONDS + 1.0
        connection.driver.expect_answer(seconds=seconds, max_bytes=MAX_ANSWER_BYTES)
        self._orphans.check(connection, sql)
        connection.in_order = False
        if (
            "statement" in connection.server.limits
            and connection.statement_limit != timeout
        ):
            connection.driver.expect_answer(seconds=seconds, max_bytes=MAX_ANSWER_BYTES)
            connection.execute(
                f"SET SESSION {statement_limit(connection.server.flavor, timeout)}"
            )
            connection.statement_limit = timeout
            connection.note_change(limit_name(connection.server.flavor), None)
            connection.in_order = False
        if connection.time_zone != self._time_zone:
            connection.driver.expect_answer(seconds=seconds, max_bytes=MAX_ANSWER_BYTES)
            enter_zone(connection, self._time_zone)
            connection.in_order = False
        connection.driver.expect_answer(seconds=seconds, max_bytes=MAX_ANSWER_BYTES)
        rows = read_answer(connection.driver, sql, max_rows=max_rows)
        warnings = read_warnings(connection, seconds=seconds)
        connection.in_order = True
        return replace(rows, warnings=warnings)

    def _check_time(
        self,
        outcome: Rows | Exception,
        timeout: timedelta,
        *,
        was_killed: bool,
        seconds: float,
    ) -> None:
        connection = self.connection
        answered = isinstance(outcome, Rows) or _is_answer(outcome)
        if was_killed or self._is_stopped:
            # a KILL that comes late would hit whatever runs next
            connection.in_order = False
        if self._is_stopped:
            raise _stopped()
        if connection.was_cut:
            raise _timed_out(timeout, detail="cut")
        if was_killed and answered:
            raise _timed_out(timeout, detail="killed")
        # MySQL answers a SLEEP that reached its limit with a row and no error
        is_mysql = connection.server.flavor is Flavor.MYSQL
        if (
            isinstance(outcome, Rows)
            and is_mysql
            and seconds >= timeout.total_seconds()
        ):
            raise _timed_out(timeout, detail="statement_limit")


def _is_answer(error: Exception) -> bool:
    return is_answer(code_of(error), str(error))


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
