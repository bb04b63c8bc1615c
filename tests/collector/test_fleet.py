"""Many targets on a stub of MySQL: each within its connections, silent ones delay nobody, and all of it stops."""

from __future__ import annotations

import itertools
import queue
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerting.snapshot import Snapshot
from monitor.collector.targets import TargetRunners
from monitor.database import Database
from monitor.model.results import CANCELLED, Failure, Outcome, Result, Success
from monitor.model.schedules import Every
from monitor.model.settings import Job, Metric, Query, Statement
from monitor.model.targets import PasswordSource, Target, Tls
from monitor.secrets.reader import SecretReader
from monitor.timing.clock import AnchoredClock
from monitor.timing.deadlines import Watchdog
from tests.collector.test_scheduler import a_job
from tests.support.mysql_stub import MySQLStub


def a_target(stub: MySQLStub, name: str, max_connections: int = 2) -> Target:
    """Describe an account of the stub as a target of its own."""
    return Target(
        name=name,
        user=name,
        database="app",
        tls=Tls("disabled"),
        host="127.0.0.1",
        port=stub.port,
        password=PasswordSource(env="PASSWORD"),
        max_connections=max_connections,
    )


def a_query(number: int, timeout: timedelta = timedelta(seconds=20)) -> Query:
    """Return a query that the stub answers."""
    metric = Metric("subscribers", "", labels=("plan",), value="subscribers")
    sql = f"SELECT plan, COUNT(*) AS subscribers FROM s GROUP BY plan /* q{number} */"
    return replace(
        a_job(f"q{number}").query,
        statement=Statement(sql),
        schedule=Every(timedelta(minutes=1)),
        timeout=timeout,
        metrics=(metric,),
    )


class Fleet:
    """Runners of targets on a stub, and the results that they gave."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self.missed: Counter[tuple[str, str]] = Counter()
        self._numbers = itertools.count(100)
        self.watchdog = Watchdog()
        self.clock = AnchoredClock()
        self.runners = TargetRunners(
            self.clock,
            open_database=self._open,
            on_result=self.results.put,
            on_missed=self._miss,
            snapshot=Snapshot,
        )
        self.runners.apply(targets)

    def dispatch(self, target: Target, query: Query) -> None:
        """Hand over a job that is due."""
        self.runners.dispatch(Job(target, query), self.clock.now(), timedelta(0))

    def next(self) -> Result:
        return self.results.get(timeout=30)

    def next_of(self, target: Target) -> Outcome:
        """Make a run of a target, of a query that does not run yet, and return what came of it."""
        self.dispatch(target, a_query(next(self._numbers)))
        return self.next().outcome

    def _open(self, target: Target) -> Database:
        secrets = SecretReader({"PASSWORD": "x"})
        return Database(target, secrets=secrets, watchdog=self.watchdog)

    def _miss(self, job: Job, count: int) -> None:
        self.missed[job.key] += count


@contextmanager
def a_stub(*, answer_seconds: float = 0.0) -> Iterator[MySQLStub]:
    stub = MySQLStub(answer_seconds=answer_seconds).start()
    try:
        yield stub
    finally:
        stub.stop()


@contextmanager
def a_fleet(targets: Sequence[Target]) -> Iterator[Fleet]:
    fleet = Fleet(targets)
    try:
        yield fleet
    finally:
        fleet.runners.stop(0.1)
        fleet.watchdog.close()


@settings(max_examples=20, deadline=None)
@given(
    allowed=st.lists(st.integers(1, 3), min_size=1, max_size=5),
    due=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6)), max_size=40),
)
def test_no_target_sees_more_connections_than_it_allows_and_each_job_runs_once(
    allowed: list[int], due: list[tuple[int, int]]
) -> None:
    with a_stub(answer_seconds=0.005) as stub:
        targets = [
            a_target(stub, f"t{place}", size) for place, size in enumerate(allowed)
        ]
        with a_fleet(targets) as fleet:
            for place, number in due:
                fleet.dispatch(targets[place % len(targets)], a_query(number))
            taken = len(due) - sum(fleet.missed.values())
            results = [fleet.next() for _ in range(taken)]
            assert all(isinstance(one.outcome, Success) for one in results)
            for target in targets:
                seen = stub.account(target.name)
                assert seen.most_open <= target.max_connections
                assert seen.most_running <= target.max_connections


def test_silent_targets_delay_no_other() -> None:
    with a_stub() as stub:
        silent = [a_target(stub, f"silent{number}") for number in range(30)]
        healthy = [a_target(stub, f"healthy{number}") for number in range(5)]
        stub.silent = {target.name for target in silent}
        with a_fleet([*silent, *healthy]) as fleet:
            for target in silent:
                for number in range(1, 5):
                    fleet.dispatch(target, a_query(number))
            for number in range(1, 9):
                for target in healthy:
                    fleet.dispatch(target, a_query(number))
            # The silent ones take five seconds and more; in a pool of fixed size these would wait for them.
            first = [fleet.next() for _ in range(40)]
            assert {one.job.target.name for one in first} == {
                target.name for target in healthy
            }
            assert all(isinstance(one.outcome, Success) for one in first)
            assert not fleet.missed


def test_a_target_that_is_lost_twice_is_tried_by_one_run_at_a_time() -> None:
    with a_stub() as stub:
        target = a_target(stub, "gone", 3)
        stub.silent = {"gone"}
        with a_fleet([target]) as fleet:
            for number in range(1, 4):
                fleet.dispatch(target, a_query(number))
            losses = [fleet.next() for _ in range(3)]
            assert all(one.loss is not None for one in losses)
            for number in range(1, 6):
                fleet.dispatch(target, a_query(number))
            for _ in range(5):
                assert len(fleet.runners.pools()[0].runs) <= 1
                assert fleet.next().loss is not None
            stub.silent = set()
            outcome = fleet.next_of(target)
            while not isinstance(outcome, Success):
                outcome = fleet.next_of(target)
            stub.answer_seconds = 0.05
            for number in range(1, 4):
                fleet.dispatch(target, a_query(number))
            assert all(fleet.next().server for _ in range(3))
            assert stub.account("gone").most_running == 3


def test_stop_cuts_what_hangs_forgets_what_waits_and_leaves_no_session() -> None:
    with a_stub(answer_seconds=0.01) as stub:
        targets = [a_target(stub, f"t{number}") for number in range(10)]
        with a_fleet(targets) as fleet:
            for target in targets:
                fleet.dispatch(target, a_query(1))
            assert all(fleet.next().loss is None for _ in targets)
            stub.silent = {target.name for target in targets}
            for target in targets:
                for number in (1, 2, 3):
                    fleet.dispatch(target, a_query(number))
            fleet.runners.stop(0.1)
            ended = [fleet.next() for _ in range(fleet.results.qsize())]
            for one in ended:
                assert isinstance(one.outcome, Failure)
                assert one.outcome.detail in (CANCELLED, "cut", "lost", "unreachable")
            fleet.dispatch(targets[0], a_query(4))
            assert fleet.missed[targets[0].name, "q4"] == 1
