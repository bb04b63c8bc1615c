"""Answer the page of silences, and the forms that silence and acknowledge; they work without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from monitor.model.alerts import Alert
from monitor.model.silences import MaintenanceWindow, Silence, SilenceState
from monitor.model.wording import counted
from monitor.timing.durations import parse_duration
from monitor.web.guards import USER, form_headers
from monitor.web.missing_page import MissingPage
from monitor.web.page_template import PageTemplate
from monitor.web.silence_answers import STATUS_OF, SilenceAnswers
from monitor.web.silence_requests import (
    AcknowledgeBody,
    MatcherBody,
    SilenceBody,
    SilenceRefusedError,
    WebUser,
)
from monitor.web.views import Views
from monitor.web.words import When, when

_MAX_FIELDS: Final = 10
_TO_ALERT: Final = "../{}"
_TO_SILENCES: Final = "../../silences"


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """One silence, as the page lists it."""

    id: str
    state: str
    words: str
    by: str
    comment: str
    starts: When
    ends: When
    is_over: bool


@dataclass(frozen=True, slots=True)
class SilencesPage:
    """All silences that are kept, and the maintenance windows that are open."""

    now: datetime
    headline: str
    rows: tuple[SilenceRow, ...]
    windows: tuple[MaintenanceWindow, ...]
    may_write: bool


class SilencePages:
    """The page of silences and the answers to forms; called in threads, several at once."""

    def __init__(
        self, views: Views, template: PageTemplate, answers: SilenceAnswers
    ) -> None:
        self._views = views
        self._template = template
        self._answers = answers

    def page(self, request: Request) -> Response:
        """Show the silences."""
        views, now = self._views, self._views.now()
        silences = views.snapshot().silences.values()
        rows = [_row(one, now) for one in silences]
        rows.sort(key=lambda row: (row.is_over, row.ends.at))
        active = sum(row.state == SilenceState.ACTIVE for row in rows)
        windows = views.config().maintenance
        page = SilencesPage(
            now,
            f"{counted(active, 'silence')} active" if active else "Nothing is silenced",
            tuple(rows),
            tuple(one for one in windows if one.is_open(now)),
            may_write=bool(request.scope.get(USER)),
        )
        text = self._template.render("silences", page, root="")
        return Response(
            text, media_type="text/html", headers=form_headers(has_form=page.may_write)
        )

    def silence(self, request: Request, body: bytes) -> Response:
        """Silence an alert as its form says."""
        fingerprint = request.path_params["fingerprint"]

        def silence(user: WebUser, form: Mapping[str, str]) -> None:
            alert = self._known(fingerprint)
            self._answers.add_silence(_silence_of(alert, user, form), user)

        return self._written(request, body, silence, _TO_ALERT.format(fingerprint))

    def acknowledge(self, request: Request, body: bytes) -> Response:
        """Acknowledge an alert as its form says, or withdraw that."""
        fingerprint = request.path_params["fingerprint"]

        def acknowledge(user: WebUser, form: Mapping[str, str]) -> None:
            said = AcknowledgeBody(comment=form.get("comment", ""))
            self._answers.acknowledge_alert(
                fingerprint, said, user, withdraws="withdraw" in form
            )

        return self._written(request, body, acknowledge, _TO_ALERT.format(fingerprint))

    def end(self, request: Request, body: bytes) -> Response:
        """End a silence."""

        def end(user: WebUser, _form: Mapping[str, str]) -> None:
            self._answers.end_silence(request.path_params["id"], user)

        return self._written(request, body, end, _TO_SILENCES)

    def _written(
        self,
        request: Request,
        body: bytes,
        write: Callable[[WebUser, Mapping[str, str]], None],
        then: str,
    ) -> Response:
        """Do what a form asks for, and lead back to the page; or say why not."""
        try:
            write(self._answers.writer_of(request), _fields(body))
        except SilenceRefusedError as error:
            self._views.on_refused_silence(error.reason)
            return self._refused(str(error), STATUS_OF.get(error.reason, 400))
        except TimeoutError:
            return self._refused("Not recorded within 15 s; it may be yet.", 503)
        return Response(status_code=303, headers={"location": then})

    def _refused(self, why: str, status: int) -> Response:
        page = MissingPage("That was refused.", why, (), 0)
        text = self._template.render("missing", page, root="../../")
        return Response(text, status, media_type="text/html")

    def _known(self, fingerprint: str) -> Alert:
        for alert in self._views.snapshot().alerts:
            if alert.fingerprint == fingerprint:
                return alert
        raise SilenceRefusedError("unknown", "no alert has this fingerprint")


def _fields(body: bytes) -> dict[str, str]:
    try:
        found = parse_qs(
            body.decode(errors="replace"),
            keep_blank_values=True,
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError as error:
        raise SilenceRefusedError("invalid", str(error)) from None
    return {name: values[0] for name, values in found.items()}


def _silence_of(alert: Alert, user: WebUser, form: Mapping[str, str]) -> SilenceBody:
    """Return a silence of exactly this alert: of a louder one, with another severity, somebody is to hear."""
    return SilenceBody(
        matchers=[MatcherBody(name=name, value=value) for name, value in alert.labels],
        endsAt=_end_of(user, form),
        comment=form.get("comment", ""),
    )


def _end_of(user: WebUser, form: Mapping[str, str]) -> str:
    """Return when it ends: at the instant that is given, in UTC, or after the time that is chosen."""
    until = form.get("until", "").strip()
    if until:
        return f"{until}+00:00" if len(until) <= len("2026-11-22T16:00:00") else until
    try:
        return (user.at + parse_duration(form.get("for", ""))).isoformat()
    except (ValueError, OverflowError) as error:
        raise SilenceRefusedError("invalid", str(error)) from None


def _row(silence: Silence, now: datetime) -> SilenceRow:
    return SilenceRow(
        silence.id,
        silence.state_at(now).value,
        silence.words,
        silence.by,
        silence.comment,
        when(silence.starts_at, now),
        when(silence.ends_at, now),
        is_over=silence.is_expired(now),
    )
