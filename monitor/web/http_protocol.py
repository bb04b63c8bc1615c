"""Speak HTTP/1.1 on one connection: uvicorn's protocol, with bounds on what a client may take and keep."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

REQUEST_SECONDS = 2.0
"""From the connection, or from the answer before, until a whole request is there."""
ANSWER_SECONDS = 50.0
"""Until a client has read all of an answer."""
MAX_REQUEST_BYTES = 64 * 1024
MAX_HEADERS = 100
MAX_AHEAD_BYTES = 1 << 20
"""Of requests that a client sends before it has the answers to those before them."""
_PIECE_BYTES = 512
"""Given to the parser at once. It reads all requests in what it gets, and cannot be stopped between two."""
MAX_UNREAD_BYTES = 64_000_000
"""Of all answers together that clients have not read yet."""

_HOST_HEADERS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"1.0": (0, 1), "1.1": (1,)}
)
"""The versions that are spoken, each with how many Host headers it allows (RFC 9112, section 3.2)."""

_TOO_LARGE = "The request is too large."


class _UnacceptableRequestError(Exception):
    """Stops the parser: the request can be read in two ways, or asks for too much."""


class UnreadAnswers:
    """Bounds the memory of answers that clients do not read: cuts who has not read for longest."""

    def __init__(self, max_bytes: int = MAX_UNREAD_BYTES) -> None:
        self._max_bytes = max_bytes
        self._waiting: dict[asyncio.Transport, None] = {}

    def add(self, transport: asyncio.Transport) -> None:
        """Count a connection whose answer does not leave; cut others if that is too much."""
        self._waiting[transport] = None
        while len(self._waiting) > 1 and self._unread_bytes() > self._max_bytes:
            oldest = next(iter(self._waiting))
            self.discard(oldest)
            oldest.abort()

    def discard(self, transport: asyncio.Transport) -> None:
        """Count it no more: its answer has left, or the connection has ended."""
        self._waiting.pop(transport, None)

    def _unread_bytes(self) -> int:
        return sum(transport.get_write_buffer_size() for transport in self._waiting)


class Http11(HttpToolsProtocol):
    """One connection. HTTP/1.1 and 1.0 and nothing else: no upgrade, no HTTP/2, no websocket.

    What can be read in two ways is refused, so that no proxy before us reads it in the other one.
    """

    def __init__(
        self, config: Config, state: ServerState, unread: UnreadAnswers
    ) -> None:
        super().__init__(config, state, {})
        self._unread = unread
        self._timer: asyncio.TimerHandle | None = None
        self._give_up_at = 0.0
        self._is_refused = False
        self._is_whole = False
        self._request_bytes = 0
        self._unread_requests = bytearray()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release all that the connection held."""
        self._stop_waiting()
        self._unread.discard(self.transport)
        super().connection_lost(exc)
        # uvicorn leaves its own timer after a reset: the connection would live on, with all it was asked.
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        """Take what the client said; what follows something refused is not read."""
        if self._is_done_reading():
            return
        self._unread_requests += data
        if len(self._unread_requests) > MAX_AHEAD_BYTES:
            self.send_400_response(_TOO_LARGE)
        self._parse()

    def eof_received(self) -> bool:  # type: ignore[override]  # what asyncio asks for: whether to stay open
        """Answer what was asked by a client that sends no more; in TLS there is no half-closed connection."""
        if self.scheme != "http" or not self._is_answering():
            return False
        self.cycle.keep_alive = False
        return True

    def send_400_response(self, msg: str) -> None:
        """Refuse what was said, and all that follows; what was asked before is answered first."""
        self._is_refused = True
        if self._is_answering():
            self.cycle.keep_alive = False
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        super().pause_writing()
        self._unread.add(self.transport)

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        super().resume_writing()
        self._unread.discard(self.transport)

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._is_whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer."""
        if len(self.headers) >= MAX_HEADERS:
            raise _UnacceptableRequestError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the head as a whole, and have it answered."""
        self._check_head()
        super().on_headers_complete()
        if self.parser.should_upgrade():
            # It is answered as if it had not asked; what it sends after that is not HTTP.
            self.cycle.keep_alive = False
            self._is_refused = True

    def on_message_complete(self) -> None:
        """End a request."""
        super().on_message_complete()
        self._is_whole = True
        self._request_bytes = 0

    def on_response_complete(self) -> None:
        """End an answer: wait for the next request, and for the client to read."""
        super().on_response_complete()
        self._give_up_at = self.loop.time() + ANSWER_SECONDS
        self._wait()
        self._parse()

    def _parse(self) -> None:
        """Read the next requests, but no more than a few beyond the one that is being answered.

        Each that is read ahead takes some kilobytes, of which a client can send ten thousand at once.
        """
        while self._unread_requests and not self._is_done_reading():
            if self.pipeline:
                self.flow.pause_reading()
                return
            piece = bytes(self._unread_requests[:_PIECE_BYTES])
            del self._unread_requests[:_PIECE_BYTES]
            self._request_bytes += len(piece)
            super().data_received(piece)
            # The parser keeps a header to itself until it is whole.
            if self._request_bytes > MAX_REQUEST_BYTES and not self._is_refused:
                self.send_400_response(_TOO_LARGE)

    def _is_done_reading(self) -> bool:
        return self._is_refused or self.transport.is_closing()

    def _check_head(self) -> None:
        version = self.parser.get_http_version()
        hosts_allowed = _HOST_HEADERS.get(version)
        if hosts_allowed is None:
            raise _UnacceptableRequestError
        size = len(self.url)
        for name, value in self.headers:
            size += len(name) + len(value)
        if size > MAX_REQUEST_BYTES:
            raise _UnacceptableRequestError
        self._check_coding(version)
        if not self.url.startswith(b"/"):
            self._take_host_of_url()
        if len(self._values_of(b"host")) not in hosts_allowed:
            raise _UnacceptableRequestError

    def _check_coding(self, version: str) -> None:
        """Refuse all codings but chunked, the only one that says where a request ends.

        The parser refuses a length beside it, two lengths, folded lines, and lines that end in LF alone.
        """
        codings = self._values_of(b"transfer-encoding")
        if not codings:
            return
        is_chunked = b", ".join(codings).lower() == b"chunked"
        # HTTP/1.0 knows no chunks: a proxy that speaks it would read the request to its end (RFC 9112, 6.1).
        if not is_chunked or version == "1.0":
            raise _UnacceptableRequestError

    def _values_of(self, header: bytes) -> list[bytes]:
        return [value for name, value in self.headers if name == header]

    def _take_host_of_url(self) -> None:
        """Of a request as a proxy gets it (GET http://host/path) the Host header does not count."""
        url = httptools.parse_url(self.url)
        if url.host is None:
            raise _UnacceptableRequestError
        port = b"" if url.port is None else b":%d" % url.port
        self.headers[:] = [pair for pair in self.headers if pair[0] != b"host"]
        self.headers.append((b"host", url.host + port))

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        """Start the client's time again, from now on."""
        self._stop_waiting()
        self._timer = self.loop.call_later(REQUEST_SECONDS, self._on_due)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _on_due(self) -> None:
        """Cut off a client that did not send its request, or take its answer, in time."""
        is_unread = self.transport.get_write_buffer_size() > 0
        if is_unread and self.loop.time() < self._give_up_at:
            self._wait()
            return
        # A whole request that is being answered has the time that the answer takes us.
        is_ours = self._is_answering() and self._is_whole
        if not is_ours:
            self.transport.abort()
