"""Read a server's status before a session is lent: its clock, load and replication, the account's rights."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from monitor.database.connection import Connection, Refusal
from monitor.database.grants import surplus_of
from monitor.database.replication import is_on, replication_of
from monitor.model.results import ClockOffset, Replication
from monitor.timing.deadlines import Watchdog

MAX_STATUS_AGE_SECONDS = 15.0
# SHOW GRANTS is for a warning of surplus rights, which no run depends on.
_MAX_RIGHTS_AGE_SECONDS = 1800.0
_ANSWER_SECONDS = 1.0
# A server that is so busy that it answers late is not down: the run's own time limit is longer, as a rule.
_FIRST_ANSWER_SECONDS = 5.0
_MAX_ANSWER_BYTES = 1 << 20
_PAUSE_AFTER_HANG_SECONDS = 15.0

_SILENT = Replication(None, "it does not say how far it is")
_STATUS_COLUMNS = 5
"""The time, what is read only (server, engine, session), and how many threads run."""

_Answer = TypeVar("_Answer")


class StatusReader:
    """Keeps what is known of the servers behind one target; thread-safe, with a connection in one thread only."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        self._lock = threading.Lock()
        self._hung_until = 0.0
        self._replicas: set[str] = set()
        self._rights: tuple[str, ...] | None = None
        self._rights_at = float("-inf")

    def refresh(
        self,
        connection: Connection,
        until_seconds: float,
        *,
        max_age_seconds: float = MAX_STATUS_AGE_SECONDS,
    ) -> bool:
        """Read the status into `connection.server`; False when the connection turned out to be dead.

        `until_seconds`, of time.monotonic, bounds the first answer, which may take longer than the others.
        What the server does not have, or does not let this account ask, is unknown and asked no more on
        this connection: rights on the whole server are those of the time when it was opened.
        """
        if time.monotonic() - connection.status_at < max_age_seconds:
            return True
        is_new = connection.status_at < 0
        seconds = _ANSWER_SECONDS
        if is_new:
            left_seconds = until_seconds - time.monotonic()
            seconds = max(seconds, min(_FIRST_ANSWER_SECONDS, left_seconds))
        is_alive = self._ask(connection, _read_state, seconds=seconds)
        if is_alive:
            is_alive = self._refresh_replication(connection)
        if is_alive and is_new:
            is_alive = self._refresh_rights(connection)
        connection.status_at = time.monotonic()
        return is_alive

    def _refresh_replication(self, connection: Connection) -> bool:
        # SHOW REPLICA STATUS waits while somebody stops the replica: it is cut, and not asked again at once.
        name = connection.server.hostname
        if time.monotonic() < self._hung_until:
            silent = _SILENT if name in self._replicas else None
            connection.server = replace(
                connection.server, replication=silent, knows_replication=False
            )
            return True
        if not self._ask(connection, _read_replication):
            self._hung_until = time.monotonic() + _PAUSE_AFTER_HANG_SECONDS
            return False
        if connection.server.replication is not None:
            self._replicas.add(name)
        elif connection.server.knows_replication:
            self._replicas.discard(name)
        elif name in self._replicas:
            # It answered before, so this refusal is of the moment: no proof of data that is not old.
            connection.replication_questions = None
            connection.server = replace(connection.server, replication=_SILENT)
        return True

    def _refresh_rights(self, connection: Connection) -> bool:
        with self._lock:
            age_seconds = time.monotonic() - self._rights_at
            is_old = age_seconds > _MAX_RIGHTS_AGE_SECONDS
            if is_old:
                # At once: where SHOW GRANTS breaks the connection, the next one is not tried with it.
                self._rights_at = time.monotonic()
        if not is_old:
            connection.server = replace(connection.server, surplus_rights=self._rights)
            return True
        is_alive = self._ask(connection, _read_rights)
        self._rights = connection.server.surplus_rights
        return is_alive

    def _ask(
        self,
        connection: Connection,
        ask: Callable[[Connection], None],
        *,
        seconds: float = _ANSWER_SECONDS,
    ) -> bool:
        connection.driver.expect_answer(
            seconds=seconds + 1.0, max_bytes=_MAX_ANSWER_BYTES
        )
        with (
            self._watchdog.after(seconds, connection.cut),
            # As everywhere, the driver may raise anything; the connection knows whether the answer was read whole.
            contextlib.suppress(Exception),
        ):
            ask(connection)
        return connection.in_order and not connection.was_cut


def _read_state(connection: Connection) -> None:
    # In this order: what passes between the two is uncertain, and is counted as that.
    before_seconds = time.monotonic()
    before_at = datetime.now(UTC)
    questions = connection.status_questions
    if questions is None:
        questions = connection.dialect.status_questions()
    connection.status_questions, rows = _first_answer(
        connection, questions, connection.execute
    )
    half_seconds = (time.monotonic() - before_seconds) / 2
    middle_at = before_at + timedelta(seconds=half_seconds)
    row: tuple[object, ...] = (None,) * _STATUS_COLUMNS
    if rows and len(rows[0]) == _STATUS_COLUMNS:
        row = rows[0]
    server_at, server_read_only, engine_read_only, session_read_only, running = row
    clock = None
    if isinstance(server_at, datetime):
        ahead = server_at.replace(tzinfo=UTC) - middle_at
        clock = ClockOffset(ahead.total_seconds(), half_seconds)
    read_only = connection.server.read_only
    if server_read_only is not None:
        read_only = is_on(server_read_only) or is_on(engine_read_only)
    limits = connection.server.limits
    if session_read_only is not None and not is_on(session_read_only):
        limits = tuple(limit for limit in limits if limit != "read_only")
    connection.server = replace(
        connection.server,
        clock=clock,
        read_only=read_only,
        limits=limits,
        threads_running=_count(running),
    )


def _count(cell: object) -> int | None:
    """Return a status variable, which servers give as text; None where it is not a whole number."""
    text = str(cell)
    return int(text) if text.isascii() and text.isdigit() else None


def _read_replication(connection: Connection) -> None:
    questions = connection.replication_questions
    if questions is None:
        questions = connection.dialect.replication_questions
    connection.replication_questions, rows = _first_answer(
        connection, questions, connection.table
    )
    connection.server = replace(
        connection.server,
        replication=replication_of(rows or ()),
        knows_replication=rows is not None,
    )


def _read_rights(connection: Connection) -> None:
    rows = connection.attempt(lambda: connection.execute("SHOW GRANTS"))
    rights = None
    if not isinstance(rows, Refusal):
        rights = surplus_of(str(row[0]) for row in rows)
    connection.server = replace(connection.server, surplus_rights=rights)


def _first_answer(
    connection: Connection, questions: Iterable[str], ask: Callable[[str], _Answer]
) -> tuple[tuple[str, ...], _Answer | None]:
    """Ask until one question is answered; return what to ask the next time, and None if all were refused."""
    for question in questions:
        answer = connection.attempt(partial(ask, question))
        if not isinstance(answer, Refusal):
            return (question,), answer
    return (), None
