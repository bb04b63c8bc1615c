"""Answer GET /metrics: bytes that are prepared, sent before any routing, in the loop's own thread."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.telemetry.exposition import Exposition, ScrapeRequest
from monitor.web.guards import header_of
from monitor.web.threads import Threads

METRICS_PATH = "/metrics"
_METHODS = ("GET", "HEAD")
_UNKNOWN = b"unknown target; /sd/targets lists those that there are\n"


class Scrapes:
    """Sends the exposition in the format and encoding that the client asks for.

    What takes long, as after results of a fleet, is done in a thread; most answers are at hand.
    """

    def __init__(self, exposition: Exposition, threads: Threads) -> None:
        self._exposition = exposition
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exposition = self._exposition
        request = _request_of(scope)
        if request.target is not None and not exposition.knows(request.target):
            await _send_unknown(send)
            return
        is_ready = exposition.is_at_hand(request) or exposition.prepare_if_quick(
            request
        )
        if not is_ready:
            await self._threads.do(exposition.prepare, request)
        scrape = exposition.answer(request)
        if scrape is None:
            await _send_unknown(send)
            return
        headers = [(b"vary", b"Accept, Accept-Encoding")]
        if scrape.format.is_gzipped:
            headers.append((b"content-encoding", b"gzip"))
        content_type = scrape.format.content_type.encode("latin-1")
        await _send(send, 200, content_type, scrape.body, headers)


class ScrapesFirst:
    """Has scrapes answered before the application looks for who answers: its routing costs more than they do."""

    def __init__(self, app: ASGIApp, scrapes: Scrapes) -> None:
        self._app = app
        self._scrapes = scrapes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a scrape; pass any other request on."""
        is_scrape = scope["path"] == METRICS_PATH and scope["method"] in _METHODS
        await (self._scrapes if is_scrape else self._app)(scope, receive, send)


def _request_of(scope: Scope) -> ScrapeRequest:
    return ScrapeRequest(
        header_of(scope, b"accept") or "",
        header_of(scope, b"accept-encoding") or "",
        _target_of(scope["query_string"]),
    )


def _target_of(query_string: bytes) -> str | None:
    if not query_string:
        return None
    values = parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
    given = values.get("target")
    return None if given is None else given[0]


async def _send_unknown(send: Send) -> None:
    await _send(send, 404, b"text/plain; charset=utf-8", _UNKNOWN)


async def _send(
    send: Send,
    status: int,
    content_type: bytes,
    body: bytes,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    length = str(len(body)).encode("ascii")
    own = [(b"content-type", content_type), (b"content-length", length)]
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": body})
