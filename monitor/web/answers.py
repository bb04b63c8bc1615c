"""Answer requests from the views: health, reload, the JSON API, the page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from monitor.alerting.reach import why_nobody_is_notified
from monitor.config.shipped import read_runbooks
from monitor.model.deploys import DeployRequest
from monitor.model.settings import Config
from monitor.web import api, api_rules, service_discovery
from monitor.web.badges import Badge, badge_of, badge_part, badge_picture
from monitor.web.banners import Troubles
from monitor.web.deploys import RefusedRequest, begin_of, deploys_json, end_of
from monitor.web.guards import USER, form_headers
from monitor.web.icons import COLOURS, icon
from monitor.web.latest import LatestTransitions
from monitor.web.origins import FOREIGN, is_foreign
from monitor.web.page import page_of
from monitor.web.page_filter import page_filter
from monitor.web.page_template import PageTemplate
from monitor.web.pages import DetailPages
from monitor.web.runbook_page import runbook_page_of
from monitor.web.silence_answers import SilenceAnswers
from monitor.web.silence_pages import SilencePages
from monitor.web.views import Scene, Views

_ReadsDeploy: TypeAlias = Callable[[bytes, Config, str], DeployRequest | RefusedRequest]
"""Reads what a request declares, by the configuration, in a user's name."""

_HERE = Path(__file__).parent
_MAX_HISTORY = 10_000
_RULE_TYPES = ("alert", "record")
_CACHED = {"cache-control": "max-age=86400"}
"""A day; the address of what is cached has a hash of its content in it."""
_BY_ACCEPT = {"vary": "accept"}
_EMBEDDED = {
    "cache-control": "no-cache",
    # For a wiki of the same domain. Of any other page a foreign one could learn by its width what it says.
    "cross-origin-resource-policy": "same-site",
}


class Answers:
    """The answers to all requests, a method for each path of `routes.ENDPOINTS`.

    Plain functions are called in threads, several at once; coroutines have their answer at hand.
    """

    def __init__(self, views: Views) -> None:
        self._views = views
        self._style = (_HERE / "static" / "page.css").read_bytes()
        self._script = (_HERE / "static" / "page.js").read_bytes()
        # In the addresses of both: after an update no browser shows the page in the style of before.
        version = hashlib.sha256(self._style + self._script).hexdigest()[:12]
        self._runbooks = read_runbooks()
        self._template = PageTemplate(version=version, runbooks=self._runbooks)
        self._pages = DetailPages(views, self._template)
        self._latest = LatestTransitions(views.past)
        self.of_silences = SilenceAnswers(views)
        self.silence_pages = SilencePages(views, self._template, self.of_silences)

    def page(self, request: Request) -> Response:
        """Show the page, or a part of it; `?alert=FINGERPRINT` shows that one in any case."""
        config = self._views.config()
        scene = self._scene(request)
        chosen = page_filter(request.query_params)
        page = page_of(
            scene,
            config,
            self._troubles(config),
            asked=request.query_params.get("alert", ""),
            chosen=chosen,
            day=self._pages.day_of_only(chosen.target, scene),
            past=self._latest.of(chosen.target, scene.now),
        )
        text = self._template.render("page", page, root="")
        headers = form_headers(has_form=page.search.has_field)
        return Response(text, media_type="text/html", headers=headers)

    def badge_svg(self, request: Request) -> Response:
        """Draw in two words how all is, or a part of it."""
        badge = self._badge(request)
        return _embedded(badge, badge_picture(badge), "image/svg+xml")

    def badge_json(self, request: Request) -> Response:
        """Return the same as shields.io reads it, which draws badges of its own."""
        badge = self._badge(request)
        body: api.Json = {
            "schemaVersion": 1,
            "label": badge.label,
            "message": badge.message,
            "color": COLOURS[badge.tone],
        }
        return _embedded(badge, orjson.dumps(body), "application/json")

    def _badge(self, request: Request) -> Badge:
        config = self._views.config()
        sick = self._troubles(config).sick
        part = badge_part(request.query_params)
        return badge_of(part, self._scene(request), config, sick=sick)

    def query_page(self, request: Request) -> Response:
        """Show a query."""
        return self._pages.query(request, self._scene(request))

    def target_page(self, request: Request) -> Response:
        """Show a target."""
        return self._pages.target(request, self._scene(request))

    def alert_page(self, request: Request) -> Response:
        """Show an alert."""
        return self._pages.alert(request, self._scene(request))

    def history_page(self, request: Request) -> Response:
        """Show what alerts did, and what receivers took of it."""
        return self._pages.history(request, self._scene(request))

    def _troubles(self, config: Config) -> Troubles:
        is_healthy, words = self._views.check_health()
        return Troubles(
            sick="" if is_healthy else words,
            unnotified=why_nobody_is_notified(config),
            reload=self._views.last_reload(),
            warnings=config.warnings,
            notes=self._views.notes(),
        )

    async def style(self, _request: Request) -> Response:
        """Return the page's style sheet; its address changes with its content."""
        return Response(self._style, media_type="text/css", headers=_CACHED)

    async def script(self, _request: Request) -> Response:
        """Return the page's script, which renews it; its address changes with its content."""
        return Response(self._script, media_type="text/javascript", headers=_CACHED)

    async def icon(self, request: Request) -> Response:
        """Return the icon of a page's tab."""
        svg = icon(request.path_params["tone"])
        if svg is None:
            return PlainTextResponse("no such icon\n", 404)
        return Response(svg, media_type="image/svg+xml", headers=_CACHED)

    def runbook(self, request: Request) -> Response:
        """Return a shipped runbook: a page for who asks for HTML, as browsers do, else its text."""
        text = self._runbooks.get(request.path_params["name"])
        if text is None:
            return PlainTextResponse("no such runbook\n", 404)
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(text, headers=_BY_ACCEPT)
        page = runbook_page_of(text, self._runbooks)
        html = self._template.render("runbook", page, root="../")
        return Response(html, media_type="text/html", headers=_BY_ACCEPT)

    async def targets(self, request: Request) -> Response:
        """Return each target as one that a Prometheus scrapes by itself, in the format of its http_sd."""
        config = self._views.config()
        address = request.headers.get("host", "localhost")
        scheme = request.scope["scheme"]
        groups = service_discovery.target_groups(config.targets, address, scheme)
        return Response(orjson.dumps(groups), media_type="application/json")

    async def healthy(self, _request: Request) -> Response:
        """Return whether the process does its work; never touches a database."""
        return _health(self._views.check_health)

    async def ready(self, _request: Request) -> Response:
        """Return whether the first picture is there."""
        return _health(self._views.check_readiness)

    def reload(self, request: Request) -> Response:
        """Load the configuration again; 500 with the reason when the old one stays."""
        if is_foreign(request):
            return PlainTextResponse(FOREIGN, 403)
        error = self._views.reload()
        if error is not None:
            return PlainTextResponse(f"{error}\n", 500)
        return PlainTextResponse("reloaded\n")

    def deploys(self, _request: Request) -> Response:
        """Return which deployments are declared."""
        return self._declared()

    def begin_deploy(self, request: Request, body: bytes) -> Response:
        """Declare that a deployment begins; answers when that is recorded."""
        return self._declare(request, body, begin_of)

    def end_deploy(self, request: Request, body: bytes) -> Response:
        """Declare that a deployment is over; answers when that is recorded."""
        return self._declare(request, body, end_of)

    def _declare(self, request: Request, body: bytes, read: _ReadsDeploy) -> Response:
        # First of all: nothing is done for a page that may not ask.
        if is_foreign(request):
            return PlainTextResponse(FOREIGN, 403)
        user = request.scope.get(USER, "")
        declared = read(body, self._views.config(), user)
        if isinstance(declared, RefusedRequest):
            return _bad_data(declared.message)
        if not self._views.declare(declared):
            return _unavailable("not recorded within 15 s; it may be yet, so ask again")
        return self._declared()

    def _declared(self) -> Response:
        return _success(deploys_json(self._views.snapshot(), self._views.now()))

    def alerts(self, request: Request) -> Response:
        """Return what is pending or firing, as Prometheus does."""
        return _success(api.alerts(self._scene(request)))

    def rules(self, request: Request) -> Response:
        """Return all rules with their alerts, as Prometheus does; it has no recording rules to return."""
        kind = request.query_params.get("type", "alert")
        if kind not in _RULE_TYPES:
            allowed = ", ".join(_RULE_TYPES)
            return _bad_data(
                f'not supported value "{kind}" of type; allowed: {allowed}'
            )
        if kind == "record":
            return _success({"groups": []})
        return _success(api_rules.rules(self._scene(request), self._views.config()))

    def history(self, request: Request) -> Response:
        """Return past transitions, the newest first."""
        limit = _limit_of(request.query_params.get("limit", "100"))
        if limit is None:
            return _bad_data(f"limit must be a number from 1 to {_MAX_HISTORY}")
        return _success(api.history(self._views.history(limit)))

    def queries(self, _request: Request) -> Response:
        """Return how each query does on each target."""
        return _success(api.queries(self._views.snapshot(), self._views.now()))

    def _scene(self, request: Request) -> Scene:
        views = self._views
        return Scene(
            views.snapshot(),
            views.now(),
            views.evaluated_at(),
            shows_evidence=_has_given_password(request),
        )


def _embedded(badge: Badge, body: str | bytes, media_type: str) -> Response:
    status = 200 if badge.is_known else 404
    return Response(body, status, media_type=media_type, headers=_EMBEDDED)


def _health(ask: Callable[[], tuple[bool, str]]) -> Response:
    is_well, words = ask()
    return PlainTextResponse(f"{words}\n", 200 if is_well else 503)


def _success(data: api.Json) -> Response:
    return _json({"status": "success", "data": data}, 200)


def _bad_data(error: str) -> Response:
    return _json({"status": "error", "errorType": "bad_data", "error": error}, 400)


def _unavailable(error: str) -> Response:
    return _json({"status": "error", "errorType": "unavailable", "error": error}, 503)


def _json(body: api.Json, status: int) -> Response:
    # Of what orjson does not know there are only read-only mappings.
    text = orjson.dumps(body, default=dict)
    return Response(text, status, media_type="application/json")


def _limit_of(text: str) -> int | None:
    """Return the limit that a query asks for; None where it is not one."""
    if not text.isascii() or not text.isdigit():
        return None
    # Python refuses to convert thousands of digits (CVE-2020-10735); more than these are too many anyway.
    limit = int(text[:6])
    return limit if 1 <= limit <= _MAX_HISTORY else None


def _has_given_password(request: Request) -> bool:
    return bool(request.scope.get(USER))
