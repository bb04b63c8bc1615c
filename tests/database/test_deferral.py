"""Runs on a real server that is busy: what may wait waits, what is critical never does, both as before after it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import pymysql
import pytest

from monitor.collector.execute import execute
from monitor.database import Database
from monitor.database.status import MAX_STATUS_AGE_SECONDS
from monitor.demo.mariadb import PrivateConnection, PrivateServer
from monitor.model.deferral import Deferred
from monitor.model.load_limits import LoadLimits
from monitor.model.results import Failure, Result, Success
from monitor.model.settings import Job, SchemaColumns, Severity
from monitor.model.walks import Sweep
from monitor.timing.clock import AnchoredClock
from tests.database.conftest import Databases
from tests.database.targets import a_query, target_for, wait_until

BUSY_THREADS = 6
LIMIT = 4
WORDS = "more than 4 threads run on the server (threads_running)"


@contextmanager
def busy(server: PrivateServer, threads: int = BUSY_THREADS) -> Iterator[None]:
    """Have so many connections run a statement, until the end."""
    with ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(threads)]
        ids = [id_of_connection(one) for one in connections]

        def sleep(number: int) -> None:
            # MariaDB ends it with an error when it is killed, MySQL with a row.
            with (
                suppress(pymysql.MySQLError),
                connections[number].cursor() as cursor,
            ):
                cursor.execute("SELECT SLEEP(60)")

        workers = [
            threading.Thread(target=sleep, args=(number,), daemon=True)
            for number in range(threads)
        ]
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            with server.connect() as connection, connection.cursor() as cursor:
                for number in ids:
                    cursor.execute(f"KILL QUERY {number}")
            for worker in workers:
                worker.join()


def id_of_connection(connection: PrivateConnection) -> int:
    """Return which thread of the server a connection is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        ((number,),) = cursor.fetchall()
    return int(number)


class Runs:
    """Runs of one query, each with a new look at the server."""

    def __init__(
        self, databases: Databases, server: PrivateServer, *, is_critical: bool = False
    ) -> None:
        query = a_query(
            "one", "SELECT 1 AS n", evidence="SELECT 1 AS id", seconds=10, max_rows=10
        )
        if is_critical:
            rules = [replace(rule, severity=Severity.CRITICAL) for rule in query.rules]
            query = replace(query, rules=tuple(rules))
        target = replace(target_for(server), load=LoadLimits(threads_running=LIMIT))
        self.job = Job(target, query)
        self._database: Database = databases.open(target)
        self._clock = AnchoredClock()

    def run(
        self,
        *,
        spares_server: bool = True,
        status_age_seconds: float = MAX_STATUS_AGE_SECONDS,
    ) -> Result:
        with self._database.lease(deadline_seconds=20) as session:
            session.connection.status_at -= status_age_seconds
        return execute(
            self.job,
            self._clock.now(),
            self._database,
            self._clock,
            spares_server=spares_server,
        )

    def is_deferred(self) -> bool:
        return isinstance(self.run().outcome, Deferred)


def test_what_may_wait_waits_while_the_server_is_busy_and_runs_when_it_is_calm(
    databases: Databases, server: PrivateServer
) -> None:
    runs = Runs(databases, server)
    wait_until(lambda: not runs.is_deferred(), "the server is calm")
    with busy(server):
        wait_until(runs.is_deferred, "the server is seen to be busy")
        result = runs.run()
        assert result.outcome == Deferred("busy", WORDS)
        assert result.statement_seconds == 0
        assert result.server is not None
        assert (result.server.threads_running or 0) > LIMIT
    wait_until(lambda: not runs.is_deferred(), "the server is calm again")
    result = runs.run()
    assert isinstance(result.outcome, Success)
    assert 0 < result.statement_seconds <= result.duration_seconds


def test_a_critical_query_never_waits_nor_does_a_person(
    databases: Databases, server: PrivateServer
) -> None:
    other = Runs(databases, server)
    critical = Runs(databases, server, is_critical=True)
    with busy(server):
        wait_until(other.is_deferred, "the server is seen to be busy")
        for _ in range(5):
            assert isinstance(critical.run().outcome, Success)
        assert isinstance(other.run(spares_server=False).outcome, Success)


def test_a_schema_query_never_waits(
    databases: Databases, server: PrivateServer
) -> None:
    runs = Runs(databases, server)
    schema = replace(runs.job.query, schema=SchemaColumns("t", "c", "m"))
    with busy(server):
        wait_until(runs.is_deferred, "the server is seen to be busy")
        runs.job = Job(runs.job.target, schema)
        # Its rows are not those of a schema query: it was sent, which is what counts here.
        assert isinstance(runs.run().outcome, Failure)


def test_a_sweep_asks_again_before_a_piece_and_reads_none_while_the_server_is_busy(
    databases: Databases, server: PrivateServer
) -> None:
    other, runs = Runs(databases, server), Runs(databases, server)
    sweep = replace(runs.job.query, rules=(), walk=Sweep("no_such_table", "id"))
    runs.job = Job(runs.job.target, sweep)
    wait_until(lambda: not other.is_deferred(), "the server is calm")
    assert isinstance(runs.run().outcome, Failure)  # it was begun
    with busy(server):
        wait_until(other.is_deferred, "the server is seen to be busy")
        # What was known when it was lent is not old, and not as the server is now.
        paused = runs.run(status_age_seconds=6).outcome
    assert isinstance(paused, Success)
    assert (paused.samples, paused.position) == ((), None)


@pytest.mark.parametrize("limit", [0, 100_000])
def test_without_a_limit_or_below_it_nothing_waits(
    databases: Databases, server: PrivateServer, limit: int
) -> None:
    runs = Runs(databases, server)
    target = replace(runs.job.target, load=LoadLimits(threads_running=limit))
    runs.job = Job(target, runs.job.query)
    with busy(server):
        assert isinstance(runs.run().outcome, Success)


def test_the_time_that_statements_took_is_without_the_wait_for_a_connection(
    databases: Databases, server: PrivateServer
) -> None:
    runs = Runs(databases, server)
    query = replace(a_query("slow", "SELECT SLEEP(0.3) AS n", seconds=10, max_rows=10))
    runs.job = Job(runs.job.target, query)
    result = runs.run(spares_server=False)
    assert 0.3 <= result.statement_seconds <= result.duration_seconds
