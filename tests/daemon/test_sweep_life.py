"""What becomes of alerts and series while a sweep goes on: pictures of time, a run each minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor.alerting.query_view import QueryStatus
from monitor.collector.sweep_sums import proven_in, samples_in
from monitor.model.conditions import Condition
from monitor.model.errors import Reason
from monitor.model.positions import SweepPosition
from monitor.model.results import Failure, Success
from monitor.model.settings import Metric, Query
from monitor.model.sweeps import Cycle, PartCycle, Sums
from monitor.model.walked import walked_by
from monitor.model.walks import Sweep
from tests.support.harness import (
    LOST,
    MINUTE,
    NO_COLUMN,
    TIMEOUT,
    Harness,
    a_config,
    a_query,
    a_rule,
)

SWEEP = Sweep("users", "id", cycle=5 * MINUTE)
CONFLICTS = ("token_subscribers_conflicting", ())


ABOVE_3 = Condition("above", 3.0)


def a_sweep(condition: Condition = ABOVE_3) -> Query:
    """A sweep with one count and a rule about it."""
    return a_query(
        "balances",
        walk=SWEEP,
        metrics=(Metric(CONFLICTS[0], "", value="n", positive=True),),
        rules=(
            a_rule(
                "Conflicting",
                CONFLICTS[0],
                condition=condition,
                summary="{value} users",
            ),
        ),
    )


class Walk:
    """The runs of one sweep over a harness; each says how many were found so far."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.harness = Harness(a_config(query))
        self.position = SweepPosition(walked_by(query), 0)

    def part(self, so_far: float) -> str:
        """Let a run end that has read a part of a cycle; return the alert's state after it."""
        at = self.harness.at
        before = self.position.under_way
        begun_at = before.so_far.begun_at if before else at
        cycle = Cycle(begun_at, at, Sums({CONFLICTS: so_far}), 1)
        position = replace(self.position, under_way=PartCycle(cycle, 0, 5, 10))
        return self._run(position)

    def whole(self, found: float) -> str:
        """Let a run end that has read the last piece of a cycle."""
        at = self.harness.at
        before = self.position.under_way
        begun_at = before.so_far.begun_at if before else at
        last = Cycle(begun_at, at, Sums({CONFLICTS: found}), 2)
        return self._run(replace(self.position, under_way=None, last=last))

    def idle(self) -> str:
        """Let a run end that had nothing to read."""
        return self._run(self.position)

    def failed(self, failure: Failure) -> str:
        """Let a run fail."""
        self.harness.run("balances", failure)
        return self._after()

    def _run(self, position: SweepPosition) -> str:
        is_kept = position is not self.position
        self.position = replace(position, serial=self.position.serial + is_kept)
        last, under_way = self.position.last, self.position.under_way
        sums = last.sums if last else Sums()
        so_far = under_way.so_far.sums if under_way else Sums()
        samples = samples_in(sums)
        success = Success(
            samples,
            len(samples),
            silent=() if last else ((),),
            proven=proven_in(self.query, so_far, sums),
            position=self.position if is_kept else None,
        )
        self.harness.run("balances", success)
        return self._after()

    def _after(self) -> str:
        shown = self.harness.shown().get("Conflicting", "-")
        self.harness.after(MINUTE)
        return shown

    def series(self, at: datetime | None = None) -> list[float]:
        """Return the values that /metrics has of it."""
        view = self.harness.pipeline.snapshot.queries["main", "balances"]
        return [sample.value for sample in view.samples_at(at or self.harness.at)]

    def status(self) -> QueryStatus:
        """Return how its last run went."""
        return self.harness.pipeline.snapshot.queries["main", "balances"].status


def summary(walk: Walk) -> str:
    """Return the text of the alert."""
    (alert,) = [
        one
        for one in walk.harness.pipeline.snapshot.alerts
        if one.name == "Conflicting"
    ]
    return dict(alert.annotations)["summary"]


def test_before_the_first_whole_cycle_there_are_no_series_and_nobody_is_called_stale() -> (
    None
):
    walk = Walk(a_sweep())
    for _ in range(30):
        assert walk.part(0) == "-"
        assert walk.series() == []
    assert walk.status() is QueryStatus.OK
    assert walk.harness.reported() == []


def test_a_part_that_proves_it_fires_and_only_a_whole_cycle_resolves() -> None:
    walk = Walk(a_sweep())
    seen = [walk.part(0), walk.part(4), walk.part(6), walk.whole(7)]
    assert seen == ["-", "firing", "firing", "firing"]

    # The next cycle: what it has not read yet is no end.
    seen = [walk.idle(), walk.part(0), walk.part(1), walk.whole(1)]
    assert seen == ["firing", "firing", "firing", "resolved"]

    seen = [walk.part(2), walk.part(5), walk.whole(5)]
    assert seen == ["resolved", "firing", "firing"]


def test_the_text_says_at_least_until_the_cycle_is_through() -> None:
    walk = Walk(a_sweep())
    walk.part(4)
    assert summary(walk) == "so far at least 4 users"
    walk.whole(7)
    assert summary(walk) == "7 users"
    walk.part(5)
    assert summary(walk) == "7 users"
    walk.part(9)
    assert summary(walk) == "so far at least 9 users"


def test_a_restart_before_the_first_whole_cycle_holds_what_fires() -> None:
    walk = Walk(a_sweep())
    walk.part(4)
    walk.harness = walk.harness.restarted(MINUTE)
    kept = walk.harness.pipeline.snapshot.position_of(("main", "balances"))
    assert kept == walk.position

    assert walk.part(5) == "firing"
    assert walk.whole(2) == "resolved"


def test_a_sweep_that_begins_anew_holds_what_fires_until_it_is_through() -> None:
    walk = Walk(a_sweep())
    walk.whole(7)
    # As after a parameter was changed: of what was read before nothing counts.
    walk.position = replace(walk.position, last=None, under_way=None)

    assert walk.part(0) == "firing held"
    assert walk.whole(0) == "resolved"


@pytest.mark.parametrize("kind", ["absent", "below", "equals"])
def test_conditions_that_a_part_cannot_prove_wait_for_a_whole_cycle(kind: str) -> None:
    threshold = {"below": 3.0, "equals": 1.0}.get(kind, 0.0)
    walk = Walk(a_sweep(Condition(kind, threshold)))  # type: ignore[arg-type]

    assert [walk.part(1), walk.part(1)] == ["-", "-"]
    assert walk.whole(1) == ("-" if kind == "absent" else "firing")


def test_a_run_that_fails_leaves_the_last_result_until_it_is_three_cycles_old() -> None:
    walk = Walk(a_sweep())
    walk.part(0)
    walk.whole(7)
    at = walk.harness.at

    assert walk.failed(TIMEOUT) == "firing held"
    assert (walk.series(), walk.status()) == ([7.0], QueryStatus.FAILED)
    assert walk.series(at + 13 * MINUTE) == [7.0]
    assert walk.series(at + 15 * MINUTE) == []
    assert walk.idle() == "firing"
    assert walk.series() == [7.0]


def test_three_cycles_are_as_long_as_they_really_take() -> None:
    walk = Walk(a_sweep())
    for _ in range(40):
        walk.part(0)
    walk.whole(7)
    at = walk.harness.at
    walk.failed(TIMEOUT)

    assert walk.series(at + 100 * MINUTE) == [7.0]
    assert walk.series(at + 121 * MINUTE) == []


@pytest.mark.parametrize("failure", [NO_COLUMN, LOST], ids=["no column", "lost"])
def test_a_lost_target_and_a_missing_column_end_the_result_at_once(
    failure: Failure,
) -> None:
    walk = Walk(a_sweep())
    walk.whole(7)

    assert walk.failed(failure).startswith("firing held")
    assert walk.series() == []


def test_a_query_whose_pieces_fail_again_and_again_is_told() -> None:
    walk = Walk(a_sweep())
    walk.whole(0)
    for _ in range(4):
        walk.failed(Failure(Reason.TIMEOUT, "no result within 1s"))

    assert "TokenMonitorQueryFailing fired" in walk.harness.reported()


def test_when_the_clock_is_set_the_instants_of_a_cycle_move_with_it() -> None:
    walk = Walk(a_sweep())
    walk.whole(7)
    before = walk.position.last
    assert before is not None

    walk.harness.set_by = timedelta(hours=5)
    walk.harness.tick()

    kept = walk.harness.pipeline.snapshot.position_of(("main", "balances"))
    assert isinstance(kept, SweepPosition)
    assert kept.last is not None
    assert kept.last.begun_at == before.begun_at + timedelta(hours=5)
