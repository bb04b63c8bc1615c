"""Refuse requests for a host that is not ours: a foreign page may have its name lead to this machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.model.hosts import is_loopback
from monitor.model.settings import Config
from monitor.web.guards import header_of

ANY = "*"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{0,5})?")


class HostCheck:
    """Answers 421 where the Host header names a host that is not among ours.

    By default only while listening on the loopback: there nobody comes by another name than the machine's
    own, but a browser whose page has rebound its name. Open paths are asked by any name. `listens_on` is
    the address that the server is bound to, `name` what `listen` calls it; `config` is asked at each
    request, so that a reload takes effect.
    """

    def __init__(
        self,
        app: ASGIApp,
        listens_on: str,
        name: str,
        config: Callable[[], Config],
        open_paths: Collection[str],
    ) -> None:
        self._app = app
        self._listens_on = listens_on
        self._name = name.lower().removesuffix(".")
        self._config = config
        self._open_paths = open_paths
        self._accepted: tuple[object, ...] = ()
        """The header that was accepted last, and by what of the configuration."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with 421 (Misdirected Request, RFC 9110)."""
        # Without one, as HTTP/1.0 may be, no browser has asked.
        header = header_of(scope, b"host")
        is_open = scope["path"] in self._open_paths
        if header is None or is_open or self._is_ours(header):
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse(_advice(header), 421)
        await refusal(scope, receive, send)

    def _is_ours(self, header: str) -> bool:
        config = self._config()
        # Who scrapes comes by the same name each time. By what it is judged, not by the whole configuration: to
        # compare two of a fleet takes a third of a second.
        asked = (header, config.web.hosts, config.external_url)
        if self._accepted == asked:
            return True
        if not self._is_among(header, config):
            return False
        self._accepted = asked
        return True

    def _is_among(self, header: str, config: Config) -> bool:
        hosts = {host.lower() for host in config.web.hosts}
        is_open_to_all = not hosts and not is_loopback(self._listens_on)
        if is_open_to_all or ANY in hosts:
            return True
        host = host_of(header)
        if host is None:
            return False
        # No name server can rebind these: RFC 6761 keeps .localhost on this machine.
        if is_loopback(host) or host.endswith(".localhost"):
            return True
        return host in {*hosts, self._name, urlsplit(config.external_url).hostname}


def host_of(header: str) -> str | None:
    """Return the host of a Host header, lower case, without port, brackets and last dot; None of rubbish."""
    match = _HOST.fullmatch(header.strip())
    if match is None:
        return None
    return match[1].strip("[]").lower().removesuffix(".")


def _advice(header: str) -> str:
    host = host_of(header)
    if host is None:
        return "misdirected: the Host header names no host\n"
    return (
        f"misdirected: this monitor does not answer to the host {host}; if it is one of its own, add it in"
        f' config.toml and reload: [web] hosts = ["{host}"]\n'
    )
