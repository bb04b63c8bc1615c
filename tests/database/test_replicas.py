"""Two real servers: a replica that follows, lags or stands, and what a run makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.collector.execute import execute
from monitor.database.replication import replication_of
from monitor.database.status import MAX_STATUS_AGE_SECONDS
from monitor.model.errors import Reason
from monitor.model.results import Failure, Replication, Result, Success
from monitor.model.schedules import Every
from monitor.model.settings import Job, Query, Statement
from monitor.timing.clock import AnchoredClock
from tests.database.conftest import Databases
from tests.database.replicas import BOTH, Pair, replicating
from tests.database.targets import run_as_root, target_for, wait_until

NOT_THERE = Query(
    "not_there",
    "A statement that fails where it is sent",
    Statement("SELECT id FROM nowhere"),
    Every(timedelta(minutes=1)),
    timedelta(seconds=10),
    10,
    Path("not_there.sql"),
)


@pytest.fixture(
    scope="module", params=["mariadb", pytest.param("mysql", marks=pytest.mark.mysql)]
)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with replicating(BOTH[request.param]) as pair:
        yield pair


class Runs:
    """Runs of one query on the replica, each with a new look at it."""

    def __init__(self, pair: Pair, databases: Databases, *, max_lag: timedelta) -> None:
        self._job = Job(target_for(pair.replica, schema="app"), NOT_THERE)
        self._job = replace(
            self._job, target=replace(self._job.target, max_replica_lag=max_lag)
        )
        self._database = databases.open(self._job.target)
        self._clock = AnchoredClock()

    def run(self) -> Result:
        with self._database.lease(deadline_seconds=20) as session:
            session.connection.status_at -= MAX_STATUS_AGE_SECONDS
        return execute(self._job, self._clock.now(), self._database, self._clock)

    def reason(self) -> Reason:
        outcome = self.run().outcome
        assert isinstance(outcome, Failure)
        return outcome.reason

    def replication(self) -> Replication | None:
        server = self.run().server
        assert server is not None
        assert server.knows_replication
        return server.replication


def test_a_replica_that_follows_is_judged(pair: Pair, databases: Databases) -> None:
    runs = Runs(pair, databases, max_lag=timedelta(minutes=1))
    pair.write()
    wait_until(pair.is_caught_up, "the replica follows", seconds=60)
    wait_until(lambda: runs.replication() == Replication(0.0), "it says so", seconds=60)
    assert runs.reason() is Reason.SCHEMA_MISSING


def test_a_replica_that_stands_is_not_judged_and_is_again_when_it_goes_on(
    pair: Pair, databases: Databases
) -> None:
    runs = Runs(pair, databases, max_lag=timedelta(minutes=1))
    pair.do("STOP SQL_THREAD")
    try:
        wait_until(
            lambda: runs.reason() is Reason.REPLICA_LAGGING, "it stands", seconds=60
        )
        result = runs.run()
        outcome, server = result.outcome, result.server
        assert isinstance(outcome, Failure)
        assert (outcome.reason, outcome.lost) == (Reason.REPLICA_LAGGING, False)
        assert (
            outcome.message == "its replication stands (IO thread: Yes, SQL thread: No)"
        )
        assert server is not None
        assert server.replication is not None
        assert server.replication.lag_seconds is None
    finally:
        pair.do("START SQL_THREAD")
    wait_until(
        lambda: runs.reason() is Reason.SCHEMA_MISSING, "it is judged again", seconds=60
    )


def test_a_replica_that_is_too_late_is_not_judged_before_it_has_caught_up(
    pair: Pair, databases: Databases
) -> None:
    runs = Runs(pair, databases, max_lag=timedelta(milliseconds=500))
    patient = Runs(pair, databases, max_lag=timedelta(hours=1))
    any_lag = Runs(pair, databases, max_lag=timedelta(0))
    pair.delay(3600)
    try:
        pair.write()
        wait_until(
            lambda: runs.reason() is Reason.REPLICA_LAGGING, "it lags", seconds=60
        )
        outcome, lag = runs.run().outcome, runs.replication()
        assert isinstance(outcome, Failure)
        assert (
            outcome.message == "the replica is more than 500ms behind (max_replica_lag)"
        )
        assert lag is not None
        assert lag.lag_seconds is not None
        assert 1 <= lag.lag_seconds < 600
        assert patient.reason() is Reason.SCHEMA_MISSING
        pair.do("STOP SQL_THREAD")
        wait_until(
            lambda: patient.reason() is Reason.REPLICA_LAGGING, "it stands", seconds=60
        )
        assert any_lag.reason() is Reason.SCHEMA_MISSING
    finally:
        pair.delay(0)
    wait_until(pair.is_caught_up, "the replica has caught up", seconds=60)
    wait_until(
        lambda: runs.reason() is Reason.SCHEMA_MISSING, "it is judged again", seconds=60
    )


def test_a_replica_whose_source_is_lost_stands(
    pair: Pair, databases: Databases
) -> None:
    runs = Runs(pair, databases, max_lag=timedelta(minutes=1))
    pair.do("STOP IO_THREAD")
    try:
        # A busy server may not say within a second how it stands, and that is then unknown.
        wait_until(
            lambda: runs.reason() is Reason.REPLICA_LAGGING, "it stands", seconds=60
        )
    finally:
        pair.do("START IO_THREAD")
    wait_until(
        lambda: runs.reason() is Reason.SCHEMA_MISSING, "it is judged again", seconds=60
    )


def test_a_source_with_a_name_that_stands_counts_beside_the_one_without(
    pair: Pair, databases: Databases
) -> None:
    runs = Runs(pair, databases, max_lag=timedelta(minutes=1))
    wait_until(
        lambda: runs.reason() is Reason.SCHEMA_MISSING, "it is judged", seconds=60
    )
    with pair.with_a_second_source():
        wait_until(
            lambda: runs.reason() is Reason.REPLICA_LAGGING,
            "the second source stands",
            seconds=60,
        )
        outcome = runs.run().outcome
        assert isinstance(outcome, Failure)
        assert (
            outcome.message == "its replication stands (IO thread: No, SQL thread: No)"
        )
    wait_until(
        lambda: runs.reason() is Reason.SCHEMA_MISSING, "it is judged again", seconds=60
    )


def test_an_account_with_the_one_right_for_it_sees_the_lag(
    pair: Pair, databases: Databases
) -> None:
    right = "SLAVE MONITOR" if pair.is_mariadb else "REPLICATION CLIENT"
    run_as_root(
        pair.replica,
        "CREATE USER watcher@localhost",
        "GRANT SELECT ON app.* TO watcher@localhost",
        f"GRANT {right} ON *.* TO watcher@localhost",
    )
    try:
        database = databases.open(
            target_for(pair.replica, schema="app", user="watcher")
        )
        with database.lease(deadline_seconds=20) as session:
            server = session.server
        assert (server.knows_replication, server.surplus_rights) == (True, ())
        assert server.replication is not None
    finally:
        run_as_root(pair.replica, "DROP USER watcher@localhost")


def test_the_primary_is_not_a_replica(pair: Pair, databases: Databases) -> None:
    job = Job(
        target_for(pair.primary, schema="app"),
        replace(NOT_THERE, statement=Statement("SELECT 1 AS one")),
    )
    clock = AnchoredClock()
    result = execute(job, clock.now(), databases.open(job.target), clock)
    assert isinstance(result.outcome, Success)
    assert result.server is not None
    assert result.server.knows_replication
    assert result.server.replication is None


@pytest.mark.parametrize(
    ("lags", "expected"),
    [
        ((), None),
        ((0,), Replication(0.0)),
        ((3, 70, 0), Replication(70.0)),
        ((3, None, 70), Replication(None, "IO thread: Connecting, SQL thread: Yes")),
    ],
)
def test_of_several_sources_the_worst_counts(
    lags: tuple[int | None, ...], expected: Replication | None
) -> None:
    rows = [
        {
            "Slave_IO_Running": "Connecting",
            "Slave_SQL_Running": "Yes",
            "Seconds_Behind_Master": lag,
        }
        for lag in lags
    ]
    assert replication_of(rows) == expected
