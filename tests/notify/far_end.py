"""The far end of a wire: a real HTTP server that a test controls, and what tests of delivery share."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.model.alerts import Alert, AlertState, Delivery, Scope
from monitor.model.settings import Receiver, Severity
from monitor.notify.kinds import KINDS

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
Answer = Callable[[socket.socket, threading.Event], bool]
"""Answers a request on a connection; True keeps it. The event ends what lasts."""


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire."""

    at: float
    """Of the monotonic clock."""
    connection: int
    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


def status(code: int, *, body: bytes = b"", headers: str = "") -> Answer:
    """Make an answer with this status code."""

    def answer(connection: socket.socket, ended: threading.Event) -> bool:
        head = f"HTTP/1.1 {code} Word\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        connection.sendall(head.encode() + body)
        return True

    return answer


def stall(connection: socket.socket, ended: threading.Event) -> bool:
    """Answer nothing, and keep the connection."""
    ended.wait()
    return False


def hang_up(connection: socket.socket, ended: threading.Event) -> bool:
    """Answer nothing, and close the connection."""
    return False


def trickle(head: bytes, drop: bytes) -> Answer:
    """Make an answer that comes drop by drop, without an end."""

    def answer(connection: socket.socket, ended: threading.Event) -> bool:
        connection.sendall(head)
        while not ended.wait(0.02):
            connection.sendall(drop)
        return False

    return answer


def flood(connection: socket.socket, ended: threading.Event) -> bool:
    """Answer with 2 GB, for as long as the other side takes it."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\n\r\n")
    block = b"x" * 1_000_000
    for _ in range(2000):
        connection.sendall(block)
    return False


class FarEnd:
    """Answers each request with the next of `answers`, then as `otherwise` says, which is 200."""

    def __init__(
        self,
        *answers: Answer,
        tls: ssl.SSLContext | None = None,
        is_silent: bool = False,
        greeting: bytes = b"",
        port: int = 0,
        otherwise: Callable[[Request], Answer] | None = None,
    ) -> None:
        self.answers = list(answers)
        self._otherwise = otherwise or (lambda _request: status(200))
        self.requests: list[Request] = []
        self.connections = 0
        self._tls = tls
        self._is_silent = is_silent
        self._greeting = greeting
        self._ended = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._spawn(self._listen)

    def close(self) -> None:
        """Close the listener and every connection."""
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up_all()
        for thread in self._threads:
            thread.join(5)

    def hang_up_all(self) -> None:
        """Close every connection, and go on listening."""
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def say(self, words: bytes) -> None:
        """Send something unasked on the first connection."""
        self._open[0].sendall(words)

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            self._spawn(self._serve, connection, self.connections)

    def _serve(self, raw: socket.socket, number: int) -> None:
        connection = raw
        try:
            if self._is_silent or self._greeting:
                connection.sendall(self._greeting)
                self._ended.wait()
                return
            if self._tls is not None:
                connection = self._tls.wrap_socket(raw, server_side=True)
                self._open.append(connection)
            with connection.makefile("rb") as reader:
                while self._serve_one(connection, reader, number):
                    pass
        except OSError:
            return
        finally:
            connection.close()
            raw.close()

    def _serve_one(self, connection: socket.socket, reader: Any, number: int) -> bool:
        first = reader.readline().decode()
        if not first:
            return False
        headers = {}
        while (line := reader.readline().decode().strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", "0")))
        request = Request(
            time.monotonic(), number, first.split()[1], headers, body, first.split()[0]
        )
        answer = self.answers.pop(0) if self.answers else self._otherwise(request)
        self.requests.append(request)
        return answer(connection, self._ended)


@contextmanager
def far_end(
    *answers: Answer,
    tls: ssl.SSLContext | None = None,
    is_silent: bool = False,
    greeting: bytes = b"",
    port: int = 0,
    otherwise: Callable[[Request], Answer] | None = None,
) -> Iterator[FarEnd]:
    """Run a receiver that gives these answers in turn, the last one again and again."""
    server = FarEnd(
        *answers,
        tls=tls,
        is_silent=is_silent,
        greeting=greeting,
        port=port,
        otherwise=otherwise,
    )
    try:
        yield server
    finally:
        server.close()


def has_ended(name: str) -> bool:
    """Return whether no thread of this name is left."""
    return all(thread.name != name for thread in threading.enumerate())


def until(
    condition: Callable[[], object],
    *,
    seconds: float = 30,
    meanwhile: Callable[[], None] | None = None,
) -> None:
    """Wait for a condition; fails when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if meanwhile is not None:
            meanwhile()
        assert time.monotonic() < deadline, "the condition was not reached in time"
        time.sleep(0.001)


class Reported:
    """What the deliveries reported."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    def __call__(self, delivery: Delivery) -> None:
        """Record a delivery."""
        self.deliveries.append(delivery)

    def reasons(self, receiver: str = "hook") -> list[str]:
        """Return the reasons of the deliveries to a receiver, in their order."""
        return [
            delivery.reason
            for delivery in self.deliveries
            if delivery.receiver == receiver
        ]


def receiver(
    *urls: str,
    name: str = "hook",
    kind: str = "webhook",
    timeout: timedelta = timedelta(seconds=30),
    **options: Any,
) -> Receiver:
    """Make a receiver of a kind; options are those of all kinds, and the kind's own."""
    common = {field.name for field in fields(Receiver)} & options.keys()
    own = {key: value for key, value in options.items() if key not in common}
    if kind == "alertmanager":
        own["urls"] = urls
    elif urls:
        (own["url"],) = urls
    settings = KINDS[kind].settings(**own)
    shared = {key: options[key] for key in common}
    return Receiver(name, settings, timeout=timeout, **shared)


def alert(
    plan: str = "pro",
    *,
    state: AlertState = AlertState.FIRING,
    severity: Severity = Severity.WARNING,
    target: str = "main",
    name: str = "Low",
    at: datetime = START,
    **more: Any,
) -> Alert:
    """Make an alert; each argument changes one thing about it."""
    labels = {
        "alertname": name,
        "plan": plan,
        "severity": str(severity),
        "target": target,
    }
    return Alert(
        Scope(name, target, "balances"),
        tuple(sorted(labels.items())),
        severity,
        state,
        9.0,
        at - timedelta(minutes=2),
        fired_at=None if state is AlertState.PENDING else at,
        resolved_at=at + timedelta(minutes=1) if state is AlertState.RESOLVED else None,
        **{"annotations": (("summary", f"{plan} is low"),), **more},
    )
