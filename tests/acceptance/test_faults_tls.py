"""Whoever answers on the port cannot prove who it is, or asks for the password: it learns nothing."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.faults import PASSWORD, Watched, watching
from tests.acceptance.program import short_directory, wait_until
from tests.database.proxy import greeting, packet, read_packet
from tests.web.certificates import Authority


@dataclass(frozen=True, slots=True)
class Guarded:
    """A target that must prove itself, and the folder with its certificates."""

    watched: Watched
    folder: Path

    def show(self, name: str) -> None:
        """Have the server show this certificate from now on."""
        for ending in ("pem", "key"):
            shutil.copy(
                self.folder / f"{name}.{ending}", self.folder / f"server.{ending}"
            )
        self.watched.execute("FLUSH SSL")
        self.watched.breaks()


@pytest.fixture(scope="module")
def daemon_and_server(mariadb: PrivateMariaDB) -> Iterator[Guarded]:
    folder = short_directory()
    authority = Authority(folder, "authority")
    for name in ("server", "good"):
        authority.issue(name)
    authority.issue("of another host", host="elsewhere.example.com")
    authority.issue("expired", until=datetime.now(UTC) - timedelta(days=1))
    Authority(folder, "other").issue("of another authority")
    tls = f'{{ mode = "verify_identity", ca_file = "{authority.file}" }}'
    options = (
        f"--ssl-cert={folder / 'server.pem'}",
        f"--ssl-key={folder / 'server.key'}",
    )
    with watching(
        mariadb, target=f'host = "localhost"\ntls = {tls}', options=options
    ) as watched:
        yield Guarded(watched, folder)
    shutil.rmtree(folder)


@pytest.fixture
def guarded(daemon_and_server: Guarded) -> Iterator[Guarded]:
    daemon_and_server.watched.begin()
    yield daemon_and_server
    daemon_and_server.watched.end()


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ("of another authority", "certificate"),
        ("of another host", "not valid for 'localhost'"),
        ("expired", "expired"),
    ],
)
def test_a_certificate_that_proves_nothing_is_refused(
    guarded: Guarded, certificate: str, words: str
) -> None:
    guarded.show(certificate)
    guarded.watched.lost(detail="tls")
    wait_until(
        lambda: words in guarded.watched.message(), why=f"the message says {words}"
    )
    guarded.show("good")
    guarded.watched.recovers()


def test_tls_that_is_taken_off_the_greeting_on_the_way_is_missed(
    guarded: Guarded,
) -> None:
    said: list[bytes] = []

    def record(sent: bytes) -> bytes:
        said.append(sent)
        return sent

    proxy = guarded.watched.proxy
    guarded.watched.breaks(from_server=without_tls, from_client=record)
    guarded.watched.lost(detail="tls")
    # not even who we are
    assert said == []
    proxy.heal()
    guarded.watched.recovers()


def without_tls(sent: bytes) -> bytes:
    """Take the capability CLIENT_SSL out of a greeting."""
    if sent[3:5] != b"\x00\x0a":
        return sent
    second_byte_of_capabilities = sent.index(b"\0", 5) + 1 + 4 + 9 + 1
    changed = bytearray(sent)
    changed[second_byte_of_capabilities] &= ~0x08 & 0xFF
    return bytes(changed)


def test_a_server_that_falls_silent_in_the_handshake_is_bounded(
    guarded: Guarded,
) -> None:
    def greet_and_fall_silent(client: socket.socket) -> None:
        client.sendall(greeting(with_tls=True))
        while client.recv(4096):
            pass

    guarded.watched.breaks(instead=greet_and_fall_silent)
    # before the greeting where the machine does something else meanwhile
    assert guarded.watched.lost()["detail"] in ("unreachable", "no_greeting")
    durations = [
        one["duration_seconds"]
        for one in guarded.watched.since("run.failed", target="main")
    ]
    assert max(durations) < 8
    guarded.watched.proxy.heal()
    guarded.watched.recovers()


def test_a_server_that_asks_for_the_password_in_clear_does_not_get_it(
    guarded: Guarded,
) -> None:
    received = bytearray()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(guarded.folder / "good.pem", guarded.folder / "good.key")

    def ask(client: socket.socket) -> None:
        client.sendall(greeting(with_tls=True))
        read_packet(client)
        with context.wrap_socket(client.dup(), server_side=True) as secured:
            received.extend(read_packet(secured))
            secured.sendall(packet(3, b"\xfemysql_clear_password\0"))
            while data := secured.recv(4096):
                received.extend(data)

    guarded.watched.breaks(instead=ask)
    guarded.watched.lost(reason="access_denied", detail="auth_plugin")
    assert b"watcher" in received
    assert PASSWORD.encode() not in received
    guarded.watched.proxy.heal()
    guarded.watched.recovers()
