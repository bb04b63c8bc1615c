"""Run one statement within its limits on a leased connection: rows, or an error with a reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from monitor.database.answer import MOST_ANSWER_BYTES, read_answer
from monitor.database.binding import bound
from monitor.database.dialect import limit_name, statement_limit
from monitor.database.failures import code_of, failure_of
from monitor.database.killer import Killer
from monitor.database.link import Link
from monitor.database.orphaned_statements import Leftovers
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
        link: Link,
        *,
        reopen: Callable[[], Link],
        killer: Killer,
        watchdog: Watchdog,
        leftovers: Leftovers,
        refusal: TargetError | None = None,
    ) -> None:
        self.link = link
        self.refusal = refusal
        """Why a new connection was refused before this one, which lived already, was lent in its place."""
        self._leftovers = leftovers
        self._reopen = reopen
        self._killer = killer
        self._watchdog = watchdog
        self._is_stopped = False
        self._time_zone = UTC_ZONE

    @property
    def server(self) -> Server:
        """Tell which server answers."""
        return self.link.server

    def statement_sql(self, statement: Statement, values: Mapping[str, Scalar]) -> str:
        """Give the SQL as `fetch` would send it."""
        return bound(statement, values, self.link.wire.escape)

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
        if not self.link.in_order:
            self.link.close()
            self.link = self._reopen()
            if self._is_stopped:  # meanwhile: what was to be stopped is no more, and nothing else would be
                raise _stopped()
        if self.link.server.altered:
            self.link.in_order = False  # the next one may be right
            raise _altered(self.link.server)
        return self._fetch(
            self.statement_sql(statement, values), timeout=timeout, max_rows=max_rows
        )

    def use_time_zone(self, time_zone: str) -> None:
        """Have what follows run in a time zone: an offset, a name, or `server` for the server's own."""
        self._time_zone = time_zone

    def stop(self) -> None:
        """End what runs, from another thread; its fetch raises `killed`. Returns at once."""
        self._is_stopped = True
        self._killer.request(self.link.identity)

    def _fetch(self, sql: str, *, timeout: timedelta, max_rows: int) -> Rows:
        link, seconds = self.link, timeout.total_seconds()
        victim = link.identity
        started = time.monotonic()
        outcome: Rows | Exception
        with (
            self._watchdog.after(
                seconds + _KILL_AFTER_SECONDS, lambda: self._killer.request(victim)
            ) as kill,
            self._watchdog.after(seconds + _CUT_AFTER_SECONDS, link.cut),
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
            self._leftovers.note(sql, victim)
        self._check_time(
            outcome, timeout, was_killed=kill.rang, seconds=time.monotonic() - started
        )
        if isinstance(outcome, Rows):
            return outcome
        if isinstance(outcome, QueryError):
            raise outcome
        link.in_order = _is_answer(outcome)
        raise failure_of(outcome) from None

    def _ask(self, sql: str, *, timeout: timedelta, max_rows: int) -> Rows:
        link = self.link
        link.in_order = False
        seconds = timeout.total_seconds() + _CUT_AFTER_SECONDS + 1.0
        link.wire.expect_answer(seconds=seconds, most_bytes=MOST_ANSWER_BYTES)
        self._leftovers.check(link, sql)
        link.in_order = False
        if "statement" in link.server.limits and link.statement_limit != timeout:
            link.wire.expect_answer(seconds=seconds, most_bytes=MOST_ANSWER_BYTES)
            link.execute(f"SET SESSION {statement_limit(link.server.flavor, timeout)}")
            link.statement_limit = timeout
            link.note_change(limit_name(link.server.flavor), None)
            link.in_order = False
        if link.time_zone != self._time_zone:
            link.wire.expect_answer(seconds=seconds, most_bytes=MOST_ANSWER_BYTES)
            enter_zone(link, self._time_zone)
            link.in_order = False
        link.wire.expect_answer(seconds=seconds, most_bytes=MOST_ANSWER_BYTES)
        rows = read_answer(link.wire, sql, max_rows=max_rows)
        warnings = read_warnings(link, seconds=seconds)
        link.in_order = True
        return replace(rows, warnings=warnings)

    def _check_time(
        self,
        outcome: Rows | Exception,
        timeout: timedelta,
        *,
        was_killed: bool,
        seconds: float,
    ) -> None:
        link = self.link
        answered = isinstance(outcome, Rows) or _is_answer(outcome)
        if was_killed or self._is_stopped:
            # a KILL that comes late would hit whatever runs next
            link.in_order = False
        if self._is_stopped:
            raise _stopped()
        if link.was_cut:
            raise _timed_out(timeout, detail="cut")
        if was_killed and answered:
            raise _timed_out(timeout, detail="killed")
        # MySQL answers a SLEEP that reached its limit with a row and no error
        is_mysql = link.server.flavor is Flavor.MYSQL
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
