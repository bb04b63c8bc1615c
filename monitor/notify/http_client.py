"""Send to one address over a connection that is kept, within a time limit that nothing can stretch."""

from __future__ import annotations

import base64
import http.client
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote_to_bytes

from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from monitor import __version__
from monitor.model.errors import DeliveryError
from monitor.notify.answers import (
    ANY_SERVICE,
    AnswerRules,
    ServiceAnswer,
    require_taken,
)
from monitor.notify.deadline_socket import DeadlineSocket
from monitor.notify.secrets import without_secrets
from monitor.notify.socket_connection import (
    SocketConnection,
    connection_to,
    failure_at,
    on_the_wire,
)
from monitor.notify.transport import Transport
from monitor.secrets.redaction import in_headers, parts_of

_OWN_HEADERS: Final = MappingProxyType(
    {
        "content-type": "application/json",
        "user-agent": f"token-monitor/{__version__}",
    }
)
# Of a body that explains a status: a few lines are enough, and the status has decided already.
_MAX_BODY_BYTES: Final = 4096
_BODY_SECONDS: Final = 1.0


class HttpClient:
    """Sends to one receiver's address, by POST or by another method; of one thread, but for `abort`.

    No redirects, proxies or retries. Addresses can carry secrets: errors name host and port only.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        timeout: timedelta,
        method: str = "POST",
        rules: AnswerRules = ANY_SERVICE,
    ) -> None:
        self._method = method
        self._rules = rules
        self._timeout_seconds = timeout.total_seconds()
        self._tls = transport.tls
        self._socket = DeadlineSocket(transport.watchdog)
        self._origin: tuple[str | None, ...] = ()
        self._connection: SocketConnection | None = None

    def send(
        self,
        address: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        now: datetime,
        secrets: Iterable[str] = (),
        seconds: float | None = None,
        rules: AnswerRules | None = None,
    ) -> int:
        """Return the status when the receiver took it, else raise DeliveryError.

        `secrets` of the body are not repeated in errors; `seconds` is less than the timeout where one
        attempt takes several requests. `now` is what a date in Retry-After is compared with. `rules`: where the
        service's answer to this one means something else than usual.
        """
        url = _parsed(address)
        given = _with_auth(url, headers)
        allowed = self._timeout_seconds if seconds is None else seconds
        deadline = time.monotonic() + allowed
        with self._within(allowed, url):
            answer = self._exchange(url, body, on_the_wire(given))
            self._require_whole(answer)
        # The time is up for the status only; a little is left for what explains it.
        seconds_left = max(deadline - time.monotonic(), 0.1)
        text = self._text(answer, min(_BODY_SECONDS, seconds_left))
        parts = {*parts_of(address), *parts_of(url.url), *in_headers(given)}
        shown = without_secrets(text, secrets, parts=parts)
        self._require_taken(answer, text, shown, now, rules)
        return answer.status

    def fetch(
        self,
        address: str,
        headers: Mapping[str, str],
        *,
        now: datetime,
        secrets: Iterable[str],
        max_bytes: int,
    ) -> bytes:
        """Return the body of a 2xx answer, whole and in time, else raise DeliveryError without the secrets."""
        url = _parsed(address)
        given = _with_auth(url, headers)
        with self._within(self._timeout_seconds, url):
            answer = self._exchange(url, b"", on_the_wire(given))
            # One more than allowed is enough to know; a far end can send without an end.
            content = answer.read(max_bytes + 1)
            self._require_whole(answer)
        self.close()
        parts = {*parts_of(address), *parts_of(url.url), *in_headers(given)}
        text = content[:_MAX_BODY_BYTES].decode(errors="replace")
        self._require_taken(
            answer, text, without_secrets(text, secrets, parts=parts), now
        )
        if len(content) > max_bytes:
            message = f"the answer is longer than {max_bytes:,} bytes"
            raise DeliveryError("too_long", message, recoverable=True)
        return content

    @contextmanager
    def _within(self, seconds: float, url: Url) -> Iterator[None]:
        """Bound the time of the body; what goes wrong in it is a DeliveryError, and ends the connection."""
        with self._socket.within(seconds):
            try:
                yield
            except (OSError, http.client.HTTPException, HTTPError, ValueError) as error:
                self.close()
                raise failure_at(url, error, self._socket) from None

    def abort(self) -> None:
        """End what is under way, from another thread; nothing is sent afterwards."""
        self._socket.cut_for_good()

    def close(self) -> None:
        """Close the connection; the next `send` opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._socket.release()

    def _exchange(
        self, url: Url, body: bytes, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        connection, is_reused = self._connected(url)
        try:
            return self._asked(connection, url, body, headers)
        except TimeoutError:
            raise
        except OSError:
            # The other side may close a kept connection at any time: once more over a new one.
            if not is_reused or self._socket.is_cut:
                raise
            self.close()
            return self._asked(self._connected(url)[0], url, body, headers)

    def _asked(
        self,
        connection: SocketConnection,
        url: Url,
        body: bytes,
        headers: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        connection.request(self._method, url.request_uri, body, headers)
        return connection.answer()

    def _require_taken(
        self,
        answer: http.client.HTTPResponse,
        text: str,
        shown: str,
        now: datetime,
        rules: AnswerRules | None = None,
    ) -> None:
        came = ServiceAnswer(answer.status, text, answer.getheader("Retry-After"))
        require_taken(came, shown, rules or self._rules, now)

    def _require_whole(self, answer: http.client.HTTPResponse) -> None:
        # http.client takes the end of the connection for the end of the headers.
        if self._socket.is_cut:
            answer.close()
            raise TimeoutError

    def _connected(self, url: Url) -> tuple[SocketConnection, bool]:
        origin = (url.scheme, url.host, str(url.port))
        kept = self._connection
        if kept is not None and origin == self._origin and kept.is_connected:
            return kept, True
        self.close()
        self._origin = origin
        self._connection = self._made(url)
        return self._connection, False

    def _made(self, url: Url) -> SocketConnection:
        """Make the connection to an address; it opens at its first request."""
        if url.scheme == "https":
            self._tls = self._tls or ssl.create_default_context()
        return connection_to(
            url, self._socket, tls=self._tls, seconds=self._timeout_seconds
        )

    def _text(self, answer: http.client.HTTPResponse, seconds: float) -> str:
        """Read a little of the body; the status has decided already, so trouble only costs the connection."""
        content = b""
        with (
            self._socket.within(seconds),
            suppress(OSError, http.client.HTTPException, ValueError),
        ):
            content = answer.read(_MAX_BODY_BYTES)
        is_ours = answer.status != http.client.SWITCHING_PROTOCOLS
        is_read = answer.isclosed() and not answer.will_close
        if not (is_read and is_ours) or self._socket.is_cut:
            answer.close()
            self.close()
        return content.decode(errors="replace")


def _parsed(address: str) -> Url:
    try:
        url = parse_url(address)
    except LocationParseError:
        url = Url()
    if url.scheme not in ("http", "https") or not url.host:
        raise DeliveryError(
            "bad_url", "the address is no http or https address", recoverable=True
        )
    return url


def _with_auth(url: Url, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request: our own, those of the address, those that are given."""
    given = {name.lower(): value for name, value in headers.items()}
    return {**_OWN_HEADERS, **_basic_auth(url), **given}


def _basic_auth(url: Url) -> dict[str, str]:
    """Return the header of an address's user and password: as UTF-8, or as the bytes that `%xx` says."""
    if not url.auth:
        return {}
    encoded = base64.b64encode(unquote_to_bytes(url.auth)).decode()
    return {"authorization": f"Basic {encoded}"}
