"""Stopping statements on their server: every way out of a run does, and a KILL that fails is reported."""

from __future__ import annotations

import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.collector.execute import execute
from monitor.database import Database
from monitor.database.orphaned_statements import OrphanedStatements
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.model.errors import QueryError, Reason
from monitor.model.kills import Kill
from monitor.model.results import Failure, Success
from monitor.model.settings import Job
from monitor.model.targets import PasswordSource, Target
from monitor.timing.clock import AnchoredClock
from tests.database.conftest import Databases
from tests.database.proxy import (
    Listener,
    Proxy,
    error_packet,
    packet,
    result_packets,
    serve_session,
)
from tests.database.targets import (
    PASSWORD,
    RUNAWAY,
    TEN_MILLION_ROWS,
    a_query,
    fetch,
    fetch_in,
    run_as_root,
    running_away,
    sessions_of,
    target_at,
    target_for,
    wait_until,
)
from tests.support.resource_limits import no_thread_to_be_had


def job_of(
    target: Target, sql: str, *, seconds: float, max_rows: int = 100, evidence: str = ""
) -> Job:
    return Job(
        target,
        a_query("found", sql, evidence=evidence, seconds=seconds, max_rows=max_rows),
    )


def ends_of(database: Database, job: Job) -> Failure | Success:
    clock = AnchoredClock()
    outcome = execute(job, clock.now(), database, clock).outcome
    assert isinstance(outcome, Failure | Success)
    return outcome


@pytest.fixture
def target(server: PrivateServer, schema_with_digits: str) -> Target:
    return target_for(server, schema=schema_with_digits)


def without_limit(database: Database) -> None:
    """Make the server's own limit useless: only our KILL ends a statement."""
    with database.lease(deadline_seconds=20) as session:
        limits = session.server.limits
        session.connection.server = replace(
            session.server, limits=("lock", "read_only")
        )
        of_flavor = (
            "max_statement_time"
            if session.server.flavor == "mariadb"
            else "max_execution_time"
        )
        session.connection.execute(f"SET SESSION {of_flavor} = 0")
        session.connection.note_change(of_flavor, None)
    assert "statement" in limits


@pytest.mark.parametrize("limited", [True, False], ids=["server's limit", "only KILL"])
def test_a_run_that_takes_too_long_is_gone_from_the_server(
    databases: Databases, target: Target, server: PrivateServer, *, limited: bool
) -> None:
    kills: list[Kill] = []
    database = databases.open(target, on_kill=kills.append)
    fetch(
        database, "SELECT 1 AS one"
    )  # half a second is for the statement, not for being let in
    if not limited:
        without_limit(database)
    outcome = ends_of(database, job_of(target, RUNAWAY, seconds=0.5))
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.TIMEOUT
    wait_until(lambda: not sessions_of(server, running=True), "nothing runs")
    if not limited:
        wait_until(lambda: kills == [Kill("main")], "it was killed")


def test_evidence_that_takes_too_long_is_gone_and_the_run_still_gives_data(
    databases: Databases, target: Target, server: PrivateServer
) -> None:
    database = databases.open(target)
    without_limit(database)
    outcome = ends_of(
        database, job_of(target, "SELECT 1 AS n", seconds=1, evidence=RUNAWAY)
    )
    assert isinstance(outcome, Success)
    assert [error.partition(": no result")[0] for error in outcome.evidence_errors] == [
        "Found: timeout"
    ]
    wait_until(lambda: not sessions_of(server, running=True), "nothing runs")


def test_too_many_rows_are_gone_from_the_server(
    databases: Databases, target: Target, server: PrivateServer
) -> None:
    database = databases.open(target)
    sql = TEN_MILLION_ROWS.replace("d0.digit", "d0.digit AS n")
    outcome = ends_of(database, job_of(target, sql, seconds=30, max_rows=5))
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.TOO_MANY_ROWS
    wait_until(lambda: not sessions_of(server, running=True), "nothing runs")


def test_a_run_that_is_stopped_is_gone_from_the_server(
    databases: Databases, target: Target, server: PrivateServer
) -> None:
    kills: list[Kill] = []
    database = databases.open(target, on_kill=kills.append)
    outcomes: list[Failure | Success] = []
    run = threading.Thread(
        target=lambda: outcomes.append(
            ends_of(database, job_of(target, RUNAWAY, seconds=60))
        )
    )
    run.start()
    wait_until(lambda: running_away(server), "it runs")
    database.cancel_all()
    run.join(30)
    assert [one.reason for one in outcomes if isinstance(one, Failure)] == [
        Reason.KILLED
    ]
    wait_until(lambda: not sessions_of(server, running=True), "nothing runs")
    wait_until(lambda: kills == [Kill("main")], f"it was killed: {kills}")


def test_what_is_stopped_while_it_connects_again_is_not_begun(
    databases: Databases,
) -> None:
    asked: list[str] = []
    go_on = threading.Event()

    def talk(client: socket.socket) -> None:
        if listener.accepted == 2:
            go_on.wait(60)
        serve_session(client, asked.append)

    with Listener(talk) as listener, ThreadPoolExecutor(1) as pool:
        database = databases.open(
            target_at(listener.port), environ=PASSWORD, timeout=timedelta(minutes=1)
        )
        with database.lease(deadline_seconds=20) as session:
            session.connection.in_order = False
            run = pool.submit(fetch_in, session, "SELECT 1 AS one")
            wait_until(lambda: listener.accepted == 2, "it connects")
            session.stop()
            go_on.set()
            error = run.exception(30)
    assert isinstance(error, QueryError)
    assert (error.reason, error.detail) == (Reason.KILLED, "cancelled")
    assert "SELECT 1 AS one" not in asked


@pytest.mark.parametrize(
    ("code", "reason"), [(1094, "no_such_thread"), (1095, "denied"), (1105, "failed")]
)
def test_a_kill_that_the_server_refuses_is_reported(
    databases: Databases, code: int, reason: str
) -> None:
    kills: list[Kill] = []

    def answer(sql: str) -> bytes | None:
        if sql == "SELECT @@hostname LIMIT 1":
            return result_packets(("h",), (("rogue",),))
        if sql.startswith("KILL QUERY 7"):
            return error_packet(1, code, "no")
        return packet(1, b"\x01") if sql.startswith("SELECT 1") else None

    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(
            target_at(listener.port), environ=PASSWORD, on_kill=kills.append
        )
        with pytest.raises(QueryError):
            fetch(database, "SELECT 1 AS one", seconds=0.2)
        wait_until(lambda: kills == [Kill("main", reason, "no")], f"told: {kills}")


def test_a_kill_that_would_hit_another_server_is_not_sent_and_reported(
    databases: Databases,
) -> None:
    kills: list[Kill] = []

    def answer(sql: str) -> bytes | None:
        if sql == "SELECT @@hostname LIMIT 1":
            return result_packets(("h",), (("other",),))
        return packet(1, b"\x01") if sql.startswith("SELECT 1") else None

    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(
            target_at(listener.port), environ=PASSWORD, on_kill=kills.append
        )
        with pytest.raises(QueryError):
            fetch(database, "SELECT 1 AS one", seconds=0.2)
        wait_until(lambda: [kill.reason for kill in kills] == ["other_server"], "told")


def test_a_kill_without_a_connection_is_reported_and_the_server_ends_the_statement_itself(
    databases: Databases, target: Target, server: PrivateServer, account: str
) -> None:
    run_as_root(server, f"ALTER USER {account}@'%' WITH MAX_USER_CONNECTIONS 1")
    kills: list[Kill] = []
    mine = replace(target, user=account, password=PasswordSource(env="PASSWORD"))
    database = databases.open(mine, environ=PASSWORD, on_kill=kills.append)
    with database.lease(deadline_seconds=20) as session:
        session.stop()
    wait_until(
        lambda: [kill.reason for kill in kills] == ["unreachable"], f"told: {kills}"
    )
    assert "max_user_connections" in kills[0].message


def test_a_kill_that_gets_no_thread_is_reported_our_cut_comes_in_time_and_the_next_kill_is_done(
    databases: Databases, target: Target, server: PrivateServer
) -> None:
    kills: list[Kill] = []
    database = databases.open(target, on_kill=kills.append)
    without_limit(database)
    job = job_of(target, RUNAWAY, seconds=0.5)
    with no_thread_to_be_had():
        outcome = ends_of(database, job)
    assert isinstance(outcome, Failure)
    assert (outcome.reason, outcome.detail) == (Reason.TIMEOUT, "cut")
    assert kills == [Kill("main", "failed", "can't start new thread")]
    (left,) = running_away(server)
    run_as_root(server, f"KILL {left}")
    wait_until(lambda: not running_away(server), "it is gone")
    without_limit(database)
    again = ends_of(database, job)
    assert isinstance(again, Failure)
    assert again.detail != "still_running", again
    wait_until(lambda: kills[1:] == [Kill("main")], "it was killed")
    wait_until(lambda: not running_away(server), "nothing runs")


def test_a_database_whose_kill_never_got_a_thread_can_be_closed(
    databases: Databases, target: Target
) -> None:
    kills: list[Kill] = []
    database = databases.open(target, on_kill=kills.append)
    with database.lease(deadline_seconds=20) as session, no_thread_to_be_had():
        session.stop()
    database.close()
    assert [kill.reason for kill in kills] == ["failed"]


def test_a_statement_that_nothing_stops_is_not_joined_by_another_and_runs_again_when_it_has_gone(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    def blunt(sent: bytes) -> bytes:
        return re.sub(rb"KILL QUERY \d+", b"KILL QUERY 999999", sent)

    with Proxy(own_mariadb.port or 0) as proxy:
        proxy.from_client = blunt
        target = target_at(proxy.port)
        database = databases.open(target, environ=PASSWORD)
        without_limit(database)
        job = job_of(target, f" {RUNAWAY}; \n", seconds=0.5)
        cut = ends_of(database, job)
        assert isinstance(cut, Failure)
        assert (cut.reason, cut.detail) == (Reason.TIMEOUT, "cut")
        (left,) = running_away(own_mariadb)
        for _ in range(3):
            again = ends_of(database, job)
            assert isinstance(again, Failure)
            assert (again.reason, again.detail) == (Reason.TIMEOUT, "still_running")
            assert f"KILL {left} " in again.message
            assert running_away(own_mariadb) == (left,)
            assert fetch(database, "SELECT 1 AS one").rows == ((1,),), (
                "all others go on"
            )
        run_as_root(own_mariadb, f"KILL {left}")
        wait_until(lambda: not running_away(own_mariadb), "it is gone")
        limited = ends_of(database, job)
        assert isinstance(limited, Failure)
        # it ran: a server that stands still may be late to end it itself
        assert limited.detail in ("statement_limit", "cut"), limited


def test_after_a_failover_the_statement_that_runs_on_the_new_server_is_known_whatever_is_in_its_text(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    target = target_for(own_mariadb, schema="app")
    sql = f"{RUNAWAY} /* é 😀 ? */"
    database, orphans = databases.open(target), OrphanedStatements()
    with ThreadPoolExecutor(1) as pool, database.lease(deadline_seconds=20) as session:
        run = pool.submit(
            ends_of, databases.open(target), job_of(target, sql, seconds=30)
        )
        wait_until(lambda: running_away(own_mariadb), "it runs")
        (left,) = running_away(own_mariadb)
        here = replace(session.connection.identity, thread_id=left)
        orphans.note(sql, replace(here, hostname="the-primary-that-was"))
        orphans.check(session.connection, sql)
        orphans.note(sql, here)
        with pytest.raises(QueryError, match=f"KILL {left} "):
            orphans.check(session.connection, sql)
        run_as_root(own_mariadb, f"KILL {left}")
        assert isinstance(run.result(30), Failure)
        wait_until(lambda: not running_away(own_mariadb), "it is gone")
        orphans.check(session.connection, sql)


def test_a_connection_that_broke_under_a_statement_starts_no_second_one_while_the_first_runs(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    with Proxy(own_mariadb.port or 0) as proxy:
        target = target_at(proxy.port)
        database = databases.open(target, environ=PASSWORD)
        job = job_of(target, RUNAWAY, seconds=8)
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(ends_of, database, job)
            wait_until(lambda: running_away(own_mariadb), "it runs")
            proxy.listener.drop_all()
            broken = run.result(30)
        assert isinstance(broken, Failure)
        assert (broken.reason, broken.detail) == (Reason.TARGET_DOWN, "lost")
        again = ends_of(database, job)
        assert isinstance(again, Failure)
        assert (again.reason, again.detail) == (Reason.TIMEOUT, "still_running")
        wait_until(
            lambda: not running_away(own_mariadb), "the server's own limit has ended it"
        )
        assert isinstance(
            ends_of(database, job_of(target, "SELECT 1 AS n", seconds=5)), Success
        )
