"""A step of the machine's clock changes nothing of what rules with a memory find: lives with and without steps."""

from __future__ import annotations

import queue
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.daemon.messages import Declare
from monitor.detection.rules import RuleMemory
from monitor.model.alerts import Alert, Transition
from monitor.model.conditions import Condition
from monitor.model.deploys import EndDeploy
from monitor.model.detectors import (
    BaselineDetector,
    ChangeDetector,
    Detector,
    NewDetector,
    RateDetector,
    RateUnit,
    SloDetector,
)
from monitor.model.ledger import LedgerMemory, LedgerPosition
from monitor.model.results import Success
from monitor.model.settings import Config, Metric
from monitor.model.walked import walked_by
from monitor.model.walks import Ledger
from monitor.storage.rule_memories import MemoryKey
from monitor.timing.shift import moved
from tests.support.harness import MINUTE, SECOND, Harness, a_config, a_query, a_rule
from tests.support.harness import samples as samples_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOT_SET = timedelta(0)


@dataclass(frozen=True)
class Kind:
    """A kind of rule with a memory, with what makes it find something soon."""

    detector: Detector
    condition: Condition
    every: timedelta
    usual: float
    """What it sees for long before a life begins."""
    learned_runs: int
    values: tuple[float, ...]


KINDS = {
    "change": Kind(
        ChangeDetector(by=0.2, over=HOUR, accept=3 * HOUR),
        Condition("change"),
        10 * MINUTE,
        100,
        8,
        (100, 99, 60, 140),
    ),
    "new": Kind(
        NewDetector(learn=2 * HOUR, accept=3 * HOUR),
        Condition("new"),
        10 * MINUTE,
        0,
        13,
        (0, 1, 2, 3),
    ),
    "baseline": Kind(
        BaselineDetector(),
        Condition("baseline"),
        30 * MINUTE,
        100,
        170,
        (100, 100, 5, 900),
    ),
    "objective": Kind(
        SloDetector(objective=0.99),
        Condition("slo"),
        5 * MINUTE,
        1,
        12,
        (1, 0.995, 0.9, 0.5),
    ),
    "learned objective": Kind(
        SloDetector(),
        Condition("slo"),
        HOUR,
        0.999,
        14 * 24 + 1,
        (0.999, 0.9, 0.5),
    ),
    "rate": Kind(
        RateDetector(RateUnit.INCREASE, 30 * MINUTE),
        Condition("above", 50.0),
        5 * MINUTE,
        0,
        3,
        (0, 0, 40, 100),
    ),
}


@dataclass(frozen=True)
class Run:
    """A run that sees a value."""

    value: float


@dataclass(frozen=True)
class Step:
    """The machine's clock is set."""

    by: timedelta


@dataclass(frozen=True)
class Restart:
    """The process ends and begins again, so much later; `set_by`: the clock is set back by more meanwhile."""

    later: timedelta
    set_by: timedelta = NOT_SET


@dataclass(frozen=True)
class Accept:
    """Somebody says that what is there is meant to be so."""


Event = Run | Step | Restart | Accept

steps = st.one_of(
    st.integers(-10, 10),
    st.integers(-3600, 3600),
    st.integers(-40 * 86_400, 40 * 86_400),
).map(lambda seconds: Step(seconds * SECOND))
downtimes = st.integers(1, 7200).map(lambda seconds: Restart(seconds * SECOND))
set_back = st.integers(-20 * 86_400, -6).map(
    lambda seconds: Restart(NOT_SET, seconds * SECOND)
)


def lives(kind: Kind) -> st.SearchStrategy[list[Event]]:
    """Return lives of a few values, each seen for a while, with something between them."""
    between: list[st.SearchStrategy[Event]] = [
        steps,
        steps,
        downtimes,
        set_back,
        st.just(Accept()),
    ]
    some = st.lists(st.one_of(between), max_size=2)
    seen = st.tuples(st.sampled_from(kind.values), st.integers(1, 12), some)
    return st.lists(seen, min_size=1, max_size=6).map(_flattened)


def _flattened(life: Iterable[tuple[float, int, list[Event]]]) -> list[Event]:
    events: list[Event] = []
    for value, runs, between in life:
        events += [Run(value)] * runs + between
    # What was done last is seen by a run.
    last = next(one for one in reversed(events) if isinstance(one, Run))
    return [*events, last, last]


@dataclass(frozen=True)
class Learned:
    """What a rule remembers that has seen what is usual, and when that is."""

    at: datetime
    memories: Mapping[MemoryKey, RuleMemory]


@cache
def learned_of(kind: Kind) -> Learned:
    """Return what a rule of a kind has learned; computed once."""
    life = Life(kind, is_set=False)
    for _ in range(kind.learned_runs):
        life.go_on(Run(kind.usual))
    return Learned(life.harness.at, life.harness.state.memories())


class Life:
    """A pipeline with one rule, by a clock that is set or by one that is not."""

    def __init__(
        self, kind: Kind, *, is_set: bool, summary: str = "{plan}: {value}"
    ) -> None:
        self.kind = kind
        self.is_set = is_set
        self.shift = NOT_SET
        self.harness = Harness(config_of(kind, summary))
        self.total = 0.0
        self.seen: list[Transition] = []

    def learn(self, learned: Learned) -> None:
        """Go on from what another one has learned."""
        fresh = Harness(self.harness.config, at=learned.at)
        fresh.state.record({}, (), (), memories=learned.memories)
        self.harness = fresh.restarted(NOT_SET)

    def go_on(self, event: Event) -> None:
        """Let something happen, and note what was announced as a clock shows it that nobody sets."""
        match event:
            case Run(value):
                self.harness.at += self.kind.every
                self.harness.tick()
                self.harness.run("plans", self._result(value))
            case Step(by):
                if self.is_set:
                    self.harness.set_by = by
                    self.shift += by
                self.harness.tick()
            case Restart(later, set_by):
                if self.is_set:
                    later += set_by
                    self.shift += set_by
                self.harness = self.harness.restarted(later)
            case Accept():
                done: queue.SimpleQueue[None] = queue.SimpleQueue()
                self.harness.take(Declare(EndDeploy(("main",), accepts=True), done))
        self.seen += moved(tuple(self.harness.transitions), -self.shift)
        self.harness.transitions.clear()

    def alerts(self) -> list[Alert]:
        """Return what is active, as a clock shows it that nobody sets."""
        active = moved(self.harness.pipeline.active_alerts(), -self.shift)
        return sorted(active, key=lambda alert: alert.labels)

    def _result(self, value: float) -> Success:
        detector = self.kind.detector
        if isinstance(detector, RateDetector):
            self.total += value
            return Success(samples_of("plans", {"pro": self.total}), 1)
        if isinstance(detector, NewDetector):
            # A value stands for how many plans there are.
            plans = {f"p{number}": 1.0 for number in range(int(value) + 1)}
            return Success(samples_of("plans", plans), len(plans))
        return Success(samples_of("plans", {"pro": value}), 1)


def config_of(kind: Kind, summary: str) -> Config:
    rule = a_rule(
        "PlansOdd",
        "plans",
        condition=kind.condition,
        detector=kind.detector,
        summary=summary,
    )
    metric = Metric("plans", "", ("plan",), value="users", kind="counter")
    return a_config(a_query("plans", metrics=(metric,), rules=(rule,)), own_rules=())


def assert_same(kind: Kind, life: Iterable[Event]) -> Life:
    """Live a life with the steps and without them, and find no difference; return the one without."""
    stepped, steady = Life(kind, is_set=True), Life(kind, is_set=False)
    stepped.learn(learned_of(kind))
    steady.learn(learned_of(kind))
    for event in life:
        stepped.go_on(event)
        steady.go_on(event)
        assert stepped.seen == steady.seen
        assert stepped.alerts() == steady.alerts()
    return steady


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_life_with_steps_is_the_life_without_them(
    name: str, data: st.DataObject
) -> None:
    kind = KINDS[name]
    assert_same(kind, data.draw(lives(kind)))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "event",
    [
        Step(3 * SECOND),
        Step(26 * HOUR),
        Step(-26 * HOUR),
        Step(40 * DAY),
        Step(-40 * DAY),
        Restart(NOT_SET, set_by=-26 * HOUR),
    ],
    ids=str,
)
def test_a_step_in_the_middle_of_what_was_found_ends_nothing_and_accepts_nothing(
    name: str, event: Event
) -> None:
    kind = KINDS[name]
    odd = [Run(kind.values[-1])] * 8
    life = [*odd, event, *odd, *[Run(kind.usual)] * 8, *odd]
    assert assert_same(kind, life).seen


@pytest.mark.parametrize("name", ["change", "new", "objective", "rate"])
@pytest.mark.parametrize("by", [timedelta(days=-3), timedelta(days=3)], ids=str)
def test_a_rule_that_began_by_a_wrong_clock_is_as_soon_able_to_judge(
    name: str, by: timedelta
) -> None:
    kind = KINDS[name]
    stepped, steady = Life(kind, is_set=True), Life(kind, is_set=False)
    first, usual, odd = Run(kind.usual), Run(kind.usual), Run(kind.values[-1])
    life: list[Event] = [first, Step(by), *[usual] * kind.learned_runs, *[odd] * 8]
    for event in life:
        stepped.go_on(event)
        steady.go_on(event)
    assert steady.alerts()
    assert stepped.alerts() == steady.alerts()
    assert stepped.seen == steady.seen


@pytest.mark.parametrize("seconds", [3, -3, 90_000])
def test_what_was_accepted_once_is_not_accepted_again_after_a_step(
    seconds: int,
) -> None:
    life = Life(KINDS["change"], is_set=True)
    life.learn(learned_of(life.kind))
    step = Step(seconds * SECOND)
    events: list[Event] = [Run(100), Accept(), Run(100), step, Run(60)]
    for event in events:
        life.go_on(event)
    (alert,) = life.alerts()
    assert alert.is_firing()
    life.go_on(Run(60))
    assert life.alerts() == [alert]


def test_when_it_was_first_seen_is_said_by_the_clock_that_is_right_now() -> None:
    kind = KINDS["new"]
    life = Life(kind, is_set=True, summary="{first_seen}")
    life.learn(learned_of(kind))
    life.go_on(Run(2))
    first_at = life.harness.at
    life.go_on(Step(5 * DAY))
    life.go_on(Run(2))
    texts = [dict(alert.annotations)["summary"] for alert in life.alerts()]
    assert texts == [f"{first_at + 5 * DAY:%Y-%m-%d %H:%M} UTC"] * 2


LEDGER_QUERY = a_query("ledger", walk=Ledger("t", "id"))
KEY = ("main", "ledger")


def a_ledger(at: datetime, looked_at: float) -> Success:
    memory = LedgerMemory(at - timedelta(seconds=looked_at), looked_at=looked_at)
    return Success(
        (), 0, position=LedgerPosition(walked_by(LEDGER_QUERY), 1, memory, "", at)
    )


@pytest.mark.parametrize("by", [timedelta(days=-3), timedelta(days=3)], ids=str)
@pytest.mark.parametrize("is_noticed", [True, False])
def test_a_ledger_goes_on_from_where_it_was_after_a_restart_whatever_the_clock_was_set(
    by: timedelta, *, is_noticed: bool
) -> None:
    one = Harness(a_config(LEDGER_QUERY))
    one.run("ledger", a_ledger(one.at, 3600.0))
    if is_noticed:
        one.set_by = by
        one.tick()
        again = one.restarted(MINUTE)
        passed = 60.0
    else:
        again = one.restarted(by)
        # That it was set forward looks as if we had been down for so long.
        passed = max(0.0, by.total_seconds())
    kept = again.pipeline.snapshot.position_of(KEY)
    assert isinstance(kept, LedgerPosition)
    age = (again.at - kept.memory.origin).total_seconds()
    assert (age, kept.checked_at) == (3600.0 + passed, again.at - passed * SECOND)
