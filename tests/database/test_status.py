"""How a server stands, as it says before a session is lent: clock, read only, rights; at no run's cost."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from monitor.database import Database
from monitor.database.status import MAX_STATUS_AGE_SECONDS
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.model.errors import Reason
from monitor.model.results import Server
from tests.database.conftest import Databases
from tests.database.proxy import Listener, error_packet, result_packets, serve_session
from tests.database.targets import (
    PASSWORD,
    fetch,
    fetch_in,
    id_of,
    run_as_root,
    target_at,
    target_for,
    target_of_account,
    verdict_on,
)

STATE = "SELECT UTC_TIMESTAMP"


def server_of(database: Database) -> Server:
    with database.lease(deadline_seconds=20) as session:
        return session.server


def asked_again(database: Database) -> Server:
    """Lease once more, as if the last look had been a while ago."""
    with database.lease(deadline_seconds=20) as session:
        session.connection.status_at -= MAX_STATUS_AGE_SECONDS
    return server_of(database)


def state(*cells: str) -> bytes:
    """Answer the question for a server's state; the first cell is a date."""
    reported = result_packets(
        ("at", "server", "engine", "session", "threads"), (cells,)
    )
    return reported.replace(b"\x64\0\0\0\xfd", b"\x64\0\0\0\x0c", 1)


def test_the_clock_of_this_machine_is_ours(database: Database) -> None:
    clock = server_of(database).clock
    assert clock is not None
    assert abs(clock.seconds) <= clock.uncertainty_seconds + 0.1
    assert clock.uncertainty_seconds < 2
    assert clock.proven_seconds < 0.1


@pytest.mark.parametrize("hours", [-1, 1], ids=["behind", "ahead"])
def test_a_clock_that_is_off_is_seen_at_connect_and_on_a_live_session(
    databases: Databases, hours: int
) -> None:
    off = [timedelta(0)]

    def answer(sql: str) -> bytes | None:
        if not sql.startswith(STATE):
            return None
        return state(
            f"{datetime.now(UTC) + off[0]:%Y-%m-%d %H:%M:%S.%f}", "0", "0", "1", "3"
        )

    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        good = server_of(database).clock
        off[0] = timedelta(hours=hours)
        kept, bad = server_of(database).clock, asked_again(database).clock
        accepted = listener.accepted
    assert good is not None
    assert bad is not None
    assert abs(good.seconds) < 1
    assert kept == good
    assert bad.seconds == pytest.approx(hours * 3600, abs=1)
    assert bad.proven_seconds == pytest.approx(3600, abs=2)
    assert accepted == 1


def test_what_a_slow_network_explains_is_not_held_against_a_clock(
    databases: Databases,
) -> None:
    def answer(sql: str) -> bytes | None:
        if not sql.startswith(STATE):
            return None
        reported = state(
            f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}", "0", "0", "1", "3"
        )
        time.sleep(0.4)
        return reported

    with Listener(lambda client: serve_session(client, answer)) as listener:
        clock = server_of(
            databases.open(target_at(listener.port), environ=PASSWORD)
        ).clock
    assert clock is not None
    assert clock.uncertainty_seconds >= 0.2
    assert clock.proven_seconds < 0.1


def test_a_session_that_is_not_read_only_after_all_is_said(
    databases: Databases,
) -> None:
    def answer(sql: str) -> bytes | None:
        return (
            state("2026-01-01 00:00:00", "0", "0", "0", "3")
            if sql.startswith(STATE)
            else None
        )

    with Listener(lambda client: serve_session(client, answer)) as listener:
        server = server_of(databases.open(target_at(listener.port), environ=PASSWORD))
    assert server.limits == ("lock", "statement")


def test_a_session_that_may_write_meanwhile_is_not_lent_again(
    database: Database,
) -> None:
    with database.lease(deadline_seconds=20) as session:
        assert "read_only" in session.server.limits
        session.connection.execute("SET SESSION TRANSACTION READ WRITE")
        before = id_of(session)
    with database.lease(deadline_seconds=20) as session:
        assert id_of(session) != before
        assert session.server.limits == ("lock", "statement", "read_only")


def test_a_server_that_takes_no_writes_is_known_as_it_is_now(
    databases: Databases, server: PrivateServer
) -> None:
    database = databases.open(target_for(server))
    try:
        assert server_of(database).read_only is False
        run_as_root(server, "SET GLOBAL read_only = 1")
        assert asked_again(database).read_only is True
        assert server_of(databases.open(target_for(server))).read_only is True
    finally:
        run_as_root(server, "SET GLOBAL read_only = 0")


def test_a_server_without_a_source_is_not_a_replica(database: Database) -> None:
    server = server_of(database)
    assert (server.knows_replication, server.replication) == (True, None)


def test_without_the_right_it_is_unknown_whether_it_is_a_replica(
    databases: Databases, server: PrivateServer, server_schema: str, account: str
) -> None:
    target = target_of_account(server, server_schema, account)
    database = databases.open(target, environ=PASSWORD)
    found = server_of(database)
    assert (found.knows_replication, found.replication, found.surplus_rights) == (
        False,
        None,
        (),
    )
    assert asked_again(database).knows_replication is False


def test_what_a_server_refuses_is_not_asked_again_on_this_connection(
    databases: Databases,
) -> None:
    asked: list[str] = []

    def answer(sql: str) -> bytes | None:
        asked.append(sql)
        return (
            error_packet(1, 1227, "Access denied")
            if sql.startswith(("SHOW", STATE))
            else None
        )

    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        server = server_of(database)
        count = len(asked)
        again = asked_again(database)
        accepted = listener.accepted
    assert server == again
    assert (server.clock, server.knows_replication, server.surplus_rights) == (
        None,
        False,
        None,
    )
    assert [sql for sql in asked[count:] if sql.startswith(("SHOW", "SELECT"))] == []
    assert accepted == 1


@pytest.mark.parametrize("question", ["SHOW REPLICA", "SHOW GRANTS"])
@pytest.mark.parametrize("how", ["silent", "cut"])
def test_a_question_that_is_not_answered_costs_no_run(
    databases: Databases, question: str, how: str
) -> None:
    asked: list[str] = []

    def answer(sql: str) -> bytes | None:
        asked.append(sql)
        if not sql.startswith(question):
            return (
                result_packets(("one",), (("1",),))
                if sql.startswith("SELECT 1")
                else None
            )
        if how == "cut":
            raise ConnectionResetError
        return b"\x01"  # the beginning of an answer that never comes

    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        for _ in range(3):
            assert fetch(database, "SELECT 1 AS one").rows == (("1",),)
        assert len([sql for sql in asked if sql.startswith(question)]) == 1
        assert listener.accepted == 2


def test_rights_beyond_reading_are_named(
    databases: Databases, server: PrivateServer, server_schema: str, account: str
) -> None:
    run_as_root(server, f"GRANT INSERT, DELETE ON {server_schema}.* TO {account}@'%'")
    target = target_of_account(server, server_schema, account)
    found = server_of(databases.open(target, environ=PASSWORD)).surplus_rights
    assert found is not None
    assert sorted(found) == [
        f"DELETE on `{server_schema}`.*",
        f"INSERT on `{server_schema}`.*",
    ]


def test_rights_are_asked_once_for_all_connections_of_a_target(
    databases: Databases, mariadb: PrivateMariaDB, schema: str
) -> None:
    run_as_root(
        mariadb,
        f"CREATE USER {schema}@localhost",
        f"GRANT ALL ON {schema}.* TO {schema}@localhost",
    )
    database = databases.open(target_for(mariadb, schema=schema, user=schema))
    with (
        database.lease(deadline_seconds=20) as first,
        database.lease(deadline_seconds=20) as second,
    ):
        assert first.server.surplus_rights == (f"ALL PRIVILEGES on `{schema}`.*",)
        counts = [
            fetch_in(session, "SHOW SESSION STATUS LIKE 'Com_show_grants'").rows[0][1]
            for session in (first, second)
        ]
        assert second.server.surplus_rights == first.server.surplus_rights
    assert counts == ["1", "0"]
    run_as_root(mariadb, f"DROP USER {schema}@localhost")


def test_a_server_that_lets_us_in_and_answers_nothing_more_is_tried_once_a_second(
    databases: Databases,
) -> None:
    def answer(sql: str) -> bytes | None:
        if sql.startswith(STATE):
            raise ConnectionResetError
        return None

    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        started = time.monotonic()
        for _ in range(20):
            assert verdict_on(database)[:2] == (Reason.TARGET_DOWN, "lost")
        assert listener.accepted <= 3 + time.monotonic() - started


def test_a_server_that_is_slow_to_answer_is_not_down(databases: Databases) -> None:
    def answer(sql: str) -> bytes | None:
        if sql.startswith(STATE):
            time.sleep(1.5)
        return result_packets(("one",), (("1",),)) if sql.startswith("SELECT") else None

    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        assert fetch(database, "SELECT 1 AS one").rows == (("1",),)
        assert listener.accepted == 1


def test_how_many_threads_run_is_seen_with_the_rest_by_an_account_that_may_only_read(
    databases: Databases, server: PrivateServer, server_schema: str, account: str
) -> None:
    target = target_of_account(server, server_schema, account)
    database = databases.open(target, environ=PASSWORD)
    running = server_of(database).threads_running
    assert running is not None
    assert 1 <= running < 1000
    with database.lease(deadline_seconds=20) as session:
        assert session.connection.status_questions is not None
        (question,) = session.connection.status_questions
        assert "global_status" in question, "in the one statement for the status"


def test_a_server_that_does_not_tell_of_its_threads_tells_the_rest(
    databases: Databases,
) -> None:
    def answer(sql: str) -> bytes | None:
        if "global_status" in sql:
            return error_packet(1, 1142, "SELECT command denied")
        if sql.startswith(STATE):
            return state(
                f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}", "1", "0", "1", "-"
            )
        return None

    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        server = server_of(database)
    assert (server.threads_running, server.read_only) == (None, True)
    assert server.clock is not None
