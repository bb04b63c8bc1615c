"""Leaving quiet targets alone changes nothing: the same alerts at the same instants as looking at all, always."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.daemon.messages import NewConfig, Work
from monitor.model.certificates import Certificate
from monitor.model.conditions import Condition
from monitor.model.deferral import Deferred
from monitor.model.errors import Reason
from monitor.model.results import ClockOffset, Failure, Outcome, Replication
from monitor.storage import State
from tests.alerting.test_ownership import RULES
from tests.alerting.test_self_status import EXPIRING
from tests.support.harness import (
    BALANCES,
    COLUMNS,
    LOST,
    MINUTE,
    SERVER,
    TIMEOUT,
    USAGE,
    Harness,
    a_config,
    a_rule,
    balances,
    columns,
    usage,
)

DENIED = Failure(
    Reason.ACCESS_DENIED,
    "SELECT command denied to user 'm'@'h' for table `app`.`users`",
    1142,
)
WAITS = Deferred("busy", "it waits")
REFUSED = replace(LOST, lost=False, refused=True)
OUTCOMES: dict[str, tuple[Outcome, ...]] = {
    "missing_columns": (columns(), TIMEOUT, LOST),
    "balances": (
        balances(pro=0),
        balances(pro=7),
        TIMEOUT,
        LOST,
        DENIED,
        REFUSED,
        WAITS,
    ),
    "usage": (usage(0), usage(9), TIMEOUT, LOST, DENIED, WAITS),
}
OWN_RULES = (
    *RULES,
    EXPIRING,
    a_rule(
        "TokenMonitorClockSkew",
        "clock_skew_seconds",
        hold=MINUTE,
        condition=Condition("above", 60.0),
    ),
    a_rule("TokenMonitorReadOnly", "read_only", hold=MINUTE),
)
SERVERS = (
    SERVER,
    replace(SERVER, read_only=False),
    replace(SERVER, read_only=True),
    replace(SERVER, read_only=True, knows_replication=True),
    replace(SERVER, clock=ClockOffset(90.0, 0.1)),
    replace(SERVER, replication=Replication(3600.0)),
)
NEXT_AFTER = {
    "missing_columns": timedelta(seconds=30),
    "balances": MINUTE,
    "usage": timedelta(minutes=10),
}
"""By query: how long after a run the next one is planned."""
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0, 1, 3, 20, 61, 200))


class LooksAtAll(Harness):
    """A pipeline that evaluates everything about every target at each message."""

    def take(self, message: Work) -> None:
        self.pipeline._active.quiet.clear()
        super().take(message)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([*OUTCOMES]), st.integers(0, 6), st.integers(0, 5)),
        st.tuples(st.just("pass"), st.integers(0, 5), st.integers(0, 1)),
        st.tuples(st.just("reload"), st.integers(0, 0), st.integers(0, 0)),
        st.tuples(st.just("disk"), st.integers(0, 6), st.integers(0, 5)),
    ),
    min_size=5,
    max_size=40,
)


class FullDisk(State):
    """A state that takes nothing while it refuses."""

    refuses = False

    def record(self, *arguments: Any, **named: Any) -> None:
        if self.refuses:
            raise sqlite3.OperationalError("database or disk is full")
        super().record(*arguments, **named)


@contextmanager
def a_harness(kind: type[Harness]) -> Iterator[Harness]:
    config = a_config(COLUMNS, BALANCES, USAGE, own_rules=OWN_RULES)
    with closing(FullDisk()) as state:
        harness = kind(config, state=state)
        harness.next_run_at_of = lambda key: harness.at + NEXT_AFTER[key[1]]
        yield harness


def run_with_full_disk(harness: Harness, query: str, outcome: Outcome) -> None:
    """Let a run end while the disk refuses what it changes, if that is anything."""
    assert isinstance(harness.state, FullDisk)
    harness.state.refuses = True
    with suppress(sqlite3.OperationalError):
        harness.run(query, outcome)
    harness.state.refuses = False


def make(harness: Harness, step: tuple[str, int, int]) -> None:
    word, choice, other = step
    if word == "pass":
        passed = PAUSES[choice % len(PAUSES)]
        _ = harness.asleep(passed) if other else harness.after(passed)
        harness.tick()
    elif word == "reload":
        harness.take(NewConfig(harness.config))
    elif word == "disk":
        query = [*OUTCOMES][other % len(OUTCOMES)]
        outcomes = OUTCOMES[query]
        run_with_full_disk(harness, query, outcomes[choice % len(outcomes)])
    else:
        ends_at = harness.at + timedelta(days=14, seconds=30)
        server = SERVERS[other % len(SERVERS)]
        harness.server = replace(server, certificates=(Certificate("server", ends_at),))
        outcomes = OUTCOMES[word]
        harness.run(word, outcomes[choice % len(outcomes)])


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_what_is_left_alone_would_have_said_nothing(
    steps: list[tuple[str, int, int]],
) -> None:
    with a_harness(Harness) as left_alone, a_harness(LooksAtAll) as looked_at:
        for step in steps:
            make(left_alone, step)
            make(looked_at, step)
            assert left_alone.reported() == looked_at.reported()
            left, looked = left_alone.pipeline, looked_at.pipeline
            assert left.active_alerts() == looked.active_alerts()
            assert left_alone.wanted == looked_at.wanted
            assert left._active.evaluated == looked._active.evaluated


def test_what_the_disk_refused_is_found_by_the_next_result_of_any_query() -> None:
    with a_harness(Harness) as harness:
        for query, outcomes in OUTCOMES.items():
            harness.run(query, outcomes[0])
        harness.after(2 * MINUTE)
        harness.run("missing_columns", columns())
        harness.run("balances", balances(pro=0))
        run_with_full_disk(harness, "usage", DENIED)
        harness.run("balances", balances(pro=0))
        assert "TokenMonitorAccessDenied" in harness.shown()
