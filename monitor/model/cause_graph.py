"""Which rules explain which, as the files say: the graph by which one cause is one page; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import Protocol, TypeAlias

from monitor.model.cause_hours import (
    NO_HOURS,
    CauseHours,
    NamedTarget,
    RuleWithHours,
    hours_of,
)

Claims: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""Labels, each with the values that an alert may have in it to be explained, where it has the label."""


@dataclass(frozen=True, slots=True)
class CauseRule:
    """A rule by which others are explained, and the query that it belongs to; "" of one about the monitor itself."""

    name: str
    query: str
    claims: Claims = ()


@dataclass(frozen=True, slots=True)
class CauseGraph:
    """The causes of each rule that has some, by its name; without circles."""

    causes: Mapping[str, tuple[CauseRule, ...]] = field(default_factory=dict)
    hours: CauseHours = NO_HOURS
    """When those causes are judged that have hours."""
    ranks: Mapping[str, int] = field(init=False)
    """The place of each rule of the graph in an order in which causes come before what they explain."""

    def __post_init__(self) -> None:
        """Put the rules in order once, not at each evaluation."""
        names = {name: names_of(causes) for name, causes in self.causes.items()}
        # A circle is refused at load, where all problems are noted before that.
        order = () if circle_in(names) else TopologicalSorter(names).static_order()
        ranks = {name: rank for rank, name in enumerate(order)}
        object.__setattr__(self, "ranks", ranks)

    def causes_of(self, rule: str) -> tuple[CauseRule, ...]:
        """Return the rules that explain a rule; none of one that nothing explains."""
        return self.causes.get(rule, ())

    def all_causes_of(self, rule: str) -> frozenset[str]:
        """Return the names of the rules that explain a rule, or explain what does, and so on."""
        found = [rule]
        # It grows as it is gone through, and ends, since there are no circles.
        for name in found:
            found += names_of(self.causes_of(name))
        return frozenset(found[1:])

    def has(self, rule: str) -> bool:
        """Return whether a rule explains another one, or is explained by one."""
        return rule in self.ranks

    def rank(self, rule: str) -> int:
        """Return where a rule stands among others, to evaluate causes first; -1 of one that is not in the graph."""
        return self.ranks.get(rule, -1)


class ExplainingRule(RuleWithHours, Protocol):
    """What of a rule the graph is made of."""

    @property
    def explains(self) -> tuple[str, ...]:
        """Return the names of the rules that it explains."""

    @property
    def explains_where(self) -> Claims:
        """Return which alerts of these."""

    @property
    def muted_by(self) -> tuple[str, ...]:
        """Return the names of the rules that explain it."""


class QueryOfRules(Protocol):
    """What of a query the graph is made of."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def rules(self) -> Iterable[ExplainingRule]:
        """Return its rules."""


class JobOfRules(Protocol):
    """What of a query on a target the graph is made of."""

    @property
    def target(self) -> NamedTarget:
        """Return the target."""

    @property
    def query(self) -> QueryOfRules:
        """Return the query, which may be the same object on several targets."""


def graph_of(
    jobs: Iterable[JobOfRules], of_monitor: Iterable[ExplainingRule] = ()
) -> CauseGraph:
    """Return the graph of the rules of some jobs and of the monitor's."""
    jobs = tuple(jobs)
    causes: dict[str, dict[CauseRule, None]] = {}
    rules = [(rule, "") for rule in of_monitor]
    different = {id(job.query): job.query for job in jobs}
    for query in different.values():
        rules += [(rule, query.name) for rule in query.rules]
    of_names: dict[str, dict[CauseRule, None]] = {}
    for rule, query_name in rules:
        cause = CauseRule(rule.name, query_name, rule.explains_where)
        of_names.setdefault(rule.name, {})[cause] = None
        for name in rule.explains:
            causes.setdefault(name, {})[cause] = None
    # The same said from the other end: a rule that is not there mutes nothing.
    for rule, _ in rules:
        for name in rule.muted_by:
            muting = of_names.get(name, {})
            causes.setdefault(rule.name, {}).update(muting)
    found = {name: tuple(known) for name, known in causes.items() if known}
    names = names_of(chain.from_iterable(found.values()))
    return CauseGraph(found, hours_of(frozenset(names), jobs))


def names_of(causes: Iterable[CauseRule]) -> tuple[str, ...]:
    """Return the names of some rules."""
    return tuple(cause.name for cause in causes)


def circle_in(explains: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the rules of a circle, each explaining the next and the last one the first; () where there is none."""
    # A sorter is given what comes before each; turned round, a circle remains a circle.
    try:
        TopologicalSorter(explains).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return tuple(reversed(circle[1:]))
    return ()
