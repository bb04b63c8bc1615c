"""HTTP over a socket that is cut at a deadline: one connection; below whatever speaks HTTP to a far end."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from typing import Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Url

from monitor.model.errors import DeliveryError
from monitor.notify.deadline_socket import DeadlineSocket

# Answers of 1xx before the answer; more is a far end that plays with us.
_MAX_INTERIM: Final = 100


class _FinalResponse(http.client.HTTPResponse):
    """An answer behind whatever was said before it: hints (103), "still at it" (102), "go on" (100).

    http.client (3.11 to 3.14) skips 100 alone and takes any other for the answer.
    """

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MAX_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in the stubs
            if not 100 <= status < 200 or status == http.client.SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(
            f"more than {_MAX_INTERIM} answers before the answer"
        )


class SocketConnection(HTTPConnection):
    """urllib3's connection over a socket of ours; `deadline_socket` is set by who makes it."""

    deadline_socket: DeadlineSocket
    response_class = _FinalResponse

    def _new_conn(self) -> socket.socket:
        return self.deadline_socket.connect(self.host, self.port or self.default_port)

    def answer(self) -> http.client.HTTPResponse:
        """Return the answer to what was requested, its body not read yet."""
        # urllib3's own getresponse logs the whole address when a header is malformed.
        return http.client.HTTPConnection.getresponse(self)


class SecureConnection(SocketConnection, HTTPSConnection):
    """The same with TLS around the socket."""


def connection_to(
    url: Url,
    deadline_socket: DeadlineSocket,
    *,
    tls: ssl.SSLContext | None,
    seconds: float,
) -> SocketConnection:
    """Make the connection to an address; it opens at its first request. `tls` is of https."""
    host = (url.host or "").strip("[]")
    connection: SocketConnection
    if url.scheme == "https":
        connection = SecureConnection(host, url.port, timeout=seconds, ssl_context=tls)
    else:
        connection = SocketConnection(host, url.port, timeout=seconds)
    connection.deadline_socket = deadline_socket
    return connection


def failure_at(
    url: Url, error: Exception, deadline_socket: DeadlineSocket
) -> DeliveryError:
    """Return what was wrong with the connection to an address, of which host and port are named only."""
    # urllib3 wraps what went wrong in errors of its own.
    cause = error.__cause__ if isinstance(error, HTTPError) else None
    if isinstance(cause, Exception):
        error = cause
    place = f"{url.host}:{url.port}" if url.port else str(url.host)
    return deadline_socket.failure(error, place)


def on_the_wire(headers: Mapping[str, str]) -> dict[str, str]:
    """Make UTF-8 of the values; http.client sends a character for a byte, and knows none above 255."""
    return {name: value.encode().decode("latin-1") for name, value in headers.items()}
