"""Thousands of alerts: what does not change costs nothing, and nothing costs the square of them.

Counted are steps of the program where they can be, not seconds: the same on a busy machine.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.alerting.evaluate import evaluate
from monitor.alerting.rule_input import BoundRule
from monitor.model.alerts import Alert, AlertState, Scope
from monitor.model.conditions import Condition
from monitor.model.results import Sample, Success
from monitor.model.settings import Labels, Metric, Rule, Severity
from monitor.storage import State
from tests.storage.test_state import alert, by_labels
from tests.support.calls import steps
from tests.support.harness import (
    MINUTE,
    SECOND,
    Harness,
    a_config,
    a_query,
    a_rule,
    samples,
)

MANY = a_query(
    "many",
    metrics=(Metric("m", "", ("k",), value="n"),),
    rules=(a_rule("Many", "m", summary="{k} has {value}", max_alerts=100_000),),
)


def found(count: int, *, changed: int = 0, generation: int = 0) -> Success:
    """Make so many findings; the first of them with another value."""
    values = {
        f"k{number}-{generation}": 1.0 + (number < changed) for number in range(count)
    }
    return Success(samples("m", values, "k"), count)


def with_active(count: int, state: State | None = None) -> Harness:
    """Let so many alerts fire, and everybody be notified."""
    harness = Harness(a_config(MANY), state=state)
    harness.run("many", found(count))
    harness.after(10 * SECOND).run("many", found(count))
    harness.tick()
    harness.posted()
    harness.after(10 * SECOND).tick()
    return harness


@pytest.mark.slow
def test_a_second_in_which_nothing_changes_costs_the_same_with_four_times_as_many_alerts() -> (
    None
):
    few, many = with_active(500), with_active(2000)
    assert steps(many.tick) < 1.2 * steps(few.tick)


@pytest.mark.slow
def test_a_query_beside_many_alerts_costs_the_same_with_four_times_as_many() -> None:
    def beside(count: int) -> int:
        other = a_query(
            "other",
            metrics=(Metric("o", "", value="n"),),
            rules=(a_rule("Other", "o"),),
        )
        harness = Harness(a_config(MANY, other))
        harness.run("many", found(count))
        harness.run("other", Success((Sample("o", (), 0.0),), 1))
        harness.at += MINUTE
        fires = steps(lambda: harness.run("other", Success((Sample("o", (), 1.0),), 1)))
        assert "Other" in harness.shown()
        return fires

    assert beside(2000) < 1.2 * beside(500)


@pytest.mark.alone
def test_labels_that_are_all_new_at_each_run_cost_no_more_than_their_number() -> None:
    def cpu_seconds(count: int) -> float:
        rule = Rule(
            "Many",
            "m",
            Condition("above", 0.0),
            Severity.CRITICAL,
            "{k}",
            max_alerts=count,
        )

        def run(active: dict[Labels, Alert], generation: int) -> dict[Labels, Alert]:
            return evaluate(
                BoundRule(rule, Scope("Many", "main", "many")),
                active,
                found(count, generation=generation),
                now=datetime(2026, 11, 22, tzinfo=UTC) + timedelta(minutes=generation),
                is_first=False,
            ).active

        first = run({}, 0)
        began = time.thread_time()
        second = run(first, 1)
        seconds = time.thread_time() - began
        assert not first.keys() & second.keys()
        return seconds

    few = min(cpu_seconds(200) for _ in range(5))
    # In proportion it is 40 times. Comparisons of sets are no calls, so this is CPU time, of this thread.
    assert min(cpu_seconds(8000) for _ in range(2)) < 80 * few


@pytest.mark.slow
def test_a_run_with_all_new_labels_costs_no_more_than_their_number() -> None:
    def renewed(count: int) -> int:
        harness = with_active(count)
        harness.at += MINUTE
        return steps(lambda: harness.run("many", found(count, generation=1)))

    assert renewed(1200) < 5 * renewed(300)


@pytest.mark.parametrize("changed", [0, 1, 7])
def test_of_many_alerts_only_those_that_changed_are_written(
    tmp_path: Path, changed: int
) -> None:
    path = tmp_path / "state.sqlite"
    with closing(State(str(path))) as state:
        harness = with_active(300, state)
        with closing(sqlite3.connect(path, isolation_level=None)) as shell:
            shell.execute("CREATE TABLE writes (n)")
            shell.execute(
                "CREATE TRIGGER t AFTER INSERT ON alerts BEGIN INSERT INTO writes VALUES (1); END"
            )
            harness.after(MINUTE).run("many", found(300, changed=changed))
            (written,) = shell.execute("SELECT count(*) FROM writes").fetchone()
        assert written == changed
        stands = {
            dict(one.labels).get("k"): one.value
            for one in state.active_alerts()
            if one.name == "Many"
        }
        assert stands == {
            f"k{number}-0": 1.0 + (number < changed) for number in range(300)
        }


def test_what_a_refused_transaction_would_have_written_is_written_by_the_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    scope = alert().scope
    with closing(State(str(path), busy_seconds=0.0)) as state:
        state.record({scope: by_labels(alert("a"), alert("b"))}, (), ())
        with closing(sqlite3.connect(path, isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            later = by_labels(replace(alert("a"), state=AlertState.PENDING), alert("c"))
            with pytest.raises(sqlite3.OperationalError):
                state.record({scope: later}, (), ())
            shell.execute("ROLLBACK")
        state.record({scope: later}, (), ())
        assert by_labels(*state.active_alerts()) == later
