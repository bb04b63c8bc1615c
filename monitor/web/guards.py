"""Stand between the HTTP server and the application: time limit, headers, passwords, compression.

Each guard is an ASGI application around another one. All that they get are HTTP requests: the server that
calls them takes no websockets, and the threads of the application are started by `server` itself.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from email.utils import formatdate
from typing import TypeAlias

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.telemetry.negotiation import takes_gzip
from monitor.web.passwords import Passwords
from monitor.web.threads import Threads
from monitor.web.web_config import WebConfig

USER = "token_monitor.user"
"""In a request's scope: who has given the right password; absent where none was asked for."""

# The page loads its own style, script and icon and asks for itself again, and nothing else: what a database puts
# into it can neither run nor send anything away. No frame, form or <base> of a foreign page either.
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


_FORM_HEADERS = {
    "content-security-policy": SECURITY_HEADERS["content-security-policy"].replace(
        "form-action 'none'", "form-action 'self'"
    ),
    # Without one browsers send the form with an origin that is nobody's, and it is refused as foreign.
    "referrer-policy": "same-origin",
}
"""Of the pages that have forms, in place of those."""


def form_headers(*, has_form: bool) -> Mapping[str, str]:
    """Return the headers that a page has of its own: where it has a form, those that let it be sent."""
    return _FORM_HEADERS if has_form else {}


_COMPRESSED_BYTES = 1000
"""What is shorter fits into a packet or two as it is."""
_COMPRESSION = 5
"""Of a page a sixth is left at this level, and little less at higher ones that take much longer."""


class TimeLimit:
    """Ends a request that takes too long, such as one whose client does not read the answer."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, within the time limit; 503 where the answer has not begun by then."""
        is_begun = False

        async def send_on(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._seconds):
                await self._app(scope, receive, send_on)
        except TimeoutError:
            if not is_begun:
                await PlainTextResponse("took too long\n", 503)(scope, receive, send)
        except asyncio.CancelledError:
            return  # the server ends, and has cut the connection: nobody waits for the answer any more


HeaderList: TypeAlias = list[tuple[bytes, bytes]]


class ExtraHeaders:
    """Adds the security headers, and those of the web-config file, to every answer."""

    def __init__(self, app: ASGIApp, config: Callable[[], WebConfig]) -> None:
        self._app = app
        self._config = config
        self._ours = _encoded({**SECURITY_HEADERS, "cache-control": "no-store"})
        self._date = (0, b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add to its answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._with_others(message["headers"])
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _with_others(self, own: Iterable[tuple[bytes, bytes]]) -> HeaderList:
        """Add what the answer does not set itself; the operator's own headers win over all."""
        operators = self._config().headers
        headers = dict(self._ours)
        headers[b"date"] = self._now()
        headers.update(own)
        headers.update(_encoded(operators) if operators else ())
        return list(headers.items())

    def _now(self) -> bytes:
        """Return the date as a header has it; each second another one."""
        second = int(time.time())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True).encode())
        return self._date[1]


def header_of(scope: Scope, name: bytes) -> str | None:
    """Return a header, by its name in lower case; several of one name are one list (RFC 9110, section 5.3)."""
    values = [value for key, value in scope["headers"] if key == name]
    return b", ".join(values).decode("latin-1") if values else None


def _encoded(headers: Mapping[str, str]) -> HeaderList:
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in headers.items()
    ]


class BasicAuth:
    """Asks for a user and password where the web-config file has users, but on the open paths."""

    def __init__(
        self,
        app: ASGIApp,
        config: Callable[[], WebConfig],
        threads: Threads,
        open_paths: Collection[str],
    ) -> None:
        self._app = app
        self._config = config
        self._passwords = Passwords(threads)
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or ask for a password."""
        users = self._config().users
        if not users or scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        given = _credentials(header_of(scope, b"authorization") or "")
        if given is not None and await self._passwords.are_right(users, *given):
            scope[USER] = given[0]
            await self._app(scope, receive, send)
            return
        challenge = {"www-authenticate": 'Basic realm="token-monitor", charset="UTF-8"'}
        refusal = PlainTextResponse("Unauthorized\n", 401, headers=challenge)
        await refusal(scope, receive, send)


class Compressed:
    """Compresses answers that are long, for who takes gzip."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._compressing = GZipMiddleware(app, _COMPRESSED_BYTES, _COMPRESSION)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and compress its answer where that is asked for and tells nobody anything."""
        takes = takes_gzip(header_of(scope, b"accept-encoding") or "")
        # The length of a compressed page tells whether what an address puts into it is in it already (BREACH): behind
        # a password it may have the ids of users.
        could_tell = USER in scope and scope["query_string"]
        app = self._compressing if takes and not could_tell else self._plain
        await app(scope, receive, send)


def _credentials(header: str) -> tuple[str, str] | None:
    """Return user and password of an Authorization header; None when it has no such pair."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    # A password may have a colon in it, a user may not (RFC 7617).
    user, colon, password = decoded.partition(":")
    if not colon:
        return None
    return user, password
