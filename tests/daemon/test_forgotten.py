"""Rules that learn and are changed: what they found before does not end as repaired; a rename forgets nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import TypeAlias

import pytest

from monitor.daemon.messages import NewConfig
from monitor.detection.rules import RuleMemory
from monitor.model.alerts import Alert, Change, Transition
from monitor.model.conditions import Condition
from monitor.model.detectors import (
    ACCEPTED_AFTER,
    BaselineDetector,
    ChangeDetector,
    Direction,
    LearningDetector,
    NewDetector,
    SloDetector,
)
from monitor.model.results import Success
from monitor.model.settings import Metric, Query, Severity
from monitor.storage.rule_memories import MemoryKey, packed
from tests.support.harness import MINUTE, Harness, a_config, a_query, a_rule, samples

HOUR = timedelta(hours=1)
NOW = timedelta(0)


@dataclass(frozen=True)
class Kind:
    """A kind of rule that learns, and another one of the same kind that has other settings."""

    detector: LearningDetector
    other: LearningDetector
    condition: Condition
    every: timedelta
    usual: float
    odd: float
    odd_runs: int
    """After so many it is found."""
    learned_runs: int
    learns_for: timedelta


KINDS = {
    "change": Kind(
        ChangeDetector(by=0.2, over=3 * HOUR),
        ChangeDetector(by=0.3, over=3 * HOUR),
        Condition("change"),
        30 * MINUTE,
        100,
        50,
        1,
        8,
        3 * HOUR,
    ),
    "new": Kind(
        NewDetector(learn=4 * HOUR),
        NewDetector(learn=4 * HOUR, accept=23 * HOUR),
        Condition("new"),
        30 * MINUTE,
        0,
        1,
        1,
        10,
        4 * HOUR,
    ),
    "baseline": Kind(
        BaselineDetector(),
        BaselineDetector(direction=Direction.DOWN),
        Condition("baseline"),
        30 * MINUTE,
        100,
        5,
        2,
        170,
        ACCEPTED_AFTER,
    ),
    "objective": Kind(
        SloDetector(objective=0.99, over=("1h", "6h")),
        SloDetector(objective=0.98, over=("1h", "6h")),
        Condition("slo"),
        5 * MINUTE,
        1,
        0.5,
        8,
        4,
        6 * HOUR,
    ),
    "learned objective": Kind(
        SloDetector(),
        SloDetector(over=("1h", "6h")),
        Condition("slo"),
        HOUR,
        0.999,
        0.5,
        7,
        14 * 24 + 1,
        ACCEPTED_AFTER,
    ),
}
Changed: TypeAlias = Callable[[Query, Kind], Query]


def with_rule(query: Query, **changes: object) -> Query:
    (rule,) = query.rules
    return replace(query, rules=(replace(rule, **changes),))  # type: ignore[arg-type]


CHANGES: dict[str, Changed] = {
    "parameter": lambda query, _: replace(query, parameters={"low": 2}),
    "detector": lambda query, kind: with_rule(query, detector=kind.other),
    "where": lambda query, _: with_rule(query, where=(("region", "eu"),)),
}


def plans_query(kind: Kind, name: str = "plans") -> Query:
    rule = a_rule(
        "PlansOdd",
        "plans",
        condition=kind.condition,
        detector=kind.detector,
        summary="{plan}: {value}",
    )
    labels = ("plan", "region")
    metric = Metric("plans", "", labels, value="users")
    return a_query(name, metrics=(metric,), rules=(rule,), parameters={"low": 1})


class Life:
    """A pipeline with one rule that has learned what is usual."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.query = plans_query(kind)
        self.harness = Harness(a_config(self.query, own_rules=()))

    def learn(self) -> Life:
        """Go on from what another one has learned."""
        at, memories = learned_by(self.kind)
        fresh = Harness(self.harness.config, at=at)
        fresh.state.record({}, (), (), memories=memories)
        self.harness = fresh.restarted(NOW)
        return self

    def see(self, value: float, runs: int = 1) -> list[Transition]:
        """Let runs see a value; return what alerts did."""
        self.harness.transitions.clear()
        for _ in range(runs):
            self.harness.at += self.kind.every
            self.harness.run(self.query.name, self._result(value))
        return [*self.harness.transitions]

    def find(self) -> Alert:
        """See what is odd until it is found."""
        self.see(self.kind.odd, self.kind.odd_runs)
        (alert,) = self.alerts()
        assert alert.is_firing()
        return alert

    def reload(self, query: Query, *, is_restart: bool = False) -> None:
        """Put another query in the place of the one that there is."""
        self.query = query
        config = a_config(query, own_rules=())
        if is_restart:
            self.harness = self.harness.restarted(MINUTE, config)
        else:
            self.harness.config = config
            self.harness.take(NewConfig(config))

    def alerts(self) -> tuple[Alert, ...]:
        """Return what is active."""
        return self.harness.pipeline.active_alerts()

    def _result(self, value: float) -> Success:
        plans = {"pro": value}
        if self.kind.condition.kind == "new":
            # A value stands for how many plans there are beside one.
            plans = {f"p{number}": 1.0 for number in range(int(value) + 1)}
        found = samples("plans", plans)
        region = (("region", "eu"),)
        return Success(
            tuple(replace(one, labels=(*one.labels, *region)) for one in found),
            len(plans),
        )


@cache
def learned_by(kind: Kind) -> tuple[datetime, Mapping[MemoryKey, RuleMemory]]:
    """Return what a rule remembers that has learned what is usual, and when that is; computed once."""
    life = Life(kind)
    life.see(kind.usual, kind.learned_runs)
    return life.harness.at, life.harness.state.memories()


def ends_in(transitions: Iterable[Transition]) -> list[str]:
    """Return why alerts ended; empty where they were repaired."""
    return [
        one.alert.resolve_reason for one in transitions if one.change is Change.RESOLVED
    ]


every_kind = pytest.mark.parametrize("name", KINDS)
every_change = pytest.mark.parametrize("change", CHANGES)


@every_kind
@every_change
@pytest.mark.parametrize("is_restart", [False, True])
def test_what_was_found_before_is_held_while_the_rule_learns_and_then_no_longer_judged(
    name: str, change: str, *, is_restart: bool
) -> None:
    kind = KINDS[name]
    life = Life(kind).learn()
    before = life.find()
    life.reload(CHANGES[change](life.query, kind), is_restart=is_restart)
    assert life.see(kind.usual, kind.learns_for // kind.every) == []
    (held,) = life.alerts()
    assert (held.held, held.fired_at) == (True, before.fired_at)
    assert ends_in(life.see(kind.usual)) == ["rule_changed"]
    assert life.alerts() == ()


@pytest.mark.parametrize("name", ["change", "new", "objective"])
@every_change
def test_what_is_found_again_goes_on_and_ends_as_repaired(
    name: str, change: str
) -> None:
    kind = KINDS[name]
    life = Life(kind).learn()
    before = life.find()
    life.reload(CHANGES[change](life.query, kind))
    young_runs = kind.learns_for // kind.every
    life.see(kind.usual, young_runs + 1 - kind.odd_runs)
    assert life.see(kind.odd, kind.odd_runs) == []
    (found,) = life.alerts()
    assert (found.held, found.fired_at) == (False, before.fired_at)
    assert ends_in(life.see(kind.usual, young_runs)) == [""]


@every_kind
def test_a_change_that_is_none_to_its_memory_ends_nothing(name: str) -> None:
    kind = KINDS[name]
    life = Life(kind).learn()
    before = life.find()
    life.reload(with_rule(life.query, summary="odd", severity=Severity.CRITICAL))
    assert life.see(kind.odd) == []
    (after,) = life.alerts()
    assert (after.held, after.fired_at) == (False, before.fired_at)
    assert ends_in(life.see(kind.usual, 80)) == [""]


@every_kind
@pytest.mark.parametrize("is_restart", [False, True])
def test_a_rename_of_the_query_forgets_nothing(name: str, *, is_restart: bool) -> None:
    kind = KINDS[name]
    life = Life(kind).learn()
    before = life.find()
    life.reload(replace(life.query, name="users"), is_restart=is_restart)
    # A kill before the first run of that name costs nothing either.
    life.reload(life.query, is_restart=True)
    assert life.see(kind.odd) == []
    (after,) = life.alerts()
    assert (after.scope.subject, after.fired_at, after.held) == (
        "users",
        before.fired_at,
        False,
    )
    assert ends_in(life.see(kind.usual, 80)) == [""]


def test_what_was_remembered_under_a_former_name_does_not_come_back() -> None:
    life = Life(KINDS["change"]).learn()
    life.reload(replace(life.query, name="users"))
    life.see(100)
    assert [key for key, _ in life.harness.state.memories()] == [("main", "users")]
    life.see(400, 60)
    life.reload(replace(life.query, name="plans"), is_restart=True)
    # It is what there is for more than a day.
    assert life.see(400) == []


def test_a_rule_that_came_to_another_query_with_a_memory_of_its_own_keeps_that() -> (
    None
):
    life = Life(KINDS["change"]).learn()
    (memory,) = life.harness.state.memories().values()
    other = replace(memory, began=memory.began - 1)
    life.harness.state._disk.write(
        lambda connection: connection.execute(
            "INSERT INTO memories SELECT target, 'users', rule, ? FROM memories",
            (packed(other),),
        )
    )
    life.reload(replace(life.query, name="users"), is_restart=True)
    life.see(100)
    (kept,) = life.harness.state.memories().values()
    assert kept.began == other.began
