"""Ask a server how it stands, before a session is lent: its clock against ours, replication, our rights."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pymysql

from monitor.database.connection import Connection
from monitor.database.dialect import replication_questions, status_questions
from monitor.database.driver_errors import code_of
from monitor.database.grants import surplus_of
from monitor.database.reasons import is_answer
from monitor.model.results import ClockOffset, Replication
from monitor.timing.deadlines import Watchdog

MAX_STATUS_AGE_SECONDS = 15.0
_MOST_RIGHTS_AGE_SECONDS = 1800.0
_ANSWER_SECONDS = 1.0
# a server that is so busy that it answers late is not down: the run's own time limit is longer, as a rule
_FIRST_ANSWER_SECONDS = 5.0
_ANSWER_BYTES = 1 << 20
_NOT_ASKED_AGAIN_SECONDS = 15.0

_SILENT = Replication(None, "it does not say how far it is")

Given = TypeVar("Given")


class StatusReader:
    """Keeps what is known of the servers behind one target; thread-safe, with a connection in one thread only."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        self._lock = threading.Lock()
        self._hung_until = 0.0
        self._replicas: set[str] = set()
        self._rights: tuple[str, ...] | None = None
        self._rights_at = float("-inf")

    def refresh(self, connection: Connection, until_seconds: float) -> bool:
        """Have `connection.server` tell how the server stands; False when the connection turned out to be dead.

        `until_seconds`, of time.monotonic, bounds the first answer, which may take longer than the others.
        What the server does not have, or does not let this account ask, is unknown and asked no more on
        this connection: rights on the whole server are those of the time when it was opened.
        """
        if time.monotonic() - connection.status_at < MAX_STATUS_AGE_SECONDS:
            return True
        is_new = connection.status_at < 0
        seconds = _ANSWER_SECONDS
        if is_new:
            seconds = max(
                seconds, min(_FIRST_ANSWER_SECONDS, until_seconds - time.monotonic())
            )
        alive = self._ask(
            connection, _ask_state, seconds=seconds
        ) and self._ask_replication(connection)
        if alive and is_new:
            alive = self._ask_rights(connection)
        connection.status_at = time.monotonic()
        return alive

    def _ask_replication(self, connection: Connection) -> bool:
        # SHOW REPLICA STATUS waits while somebody stops the replica: it is cut, and not asked again at once.
        name = connection.server.hostname
        if time.monotonic() < self._hung_until:
            silent = _SILENT if name in self._replicas else None
            connection.server = replace(
                connection.server, replication=silent, knows_replication=False
            )
            return True
        if not self._ask(connection, _ask_replication):
            self._hung_until = time.monotonic() + _NOT_ASKED_AGAIN_SECONDS
            return False
        if connection.server.replication is not None:
            self._replicas.add(name)
        elif connection.server.knows_replication:
            self._replicas.discard(name)
        elif name in self._replicas:
            # It told before, so this refusal is of the moment: not a word for data that may be old.
            connection.replication_questions = None
            connection.server = replace(connection.server, replication=_SILENT)
        return True

    def _ask_rights(self, connection: Connection) -> bool:
        with self._lock:
            is_old = time.monotonic() - self._rights_at > _MOST_RIGHTS_AGE_SECONDS
            if is_old:
                # at once: where SHOW GRANTS breaks the connection, the next one is not tried with it
                self._rights_at = time.monotonic()
        if not is_old:
            connection.server = replace(connection.server, surplus_rights=self._rights)
            return True
        alive = self._ask(connection, _ask_rights)
        self._rights = connection.server.surplus_rights
        return alive

    def _ask(
        self,
        connection: Connection,
        ask: Callable[[Connection], None],
        *,
        seconds: float = _ANSWER_SECONDS,
    ) -> bool:
        connection.driver.expect_answer(seconds=seconds + 1.0, max_bytes=_ANSWER_BYTES)
        with (
            self._watchdog.after(seconds, connection.cut),
            # as everywhere, the driver may raise anything; the connection knows whether the answer was read whole
            contextlib.suppress(Exception),
        ):
            ask(connection)
        return connection.in_order and not connection.was_cut


def _ask_state(connection: Connection) -> None:
    # In this order: what passes between the two is uncertain, and is counted as that.
    before_seconds = time.monotonic()
    before_at = datetime.now(UTC)
    questions = connection.status_questions
    if questions is None:
        questions = status_questions(connection.server.flavor)
    connection.status_questions, rows = _first_answer(
        connection, questions, connection.execute
    )
    half_seconds = (time.monotonic() - before_seconds) / 2
    told = (
        rows[0]
        if rows and len(rows[0]) == len(("time", "server", "engine", "session"))
        else (None,) * 4
    )
    server_at, server, engine, session = told
    clock = None
    if isinstance(server_at, datetime):
        middle_at = before_at + timedelta(seconds=half_seconds)
        clock = ClockOffset(
            (server_at.replace(tzinfo=UTC) - middle_at).total_seconds(), half_seconds
        )
    read_only = connection.server.read_only
    if server is not None:
        read_only = is_on(server) or is_on(engine)
    limits = connection.server.limits
    if session is not None and not is_on(session):
        limits = tuple(limit for limit in limits if limit != "read_only")
    connection.server = replace(
        connection.server, clock=clock, read_only=read_only, limits=limits
    )


def _ask_replication(connection: Connection) -> None:
    questions = connection.replication_questions
    if questions is None:
        questions = replication_questions(connection.server.flavor)
    connection.replication_questions, rows = _first_answer(
        connection, questions, connection.table
    )
    connection.server = replace(
        connection.server,
        replication=replication_of(rows or ()),
        knows_replication=rows is not None,
    )


def _ask_rights(connection: Connection) -> None:
    _, rows = _first_answer(connection, ("SHOW GRANTS",), connection.execute)
    rights = None if rows is None else surplus_of(str(row[0]) for row in rows)
    connection.server = replace(connection.server, surplus_rights=rights)


def _first_answer(
    connection: Connection, questions: Iterable[str], ask: Callable[[str], Given]
) -> tuple[tuple[str, ...], Given | None]:
    """Ask until one question is answered; gives what to ask the next time, and None if all were refused."""
    for question in questions:
        try:
            return (question,), ask(question)
        except pymysql.MySQLError as error:
            if not is_answer(code_of(error), str(error)):
                raise
            connection.in_order = True
    return (), None


def replication_of(rows: Iterable[Mapping[str, object]]) -> Replication | None:
    """Read the answer of SHOW REPLICA STATUS: the source that is worst; None without any, so no replica."""
    found = [_of_source(row) for row in rows]
    standing = [one for one in found if one.lag_seconds is None]
    return (
        standing[0]
        if standing
        else max(found, key=lambda one: one.lag_seconds or 0.0, default=None)
    )


def _of_source(row: Mapping[str, object]) -> Replication:
    def cell(mysql: str, mariadb: str) -> object:
        return row.get(mysql, row.get(mariadb))

    lag = cell("Seconds_Behind_Source", "Seconds_Behind_Master")
    if isinstance(lag, int):
        return Replication(float(lag))
    receiver = cell("Replica_IO_Running", "Slave_IO_Running")
    applier = cell("Replica_SQL_Running", "Slave_SQL_Running")
    return Replication(None, f"IO thread: {receiver}, SQL thread: {applier}")


def is_on(value: object) -> bool:
    """Tell whether a variable is on: newer servers have more kinds of read only than ON."""
    return value is not None and str(value).upper() not in ("0", "OFF", "")
