"""Far ends that are no honest server: they ask for secrets, answer nonsense, trickle, or fail to kill."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from monitor.model.errors import QueryError, Reason
from monitor.model.targets import Tls
from tests.database.conftest import Databases
from tests.database.proxy import (
    Listener,
    Proxy,
    error_packet,
    greeting,
    packet,
    read_packet,
    result_packets,
    serve_session,
)
from tests.database.targets import (
    PASSWORD,
    fetch,
    fetch_in,
    refusal_of,
    target_at,
    verdict_on,
    wait_until,
)


@pytest.mark.parametrize(
    "plugin", ["mysql_clear_password", "dialog", "mysql_old_password"]
)
@pytest.mark.parametrize("when", ["greeting", "switch"])
def test_a_rogue_server_that_asks_for_the_password_gets_nothing(
    databases: Databases, plugin: str, when: str
) -> None:
    received = bytearray()

    def ask(client: socket.socket) -> None:
        client.sendall(
            greeting(
                plugin=plugin.encode()
                if when == "greeting"
                else b"mysql_native_password"
            )
        )
        received.extend(read_packet(client))
        question = (
            b"\x01\x04Password: "
            if when == "greeting"
            else b"\xfe" + plugin.encode() + b"\0\x04Password: "
        )
        client.sendall(packet(2, question))
        while data := client.recv(4096):
            received.extend(data)

    with Listener(ask) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        error = refusal_of(database)
        assert (error.reason, error.detail, error.code) == (
            Reason.ACCESS_DENIED,
            "auth_plugin",
            2061,
        )
        wait_until(lambda: listener.open_count == 0, "nothing stays open")
    assert received
    assert b"s3cret" not in received


@pytest.mark.parametrize("mode", ["required", "verify_ca", "verify_identity"])
def test_a_server_without_tls_learns_nothing(databases: Databases, mode: str) -> None:
    received = bytearray()

    def greet(client: socket.socket) -> None:
        client.sendall(greeting())
        while data := client.recv(4096):
            received.extend(data)

    with Listener(greet) as listener:
        tls = Tls(mode)  # type: ignore[arg-type]  # parametrized
        database = databases.open(target_at(listener.port, tls=tls), environ=PASSWORD)
        assert verdict_on(database)[:2] == (Reason.TARGET_DOWN, "tls")
        wait_until(lambda: listener.open_count == 0, "nothing stays open")
    # not even who we are
    assert received == b""


def answer_by_asking_for_a_file(sql: str) -> bytes | None:
    return packet(1, b"\xfb/etc/passwd") if sql.startswith("SELECT 1") else None


def answer_out_of_order(sql: str) -> bytes | None:
    return packet(9, b"\x01") if sql.startswith("SELECT 1") else None


def answer_half_a_column(sql: str) -> bytes | None:
    return (
        packet(1, b"\x01") + packet(2, b"\x03de")
        if sql.startswith("SELECT 1")
        else None
    )


def answer_no_number(sql: str) -> bytes | None:
    if not sql.startswith("SELECT 1"):
        return None
    column = b"\x03def\0\0\0\x01n\0\x0c\x3f\0\x0a\0\0\0\x03\0\0\0\0\0"
    row = packet(4, b"\x06secret")
    return packet(1, b"\x01") + packet(2, column) + packet(3, b"\xfe\0\0\x02\0") + row


def answer_an_empty_packet(sql: str) -> bytes | None:
    return packet(1, b"") if sql.startswith("SELECT 1") else None


@pytest.mark.parametrize(
    "answer",
    [
        answer_by_asking_for_a_file,
        answer_out_of_order,
        answer_half_a_column,
        answer_no_number,
        answer_an_empty_packet,
    ],
)
def test_a_malformed_answer_is_an_internal_error_and_the_connection_is_closed(
    databases: Databases, answer: object
) -> None:
    assert callable(answer)
    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        with pytest.raises(QueryError) as caught:
            fetch(database, "SELECT 1 AS one", seconds=10)
        assert caught.value.reason is Reason.INTERNAL
        assert "secret" not in caught.value.message
        wait_until(lambda: listener.open_count == 0, "the connection is closed")


def test_settings_that_a_server_does_not_have_are_left_out(
    databases: Databases,
) -> None:
    asked: list[str] = []

    def answer(sql: str) -> bytes | None:
        asked.append(sql)
        if "max_execution_time" in sql or "time_zone" in sql:
            return error_packet(1, 1193, "Unknown system variable")
        if "READ ONLY" in sql or "read_only" in sql:
            return error_packet(1, 1227, "Access denied")
        if sql.startswith("SELECT 1"):
            return result_packets(("one",), (("1",),))
        return None

    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        with database.lease(deadline_seconds=20) as session:
            assert session.server.limits == ("lock",)
        assert fetch(database, "SELECT 1 AS one", seconds=3).rows == (("1",),)
    assert not [sql for sql in asked if "max_execution_time = 3000" in sql]


def test_one_connection_needs_few_round_trips(databases: Databases) -> None:
    asked: list[str] = []

    def note(sql: str) -> bytes | None:
        asked.append(sql.split()[0])
        return None

    with Listener(lambda client: serve_session(client, note)) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        with database.lease(deadline_seconds=20):
            pass
    # names, variables, their proof, how it stands, its replication in two spellings, our rights; and who the
    # server is, which the far end answers itself
    assert asked == ["SET", "SET", "SELECT", "SELECT", "SHOW", "SHOW"]


@pytest.mark.parametrize("code", [1094, 1095])
def test_a_kill_that_the_server_refuses_does_not_hold_us_up(
    databases: Databases, code: int
) -> None:
    asked_to_kill = threading.Event()

    def answer(sql: str) -> bytes | None:
        if sql == "SELECT @@hostname LIMIT 1":
            return result_packets(("h",), (("rogue",),))
        if sql.startswith("KILL QUERY 7"):
            asked_to_kill.set()
            return error_packet(1, code, "no")
        return packet(1, b"\x01") if sql.startswith("SELECT 1") else None

    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        started = time.monotonic()
        with pytest.raises(QueryError) as caught:
            fetch(database, "SELECT 1 AS one", seconds=0.2)
        assert (caught.value.reason, caught.value.detail) == (Reason.TIMEOUT, "cut")
        assert time.monotonic() - started < 20
        assert asked_to_kill.wait(30)
        wait_until(lambda: listener.open_count == 0, "nothing stays open")
        assert listener.accepted == 2


def test_another_server_behind_the_same_address_gets_no_kill(
    databases: Databases,
) -> None:
    asked: list[str] = []

    def answer(sql: str) -> bytes | None:
        asked.append(sql)
        if sql == "SELECT @@hostname LIMIT 1":
            return result_packets(("h",), (("other",),))
        return packet(1, b"\x01") if sql.startswith("SELECT 1") else None

    with Listener(lambda client: serve_session(client, answer)) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        with pytest.raises(QueryError):
            fetch(database, "SELECT 1 AS one", seconds=0.2)
        who = "SELECT @@hostname LIMIT 1"
        wait_until(
            lambda: who in asked and listener.open_count == 0, "asked and closed"
        )
    assert not [sql for sql in asked if sql.startswith("KILL")]


def test_trickled_rows_are_cut(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    with Proxy(own_mariadb.port or 0) as proxy:
        database = databases.open(target_at(proxy.port), environ=PASSWORD)
        with database.lease(deadline_seconds=20) as session:
            proxy.trickle_seconds = 0.05
            started = time.monotonic()
            with pytest.raises(QueryError) as caught:
                # about 130 bytes
                fetch_in(session, "SELECT digit FROM digits", seconds=0.5)
        assert caught.value.reason is Reason.TIMEOUT
        assert time.monotonic() - started < 20
        proxy.trickle_seconds = 0.0
        assert len(fetch(database, "SELECT digit FROM digits").rows) == 10
