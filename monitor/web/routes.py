"""Answer requests from the views: metrics, health, reload, the JSON API, the page."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from monitor.alerting.reach import why_nobody_is_notified
from monitor.config.runbooks import read_runbooks
from monitor.model.settings import Config
from monitor.web import api
from monitor.web.banners import Troubles
from monitor.web.guards import USER
from monitor.web.page import page_of
from monitor.web.threads import Threads
from monitor.web.views import Views
from monitor.web.words import fit

_HERE = Path(__file__).parent
THREADS = 4
"""Requests that are worked on at once; more wait. A scrape, a page and a new password each need one."""
_MAX_HISTORY = 10_000
_RULE_TYPES = ("alert", "record")
_CACHED = {"cache-control": "max-age=86400"}


def application(views: Views, threads: Threads | None = None) -> Starlette:
    """Make the application: routes, without the guards around them; its threads live while it serves."""
    answers = Answers(views)
    threads = threads or Threads(THREADS)
    reloads = Threads(
        1, name="reload"
    )  # one at a time, and one that hangs takes no scrape's thread
    within = threads.within
    get = ["GET"]  # HEAD comes with it
    app = Starlette(
        routes=[
            Route("/", within(answers.page), methods=get),
            Route("/static/page.css", answers.style, methods=get),
            Route("/static/page.js", answers.script, methods=get),
            Route("/runbooks/{name}", answers.runbook, methods=get),
            Route("/metrics", within(answers.metrics), methods=get),
            Route("/-/healthy", answers.healthy, methods=get),
            Route("/-/ready", answers.ready, methods=get),
            Route("/-/reload", reloads.within(answers.reload), methods=["POST"]),
            Route("/api/v1/alerts", within(answers.alerts), methods=get),
            Route("/api/v1/rules", within(answers.rules), methods=get),
            Route("/api/v1/history", within(answers.history), methods=get),
            Route("/api/v1/queries", within(answers.queries), methods=get),
        ],
        lifespan=_while_serving(threads, reloads),
        max_body_size=64 * 1024,
    )
    app.router.redirect_slashes = (
        False  # it would repeat whatever Host the request names
    )
    return app


class Answers:
    """One method for each route. Plain functions are for a thread; health asks for none."""

    def __init__(self, views: Views) -> None:
        self._views = views
        environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            finalize=fit,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._template = environment.get_template("page.html")
        self._style = (_HERE / "static" / "page.css").read_bytes()
        self._script = (_HERE / "static" / "page.js").read_bytes()
        self._version = hashlib.sha256(self._style + self._script).hexdigest()[:12]
        self._runbooks = read_runbooks()

    def page(self, request: Request) -> Response:
        """Show how things are; `?alert=FINGERPRINT` shows that one in any case."""
        views = self._views
        config = views.config()
        page = page_of(
            views.snapshot(),
            views.now(),
            views.judged_at(),
            config=config,
            troubles=self._troubles(config),
            asked=request.query_params.get("alert", ""),
            shows_evidence=_has_given_password(request),
        )
        body = self._template.render(
            page=page, version=self._version, runbooks=self._runbooks
        )
        return Response(body, media_type="text/html")

    def _troubles(self, config: Config) -> Troubles:
        is_healthy, words = self._views.is_healthy()
        return Troubles(
            sick="" if is_healthy else words,
            unnotified=why_nobody_is_notified(config),
            reload=self._views.last_reload(),
            warnings=config.warnings,
            notes=self._views.notes(),
        )

    async def style(self, _request: Request) -> Response:
        """Give the page's style sheet; its address changes with its content."""
        return Response(self._style, media_type="text/css", headers=_CACHED)

    async def script(self, _request: Request) -> Response:
        """Give the page's script, which renews it; its address changes with its content."""
        return Response(self._script, media_type="text/javascript", headers=_CACHED)

    async def runbook(self, request: Request) -> Response:
        """Give a shipped runbook as text, which no browser takes for anything else."""
        text = self._runbooks.get(request.path_params["name"])
        if text is None:
            return PlainTextResponse("no such runbook\n", 404)
        return PlainTextResponse(text)

    def metrics(self, request: Request) -> Response:
        """Give the exposition, in the format and encoding that the client asks for."""
        body, content_type = self._views.render_metrics(
            request.headers.get("accept", "")
        )
        headers = {"content-type": content_type, "vary": "Accept, Accept-Encoding"}
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            # Level 1: a sixth of the time of level 9 for a seventh more bytes.
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers)

    async def healthy(self, _request: Request) -> Response:
        """Tell whether the process does its work; never touches a database."""
        return _verdict(self._views.is_healthy)

    async def ready(self, _request: Request) -> Response:
        """Tell whether the first picture is there."""
        return _verdict(self._views.is_ready)

    def reload(self, request: Request) -> Response:
        """Load the configuration anew; 500 with the reason when the old one stays."""
        if _is_foreign(request):
            return PlainTextResponse("refused: sent by a page of another origin\n", 403)
        error = self._views.reload()
        if error is not None:
            return PlainTextResponse(f"{error}\n", 500)
        return PlainTextResponse("reloaded\n")

    def alerts(self, request: Request) -> Response:
        """Give what is pending or firing, as Prometheus does."""
        views = self._views
        is_known = _has_given_password(request)
        return _success(
            api.alerts(
                views.snapshot(),
                views.now(),
                views.judged_at(),
                shows_evidence=is_known,
            )
        )

    def rules(self, request: Request) -> Response:
        """Give all rules and how they stand, as Prometheus does."""
        kind = request.query_params.get("type", "alert")
        if kind not in _RULE_TYPES:
            return _bad_data(
                f'not supported value "{kind}" of type; allowed: {", ".join(_RULE_TYPES)}'
            )
        if kind == "record":
            return _success({"groups": []})
        views = self._views
        is_known = _has_given_password(request)
        return _success(
            api.rules(
                views.snapshot(),
                views.config(),
                views.now(),
                views.judged_at(),
                shows_evidence=is_known,
            )
        )

    def history(self, request: Request) -> Response:
        """Give past transitions, the newest first."""
        text = request.query_params.get("limit", "100")
        if not (
            text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= _MAX_HISTORY
        ):
            return _bad_data(f"limit must be a number from 1 to {_MAX_HISTORY}")
        return _success(api.history(self._views.history(int(text[:6]))))

    def queries(self, _request: Request) -> Response:
        """Give how each query does on each target."""
        return _success(api.queries(self._views.snapshot(), self._views.now()))


def _while_serving(
    *pools: Threads,
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        for threads in pools:
            threads.start()
        yield
        for threads in pools:
            threads.stop()

    return lifespan


def _verdict(ask: Callable[[], tuple[bool, str]]) -> Response:
    is_well, words = ask()
    return PlainTextResponse(f"{words}\n", 200 if is_well else 503)


def _success(data: api.Json) -> Response:
    return _json({"status": "success", "data": data}, 200)


def _bad_data(error: str) -> Response:
    return _json({"status": "error", "errorType": "bad_data", "error": error}, 400)


def _json(body: api.Json, status: int) -> Response:
    return Response(
        orjson.dumps(body, default=dict), status, media_type="application/json"
    )


def _has_given_password(request: Request) -> bool:
    return bool(request.scope.get(USER))


def _takes_gzip(accept_encoding: str) -> bool:
    for part in accept_encoding.lower().split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _is_foreign(request: Request) -> bool:
    """Tell whether a browser sends this on behalf of a page that is not ours."""
    if request.headers.get("sec-fetch-site", "same-origin") not in (
        "same-origin",
        "none",
    ):
        return True
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")
