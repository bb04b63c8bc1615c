"""Declared deployments: who said of which target that a change is under way, and until when at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias, assert_never

from monitor.model.wording import utc_second

DEFAULT_MAX = timedelta(hours=2)
"""After so long a deployment counts as over, whatever was said or forgotten."""


class DeploySource(StrEnum):
    """Who says that a deployment is under way."""

    REQUEST = "request"
    FILE = "file"
    METRIC = "metric"


@dataclass(frozen=True, slots=True)
class DeploySettings:
    """`[deploys]`: where deployments are declared beside requests, how long they last, whose alerts wait."""

    file: Path | None = None
    metric: str = ""
    max: timedelta = DEFAULT_MAX
    rules: frozenset[str] = frozenset()
    """The names of the rules whose alerts wait while a deployment goes on."""

    def has(self, source: DeploySource) -> bool:
        """Return whether deployments can be declared in this way."""
        match source:
            case DeploySource.REQUEST:
                return True
            case DeploySource.FILE:
                return self.file is not None
            case DeploySource.METRIC:
                return bool(self.metric)
            case _:
                assert_never(source)


def because(reason: str) -> str:
    """Return the reason of a deployment as texts have it behind them."""
    return f" ({reason})" if reason else ""


@dataclass(frozen=True, slots=True)
class Deploy:
    """A deployment of one target that was declared: a window of time."""

    source: DeploySource
    began_at: datetime
    ends_at: datetime
    """At the latest: then it ends by itself."""
    reason: str = ""
    by: str = ""
    """The user of the page who declared it; empty where nobody has to say who he is."""
    is_expired: bool = False
    """It ended by itself, and the file or the metric still says that it goes on."""

    def is_overdue(self, now: datetime) -> bool:
        """Return whether it has lasted for too long, and nobody ended it."""
        return self.ends_at <= now and not self.is_expired

    @property
    def words(self) -> str:
        """Return how long it goes on and why, as texts say it."""
        began, ends = utc_second(self.began_at), utc_second(self.ends_at)
        return f"since {began}, until {ends} at the latest{because(self.reason)}"


@dataclass(frozen=True, slots=True)
class EndedDeploy:
    """The deployment of a target that ended last."""

    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TargetDeploys:
    """What was declared of one target: at most one deployment of each source, and what ended last."""

    declared: tuple[Deploy, ...] = ()
    ended: EndedDeploy | None = None
    accepted_at: datetime | None = None
    """When somebody last said that what is there then is meant to be so."""

    @property
    def under_way(self) -> tuple[Deploy, ...]:
        """Return the deployments that go on."""
        return tuple(one for one in self.declared if not one.is_expired)

    def of(self, source: DeploySource) -> Deploy | None:
        """Return what a source declared."""
        for one in self.declared:
            if one.source is source:
                return one
        return None

    def covers(self, data_at: datetime) -> bool:
        """Return whether data that was read from this instant on may be of the middle of a deployment."""
        if self.under_way:
            return True
        return self.ended is not None and data_at < self.ended.at


Deploys: TypeAlias = Mapping[str, TargetDeploys]
"""What was declared, by the names of the targets."""
NOTHING_DECLARED = TargetDeploys()


@dataclass(frozen=True, slots=True)
class BeginDeploy:
    """Somebody says that a deployment of these targets begins."""

    targets: tuple[str, ...]
    length: timedelta
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class EndDeploy:
    """Somebody says that the deployment of these targets is over; `accepts`: and that what is there now is meant."""

    targets: tuple[str, ...]
    accepts: bool = False
    by: str = ""


DeployRequest: TypeAlias = BeginDeploy | EndDeploy


@dataclass(frozen=True, slots=True)
class DeployLook:
    """What declared deployments mean for the detectors that look at one result."""

    waiting: frozenset[str] = frozenset()
    """The rules that learn nothing of it, since it may be of the middle of a deployment."""
    accepted_at: datetime | None = None
    """When what is there was last accepted as it is."""
    is_after_accepted: bool = True
    """All of the data was read after that."""


NO_DEPLOY = DeployLook()


@dataclass(frozen=True, slots=True)
class DeployHold:
    """What declared deployments mean for the alerts of one rule at one result."""

    is_open: bool = False
    """What would fire waits."""
    ended_at: datetime | None = None
    """When what waited until now is free again."""
    text: str = ""
    """What alerts say of it."""

    def is_still_counted(self, counted_from: datetime | None) -> bool:
        """Return whether what is counted from an instant on has something of before the end in it."""
        if self.ended_at is None or counted_from is None:
            return False
        return counted_from < self.ended_at


NO_HOLD = DeployHold()


class DeployChange(StrEnum):
    """What became of a deployment; the past participle in the log event (deploy.begun)."""

    BEGUN = "begun"
    ENDED = "ended"
    EXPIRED = "expired"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class DeployNews:
    """What became of one deployment, for the log."""

    change: DeployChange
    target: str
    deploy: Deploy
    at: datetime


@dataclass(frozen=True, slots=True)
class DeployChanges:
    """What is declared from now on, and what is to be told of that."""

    after: Deploys
    news: tuple[DeployNews, ...] = field(default=())
