"""What slow and greedy clients may do: nothing to anybody else."""

from __future__ import annotations

import contextlib
import gc
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from monitor.web.http_protocol import REQUEST_SECONDS, Http11
from monitor.web.listener import MAX_CONNECTIONS, ListeningSocket, listen
from tests.web.picture import BALANCES, a_config, a_snapshot, subscribers, success
from tests.web.serving import Client, ServedState, serving, wait_until

BOUND_SECONDS = 10.0
"""For one scrape on this machine, however busy; an attack that works makes it wait for ever."""


@contextlib.contextmanager
def many(client: Client, count: int, said: bytes) -> Iterator[list[socket.socket]]:
    """Open connections that say this much and no more."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(client.connect()) for _ in range(count)]
        for connection in connections:
            connection.sendall(said)
        yield connections


def scrape_seconds(client: Client) -> float:
    begun = time.monotonic()
    assert client.get("/metrics").status == 200
    return time.monotonic() - begun


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, b""),
        (200, b""),
        (200, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"),
        (
            200,
            b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf",
        ),
    ],
    ids=["one silent", "many silent", "half requests", "half bodies"],
)
def test_slow_clients_do_not_stop_a_scrape(count: int, said: bytes) -> None:
    bound = (
        BOUND_SECONDS if count > 1 else REQUEST_SECONDS
    )  # after which the one is dropped
    with serving() as client, many(client, count, said):
        assert [
            seconds
            for seconds in (scrape_seconds(client) for _ in range(5))
            if seconds > bound
        ] == []


def test_a_connection_that_says_nothing_is_dropped() -> None:
    with serving() as client, client.connect() as silent:
        silent.settimeout(REQUEST_SECONDS + 10)
        assert silent.recv(1) == b""


def test_a_request_that_trickles_is_dropped() -> None:
    with serving() as client, client.connect() as slow:
        begun = time.monotonic()

        def is_dropped() -> bool:
            try:
                slow.sendall(b"G")
                slow.settimeout(0.2)
                return slow.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        wait_until(is_dropped, seconds=REQUEST_SECONDS + 10)
        assert time.monotonic() - begun < REQUEST_SECONDS + 10


def test_clients_that_do_not_read_their_answers_do_not_stop_a_scrape() -> None:
    config = a_config(queries=(BALANCES,))
    outcome = success(
        *(subscribers(f"plan{number}" + "x" * 200, "ok", 1) for number in range(2_000))
    )
    served = ServedState(config, a_snapshot(config, {"balances": outcome}))
    ask = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(served) as client, many(client, 20, ask * 3):
        assert (
            scrape_seconds(client) < 3 * BOUND_SECONDS
        )  # the twenty big answers are made first


def test_beyond_the_limit_the_oldest_connection_is_cut_and_the_newest_served() -> None:
    listener = ListeningSocket(socket.AF_INET, max_connections=3)
    with listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        clients, servers = [], []
        for _ in range(5):
            clients.append(
                stack.enter_context(
                    socket.create_connection(listener.getsockname(), timeout=10)
                )
            )
            servers.append(stack.enter_context(listener.accept()[0]))
        assert [client.recv(1) for client in clients[:2]] == [b"", b""]
        for server, client in zip(servers[2:], clients[2:], strict=True):
            server.sendall(b"!")
            assert client.recv(1) == b"!"


def test_connections_that_ended_do_not_count() -> None:
    listener = ListeningSocket(socket.AF_INET, max_connections=2)
    with listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        kept = stack.enter_context(
            socket.create_connection(listener.getsockname(), timeout=10)
        )
        server = stack.enter_context(listener.accept()[0])
        for _ in range(5):
            with socket.create_connection(listener.getsockname(), timeout=10):
                listener.accept()[0].close()
        server.sendall(b"!")
        assert kept.recv(1) == b"!"


def test_more_connections_than_are_held_do_not_stop_a_scrape() -> None:
    said = b"GET / HTTP/1.1\r\n"
    with serving() as client, contextlib.ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS + 50):
            connection = stack.enter_context(client.connect())
            with contextlib.suppress(ConnectionError):
                connection.sendall(said)
        assert scrape_seconds(client) < BOUND_SECONDS


def test_listening_takes_a_free_port_and_says_which() -> None:
    with listen("127.0.0.1", 0) as one, listen("localhost", 0) as other:
        assert one.getsockname()[1] != other.getsockname()[1] > 0


def test_what_is_served_can_change_meanwhile() -> None:
    with serving() as client:
        before = client.get("/metrics").text
        client.served.snapshot = replace(client.served.snapshot, queries={})
        after = client.get("/metrics").text
    assert ("token_subscribers{" in before, "token_subscribers{" in after) == (
        True,
        False,
    )


def test_nothing_is_kept_of_connections_that_ended_by_a_reset() -> None:
    asked = (
        b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nX-Long: "
        + b"x" * 20_000
        + b"\r\n\r\n"
    )
    with serving() as client:
        for _ in range(200):
            with client.connect() as connection:
                connection.sendall(asked)
                assert connection.recv(65536)
                connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
        # The last resets may not be read yet. Uvicorn keeps what it keeps for five seconds.
        wait_until(lambda: _kept() < 20, seconds=3)


def _kept() -> int:
    return sum(isinstance(one, Http11) for one in gc.get_objects())
