"""Leases: never too many connections, dead ones replaced silently, every outage bounded and healed."""

from __future__ import annotations

import contextlib
import signal
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pymysql
import pytest

from monitor.database import Database
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.model.errors import QueryError, Reason, RefusedError, TargetError
from tests.database.conftest import Databases
from tests.database.proxy import Listener, Proxy, error_packet, serve_session
from tests.database.targets import (
    PASSWORD,
    RUNAWAY,
    fetch,
    fetch_in,
    id_of,
    is_healed,
    run_as_root,
    running,
    running_away,
    sessions_of,
    target_at,
    target_for,
    verdict_on,
    wait_until,
)

ONE = ((1,),)
HOUR_SECONDS = 3600.0
_COMMAND = b"\x03"
"""The first byte of a statement that a client sends."""


def lent_id(database: Database) -> int:
    """Return which connection is lent now."""
    with database.lease(deadline_seconds=20) as session:
        return id_of(session)


def test_a_connection_is_used_again(database: Database, server: PrivateServer) -> None:
    def is_used_again() -> bool:
        # One that says for a second that it is not alive is replaced: a machine may stand still.
        first, second = (lent_id(database) for _ in range(2))
        return first == second

    wait_until(is_used_again, "the same again")
    wait_until(lambda: sessions_of(server) == (lent_id(database),), "there is no other")


@pytest.mark.alone
def test_never_more_connections_than_allowed(
    databases: Databases, server: PrivateServer, schema_with_digits: str
) -> None:
    database = databases.open(
        target_for(server, schema=schema_with_digits, max_connections=3)
    )
    counts: list[int] = []
    done = threading.Event()

    def count() -> None:
        while not done.is_set():
            counts.append(len(sessions_of(server)))

    counter = threading.Thread(target=count)
    counter.start()
    with ThreadPoolExecutor(12) as pool:
        # half of them fail, and leave a connection that has to be replaced
        sqls = ["SELECT SLEEP(0.05) AS slept", "SELECT 1 AS id, 2 AS id"] * 20
        runs = [pool.submit(fetch, database, sql) for sql in sqls]
        failed = [run.exception() is not None for run in runs]
    done.set()
    counter.join()
    assert failed == [False, True] * 20
    # and those that are being closed, which a busy server counts a little longer
    assert statistics.median(counts) <= 4
    assert max(counts) <= 8
    with ExitStack() as leases:
        for _ in range(3):
            leases.enter_context(database.lease(deadline_seconds=20))


def test_all_places_taken_is_busy_and_not_the_targets_fault(
    databases: Databases, server: PrivateServer, server_schema: str
) -> None:
    database = databases.open(
        target_for(server, schema=server_schema, max_connections=1)
    )
    with database.lease(deadline_seconds=20):
        started = time.monotonic()
        with pytest.raises(QueryError) as caught, database.lease(deadline_seconds=0.2):
            pass
        assert 0.2 <= time.monotonic() - started < 20
    assert (caught.value.reason, caught.value.detail) == (Reason.TIMEOUT, "busy")
    assert not isinstance(caught.value, TargetError)
    assert fetch(database, "SELECT 1 AS one").rows == ONE


def test_a_place_is_free_again_after_a_failure_to_connect(
    databases: Databases, server: PrivateServer
) -> None:
    database = databases.open(target_for(server, schema="nowhere", max_connections=1))
    for _ in range(3):
        assert verdict_on(database)[2] == 1049


def test_an_idle_connection_that_the_server_closed_is_replaced(
    database: Database, server: PrivateServer
) -> None:
    idle = lent_id(database)
    run_as_root(server, f"KILL {idle}")
    assert fetch(database, "SELECT 1 AS one").rows == ONE
    wait_until(lambda: idle not in sessions_of(server), "the server has ended it")


def test_an_idle_connection_that_timed_out_is_replaced(
    database: Database, server: PrivateServer
) -> None:
    with database.lease(deadline_seconds=20) as session:
        session.connection.execute("SET SESSION wait_timeout = 1")
    wait_until(lambda: not sessions_of(server), "the server closed it")
    assert fetch(database, "SELECT 1 AS one").rows == ONE


def test_rights_are_those_of_now(
    databases: Databases, server: PrivateServer, schema_with_digits: str, account: str
) -> None:
    target = target_for(server, schema=schema_with_digits, user=account)
    run_as_root(server, f"ALTER USER {account}@'%' IDENTIFIED BY ''")
    database = databases.open(target)
    sql = "SELECT COUNT(*) AS n FROM digits"
    run_as_root(
        server,
        f"CREATE TABLE {schema_with_digits}.other (id INT)",
        f"GRANT SELECT ON {schema_with_digits}.other TO {account}@'%'",
    )
    for _ in range(2):
        assert fetch(database, sql).rows == ((10,),)
        run_as_root(
            server, f"REVOKE SELECT ON {schema_with_digits}.* FROM {account}@'%'"
        )
        with pytest.raises(QueryError) as caught:
            fetch(database, sql)
        assert caught.value.reason is Reason.ACCESS_DENIED
        run_as_root(server, f"GRANT SELECT ON {schema_with_digits}.* TO {account}@'%'")


@pytest.mark.parametrize(
    "how", [signal.SIGTERM, signal.SIGKILL], ids=["shutdown", "crash"]
)
def test_a_server_that_went_and_came_back_is_used_again(
    databases: Databases, own_mariadb: PrivateMariaDB, how: signal.Signals
) -> None:
    database = databases.open(target_for(own_mariadb, schema="app"))
    errors: list[QueryError] = []

    def run_away() -> None:
        with pytest.raises(QueryError) as caught:
            fetch(database, RUNAWAY, seconds=100)
        errors.append(caught.value)

    fetch(database, "SELECT 1 AS one")
    run = threading.Thread(target=run_away)
    run.start()
    wait_until(lambda: running_away(own_mariadb), "the query runs")
    own_mariadb.stop(with_signal=how)
    run.join(30)
    assert [(error.reason, error.detail, type(error)) for error in errors] == [
        (Reason.TARGET_DOWN, "lost", TargetError)
    ]
    assert verdict_on(database)[0] is Reason.TARGET_DOWN
    own_mariadb.start()
    wait_until(lambda: is_healed(database), "it is used again")


def test_a_frozen_server_is_bounded_and_heals(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    short = timedelta(seconds=2)
    database = databases.open(target_for(own_mariadb, schema="app"), timeout=short)
    wait_until(lambda: is_healed(database), "we are let in")
    with database.lease(deadline_seconds=20) as session:
        started = time.monotonic()
        own_mariadb.signal(signal.SIGSTOP)
        try:
            with pytest.raises(QueryError) as caught:
                fetch_in(session, "SELECT 1 AS one", seconds=0.5)
            assert (caught.value.reason, caught.value.detail) == (Reason.TIMEOUT, "cut")
            assert time.monotonic() - started < 20
            started = time.monotonic()
            with pytest.raises(TargetError) as refused:
                fetch_in(session, "SELECT 1 AS one", seconds=0.5)
            assert (refused.value.reason, refused.value.detail) == (
                Reason.TARGET_DOWN,
                "no_greeting",
            )
            assert time.monotonic() - started < 20
        finally:
            own_mariadb.signal(signal.SIGCONT)
    wait_until(lambda: is_healed(database), "it is used again")


def test_a_black_hole_is_bounded_and_heals(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    with Proxy(own_mariadb.port or 0) as proxy:
        short = timedelta(seconds=2)
        database = databases.open(
            target_at(proxy.port), environ=PASSWORD, timeout=short
        )
        wait_until(lambda: is_healed(database), "we are let in")
        proxy.freeze()
        started = time.monotonic()
        assert verdict_on(database)[:2] == (Reason.TARGET_DOWN, "no_greeting")
        # a second to see that the idle one is dead, two to find that no other can be had
        assert time.monotonic() - started < 15
        proxy.thaw()
        wait_until(lambda: is_healed(database), "it is used again")


@pytest.mark.parametrize("with_reset", [False, True], ids=["fin", "reset"])
def test_a_cut_in_the_middle_is_a_lost_target_and_heals(
    databases: Databases, own_mariadb: PrivateMariaDB, *, with_reset: bool
) -> None:
    with Proxy(own_mariadb.port or 0) as proxy:
        database = databases.open(target_at(proxy.port), environ=PASSWORD)
        fetch(database, "SELECT 1 AS one")
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(fetch, database, "SELECT SLEEP(90) AS slept", seconds=95)
            wait_until(lambda: running(own_mariadb, "SELECT SLEEP"), "the query runs")
            proxy.listener.drop_all(with_reset=with_reset)
            error = run.exception(30)
        assert isinstance(error, TargetError)
        assert (error.reason, error.detail) == (Reason.TARGET_DOWN, "lost")
        assert fetch(database, "SELECT 1 AS one").rows == ONE


def test_cancel_all_stops_what_runs_on_the_server_too(
    database: Database, server: PrivateServer
) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(fetch, database, RUNAWAY, seconds=60) for _ in range(2)]
        wait_until(lambda: len(running_away(server)) == 2, "both run")
        started = time.monotonic()
        database.cancel_all()
        errors = [run.exception(30) for run in runs]
        assert time.monotonic() - started < 30
    assert [
        (error.reason, error.detail)
        for error in errors
        if isinstance(error, QueryError)
    ] == [(Reason.KILLED, "cancelled")] * 2
    wait_until(lambda: not running_away(server), "both are stopped on the server")
    with pytest.raises(QueryError) as caught:
        fetch(database, "SELECT 1 AS one")
    assert caught.value.detail == "cancelled"


def test_cancel_all_ends_in_time_when_the_server_does_not_answer(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    with Proxy(own_mariadb.port or 0) as proxy, ThreadPoolExecutor(1) as pool:
        database = databases.open(target_at(proxy.port), environ=PASSWORD)
        run = pool.submit(fetch, database, RUNAWAY, seconds=60)
        wait_until(lambda: running_away(own_mariadb), "the query runs")
        proxy.freeze()
        started = time.monotonic()
        database.cancel_all()
        error = run.exception(30)
        database.close()
        assert time.monotonic() - started < 30
        proxy.thaw()
    assert isinstance(error, QueryError)
    assert error.reason is Reason.KILLED


def test_closing_leaves_no_connection_and_no_thread(
    databases: Databases, server: PrivateServer, schema_with_digits: str
) -> None:
    before = threading.active_count()
    database = databases.open(target_for(server, schema=schema_with_digits))
    with database.lease(deadline_seconds=20) as session:
        session.stop()
    fetch(database, "SELECT 1 AS one")
    database.close()
    wait_until(lambda: not sessions_of(server), "no connection")
    wait_until(
        lambda: threading.active_count() <= before + 1, "no thread but the watchdog's"
    )


def test_a_server_that_cannot_be_had_is_tried_once_a_second_however_many_ask(
    databases: Databases,
) -> None:
    def hang_up(client: socket.socket) -> None:
        client.sendall(error_packet(0, 1040, "Too many connections"))

    with Listener(hang_up) as listener:
        database = databases.open(
            target_at(listener.port, max_connections=4), environ=PASSWORD
        )
        started, asked = time.monotonic(), 0
        while time.monotonic() - started < 1.5 or asked <= 20:
            with ThreadPoolExecutor(4) as pool:
                runs = [pool.submit(verdict_on, database) for _ in range(4)]
                verdicts = {run.result() for run in runs}
            asked += len(runs)
            assert verdicts == {(Reason.TARGET_DOWN, "full", 1040)}
        seconds = time.monotonic() - started
        accepted = listener.accepted
    # the first four are on their way before the first is refused
    assert accepted <= 4 * (seconds + 1)


def test_a_silent_server_holds_up_one_run_a_second_and_not_all(
    databases: Databases,
) -> None:
    def be_silent(client: socket.socket) -> None:
        client.recv(1)

    with Listener(be_silent) as listener:
        target = target_at(listener.port, max_connections=1)
        database = databases.open(
            target, environ=PASSWORD, timeout=timedelta(seconds=0.5)
        )
        started = time.monotonic()
        for _ in range(20):
            # half a second may be over before we are connected
            assert verdict_on(database)[1] in ("no_greeting", "unreachable")
        # it is tried once a second, for half a second: twenty times that would be ten
        assert listener.accepted <= time.monotonic() - started + 2


def test_tries_and_questions_are_all_within_one_deadline(databases: Databases) -> None:
    def talk(client: socket.socket) -> None:
        if listener.accepted == 1:
            serve_session(client, answer)
        client.recv(1)

    def answer(sql: str) -> bytes | None:
        if sql.startswith("SHOW"):
            raise ConnectionResetError
        return None

    with Listener(talk) as listener:
        patient = timedelta(minutes=1)
        database = databases.open(
            target_at(listener.port), environ=PASSWORD, timeout=patient
        )
        started = time.monotonic()
        with pytest.raises(TargetError) as caught, database.lease(deadline_seconds=4):
            pass
        assert time.monotonic() - started < 30
        assert (caught.value.reason, caught.value.detail) == (
            Reason.TARGET_DOWN,
            "no_greeting",
        )
        assert listener.accepted == 2


def test_idle_connections_that_fell_silent_do_not_each_cost_their_time(
    databases: Databases,
) -> None:
    silent, speak = threading.Event(), threading.Event()

    def answer(_sql: str) -> bytes | None:
        if silent.is_set():
            speak.wait(30)
        return None

    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(
            target_at(listener.port, max_connections=20), environ=PASSWORD
        )
        with ExitStack() as leases:
            for _ in range(20):
                leases.enter_context(database.lease(deadline_seconds=20))
        silent.set()
        started = time.monotonic()
        with pytest.raises(TargetError), database.lease(deadline_seconds=0.5):
            pass
        # a second for the first of them, and one each to let us in and to say how it stands
        assert time.monotonic() - started < 12
        speak.set()


def test_a_place_that_is_free_at_the_last_moment_is_of_use(
    databases: Databases, server: PrivateServer
) -> None:
    database = databases.open(target_for(server, max_connections=1))

    def is_of_use() -> bool:
        with ThreadPoolExecutor(1) as pool:
            with database.lease(deadline_seconds=20) as session:
                session.connection.in_order = (
                    False  # the next one needs a new connection
                )
                run = pool.submit(lent_within, database, 0.5)
                time.sleep(0.4)
            return run.result(30)

    # On a machine that stands still the moment may be gone.
    wait_until(is_of_use, "it was lent in time")


def lent_within(database: Database, seconds: float) -> bool:
    try:
        with database.lease(deadline_seconds=seconds):
            return True
    except QueryError:
        return False


def quota(server: PrivateServer, account: str, number: int) -> None:
    run_as_root(
        server,
        f"ALTER USER {account}@'%' IDENTIFIED BY '' WITH MAX_USER_CONNECTIONS {number}",
    )


@pytest.fixture
def one_of_two(
    databases: Databases, server: PrivateServer, schema_with_digits: str, account: str
) -> Iterator[Database]:
    """Open a target with two connections of which the server gives one."""
    quota(server, account, 1)
    yield databases.open(
        target_for(server, schema=schema_with_digits, user=account, max_connections=2)
    )
    quota(server, account, 0)


def test_a_run_that_is_refused_a_new_connection_waits_for_the_one_that_lives(
    one_of_two: Database,
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with one_of_two.lease(deadline_seconds=20) as first:
            second = pool.submit(leased, one_of_two)
            wait_until(
                lambda: bool(one_of_two._try_again_at), "it was refused, and waits"
            )
            lives = id_of(first)
        assert second.result(20) == (lives, "quota")
    assert leased(one_of_two) == (lives, None), (
        "an idle one is lent without asking for another"
    )


def leased(database: Database) -> tuple[int, str | None]:
    """Return which connection is lent, and why none other was."""
    with database.lease(deadline_seconds=20) as session:
        return id_of(session), session.refusal.detail if session.refusal else None


def test_a_run_that_is_refused_waits_also_for_one_that_is_just_being_let_in(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    run_as_root(
        own_mariadb, "ALTER USER over_tcp@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1"
    )
    is_setting_up, goes_on = threading.Event(), threading.Event()

    def hold_first_command(sent: bytes) -> bytes:
        # the login has passed: the server counts this connection, and nobody has it yet
        is_setting_up.set()
        assert goes_on.wait(20)
        return sent

    with Proxy(own_mariadb.port or 0) as proxy, ThreadPoolExecutor(2) as pool:
        database = databases.open(target_at(proxy.port), environ=PASSWORD)
        proxy.from_client = lambda sent: (
            hold_first_command(sent) if sent.startswith(_COMMAND) else sent
        )
        first = pool.submit(leased, database)
        assert is_setting_up.wait(20)
        second = pool.submit(leased, database)
        wait_until(
            lambda: bool(database._try_again_at) or second.done(), "it was refused"
        )
        goes_on.set()
        lives, _ = first.result(20)
        assert second.result(20) == (lives, "quota")


def test_where_the_one_that_lives_is_not_free_in_time_the_target_is_not_lost(
    one_of_two: Database,
) -> None:
    with one_of_two.lease(deadline_seconds=20):
        started = time.monotonic()
        with (
            pytest.raises(RefusedError) as caught,
            one_of_two.lease(deadline_seconds=0.3),
        ):
            pass
        assert 0.3 <= time.monotonic() - started < 20
    assert (caught.value.reason, caught.value.detail) == (Reason.TARGET_DOWN, "quota")


def test_where_none_lives_a_refusal_is_a_loss(
    one_of_two: Database, server: PrivateServer, account: str
) -> None:
    with contextlib.closing(
        pymysql.connect(unix_socket=str(server.socket), user=account)
    ):
        with pytest.raises(TargetError) as caught, one_of_two.lease(deadline_seconds=5):
            pass
        assert not isinstance(caught.value, RefusedError)


def test_while_refused_a_new_connection_is_asked_for_now_and_then_until_one_is_let_in(
    one_of_two: Database, server: PrivateServer, account: str
) -> None:
    with one_of_two.lease(deadline_seconds=20) as first:
        lives = id_of(first)
        with pytest.raises(RefusedError), one_of_two.lease(deadline_seconds=0.1):
            pass
    quota(server, account, 2)
    assert leased(one_of_two) == (lives, None)
    wait_until(lambda: leased(one_of_two)[0] != lives, "a new one got in")
    assert one_of_two._try_again_at is None


@pytest.mark.parametrize("places", [1, 2])
def test_the_last_connection_is_kept_beyond_its_time_while_no_new_one_is_had(
    databases: Databases,
    server: PrivateServer,
    schema_with_digits: str,
    account: str,
    places: int,
) -> None:
    quota(server, account, 1)
    target = target_for(
        server, schema=schema_with_digits, user=account, max_connections=places
    )
    database = databases.open(target)
    lives = lent_and_aged(database)
    assert [leased(database) for _ in range(3)] == [
        (lives, "quota"),
        (lives, None),
        (lives, None),
    ]
    quota(server, account, 2)
    wait_until(lambda: leased(database)[0] != lives, "a new one got in")
    wait_until(
        lambda: sessions_of(server, user=account) == (lent_id(database),),
        "the old one is gone",
    )
    quota(server, account, 0)


def test_a_connection_whose_time_is_over_is_replaced_by_one_that_was_opened_before(
    database: Database, server: PrivateServer
) -> None:
    lives = lent_and_aged(database)
    new = lent_id(database)
    assert new != lives
    wait_until(
        lambda: sessions_of(server) == (lent_id(database),), "the old one is gone"
    )


def test_of_two_connections_whose_time_is_over_one_goes_at_once(
    database: Database, server: PrivateServer
) -> None:
    with database.lease(deadline_seconds=20) as first:
        lives = lent_and_aged(database)
        first.connection.opened_at -= HOUR_SECONDS
    assert len({lives, lent_id(database)}) == 2
    wait_until(
        lambda: sessions_of(server) == (lent_id(database),), "both old ones are gone"
    )


def lent_and_aged(database: Database) -> int:
    """Return which connection was lent; an hour has passed for it."""
    with database.lease(deadline_seconds=20) as session:
        session.connection.opened_at -= HOUR_SECONDS
        return id_of(session)


def test_many_runs_on_one_connection_never_call_the_target_lost(
    one_of_two: Database,
) -> None:
    def runs(number: int) -> list[str]:
        sql = "SELECT SLEEP(0.02) AS slept" if number == 0 else "SELECT 1 AS one"
        found = []
        for _ in range(40):
            try:
                fetch(one_of_two, sql)
            except TargetError as error:
                found.append(type(error).__name__)
        return found

    assert fetch(one_of_two, "SELECT 1 AS one").rows == ONE
    with ThreadPoolExecutor(3) as pool:
        assert {name for found in pool.map(runs, range(3)) for name in found} <= {
            "RefusedError"
        }
