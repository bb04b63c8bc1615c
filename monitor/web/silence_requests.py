"""Read what a request says of silences and acknowledgements; between requests and the pipeline; pure."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from monitor.model.label_matchers import (
    MAX_MATCHERS,
    LabelMatcher,
    MatchOperator,
    a_matcher,
)
from monitor.model.own_alerts import NOT_SILENCED
from monitor.model.settings import Config
from monitor.model.silences import (
    MAX_SILENCES,
    Silence,
    SilenceRefusal,
    Silences,
    may_be_silenced,
)
from monitor.model.wording import readable, shortened
from monitor.timing.durations import format_duration

MAX_LENGTH: Final = timedelta(days=366)
"""A rule that is never to be told is switched off in the configuration, where others see it."""
_MAX_COMMENT: Final = 500
_MAX_NAME: Final = 100


class SilenceRefusedError(ValueError):
    """What is wrong with a request about silences."""

    def __init__(self, reason: SilenceRefusal, message: str) -> None:
        super().__init__(message)
        self.reason: SilenceRefusal = reason


class _Body(BaseModel):
    # Others may send more than we know: it is their API.
    model_config = ConfigDict(strict=True, extra="ignore", defer_build=True)


class MatcherBody(_Body):
    """A matcher as Alertmanager's API has it."""

    name: str
    value: str
    isRegex: bool = False  # noqa: N815 - Alertmanager's name
    isEqual: bool = True  # noqa: N815


class SilenceBody(_Body):
    """A silence as Alertmanager's API takes it; with an id in place of that one."""

    matchers: list[MatcherBody]
    endsAt: str  # noqa: N815
    startsAt: str = ""  # noqa: N815
    createdBy: str = ""  # noqa: N815
    comment: str = ""
    id: str = ""


class AcknowledgeBody(_Body):
    """An acknowledgement."""

    by: str = ""
    comment: str = ""


BodyT = TypeVar("BodyT", SilenceBody, AcknowledgeBody)


@dataclass(frozen=True, slots=True)
class WebUser:
    """Who asks, and when."""

    user: str
    at: datetime

    def named(self, said: str) -> str:
        """Return who it was: the user of the page, and whom he says that he is."""
        name = one_line(said, _MAX_NAME)
        return self.user if name in ("", self.user) else f"{name} (as {self.user})"


def read_body(body: bytes, model: type[BodyT]) -> BodyT:
    """Return what was sent; SilenceRefusedError."""
    try:
        return model.model_validate(orjson.loads(body or b"{}"))
    except orjson.JSONDecodeError as error:
        raise SilenceRefusedError("invalid", f"is not JSON: {error}") from None
    except ValidationError as error:
        raise SilenceRefusedError("invalid", _first_of(error)) from None


def silence_of(
    body: SilenceBody, id_: str, writer: WebUser, config: Config, known: Silences
) -> Silence:
    """Return the silence that a request wants, by the id that it is to have; SilenceRefusedError."""
    if len(body.matchers) > MAX_MATCHERS:
        raise SilenceRefusedError("invalid", f"has more than {MAX_MATCHERS} matchers")
    matchers = tuple(_matcher(one) for one in body.matchers)
    _check_matchers(matchers, config)
    if body.id and body.id not in known:
        raise SilenceRefusedError("unknown", f"no silence has the id {body.id!r}")
    starts_at, ends_at = _times(body, writer.at)
    _check_room(known, body.id, writer.at)
    return Silence(
        id_,
        matchers,
        starts_at,
        ends_at,
        writer.at,
        writer.named(body.createdBy),
        one_line(body.comment, _MAX_COMMENT),
    )


def comment_of(text: str) -> str:
    """Return a comment as it is kept."""
    return one_line(text, _MAX_COMMENT)


def one_line(text: str, max_characters: int) -> str:
    """Return a text that anybody may have sent as one short line."""
    return shortened(" ".join(readable(text).split()), max_characters)


def time_of(text: str, what: str) -> datetime:
    """Read an instant with its zone as RFC 3339 has it; SilenceRefusedError."""
    at: datetime | None = None
    with suppress(ValueError, OverflowError):
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo is not None else None
    if at is None:
        shown = shortened(text, _MAX_NAME)
        message = f"{what}: {shown!r} is not a time such as 2026-11-22T16:00:00Z"
        raise SilenceRefusedError("invalid", message)
    return at


def _matcher(body: MatcherBody) -> LabelMatcher:
    operator = MatchOperator.of(is_regex=body.isRegex, is_positive=body.isEqual)
    try:
        return a_matcher(body.name, operator, readable(body.value))
    except ValueError as error:
        raise SilenceRefusedError("invalid", str(error)) from None


def _check_matchers(matchers: Iterable[LabelMatcher], config: Config) -> None:
    """Refuse what fits everything, and what names only alerts about the monitor itself."""
    given = list(matchers)
    if all(matcher.fits({}) for matcher in given):
        message = "no matcher wants a label: that would silence everything, what nobody has thought of too"
        raise SilenceRefusedError("invalid", message)
    names = [one for one in given if one.label == "alertname"]
    positive = [one for one in names if one.operator.is_positive]
    if positive and _names_only_own(names, config):
        message = f"{NOT_SILENCED}; acknowledge one that is known"
        raise SilenceRefusedError("own_alert", message)


def _names_only_own(matchers: list[LabelMatcher], config: Config) -> bool:
    """Return whether matchers of the alert's name fit names that cannot be silenced, and no other."""
    known = {rule.name for job in config.all_jobs for rule in job.query.rules}
    known |= config.own_rule_names
    known |= {one.value for one in matchers if not one.operator.is_regex}
    named = [
        name
        for name in known
        if all(matcher.fits({"alertname": name}) for matcher in matchers)
    ]
    return bool(named) and not any(map(may_be_silenced, named))


def _times(body: SilenceBody, now: datetime) -> tuple[datetime, datetime]:
    ends_at = time_of(body.endsAt, "endsAt")
    starts_at = max(time_of(body.startsAt, "startsAt"), now) if body.startsAt else now
    if ends_at <= starts_at:
        raise SilenceRefusedError("invalid", "endsAt: is not behind its start and now")
    if ends_at - now > MAX_LENGTH:
        longest = format_duration(MAX_LENGTH)
        raise SilenceRefusedError("invalid", f"endsAt: is more than {longest} away")
    return starts_at, ends_at


def _check_room(known: Silences, replaced: str, now: datetime) -> None:
    going_on = [one for one in known.values() if not one.is_expired(now)]
    others = [one for one in going_on if one.id != replaced]
    if len(others) >= MAX_SILENCES:
        message = (
            f"there are {MAX_SILENCES} silences already, active or to come; end some"
        )
        raise SilenceRefusedError("full", message)


def _first_of(error: ValidationError) -> str:
    first: Any = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    said = first["msg"]
    return f"{place}: {said}" if place else str(said)
