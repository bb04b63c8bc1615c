"""Stand between the HTTP server and the application: time limit, headers, passwords."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping
from email.utils import formatdate

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.web.threads import Threads
from monitor.web.web_config import Passwords, WebConfig

USER = "token_monitor.user"
"""In a request's scope: who has given the right password; absent where none was asked for."""

OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})
"""Asked by orchestrators, which have no password; they tell nothing but yes or no."""

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class TimeLimit:
    """Ends a request that takes too long, such as one whose client does not read the answer."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, within the time limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_begun = False

        async def tell(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._seconds):
                await self._app(scope, receive, tell)
        except TimeoutError:
            if not is_begun:
                await PlainTextResponse("took too long\n", 503)(scope, receive, send)
        except asyncio.CancelledError:
            return  # the server ends, and has cut the connection: nobody waits for the answer any more


class ExtraHeaders:
    """Adds the security headers, and those of the web-config file, to every answer."""

    def __init__(self, app: ASGIApp, config: Callable[[], WebConfig]) -> None:
        self._app = app
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                _set_missing(headers, SECURITY_HEADERS)
                _set_missing(
                    headers,
                    {"cache-control": "no-store", "date": formatdate(usegmt=True)},
                )
                for name, value in self._config().headers.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, add)


class BasicAuth:
    """Asks for a user and password where the web-config file has users."""

    def __init__(
        self, app: ASGIApp, config: Callable[[], WebConfig], threads: Threads
    ) -> None:
        self._app = app
        self._config = config
        self._passwords = Passwords(threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or ask for a password."""
        users = self._config().users
        if scope["type"] == "lifespan" or not users or scope.get("path") in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        given = _credentials(Headers(scope=scope).get("authorization", ""))
        if given is not None and await self._passwords.are_right(users, *given):
            scope[USER] = given[0]
            await self._app(scope, receive, send)
            return
        challenge = {"www-authenticate": 'Basic realm="token-monitor", charset="UTF-8"'}
        await PlainTextResponse("Unauthorized\n", 401, headers=challenge)(
            scope, receive, send
        )


def _set_missing(headers: MutableHeaders, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        headers.setdefault(name, value)


def _credentials(header: str) -> tuple[str, str] | None:
    """Read an Authorization header; None when it is no user and password."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = decoded.partition(":")
    return (user, password) if colon else None
