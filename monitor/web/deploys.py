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
    validate,
)
from monitor.model.deploys import BeginDeploy, Deploy, EndDeploy
from monitor.model.settings import Config
from monitor.model.wording import readable, shortened
from monitor.timing.durations import format_duration
from monitor.web.api import Json, time_text

_MAX_REASON = 200
_SOURCE = "the request"
# A body of 64 KB can name ten thousand things, of which each could be compared with every target.
_MAX_KEYS = 10
_MIN_NAMES = 100
"""So many names may a list have in any case, and as many as there are targets."""
_MAX_UNKNOWN = 3
_MAX_NAME = 200
_MAX_PROBLEMS = 10
_MAX_SAID = 500


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
    section = _section_of(body, config, problems)
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
    section = _section_of(body, config, problems)
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


def _section_of(body: bytes, config: Config, problems: Problems) -> Section:
    """Return the object that a body holds, an empty one of no body, or where it holds more than anybody means."""
    data: Any = {}
    origin = Origin(_SOURCE)
    try:
        data = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        problems.add(origin, f"is not JSON: {error}")
    if not isinstance(data, Mapping):
        problems.add(origin, "is not a JSON object")
        data = {}
    if len(data) > _MAX_KEYS:
        problems.add(origin, f"has {len(data)} keys; allowed: {_MAX_KEYS} at most")
        data = {}
    section = Section(data, {(): origin})
    given, most = data.get("targets"), max(_MIN_NAMES, len(config.targets))
    if isinstance(given, list) and len(given) > most:
        message = f"has {len(given)} names; allowed: {most} at most"
        problems.add(section.origin("targets"), message)
        return Section({**data, "targets": []}, {(): origin})
    return section


def _targets(
    given: list[str] | None, section: Section, config: Config, problems: Problems
) -> tuple[str, ...]:
    """Return the targets that are named, or all."""
    names = tuple(target.name for target in config.targets)
    if given is None:
        return names

    known = frozenset(names)
    unknown = [place for place, name in enumerate(given) if name not in known]
    # What may have been meant takes a look at every target.
    for place in unknown[:_MAX_UNKNOWN]:
        name = shortened(given[place], _MAX_NAME)
        message = f'no target "{name}"{near_miss(name, names)}'
        problems.add(section.origin("targets", place), message)
    if len(unknown) > _MAX_UNKNOWN:
        message = f"{len(unknown) - _MAX_UNKNOWN} more are not targets"
        problems.add(section.origin("targets"), message)
    return tuple(dict.fromkeys(given))


def _refused(problems: Problems) -> RefusedRequest:
    found = problems.in_order()
    said = [shortened(str(problem), _MAX_SAID) for problem in found[:_MAX_PROBLEMS]]
    if len(found) > _MAX_PROBLEMS:
        said.append(f"and {len(found) - _MAX_PROBLEMS} more")
    return RefusedRequest("; ".join(said))
