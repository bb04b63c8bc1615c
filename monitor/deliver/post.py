"""POST to one address over a connection that is kept, within a time limit that nothing can stretch."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import unquote

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError, NameResolutionError
from urllib3.util import Url, make_headers, parse_url

from monitor import __version__
from monitor.deliver.backoff import retry_after_seconds
from monitor.errors import DeliveryError

_MOST_BYTES: Final = 4096
_SHOWN_CHARACTERS: Final = 200
_BODY_SECONDS: Final = 1.0
_SHORTEST_SECRET: Final = 8
_RETRIED_STATUS: Final = frozenset({408, 425, 429})


class Post:
    """Send to one receiver's address; used by one thread, except for `abort`.

    No redirects, proxies or retries. Addresses can carry secrets: errors name host and port only.
    """

    def __init__(self, *, timeout: timedelta, tls: ssl.SSLContext | None = None) -> None:
        self._timeout_seconds = timeout.total_seconds()
        self._tls = tls
        self._guard = _Guard()
        self._origin: tuple[str | None, ...] = ()
        self._connection: _Plain | _Secure | None = None

    def send(self, address: str, body: bytes, headers: Mapping[str, str], *, now: datetime) -> None:
        """Return when the receiver took it (2xx), else raise DeliveryError."""
        url = _parsed(address)
        own = {"content-type": "application/json", "user-agent": f"token-monitor/{__version__}"}
        basic = make_headers(basic_auth=unquote(url.auth)) if url.auth else {}
        given = {name.lower(): value for name, value in {**basic, **headers}.items()}
        with self._guard.within(self._timeout_seconds):
            try:
                answer = self._exchange(url, body, {**own, **given})
                self._require_whole(answer)
            except (OSError, http.client.HTTPException, HTTPError, ValueError) as error:
                self.close()
                raise self._failure(error, url) from None
            text = self._text(answer)
        _judge(answer, _without_secrets(text, url, given), now)

    def abort(self) -> None:
        """End what is under way, from another thread; nothing is sent afterwards."""
        self._guard.cut_for_good()

    def close(self) -> None:
        """Close the connection; the next `send` opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._guard.release()

    def _exchange(self, url: Url, body: bytes, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        connection, is_reused = self._connected(url)
        try:
            return connection.exchange(url.request_uri, body, headers)
        except TimeoutError:
            raise
        except OSError:
            # The other side may close a kept connection at any time: once more over a new one.
            if not is_reused or self._guard.is_cut:
                raise
            self.close()
            return self._connected(url)[0].exchange(url.request_uri, body, headers)

    def _require_whole(self, answer: http.client.HTTPResponse) -> None:
        # http.client takes the end of the connection for the end of the headers.
        if self._guard.is_cut:
            answer.close()
            raise TimeoutError

    def _connected(self, url: Url) -> tuple[_Plain | _Secure, bool]:
        origin = (url.scheme, url.host, str(url.port))
        kept = self._connection
        if kept is not None and origin == self._origin and kept.is_connected:
            return kept, True
        self.close()
        self._origin = origin
        self._connection = self._opened(url)
        return self._connection, False

    def _opened(self, url: Url) -> _Plain | _Secure:
        host = (url.host or "").strip("[]")
        if url.scheme == "https":
            self._tls = self._tls or ssl.create_default_context()
            secure = _Secure(host, url.port, timeout=self._timeout_seconds, ssl_context=self._tls)
            secure.watch = self._guard.watch
            return secure
        plain = _Plain(host, url.port, timeout=self._timeout_seconds)
        plain.watch = self._guard.watch
        return plain

    def _failure(self, error: Exception, url: Url) -> DeliveryError:
        if self._guard.is_over:
            reason, text = "network", "stopped before the answer"
        elif self._guard.is_cut:
            reason, text = "timeout", "no answer in time"
        else:
            reason, text = _named(error)
        port = f":{url.port}" if url.port else ""
        return DeliveryError(reason, f"{url.host}{port}: {text}", recoverable=True)

    def _text(self, answer: http.client.HTTPResponse) -> str:
        """Read a little of the body; the status has decided already, so trouble only costs the connection."""
        content = b""
        with self._guard.within(_BODY_SECONDS), suppress(OSError, http.client.HTTPException, ValueError):
            content = answer.read(_MOST_BYTES)
        if not answer.isclosed() or answer.will_close or self._guard.is_cut:
            answer.close()
            self.close()
        return content.decode(errors="replace")


class _Guard:
    """Shut a socket down at a deadline, by a twin of it: TLS takes the first one over.

    Time limits of sockets hold for each byte, so that an answer in drops never reaches them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._twin: socket.socket | None = None
        self.is_over = False
        self.is_cut = False

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Cut what is watched if the body takes longer."""
        is_done = threading.Event()

        def cut() -> None:
            with self._lock:
                if not is_done.is_set():
                    self._cut()

        self.is_cut = self.is_over
        timer = threading.Timer(seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            with self._lock:
                is_done.set()
            timer.cancel()

    def watch(self, sock: socket.socket) -> None:
        """Take a new socket in place of the last one."""
        with self._lock:
            self._release()
            self._twin = sock.dup()
            if self.is_cut:
                self._cut()

    def cut_for_good(self) -> None:
        """Cut now, and everything that follows."""
        with self._lock:
            self.is_over = True
            self._cut()

    def release(self) -> None:
        """Let the socket go."""
        with self._lock:
            self._release()

    def _cut(self) -> None:
        self.is_cut = True
        if self._twin is not None:
            with suppress(OSError):
                self._twin.shutdown(socket.SHUT_RDWR)

    def _release(self) -> None:
        if self._twin is not None:
            self._twin.close()
            self._twin = None


class _Plain(HTTPConnection):
    watch: Callable[[socket.socket], None]

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self.watch(sock)
        return sock

    def exchange(self, path: str, body: bytes, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        self.request("POST", path, body, headers)
        # urllib3's own getresponse logs the whole address when a header is malformed.
        return http.client.HTTPConnection.getresponse(self)


class _Secure(HTTPSConnection):
    watch: Callable[[socket.socket], None]

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self.watch(sock)
        return sock

    def exchange(self, path: str, body: bytes, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        self.request("POST", path, body, headers)
        return http.client.HTTPConnection.getresponse(self)


def _parsed(address: str) -> Url:
    try:
        url = parse_url(address)
    except LocationParseError:
        url = Url()
    if url.scheme not in ("http", "https") or not url.host:
        raise DeliveryError("bad_url", "the address is no http or https address", recoverable=True)
    return url


def _named(error: Exception) -> tuple[str, str]:
    cause = error.__cause__ if isinstance(error, HTTPError) else error
    if isinstance(cause, TimeoutError):
        return "timeout", "no answer in time"
    if isinstance(error, NameResolutionError):
        return "dns", "the name cannot be resolved"
    if isinstance(cause, ssl.SSLError):
        return "tls", getattr(cause, "verify_message", "") or cause.reason or "no TLS"
    if isinstance(cause, ConnectionRefusedError):
        return "refused", "connection refused"
    return "network", getattr(cause, "strerror", None) or type(error).__name__


def _judge(answer: http.client.HTTPResponse, text: str, now: datetime) -> None:
    status = answer.status
    if 200 <= status < 300:
        return
    message = f"HTTP {status}: {text}" if text else f"HTTP {status}"
    if 300 <= status < 400:
        raise DeliveryError("redirect", f"HTTP {status}, redirects are not followed", recoverable=False)
    raise DeliveryError(
        f"http_{status}",
        message,
        recoverable=status >= 500 or status in _RETRIED_STATUS,
        retry_after_seconds=retry_after_seconds(answer.getheader("Retry-After"), now),
    )


def _without_secrets(text: str, url: Url, headers: Mapping[str, str]) -> str:
    """Shorten an answer for a message, without what it echoes of the address and the headers."""
    parts = [url.request_uri, url.auth or "", url.query or "", *(url.auth or "").split(":")]
    parts += [
        *(url.path or "").split("/"),
        *(pair.partition("=")[2] for pair in (url.query or "").split("&")),
    ]
    parts += [part for value in headers.values() for part in (value, *value.split())]
    for part in sorted({*parts, *map(unquote, parts)}, key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET:
            text = text.replace(part, "<secret>")
    return " ".join(text.split())[:_SHOWN_CHARACTERS]
