"""The requests of one delivery by the library Apprise: over our sockets, in our time, and remembered."""

from __future__ import annotations

import http.client
import io
import ssl
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.util import Url, parse_url

from monitor.model.errors import DeliveryError
from monitor.notify.answers import AnswerRules, ServiceAnswer, require_taken
from monitor.notify.deadline_socket import DeadlineSocket
from monitor.notify.secrets import without_secrets
from monitor.notify.socket_connection import (
    SocketConnection,
    connection_to,
    failure_at,
    on_the_wire,
)

# The library reads its answers whole: lists of rooms, say. More is a far end that plays with us.
_MAX_ANSWER_BYTES: Final = 1_000_000
# Of a body that explains a status.
_MAX_TEXT_BYTES: Final = 4096
_ASKS_ONLY: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Redirects are not followed, nothing that was packed is unpacked to a thousand times its size, and how the body
# came over the wire is not how the library reads it.
_LEFT_OUT: Final = frozenset(
    {"location", "content-encoding", "content-length", "transfer-encoding"}
)
_MAX_SAID: Final = 20


class Conversation:
    """All requests of one delivery, of one thread; what went wrong in it, and what the library said of it."""

    def __init__(
        self, deadline_socket: DeadlineSocket, tls: ssl.SSLContext, seconds: float
    ) -> None:
        self._socket = deadline_socket
        self._tls = tls
        self._seconds = seconds
        self._said: list[str] = []
        self._trouble: DeliveryError | None = None
        self._refusal: ServiceAnswer | None = None
        self._status: int | None = None

    def say(self, text: str) -> None:
        """Remember what the library logs of this delivery; it may hold secrets."""
        if len(self._said) < _MAX_SAID:
            self._said.append(text)

    def exchange(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes | None
    ) -> HTTPResponse:
        """Make a request and return its answer; DeliveryError, which is remembered, where there is none."""
        url = parse_url(address)
        connection = connection_to(
            url, self._socket, tls=self._tls, seconds=self._seconds
        )
        is_sent = False
        try:
            connection.request(method, url.request_uri, body, on_the_wire(headers))
            is_sent = method not in _ASKS_ONLY
            answer, content = self._answer(connection)
        except (OSError, http.client.HTTPException, HTTPError, ValueError) as error:
            raise self._failed(url, error, is_sent=is_sent) from None
        finally:
            connection.close()
        self._remember(answer, content)
        return _as_the_library_reads_it(answer, content)

    def require_taken(
        self,
        *,
        is_taken: bool,
        rules: AnswerRules,
        secrets: frozenset[str],
        now: datetime,
    ) -> None:
        """Raise DeliveryError, without the secrets, unless the library says that the service has the message."""
        if is_taken:
            return
        if self._trouble is not None:
            raise self._trouble
        if self._refusal is not None:
            shown = without_secrets(self._refusal.text, secrets, parts=secrets)
            require_taken(self._refusal, shown, rules, now)
        said = without_secrets("; ".join(self._said), secrets, parts=secrets)
        if self._status is None:
            raise DeliveryError(
                "apprise", f"nothing was sent: {said}", recoverable=True
            )
        message = f"HTTP {self._status}, which Apprise does not take for a yes: {said}"
        raise DeliveryError(f"http_{self._status}", message, recoverable=True)

    def _answer(
        self, connection: SocketConnection
    ) -> tuple[http.client.HTTPResponse, bytes]:
        answer = connection.answer()
        content = answer.read(_MAX_ANSWER_BYTES)
        # http.client takes the end of the connection for the end of an answer.
        if self._socket.is_cut:
            raise TimeoutError
        return answer, content

    def _failed(self, url: Url, error: Exception, *, is_sent: bool) -> DeliveryError:
        """Return what went wrong, and remember the first of it: what follows in an attempt follows from that."""
        failure = failure_at(url, error, self._socket)
        if is_sent:
            message = f"{failure.message}, so that it may be delivered"
            failure = DeliveryError("maybe_delivered", message, recoverable=True)
        self._trouble = self._trouble or failure
        return failure

    def _remember(self, answer: http.client.HTTPResponse, content: bytes) -> None:
        self._status = answer.status
        if not 200 <= answer.status < 300:
            text = content[:_MAX_TEXT_BYTES].decode(errors="replace")
            wait = answer.getheader("Retry-After")
            self._refusal = ServiceAnswer(answer.status, text, wait)


def _as_the_library_reads_it(
    answer: http.client.HTTPResponse, content: bytes
) -> HTTPResponse:
    headers = HTTPHeaderDict(answer.getheaders())
    for name in _LEFT_OUT:
        headers.discard(name)
    return HTTPResponse(
        body=io.BytesIO(content),
        headers=headers,
        status=answer.status,
        reason=answer.reason,
        preload_content=False,
        decode_content=False,
    )
