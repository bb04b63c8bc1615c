"""Which series a known incident covers while a result comes, so that it teaches their detectors nothing; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from monitor.alerting.active import ActiveAlerts
from monitor.alerting.cause_index import CauseIndex
from monitor.model.alerts import Alert
from monitor.model.cause_graph import CauseGraph
from monitor.model.settings import ColumnName, Job, Labels, Rule, labels_of

INCIDENT_AT_MOST: Final = timedelta(days=7)
"""What goes on for longer is what there is, whatever still fires: else nothing would ever be learned again."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a value of a series may teach."""

    teaches: bool = True
    """Whether it counts for what is usual."""
    accepts: bool = True
    """Whether a level that is found for long becomes the usual one."""
    is_in_deploy: bool = False
    """It may be of the middle of a deployment: it is compared with what was before, and never becomes what was."""
    is_meant: bool = False
    """Somebody says that it is meant to be so: it is what later ones are compared with."""


EVERYTHING: Final = Lesson()
NOTHING: Final = Lesson(teaches=False, accepts=False)


@dataclass(frozen=True, slots=True)
class Incidents:
    """The alerts that cover series of a job's rules, by the rule's name."""

    labels: Labels = ()
    """Of the target; its series have them too."""
    causes: Mapping[str, CauseIndex] = field(default_factory=dict)
    """What fires and explains, be it through others, alerts of the rule."""
    lasting: Mapping[str, CauseIndex] = field(default_factory=dict)
    """Of these, the alerts of rules that remember nothing: they end with what they are about, and not in time."""
    blind: frozenset[str] = frozenset()
    """Rules that lack a column without which their series mean nothing."""

    def lesson_of(self, rule: Rule, labels: Labels) -> Lesson:
        """Return what a value of a series of a rule may teach."""
        if rule.name in self.blind:
            return NOTHING
        causes = self.causes.get(rule.name)
        if causes is None:
            return EVERYTHING
        shown = labels_of({**rule.labels, **dict(self.labels), **dict(labels)})
        if causes.over(shown) is None:
            return EVERYTHING
        # What its cause comes to accept in a day, a series has to accept with it: else it would speak up then.
        is_lasting = self.lasting[rule.name].over(shown) is not None
        return Lesson(teaches=False, accepts=not is_lasting)


NO_INCIDENTS: Final = Incidents()


@dataclass(frozen=True, slots=True)
class Causes:
    """What the configuration says of causes."""

    graph: CauseGraph = field(default_factory=CauseGraph)
    remembering: frozenset[str] = frozenset()
    """The names of the rules that remember something themselves."""

    def incidents(
        self, job: Job, active: ActiveAlerts, missing: Set[ColumnName], at: datetime
    ) -> Incidents:
        """Return what covers the series of a job's rules at an instant; `missing` are columns of its target."""
        covering = Covering(tuple(_known(active, job.target.name, at)))
        blind: set[str] = set()
        for rule in job.query.rules:
            if rule.detector is None:
                continue
            if not missing.isdisjoint(rule.needs):
                blind.add(rule.name)
            covering.add(rule, self.graph.all_causes_of(rule.name), self.remembering)
        labels = labels_of({**job.target.labels, "target": job.target.name})
        return Incidents(labels, covering.causes, covering.lasting, frozenset(blind))


@dataclass(slots=True)
class Covering:
    """Sorts the alerts that are known by the rules whose series they cover."""

    alerts: tuple[Alert, ...]
    causes: dict[str, CauseIndex] = field(default_factory=dict)
    lasting: dict[str, CauseIndex] = field(default_factory=dict)

    def add(self, rule: Rule, names: Set[str], remembering: Set[str]) -> None:
        """Note the alerts of the rules of these names, of which some remember something themselves."""
        alerts = _of_rules(self.alerts, names)
        if alerts:
            self.causes[rule.name] = CauseIndex(alerts)
            self.lasting[rule.name] = CauseIndex(_of_rules(alerts, names - remembering))


def _known(active: ActiveAlerts, target: str, at: datetime) -> Iterator[Alert]:
    """Yield what fires on a target, but for what has fired for too long."""
    for scope in active.scopes_on(target):
        for alert in active.of(scope).values():
            begun_at = alert.fired_at or at
            if alert.is_firing() and at - begun_at < INCIDENT_AT_MOST:
                yield alert


def _of_rules(alerts: Iterable[Alert], names: Set[str]) -> list[Alert]:
    return [alert for alert in alerts if alert.name in names]
