"""Refuse requests for a host that is not ours: a foreign page may have its name lead to this machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.model.hosts import is_loopback
from monitor.model.settings import Config
from monitor.web.guards import OPEN_PATHS

ANY = "*"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{0,5})?")


class HostCheck:
    """Answers 421 where the Host header names a host that is not among ours.

    By default only while listening on the loopback: there nobody comes by another name than the machine's
    own, but a browser whose page has rebound its name. Health checks are asked by any name.
    """

    def __init__(
        self, app: ASGIApp, listens_on: str, config: Callable[[], Config]
    ) -> None:
        self._app = app
        self._listens_on = listens_on
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        named = _checked_host(scope)
        if named is None or self._is_ours(named):
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse(_advice(named), 421)(scope, receive, send)

    def _is_ours(self, named: str) -> bool:
        config = self._config()
        hosts = {host.lower() for host in config.web.hosts}
        is_asked_for = bool(hosts) or is_loopback(self._listens_on)
        if ANY in hosts or not is_asked_for:
            return True
        host = host_of(named)
        if host is None:
            return False
        if is_loopback(host) or host.endswith(".localhost"):
            return True
        return host in hosts or host == urlsplit(config.external_url).hostname


def _checked_host(scope: Scope) -> str | None:
    """Return the Host header of a request for which it counts."""
    if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
        return None
    # Without one, as HTTP/1.0 may be, no browser has asked.
    return Headers(scope=scope).get("host")


def host_of(named: str) -> str | None:
    """Return the host of a Host header, lower case, without port, brackets and last dot; None of rubbish."""
    match = _HOST.fullmatch(named.strip())
    return None if match is None else match[1].strip("[]").lower().removesuffix(".")


def _advice(named: str) -> str:
    host = host_of(named)
    if host is None:
        return "misdirected: the Host header names no host\n"
    return (
        f"misdirected: this monitor does not answer to the host {host}; if it is one of its own, add it in"
        f' config.toml and reload: [web] hosts = ["{host}"]\n'
    )
