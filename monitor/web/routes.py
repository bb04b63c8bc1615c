"""List every path that is answered, with who answers it, where, and whether it asks for a password."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.web.answers import Answers
from monitor.web.scrapes import METRICS_PATH, Scrapes
from monitor.web.silence_answers import SilenceAnswers
from monitor.web.silence_pages import SilencePages
from monitor.web.threads import Threads
from monitor.web.views import Views

THREADS = 4
"""Requests that are worked on at once; more wait. A scrape, a page and a new password each need one."""
_MAX_BODY_BYTES = 64 * 1024
"""What is declared of a deployment is short; a client that sends a body to a reload may go on."""

_ACKNOWLEDGE = "/api/v1/alerts/{fingerprint}/acknowledgement"

Handler: TypeAlias = Callable[[Request], Awaitable[Response]] | Scrapes
"""What the application calls for a request."""
Answer: TypeAlias = Callable[[Answers, Request], Response]
"""A method that may take long to compute its answer: for a thread."""
BodyAnswer: TypeAlias = Callable[[Answers, Request, bytes], Response]
"""One that also wants what was sent, and waits for the pipeline."""
SilenceAnswer: TypeAlias = Callable[[SilenceAnswers, Request], Response]
SilenceBodyAnswer: TypeAlias = Callable[[SilenceAnswers, Request, bytes], Response]
FormAnswer: TypeAlias = Callable[[SilencePages, Request, bytes], Response]
QuickAnswer: TypeAlias = Callable[[Answers, Request], Awaitable[Response]]
"""A coroutine whose answer is at hand: for the server's own loop."""


@dataclass(frozen=True, slots=True)
class Pools:
    """The threads that compute answers, and what answers scrapes without one."""

    scrapes: Scrapes
    requests: Threads
    reload: Threads
    """One of its own: reloads come one at a time, and one that hangs takes no scrape's thread."""
    declared: Threads
    """The same for what is declared of deployments and silences, which waits until it is recorded."""


Binding: TypeAlias = Callable[[Answers, Pools], Handler]
"""Makes the handler of an endpoint, of the answers and threads of one application."""


def _at_once(answer: QuickAnswer) -> Binding:
    return lambda answers, _pools: partial(answer, answers)


def _in_thread(answer: Answer) -> Binding:
    return lambda answers, pools: pools.requests.within(partial(answer, answers))


def _in_reload_thread(answer: Answer) -> Binding:
    return lambda answers, pools: pools.reload.within(partial(answer, answers))


def _with_body(answer: BodyAnswer) -> Binding:
    return lambda answers, pools: _waiting(pools, partial(answer, answers))


def _of_silences(answer: SilenceAnswer) -> Binding:
    return lambda answers, pools: pools.requests.within(
        partial(answer, answers.of_silences)
    )


def _of_silences_with_body(answer: SilenceBodyAnswer) -> Binding:
    return lambda answers, pools: _waiting(pools, partial(answer, answers.of_silences))


def _of_silence_form(answer: FormAnswer) -> Binding:
    return lambda answers, pools: _waiting(
        pools, partial(answer, answers.silence_pages)
    )


def _silence_page(answers: Answers, pools: Pools) -> Handler:
    return pools.requests.within(answers.silence_pages.page)


def _waiting(pools: Pools, answer: Callable[[Request, bytes], Response]) -> Handler:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await pools.declared.do(answer, request, body)

    return endpoint


def _scrapes(_answers: Answers, pools: Pools) -> Handler:
    return pools.scrapes


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path: the method of `Answers` that answers it, and where that runs.

    HEAD is answered wherever GET is. `is_open`: for orchestrators, which have no password and come by any
    Host; what it answers says nothing but yes or no.
    """

    path: str
    binding: Binding
    method: str = "GET"
    is_open: bool = False


ENDPOINTS = (
    Endpoint("/", _in_thread(Answers.page)),
    Endpoint("/queries/{name}", _in_thread(Answers.query_page)),
    Endpoint("/targets/{name:path}", _in_thread(Answers.target_page)),
    Endpoint("/alerts/{fingerprint}", _in_thread(Answers.alert_page)),
    Endpoint(
        "/alerts/{fingerprint}/silence", _of_silence_form(SilencePages.silence), "POST"
    ),
    Endpoint(
        "/alerts/{fingerprint}/acknowledge",
        _of_silence_form(SilencePages.acknowledge),
        "POST",
    ),
    Endpoint("/silences", _silence_page),
    Endpoint("/silences/{id}/end", _of_silence_form(SilencePages.end), "POST"),
    Endpoint("/history", _in_thread(Answers.history_page)),
    Endpoint("/badge.svg", _in_thread(Answers.badge_svg)),
    Endpoint("/badge.json", _in_thread(Answers.badge_json)),
    Endpoint("/static/page.css", _at_once(Answers.style)),
    Endpoint("/static/page.js", _at_once(Answers.script)),
    Endpoint("/static/icon-{tone}.svg", _at_once(Answers.icon)),
    Endpoint("/runbooks/{name}", _in_thread(Answers.runbook)),
    Endpoint(METRICS_PATH, _scrapes),
    Endpoint("/-/healthy", _at_once(Answers.healthy), is_open=True),
    Endpoint("/-/ready", _at_once(Answers.ready), is_open=True),
    Endpoint("/-/reload", _in_reload_thread(Answers.reload), method="POST"),
    Endpoint("/api/v1/alerts", _in_thread(Answers.alerts)),
    Endpoint("/api/v1/rules", _in_thread(Answers.rules)),
    Endpoint("/api/v1/history", _in_thread(Answers.history)),
    Endpoint("/api/v1/queries", _in_thread(Answers.queries)),
    Endpoint("/api/v1/deploys", _in_thread(Answers.deploys)),
    Endpoint("/api/v1/deploys", _with_body(Answers.begin_deploy), method="POST"),
    Endpoint("/api/v1/deploys/end", _with_body(Answers.end_deploy), method="POST"),
    Endpoint(_ACKNOWLEDGE, _of_silences_with_body(SilenceAnswers.acknowledge), "POST"),
    Endpoint(
        _ACKNOWLEDGE, _of_silences_with_body(SilenceAnswers.unacknowledge), "DELETE"
    ),
    Endpoint("/api/v2/alerts", _of_silences(SilenceAnswers.alerts)),
    Endpoint("/api/v2/alerts/groups", _of_silences(SilenceAnswers.groups)),
    Endpoint("/api/v2/receivers", _of_silences(SilenceAnswers.receivers)),
    Endpoint("/api/v2/silence/{id}", _of_silences(SilenceAnswers.silence)),
    Endpoint(
        "/api/v2/silence/{id}", _of_silences_with_body(SilenceAnswers.end), "DELETE"
    ),
    Endpoint("/api/v2/silences", _of_silences(SilenceAnswers.silences)),
    Endpoint("/api/v2/silences", _of_silences_with_body(SilenceAnswers.add), "POST"),
    Endpoint("/api/v2/status", _of_silences(SilenceAnswers.status)),
    Endpoint("/sd/targets", _at_once(Answers.targets)),
)
"""Every path. `docs/http.md` describes each of them, and a test compares."""

OPEN_PATHS = frozenset(endpoint.path for endpoint in ENDPOINTS if endpoint.is_open)


def application(views: Views, threads: Threads | None = None) -> Starlette:
    """Build the application: the endpoints, without the guards around them.

    `threads` compute the answers that take long; all threads live while the application's lifespan does.
    """
    answers = Answers(views)
    requests = threads or Threads(THREADS)
    scrapes = Scrapes(views.exposition, requests)
    pools = Pools(
        scrapes,
        requests,
        reload=Threads(1, name="reload"),
        declared=Threads(1, name="declared"),
    )
    routes = [
        Route(
            endpoint.path, endpoint.binding(answers, pools), methods=[endpoint.method]
        )
        for endpoint in ENDPOINTS
    ]
    app = Starlette(
        routes=routes,
        lifespan=_while_serving(pools.requests, pools.reload, pools.declared),
        max_body_size=_MAX_BODY_BYTES,
    )
    # A redirect would repeat whatever Host the request names.
    app.router.redirect_slashes = False
    return app


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
