"""Derived values through the pipeline: when they are computed, and what becomes of their alerts without an input."""

from __future__ import annotations

import queue
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.daemon.messages import Declare, NewConfig
from monitor.model.counted_from import CountedFrom
from monitor.model.deploys import BeginDeploy, DeployRequest, EndDeploy
from monitor.model.errors import Reason
from monitor.model.results import Failure, Outcome, Result, Sample, Success
from monitor.model.settings import Config, labels_of
from tests.config.folder import Folder
from tests.support.harness import LOST, SERVER, TIMEOUT, Harness

TARGETS = """
[targets.primary]
unix_socket = "/run/primary.sock"
user = "m"
database = "app"
[targets.replica]
unix_socket = "/run/replica.sock"
user = "m"
database = "app"
"""
HOOK = """
[receivers.hook]
kind = "webhook"
url = "http://127.0.0.1:9/"
"""
BEHIND = """
[derived.rows_behind]
help = "Rows of the primary that the replica lacks"
value = "primary - replica"
targets = ["replica"]
inputs = { primary = { metric = "orders_rows", target = "primary" }, replica = "orders_rows" }
[derived.rows_behind.rules.RowsMissing]
above = 0
for = "2m"
severity = "critical"
summary = "{value} rows of {plan} are missing on {target}: {primary} there, {replica} here"
"""
ORDERS = """
summary = "Orders by plan"
interval = "1m"
[metrics.orders_rows]
help = "Orders"
labels = ["plan"]
value = "n"
"""
WAITS = """
[deploys]
rules = ["RowsMissing"]
"""
SQL = "SELECT plan, COUNT(*) AS n FROM orders GROUP BY plan"
KEY = ("replica", "rows_behind")
MINUTE = timedelta(minutes=1)


class TwoTargets:
    """One query on two targets, and what is derived from it."""

    def __init__(self, path: Path) -> None:
        self.folder = Folder(path)
        self.folder.query("orders", ORDERS, SQL)
        self.harness = Harness(self.config())

    def config(self, derived: str = BEHIND) -> Config:
        """Load the configuration of both targets, with these derived values."""
        return self.folder.load(TARGETS + HOOK + derived)

    @property
    def view(self) -> QueryView:
        """Return what is known of the derived value."""
        return self.harness.pipeline.snapshot.queries[KEY]

    def declare(self, request: DeployRequest) -> None:
        """Hand over what somebody says of a deployment of the replica."""
        self.harness.take(Declare(request, queue.SimpleQueue()))

    def run(
        self,
        target: str,
        outcome: Outcome | None = None,
        *,
        counted: timedelta = timedelta(0),
        **plans: float,
    ) -> None:
        """Let the query on a target end a run with this outcome, or with so many rows by plan.

        These may have been counted for so long.
        """
        given = [
            Sample("orders_rows", labels_of({"plan": plan}), count)
            for plan, count in plans.items()
        ]
        harness, at = self.harness, self.harness.at
        (job,) = [one for one in harness.config.jobs if one.target.name == target]
        if outcome is None:
            since = (CountedFrom("orders_rows", (), at - counted),) if counted else ()
            outcome = Success(tuple(given), len(given), counted_from=since)
        is_lost = isinstance(outcome, Failure) and outcome.lost
        server = None if is_lost else SERVER
        harness.take(Result(job, at, at, at, 0.01, outcome, server))

    def values(self) -> dict[str, float]:
        """Return the derived values that readers see, by plan."""
        samples = self.view.samples_at(self.harness.at)
        return {dict(one.labels).get("plan", ""): one.value for one in samples}

    def shown(self) -> str | None:
        """Return how the alert is."""
        return self.harness.shown().get("RowsMissing")


@pytest.fixture
def two(tmp_path: Path) -> TwoTargets:
    return TwoTargets(tmp_path)


def test_a_value_is_there_when_all_inputs_have_a_result(two: TwoTargets) -> None:
    two.run("primary", pro=5, free=7)
    assert (two.view.status, two.values()) == (QueryStatus.WAITING, {})
    two.run("replica", pro=3, free=7)
    assert (two.view.status, two.values()) == (
        QueryStatus.OK,
        {"pro": 2.0, "free": 0.0},
    )


def test_it_follows_each_result_of_its_inputs(two: TwoTargets) -> None:
    two.run("primary", pro=5)
    two.run("replica", pro=3)
    two.run("primary", pro=9)
    assert two.values() == {"pro": 6.0}
    two.run("replica", pro=9)
    assert two.values() == {"pro": 0.0}


def test_its_rule_is_like_any_other(two: TwoTargets) -> None:
    two.run("primary", pro=5)
    two.run("replica", pro=3)
    assert two.shown() == "pending"
    two.harness.after(2 * MINUTE)
    two.run("primary", pro=5)
    two.run("replica", pro=3)
    (alert,) = [
        one for one in two.harness.pipeline.active_alerts() if one.name == "RowsMissing"
    ]
    assert dict(alert.labels) == {
        "alertname": "RowsMissing",
        "plan": "pro",
        "severity": "critical",
        "target": "replica",
    }
    assert (
        dict(alert.annotations)["summary"]
        == "2 rows of pro are missing on replica: 5 there, 3 here"
    )
    assert two.harness.posted() == ["RowsMissing firing"]
    two.run("replica", pro=5)
    assert two.harness.posted() == ["RowsMissing resolved"]


@pytest.mark.parametrize("target", ["primary", "replica"])
def test_without_an_input_its_alert_is_held_and_says_why(
    two: TwoTargets, target: str
) -> None:
    two.run("primary", pro=5)
    two.run("replica", pro=3)
    two.harness.after(2 * MINUTE)
    two.run("primary", pro=5)
    two.run("replica", pro=3)
    two.run(target, TIMEOUT)
    assert two.shown() == "firing held"
    failure = two.view.failure
    assert failure is not None
    assert failure.reason is Reason.INPUT_MISSING
    assert (
        failure.message == f"{target} (orders_rows on {target}): timeout: took too long"
    )
    assert two.values() == {}
    two.run(target, pro=4)
    assert two.shown() in ("firing", "resolved")
    assert two.view.failure is None


def test_a_lost_target_mutes_alerts_of_values_that_are_of_another_one(
    two: TwoTargets,
) -> None:
    two.run("primary", pro=5)
    two.run("replica", pro=3)
    two.harness.after(2 * MINUTE)
    two.run("primary", pro=5)
    two.run("replica", pro=3)
    two.run("primary", LOST)
    two.harness.after(MINUTE)
    two.run("replica", pro=3)
    assert two.harness.shown()["TokenMonitorTargetDown"] == "firing"
    assert two.shown() == "firing held muted"
    two.run("primary", pro=5)
    assert two.shown() == "firing"


def test_after_a_deployment_it_waits_until_each_input_was_read_after_its_end(
    two: TwoTargets,
) -> None:
    two.harness = Harness(two.config(BEHIND.replace('for = "2m"', "") + WAITS))
    two.declare(BeginDeploy(("replica",), 10 * MINUTE))
    two.run("primary", pro=5)
    two.run("replica", pro=3)
    assert two.shown() == "pending"
    two.harness.after(MINUTE)
    two.declare(EndDeploy(("replica",)))
    two.run("primary", pro=5)
    assert two.shown() == "pending"
    two.run("replica", pro=3)
    assert two.shown() == "firing"


def test_after_a_deployment_it_waits_for_the_input_that_counts_from_before_its_end(
    two: TwoTargets,
) -> None:
    two.harness = Harness(two.config(BEHIND.replace('for = "2m"', "") + WAITS))
    two.declare(BeginDeploy(("replica",), 10 * MINUTE))
    two.declare(EndDeploy(("replica",)))
    seen = []
    for _ in range(4):
        two.harness.after(MINUTE)
        two.run("primary", pro=5, counted=3 * MINUTE)
        two.run("replica", pro=3)
        seen.append(two.shown())
    assert seen == ["pending", "pending", "firing", "firing"]


def test_nobody_is_asked_to_run_it(two: TwoTargets) -> None:
    harness = two.harness
    two.run("primary", LOST)
    two.run("replica", LOST)
    harness.after(10 * MINUTE)
    two.run("primary", pro=5)
    harness.after(10 * MINUTE)
    assert set(harness.wanted) == {"orders"}
    alerts = {dict(one.labels).get("query") for one in harness.pipeline.active_alerts()}
    assert KEY[1] not in alerts


def test_what_an_input_said_too_long_ago_is_shown_no_more(two: TwoTargets) -> None:
    two.run("primary", pro=5)
    two.harness.after(MINUTE)
    two.run("replica", pro=3)
    assert two.values() == {"pro": 2.0}
    # Three intervals and the timeout after the older one of them.
    two.harness.after(2 * MINUTE + timedelta(seconds=9))
    assert two.values() == {"pro": 2.0}
    two.harness.after(timedelta(seconds=1))
    assert two.values() == {}
    two.run("replica", pro=3)
    failure = two.view.failure
    assert failure is not None
    assert failure.message == (
        "primary (orders_rows on primary): its last data, of 2026-03-01 12:00:00 UTC, holds no longer"
    )


def test_data_older_than_max_age_is_none(two: TwoTargets) -> None:
    derived = BEHIND.replace(
        'targets = ["replica"]', 'targets = ["replica"]\nmax_age = "90s"'
    )
    two.harness = Harness(two.config(derived))
    two.run("primary", pro=5)
    two.harness.after(timedelta(seconds=60))
    two.run("replica", pro=3)
    assert two.values() == {"pro": 2.0}
    two.harness.after(timedelta(seconds=30))
    assert two.values() == {}
    two.run("replica", pro=3)
    failure = two.view.failure
    assert failure is not None
    assert failure.message.endswith("is too old by max_age")


def test_after_a_restart_its_alerts_are_as_they_were_until_all_inputs_have_come(
    two: TwoTargets,
) -> None:
    two.run("primary", pro=5)
    two.run("replica", pro=3)
    two.harness.after(2 * MINUTE)
    two.run("replica", pro=3)
    two.harness.posted()
    two.harness = two.harness.restarted(MINUTE)
    assert two.shown() == "firing held"
    two.run("replica", pro=3)
    assert (two.view.status, two.shown()) == (QueryStatus.WAITING, "firing held")
    two.run("primary", pro=5)
    assert two.shown() == "firing"
    assert two.harness.posted() == []


def test_a_reload_changes_it_at_once(two: TwoTargets) -> None:
    two.run("primary", pro=5)
    two.run("replica", pro=3)
    changed = two.config(BEHIND.replace("primary - replica", "primary - 2 * replica"))
    two.harness.config = changed
    two.harness.take(NewConfig(changed))
    assert two.values() == {"pro": -1.0}
    without = two.config("")
    two.harness.config = without
    two.harness.take(NewConfig(without))
    assert KEY not in two.harness.pipeline.snapshot.queries
    assert two.shown() is None
