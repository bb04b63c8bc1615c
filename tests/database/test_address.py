"""Addresses are found within a bound, remembered, and tried one after another within one deadline."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from monitor.database.address import Address, Resolver, dial
from tests.database.proxy import Listener
from tests.support.resource_limits import no_thread_to_be_had


class NameServer:
    """The far end of the resolver: answers as the test says, or is silent."""

    def __init__(self) -> None:
        self.answer: str | None = None
        self.silent = False
        self.asked = 0
        self.speak = threading.Event()

    def look_up(
        self,
        host: str,
        port: int,
        *,
        type: int,  # noqa: A002
        flags: int,
    ) -> list[tuple[Any, ...]]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        self.asked += 1
        if self.silent:
            self.speak.wait(30)
        if self.answer is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, type, 6, "", (self.answer, port))]


def at(host: str) -> tuple[Address, ...]:
    return (Address(socket.AF_INET, (host, 3306)),)


def hang_on(client: socket.socket) -> None:
    client.recv(1)


@pytest.fixture
def names() -> NameServer:
    return NameServer()


@pytest.fixture
def resolver(names: NameServer) -> Resolver:
    return Resolver("db.example.com", 3306, lookup=names.look_up)


def test_a_number_needs_no_name_server() -> None:
    assert Resolver("127.0.0.1", 3306).addresses(seconds=0.0) == at("127.0.0.1")


def test_localhost_is_found() -> None:
    assert at("127.0.0.1")[0] in Resolver("localhost", 3306).addresses(seconds=30.0)


def test_a_new_address_replaces_the_old_one(
    resolver: Resolver, names: NameServer
) -> None:
    for host in ("192.0.2.1", "192.0.2.2"):
        names.answer = host
        assert resolver.addresses(seconds=30.0) == at(host)


def test_an_unknown_name_is_an_error(resolver: Resolver) -> None:
    with pytest.raises(socket.gaierror, match="not known"):
        resolver.addresses(seconds=30.0)


def test_the_last_good_address_outlives_the_name_server(
    resolver: Resolver, names: NameServer
) -> None:
    names.answer = "192.0.2.1"
    resolver.addresses(seconds=30.0)
    names.answer = None
    assert resolver.addresses(seconds=30.0) == at("192.0.2.1")
    names.silent = True
    assert resolver.addresses(seconds=0.1) == at("192.0.2.1")
    names.speak.set()


def test_a_silent_name_server_is_bounded_and_asked_once(
    resolver: Resolver, names: NameServer
) -> None:
    names.silent = True
    started = time.monotonic()
    for _ in range(3):
        with pytest.raises(socket.gaierror, match="no answer from the name server"):
            resolver.addresses(seconds=0.1)
    assert time.monotonic() - started < 20
    assert names.asked == 1
    names.speak.set()


def test_the_second_address_is_tried_when_the_first_refuses() -> None:
    with (
        Listener(hang_on) as open_port,
        socket.create_server(("127.0.0.1", 0)) as probe,
    ):
        closed = Address(socket.AF_INET, probe.getsockname())
        probe.close()
        good = Address(socket.AF_INET, ("127.0.0.1", open_port.port))
        opened, reached = dial((closed, good), deadline=time.monotonic() + 30)
        assert reached == good
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        opened.close()


def test_no_address_answering_is_the_last_ones_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        closed = Address(socket.AF_INET, probe.getsockname())
    with pytest.raises(ConnectionRefusedError):
        dial((closed, closed), deadline=time.monotonic() + 30)


def test_an_address_that_swallows_everything_is_bounded() -> None:
    # a full backlog drops what comes after it
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        clients = [socket.socket() for _ in range(4)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            dial((Address(socket.AF_INET, full.getsockname()),), deadline=started + 0.3)
        assert time.monotonic() - started < 20
        for client in clients:
            client.close()


def test_a_lookup_that_gets_no_thread_is_reported_and_the_next_one_is_made(
    resolver: Resolver, names: NameServer
) -> None:
    names.answer = "192.0.2.1"
    with no_thread_to_be_had(), pytest.raises(OSError, match="can't start new thread"):
        resolver.addresses(seconds=30.0)
    assert resolver.addresses(seconds=30.0) == at("192.0.2.1")
    names.answer = "192.0.2.2"
    with no_thread_to_be_had():
        assert resolver.addresses(seconds=30.0) == at("192.0.2.1")
    assert resolver.addresses(seconds=30.0) == at("192.0.2.2")


def test_a_lookup_that_fails_as_nobody_foresaw_is_not_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[object] = []
    monkeypatch.setattr(
        threading, "excepthook", lambda args: reported.append(args.exc_type)
    )
    names = NameServer()
    names.answer = "192.0.2.1"

    def look_up(
        host: str,
        port: int,
        *,
        type: int,  # noqa: A002
        flags: int,
    ) -> list[tuple[Any, ...]]:
        found = names.look_up(host, port, type=type, flags=flags)
        if names.asked == 1:
            raise MemoryError
        return found

    resolver = Resolver("db.example.com", 3306, lookup=look_up)
    with pytest.raises(socket.gaierror):
        resolver.addresses(seconds=30.0)
    assert resolver.addresses(seconds=30.0) == at("192.0.2.1")
    assert reported == [MemoryError]
