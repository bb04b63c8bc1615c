"""Ask a server for one path again and again: how many answers a second, and how long each takes."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack

PROMETHEUS: Mapping[str, str] = {
    "Accept": "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    "Accept-Encoding": "gzip",
    "User-Agent": "Prometheus/3.0.0",
}
"""The headers of a scrape."""
PLAIN: Mapping[str, str] = {"User-Agent": "curl"}
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\ncontent-length:"


class Connection:
    """One kept connection, with one request under way at a time."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        text = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}\r\n"
        self._request = text.encode()
        self._buffer = bytearray(1 << 20)
        self._left = 0
        self.body_bytes = 0

    def ask(self) -> None:
        """Send the request."""
        self._left = -1
        self.socket.sendall(self._request)

    def take(self) -> bool:
        """Take what has come; return whether the answer is whole."""
        count = self.socket.recv_into(self._buffer)
        if not count:
            raise ConnectionError("the server has ended the connection")
        if self._left < 0:
            # The head comes in one piece: it is written at once.
            end = self._buffer.find(_HEAD_END, 0, count)
            head = bytes(self._buffer[:end])
            if b" 200 " not in head[:20]:
                raise ConnectionError(head.decode("latin-1"))
            at = head.lower().index(_LENGTH) + len(_LENGTH)
            self.body_bytes = int(head[at:].split(b"\r", 1)[0])
            self._left = self.body_bytes + end + len(_HEAD_END)
        self._left -= count
        return self._left == 0


def answers_a_second(
    port: int,
    path: str,
    headers: Mapping[str, str],
    *,
    seconds: float,
    connections: int = 4,
) -> float:
    """Return how many answers came a second, with so many requests under way."""
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(connections):
            one = Connection(port, path, headers)
            stack.callback(one.socket.close)
            selector.register(one.socket, selectors.EVENT_READ, one)
            one.ask()
        count = 0
        began = time.perf_counter()
        while (took := time.perf_counter() - began) < seconds:
            for key, _ in selector.select(1):
                if key.data.take():
                    count += 1
                    key.data.ask()
        return count / took


def milliseconds(
    port: int,
    path: str,
    headers: Mapping[str, str],
    *,
    seconds: float,
    pause: float = 0.0,
) -> tuple[list[float], int]:
    """Return how long each answer took, one after the other, and the bytes of the last body."""
    one = Connection(port, path, headers)
    found: list[float] = []
    try:
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            began = time.perf_counter()
            one.ask()
            while not one.take():
                pass
            found.append(1000 * (time.perf_counter() - began))
            time.sleep(pause)
    finally:
        one.socket.close()
    return found, one.body_bytes
