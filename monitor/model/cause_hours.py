"""When the rules are judged that explain others, of those that have hours: beside the graph of causes; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from monitor.timing.active_hours import ActiveHours

CauseOnTarget: TypeAlias = tuple[str, str]
"""The names of a target and of a rule that explains others there."""


@dataclass(frozen=True, slots=True)
class CauseHours:
    """The causes that are judged at some hours only, by these: many targets have the same."""

    causes: Mapping[ActiveHours, frozenset[CauseOnTarget]] = field(default_factory=dict)

    def closed_at(self, now: datetime) -> frozenset[CauseOnTarget]:
        """Return the causes that are not judged at an instant: nobody hears of them, so that they mute nothing."""
        closed: set[CauseOnTarget] = set()
        for hours, causes in self.causes.items():
            if hours.opened_at(now) is None:
                closed |= causes
        return frozenset(closed)


NO_HOURS = CauseHours()


class RuleWithHours(Protocol):
    """What of a rule says when it is judged."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def active(self) -> ActiveHours | None:
        """Return its hours; None where it always is judged."""


class QueryWithHours(Protocol):
    """A query whose rules may have hours."""

    @property
    def rules(self) -> Iterable[RuleWithHours]:
        """Return its rules."""


class NamedTarget(Protocol):
    """What of a target the hours of its rules are known by."""

    @property
    def name(self) -> str:
        """Return its name."""


class JobWithHours(Protocol):
    """A query on a target, where its rules may have hours of their own."""

    @property
    def target(self) -> NamedTarget:
        """Return the target."""

    @property
    def query(self) -> QueryWithHours:
        """Return the query as it is there."""


def hours_of(causes: Collection[str], jobs: Iterable[JobWithHours]) -> CauseHours:
    """Return when the rules of these names are judged on each target, of those that have hours."""
    found: dict[ActiveHours, set[CauseOnTarget]] = {}
    for job in jobs:
        for rule in job.query.rules:
            if rule.active is not None and rule.name in causes:
                key = (job.target.name, rule.name)
                found.setdefault(rule.active, set()).add(key)
    return CauseHours({hours: frozenset(keys) for hours, keys in found.items()})
