"""Read what a request says of a deployment, and write which are declared; between requests and the pipeline; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import orjson
from pydantic import Field

from monitor.alerting.snapshot import Snapshot
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Origin, Problems, near_miss
from monitor.config.toml.validation import (
    Duration,
    Schema,
    Text,
    check_list,
    validate,
)
from monitor.model.deploys import BeginDeploy, Deploy, EndDeploy
from monitor.model.settings import Config
from monitor.model.wording import readable, shortened
from monitor.timing.durations import format_duration
from monitor.web.api import Json, time_text

_MAX_REASON = 200
_SOURCE = "the request"


class BeginSchema(Schema):
    """The body of a request that declares a deployment."""

    targets: list[Text] | None = None
    for_: Duration | None = Field(default=None, alias="for")
    reason: str = ""


class EndSchema(Schema):
    """The body of a request that says that a deployment is over."""

    targets: list[Text] | None = None
    accept: bool = False


SchemaT = TypeVar("SchemaT", BeginSchema, EndSchema)


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """What is wrong with a request."""

    message: str


def begin_of(body: bytes, config: Config, user: str) -> BeginDeploy | RefusedRequest:
    """Return which deployment a request declares; of all targets, and as long as it may, where it does not say."""
    problems = Problems()
    section = _section_of(body, problems)
    checked = validate(BeginSchema, section, problems)
    targets = _targets(checked.targets, section, config, problems)
    longest = config.deploys.max
    length = longest if checked.for_ is None else checked.for_
    if not timedelta(0) < length <= longest:
        message = f"is out of range; allowed: above 0s, to {format_duration(longest)} ([deploys] max)"
        problems.add(section.origin("for"), message)
    if len(problems):
        return _refused(problems)
    reason = shortened(readable(checked.reason), _MAX_REASON)
    return BeginDeploy(targets, length, " ".join(reason.split()), user)


def end_of(body: bytes, config: Config, user: str) -> EndDeploy | RefusedRequest:
    """Return of which targets a request says that the deployment is over, and whether what is there is accepted."""
    problems = Problems()
    section = _section_of(body, problems)
    checked = validate(EndSchema, section, problems)
    targets = _targets(checked.targets, section, config, problems)
    if len(problems):
        return _refused(problems)
    return EndDeploy(targets, checked.accept, user)


def deploys_json(snapshot: Snapshot, now: datetime) -> Json:
    """Return the data of /api/v1/deploys: the deployments that go on, and those that were ended by time alone."""
    found: list[Json] = []
    for target, declared in snapshot.deploys.items():
        found += [_deploy_json(target, deploy) for deploy in declared.declared]
    return {"asOf": time_text(now), "deploys": found}


def _deploy_json(target: str, deploy: Deploy) -> Json:
    return {
        "target": target,
        "source": deploy.source.value,
        "reason": deploy.reason,
        "by": deploy.by,
        "beganAt": time_text(deploy.began_at),
        "endsAt": time_text(deploy.ends_at),
        "expired": deploy.is_expired,
    }


def _section_of(body: bytes, problems: Problems) -> Section:
    """Return the object that a body holds, an empty one of no body."""
    data: Any = {}
    origin = Origin(_SOURCE)
    try:
        data = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        problems.add(origin, f"is not JSON: {error}")
    if not isinstance(data, Mapping):
        problems.add(origin, "is not a JSON object")
        data = {}
    return Section(data, {(): origin})


def _targets(
    given: list[str] | None, section: Section, config: Config, problems: Problems
) -> tuple[str, ...]:
    """Return the targets that are named, or all."""
    names = tuple(target.name for target in config.targets)
    if given is None:
        return names

    def fault(name: str) -> str | None:
        if name in names:
            return None
        return f'no target "{name}"{near_miss(name, names)}'

    check_list(section, "targets", given, fault, problems)
    return tuple(dict.fromkeys(given))


def _refused(problems: Problems) -> RefusedRequest:
    return RefusedRequest("; ".join(str(problem) for problem in problems.in_order()))
