"""Locks of others: waited for briefly, tried once more within the run's own time, and then reported."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.collector.execute import execute
from monitor.demo.mariadb import PrivateServer
from monitor.model.errors import Reason
from monitor.model.results import Failure, Outcome, Success
from monitor.model.schedules import Every
from monitor.model.settings import Job, Query, Statement
from monitor.model.targets import Target
from monitor.timing.clock import AnchoredClock
from tests.database.conftest import Databases
from tests.database.proxy import Listener, error_packet, result_packets, serve_session
from tests.database.targets import PASSWORD, target_at, target_for, wait_until

COUNT = Query(
    "count",
    "",
    Statement("SELECT COUNT(*) AS n FROM digits"),
    Every(timedelta(minutes=1)),
    timedelta(seconds=20),
    10,
    Path("count.sql"),
)


class Run(threading.Thread):
    """One run, in a thread."""

    def __init__(
        self, target: Target, databases: Databases, *, seconds: float = 20
    ) -> None:
        super().__init__()
        self._job = Job(target, replace(COUNT, timeout=timedelta(seconds=seconds)))
        self._database = databases.open(target, environ=PASSWORD)
        self.outcome: Outcome | None = None
        self.start()

    def run(self) -> None:
        clock = AnchoredClock()
        self.outcome = execute(self._job, clock.now(), self._database, clock).outcome


@contextmanager
def locked(server: PrivateServer, schema: str) -> Iterator[threading.Event]:
    """Hold the table until the event is set."""
    release = threading.Event()
    with server.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLES digits WRITE")

        def unlock() -> None:
            release.wait(60)
            cursor.execute("UNLOCK TABLES")

        thread = threading.Thread(target=unlock)
        thread.start()
        try:
            yield release
        finally:
            release.set()
            thread.join()


def waiting_seconds(server: PrivateServer) -> int | None:
    """Return for how long a session has waited for the table; None when none does."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT time FROM information_schema.processlist WHERE state LIKE '%%metadata lock%%'",
            (),
        )
        row = cursor.fetchone()
        return None if row is None else int(row[0])


def test_a_lock_that_goes_while_it_is_tried_again_costs_nothing(
    databases: Databases, server: PrivateServer, schema_with_digits: str
) -> None:
    def costs_nothing() -> bool:
        with locked(server, schema_with_digits) as release:
            run = Run(target_for(server, schema=schema_with_digits), databases)
            waited: list[int] = []

            def begins_anew() -> bool:
                waited.append(waiting_seconds(server) or 0)
                return waited[-1] < max(waited) or not run.is_alive()

            wait_until(begins_anew, "the first try ends and the second waits")
            release.set()
            run.join(60)
        return isinstance(run.outcome, Success)

    # Whoever stands still for two seconds does not see the second try, and lets the lock go too late.
    wait_until(costs_nothing, "it waits again", seconds=60)


def test_a_lock_that_stays_is_reported_after_the_second_try(
    databases: Databases, server: PrivateServer, schema_with_digits: str
) -> None:
    with locked(server, schema_with_digits):
        started = time.monotonic()
        run = Run(target_for(server, schema=schema_with_digits), databases)
        run.join(60)
        assert 3.5 < time.monotonic() - started < 40
    assert isinstance(run.outcome, Failure)
    assert (run.outcome.reason, run.outcome.code) == (Reason.LOCK_WAIT, 1205)


def test_a_lock_that_stays_ends_with_the_runs_own_time(
    databases: Databases, server: PrivateServer, schema_with_digits: str
) -> None:
    with locked(server, schema_with_digits):
        started = time.monotonic()
        run = Run(target_for(server, schema=schema_with_digits), databases, seconds=2.5)
        run.join(60)
        assert time.monotonic() - started < 40
    assert isinstance(run.outcome, Failure)
    assert (run.outcome.reason, run.outcome.code) == (Reason.LOCK_WAIT, 1205)


@pytest.mark.parametrize(
    ("code", "tries"),
    [(1213, 2), (1205, 2), (1317, 1), (1064, 1), (1054, 1), (1040, 1)],
)
def test_only_what_the_server_has_undone_is_sent_again(
    databases: Databases, code: int, tries: int
) -> None:
    asked: list[str] = []

    def answer(sql: str) -> bytes | None:
        if sql != COUNT.statement.text:
            return None
        asked.append(sql)
        return (
            error_packet(1, code, "no")
            if len(asked) == 1
            else result_packets(("n",), (("10",),))
        )

    with Listener(lambda client: serve_session(client, answer)) as listener:
        run = Run(target_at(listener.port), databases)
        run.join(60)
    assert len(asked) == tries
    assert isinstance(run.outcome, Success if tries == 2 else Failure)
