"""Slow, half-open and guessing clients against the real daemon: scrapes go on."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, write_config
from tests.acceptance.program import Daemon, running, wait_until
from tests.web.certificates import Authority

CONNECTIONS = 500
HALF_REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_HANDSHAKE = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
MUCH_MEMORY = 40_000_000
"""More than that a second attack may not add, and twice that the first: before, it were 150 MB each time."""


@dataclass
class Target:
    """A daemon under attack."""

    daemon: Daemon
    tls: ssl.SSLContext | None

    def ask(self, path: str) -> tuple[int, float]:
        """Ask over a connection of its own; gives status and seconds."""
        begun = time.monotonic()
        connection: http.client.HTTPConnection
        if self.tls is None:
            connection = http.client.HTTPConnection(*self.daemon.address, timeout=20)
        else:
            connection = http.client.HTTPSConnection(
                *self.daemon.address, timeout=20, context=self.tls
            )
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return answer.status, time.monotonic() - begun
        finally:
            connection.close()


@contextlib.contextmanager
def watching(
    mariadb: PrivateMariaDB,
    schema: str,
    folder: Path,
    *,
    with_tls: bool = False,
    web: str = "",
) -> Iterator[Target]:
    two_files(
        folder,
        "one",
        sql="SELECT 1 AS n",
        toml='summary = "x"\ninterval = "1s"\ntimeout = "900ms"',
    )
    tls = None
    if with_tls:
        authority = Authority(folder)
        authority.issue("server")
        web += "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
        tls = authority.client_context()
    (folder / "web.yml").write_text(web)
    config = write_config(
        folder, mariadb, schema, extra='config_file = "web.yml"' if web else ""
    )
    with running(only_ours(config)) as daemon:
        daemon.wait_for("run.finished", query="one")
        yield Target(daemon, tls)


class Attack:
    """Connections of which half say nothing, and half a byte now and then."""

    def __init__(self, target: Target) -> None:
        self._said = HALF_REQUEST if target.tls is None else HALF_HANDSHAKE
        self._address = target.daemon.address
        self._connections: list[socket.socket] = []
        self._ended = threading.Event()
        self._trickler = threading.Thread(target=self._trickle, daemon=True)

    def __enter__(self) -> Attack:
        for number in range(CONNECTIONS):
            connection = socket.create_connection(self._address, timeout=20)
            self._connections.append(connection)
            if number % 2:
                with contextlib.suppress(OSError):
                    connection.sendall(self._said)
        self._trickler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._trickler.join(20)
        for connection in self._connections:
            connection.close()

    def _trickle(self) -> None:
        while not self._ended.wait(0.3):
            for connection in self._connections[1::2]:
                with contextlib.suppress(OSError):
                    connection.send(b"x")


def asked(target: Target, path: str) -> int | None:
    """Ask; None where no answer came in time."""
    try:
        return target.ask(path)[0]
    except OSError:
        return None


def late(times: list[tuple[int, float]]) -> int:
    """Count the answers that took a second and more, as one or two do on a machine that stands still."""
    return sum(seconds >= 1 for _, seconds in times)


@pytest.mark.parametrize("with_tls", [False, True], ids=["plain", "tls"])
def test_five_hundred_half_open_connections_delay_no_scrape_and_leave_nothing(
    with_tls: bool, mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    with watching(mariadb, schema, folder, with_tls=with_tls) as target:
        before = target.daemon.descriptors()
        memory = [target.daemon.resident_bytes()]
        for _ in range(2):
            with Attack(target):
                times = [target.ask(path) for path in ("/metrics", "/-/healthy") * 15]
                # No more are held than the limit, some seconds later, though the attack goes on.
                wait_until(
                    lambda: target.daemon.descriptors() < before + 290, seconds=30
                )
            assert {status for status, _ in times} == {200}
            assert late(times) <= 3, sorted(seconds for _, seconds in times)
            wait_until(
                lambda: target.daemon.descriptors() <= before + 5,
                seconds=60,
                why="descriptors are back",
            )
            memory.append(target.daemon.resident_bytes())
        assert memory[1] - memory[0] < 2 * MUCH_MEMORY
        assert memory[2] - memory[1] < MUCH_MEMORY
        assert not [
            event
            for event in target.daemon.events
            if event["level"] in ("error", "critical")
        ]
        assert "Traceback" not in "\n".join(target.daemon.raw)


def test_a_flood_of_wrong_passwords_delays_neither_the_health_check_nor_the_runs(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(10)).decode()
    with watching(
        mariadb, schema, folder, web=f"basic_auth_users: {{ops: '{hashed}'}}\n"
    ) as target:
        runs = len(target.daemon.seen("run.finished"))
        with contextlib.ExitStack() as stack:
            for number in range(200):
                guess = base64.b64encode(f"ops:guess{number}".encode()).decode()
                connection = stack.enter_context(
                    socket.create_connection(target.daemon.address, timeout=20)
                )
                head = f"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {guess}\r\n\r\n"
                connection.sendall(head.encode())
            times = [target.ask("/-/healthy") for _ in range(20)]
            finished = target.daemon.seen
            wait_until(
                lambda: len(finished("run.finished")) >= runs + 2,
                seconds=60,
                why="runs go on",
            )
        assert {status for status, _ in times} == {200}
        assert late(times) <= 3, sorted(seconds for _, seconds in times)
        # Two hundred of them are ten seconds of work.
        wait_until(
            lambda: asked(target, "/metrics") == 401,
            seconds=90,
            why="the queue of guesses has ended",
        )
