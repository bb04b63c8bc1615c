"""Answer requests about silences and acknowledgements, in Alertmanager's form and by the page's own forms."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from monitor import __version__
from monitor.model.alerts import Alert
from monitor.model.declared import DeclareRequest
from monitor.model.silences import Acknowledge, AddSilence, EndSilence
from monitor.web import alertmanager_alerts, alertmanager_api
from monitor.web.api import Json, time_text
from monitor.web.asked_alerts import asked_alerts, asked_matchers
from monitor.web.guards import USER
from monitor.web.origins import FOREIGN, is_foreign
from monitor.web.silence_requests import (
    AcknowledgeBody,
    SilenceBody,
    SilenceRefusedError,
    WebUser,
    comment_of,
    read_body,
    silence_of,
)
from monitor.web.views import Scene, Views

NEEDS_USER: Final = (
    "refused: silences and acknowledgements are taken only from who has given a password; add users to the"
    " web-config file ([web] config_file)"
)
STATUS_OF: Final[Mapping[str, int]] = {
    "foreign": 403,
    "password": 403,
    "unknown": 404,
}
"""Of a refusal by its reason; 400 of any other."""
_NOT_RECORDED: Final = "not recorded within 15 s; it may be yet, so ask again"


class SilenceAnswers:
    """The answers about silences; plain functions, called in threads, several at once."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._started_at = views.now()

    def alerts(self, request: Request) -> Response:
        """Return what fires, as an Alertmanager does."""
        return self._of_alerts(request, alertmanager_alerts.alerts_json)

    def groups(self, request: Request) -> Response:
        """Return what fires by receiver and alert, as an Alertmanager does."""
        return self._of_alerts(request, alertmanager_alerts.groups_json)

    def receivers(self, _request: Request) -> Response:
        """Return the receivers."""
        return _json(alertmanager_api.receivers_json(self._views.config()))

    def status(self, _request: Request) -> Response:
        """Return the version, and that there is no cluster."""
        return _json(alertmanager_api.status_json(__version__, self._started_at))

    def silences(self, request: Request) -> Response:
        """Return the silences that are asked for."""
        try:
            matchers = asked_matchers(request.query_params)
        except ValueError as error:
            return _json(str(error), 400)
        known, now = self._views.snapshot().silences, self._views.now()
        return _json(alertmanager_api.silences_json(known.values(), matchers, now))

    def silence(self, request: Request) -> Response:
        """Return one silence."""
        known = self._views.snapshot().silences.get(request.path_params["id"])
        if known is None:
            return _json("no such silence", 404)
        return _json(alertmanager_api.silence_json(known, self._views.now()))

    def add(self, request: Request, body: bytes) -> Response:
        """Add a silence, or put one in another's place; answers when that is recorded."""

        def add() -> Response:
            writer = self.writer_of(request)
            id_ = self.add_silence(read_body(body, SilenceBody), writer)
            return _json({"silenceID": id_})

        return self.answered(add)

    def end(self, request: Request, _body: bytes) -> Response:
        """End a silence; answers when that is recorded."""

        def end() -> Response:
            self.end_silence(request.path_params["id"], self.writer_of(request))
            return Response(status_code=200)

        return self.answered(end)

    def acknowledge(self, request: Request, body: bytes) -> Response:
        """Note that somebody knows of an alert; answers when that is recorded."""
        return self._acknowledge(request, body, withdraws=False)

    def unacknowledge(self, request: Request, body: bytes) -> Response:
        """Note that nobody does after all; answers when that is recorded."""
        return self._acknowledge(request, body, withdraws=True)

    def writer_of(self, request: Request) -> WebUser:
        """Return who asks; SilenceRefusedError where he may not."""
        if is_foreign(request):
            raise SilenceRefusedError("foreign", FOREIGN.strip())
        user = request.scope.get(USER, "")
        if not user:
            raise SilenceRefusedError("password", NEEDS_USER)
        return WebUser(user, self._views.now())

    def add_silence(self, body: SilenceBody, writer: WebUser) -> str:
        """Add a silence, and return its id once it is recorded; SilenceRefusedError."""
        config, known = self._views.config(), self._views.snapshot().silences
        id_ = str(uuid.uuid4())
        silence = silence_of(body, id_, writer, config, known)
        self._declare(AddSilence(silence, replaces=body.id))
        return id_

    def end_silence(self, id_: str, writer: WebUser) -> None:
        """End a silence, until that is recorded; SilenceRefusedError."""
        known = self._views.snapshot().silences.get(id_)
        if known is None or known.is_expired(writer.at):
            raise SilenceRefusedError("unknown", "no such silence, or it is over")
        self._declare(EndSilence(id_, writer.user))

    def acknowledge_alert(
        self,
        fingerprint: str,
        body: AcknowledgeBody,
        writer: WebUser,
        *,
        withdraws: bool,
    ) -> None:
        """Note that somebody knows of an alert, until that is recorded; SilenceRefusedError."""
        alert = self._firing(fingerprint)
        if not alert.may_be_acknowledged():
            message = (
                f"{alert.name} proves that notices arrive: it cannot be acknowledged"
            )
            raise SilenceRefusedError("own_alert", message)
        by, comment = writer.named(body.by), comment_of(body.comment)
        self._declare(Acknowledge(fingerprint, by, comment, withdraws=withdraws))

    def answered(self, answer: Callable[[], Response]) -> Response:
        """Return an answer, or why there is none, which is counted."""
        try:
            return answer()
        except SilenceRefusedError as error:
            self._views.on_refused_silence(error.reason)
            return _json(str(error), STATUS_OF.get(error.reason, 400))
        except TimeoutError:
            return _json(_NOT_RECORDED, 503)

    def _acknowledge(
        self, request: Request, body: bytes, *, withdraws: bool
    ) -> Response:
        fingerprint = request.path_params["fingerprint"]

        def acknowledge() -> Response:
            writer = self.writer_of(request)
            said = read_body(body, AcknowledgeBody)
            self.acknowledge_alert(fingerprint, said, writer, withdraws=withdraws)
            alert = self._firing(fingerprint)
            return _json({"status": "success", "data": _acknowledged_json(alert)})

        return self.answered(acknowledge)

    def _firing(self, fingerprint: str) -> Alert:
        """Return an alert that fires; SilenceRefusedError where there is none."""
        for alert in self._views.snapshot().alerts:
            if alert.fingerprint == fingerprint and alert.is_firing():
                return alert
        message = "no alert that fires has this fingerprint"
        raise SilenceRefusedError("unknown", message)

    def _declare(self, request: DeclareRequest) -> None:
        """Hand over what is declared, and wait until it is recorded; TimeoutError."""
        if not self._views.declare(request):
            raise TimeoutError

    def _of_alerts(self, request: Request, written: Callable[..., Json]) -> Response:
        try:
            asked = asked_alerts(request.query_params)
        except ValueError as error:
            return _json(str(error), 400)
        views = self._views
        scene = Scene(views.snapshot(), views.now(), views.evaluated_at())
        return _json(written(asked, scene, views.config()))


def _acknowledged_json(alert: Alert) -> Json:
    known = alert.acknowledged
    if known is None:
        return {"acknowledged": False}
    return {
        "acknowledged": True,
        "by": known.by,
        "comment": known.comment,
        "at": time_text(known.at),
    }


def _json(body: Json, status: int = 200) -> Response:
    text = orjson.dumps(body, default=dict)
    return Response(text, status, media_type="application/json")
