"""Runs that are put off, and intervals that are stretched: what is known, shown and told meanwhile."""

from __future__ import annotations

from dataclasses import replace

from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.daemon.messages import NewConfig
from monitor.model.deferral import Deferred
from monitor.model.errors import Reason
from monitor.model.load_limits import LoadLimits
from monitor.model.results import Failure, Outcome, Replication
from monitor.model.schedules import Cron
from monitor.model.settings import Severity
from tests.support.harness import (
    BALANCE,
    BALANCES,
    COLUMNS,
    MINUTE,
    OWN_RULES,
    SECOND,
    SERVER,
    START,
    TIMEOUT,
    USAGE,
    Harness,
    a_config,
    balances,
    columns,
    usage,
)

BUSY = replace(SERVER, threads_running=51)
WAITS = Deferred("busy", "more than 50 threads run on the server (threads_running)")
LATE = replace(SERVER, replication=Replication(None, "stopped"), knows_replication=True)
STALE_RULES = tuple(
    replace(rule, summary="{query} is stale.{deferred}")
    if rule.name == "TokenMonitorQueryStale"
    else rule
    for rule in OWN_RULES
)
WAITING_BALANCES = replace(
    BALANCES,
    rules=tuple(replace(rule, severity=Severity.WARNING) for rule in BALANCES.rules),
)


class Waiting(Harness):
    """A harness in which `balances` may wait; the two others may not."""

    def __init__(self) -> None:
        config = a_config(COLUMNS, WAITING_BALANCES, USAGE, own_rules=STALE_RULES)
        super().__init__(config)

    def view(self, name: str = "balances") -> QueryView:
        return self.pipeline.snapshot.queries["main", name]

    def minute(self, outcome: Outcome) -> None:
        """Let a minute pass in which `balances` ends so, and the others well."""
        self.after(MINUTE).runs(columns(), outcome, usage(0))

    def ran(self, name: str, outcome: Outcome, seconds: float) -> None:
        """Let a run end whose statements took so long."""
        self.take(replace(self.result(name, outcome), statement_seconds=seconds))


def test_a_deferred_run_is_neither_ok_nor_failed_and_what_was_known_holds() -> None:
    harness = Waiting()
    harness.runs(columns(), balances(pro=7), usage(0))
    ran = harness.view()
    harness.minute(WAITS)
    view = harness.view()
    assert view.status is QueryStatus.DEFERRED
    assert view.samples_at(harness.at) == ran.samples
    assert view.has_data_at(harness.at)
    assert (view.outcome, view.last_run_at, view.consecutive_failures) == (
        ran.outcome,
        ran.last_run_at,
        0,
    )
    assert view.last_word is WAITS
    harness.after(3 * MINUTE)
    assert view.samples_at(harness.at) == ()
    assert not view.has_data_at(harness.at)


def test_nothing_resolves_or_fires_by_a_deferred_run() -> None:
    harness = Waiting()
    harness.runs(columns(), balances(pro=7), usage(0))
    harness.minute(balances(pro=7))
    harness.minute(balances(pro=7))
    assert harness.shown() == {"TokenBalances": "firing"}
    harness.reported()
    harness.minute(WAITS)
    assert harness.shown() == {"TokenBalances": "firing held"}
    assert harness.reported() == []
    harness.minute(balances())
    assert harness.reported() == ["TokenBalances resolved"]
    harness.minute(balances(pro=7))
    harness.minute(WAITS)
    harness.minute(WAITS)
    assert harness.reported() == ["TokenBalances pending"], "it is held before it fires"


def test_after_three_slots_somebody_says_that_it_is_put_off_and_why() -> None:
    harness = Waiting()
    harness.runs(columns(), balances(), usage(0))
    harness.server = BUSY
    for _ in range(3):
        harness.minute(WAITS)
    assert harness.reported() == []
    harness.minute(WAITS)
    assert harness.reported() == ["TokenMonitorQueryStale fired"]
    (alert,) = [one for one in harness.pipeline.snapshot.alerts if "Stale" in one.name]
    assert dict(alert.annotations)["summary"] == (
        "balances is stale. Its runs are put off: more than 50 threads run on the server (threads_running)."
    )
    harness.server = SERVER
    harness.minute(balances())
    assert harness.reported() == ["TokenMonitorQueryStale resolved"]


def test_a_query_that_failed_and_is_put_off_then_goes_on_failing() -> None:
    harness = Waiting()
    harness.runs(columns(), balances(), usage(0))
    for _ in range(3):
        harness.minute(TIMEOUT)
    assert harness.reported()[-1] == "TokenMonitorQueryFailing fired"
    for _ in range(6):
        harness.minute(WAITS)
    assert harness.reported() == []
    assert harness.shown()["TokenMonitorQueryFailing"].startswith("firing")
    harness.minute(balances())
    assert harness.reported() == ["TokenMonitorQueryFailing resolved"]


def test_a_late_replica_speaks_for_what_waits_for_it_and_its_series_go_at_once() -> (
    None
):
    harness = Waiting()
    harness.runs(columns(), balances(pro=7), usage(0))
    harness.server = LATE
    harness.minute(Deferred("replica_lagging", "its replication stands"))
    assert harness.view().samples_at(harness.at) == ()
    assert harness.view().status is QueryStatus.DEFERRED


def test_what_waited_runs_as_soon_as_any_run_sees_that_the_server_is_calm() -> None:
    harness = Waiting()
    harness.server = BUSY
    harness.runs(columns(), WAITS, usage(0))
    harness.after(20 * SECOND).wanted.clear()
    harness.run("usage", usage(0))
    assert harness.wanted == []
    harness.server = SERVER
    harness.after(20 * SECOND).run("usage", usage(0))
    assert harness.wanted == ["balances"]


def test_a_cron_that_is_put_off_at_each_of_its_times_is_told_too() -> None:
    every_five = replace(WAITING_BALANCES, schedule=Cron("*/5 * * * *"))
    harness = Waiting()
    harness.config = a_config(COLUMNS, every_five, USAGE, own_rules=STALE_RULES)
    harness.take(NewConfig(harness.config))
    harness.runs(columns(), balances(), usage(0))
    told = []
    for minute in range(1, 20):
        harness.after(MINUTE)
        harness.next_run_at = START + (minute // 5 + 1) * 5 * MINUTE
        harness.run("missing_columns", columns())
        harness.run("usage", usage(0))
        if minute % 5 == 0:
            harness.run("balances", WAITS)
        told += [(minute, line) for line in harness.reported()]
    assert told == [(17, "TokenMonitorQueryStale fired")]


def test_beyond_the_share_what_may_wait_has_a_longer_interval_and_its_data_holds() -> (
    None
):
    harness = Waiting()
    for _ in range(4):
        harness.ran("missing_columns", columns(), 0.01)
        harness.ran("usage", usage(0), 0.01)
        harness.ran("balances", balances(pro=1), 1.8)
        harness.after(SECOND)
    assert harness.stretches == {
        ("main", "missing_columns"): 1,
        ("main", "balances"): 4,
        ("main", "usage"): 1,
    }
    view = harness.view()
    assert (view.stretch, view.paced.query.schedule.period) == (4, 4 * MINUTE)
    assert harness.view("usage").stretch == 1
    harness.after(11 * MINUTE)
    assert view.samples_at(harness.at) == view.samples, "three of the longer intervals"
    assert [line for line in harness.reported() if "balances" in line] == []
    assert not [
        alert
        for alert in harness.pipeline.snapshot.alerts
        if alert.scope.subject == "balances" and "Monitor" in alert.name
    ]
    harness.after(2 * MINUTE)
    assert view.samples_at(harness.at) == ()


def test_its_own_interval_is_back_with_the_run_that_shows_that_it_is_cheap_again() -> (
    None
):
    harness = Waiting()
    for _ in range(4):
        harness.ran("balances", balances(), 1.7)
    assert harness.view().stretch == 3
    harness.ran("usage", usage(0), 0.01)
    assert harness.view().stretch == 3
    harness.ran("balances", balances(), 0.01)
    harness.ran("balances", balances(), 0.01)
    assert harness.view().stretch == 1
    assert harness.stretches["main", "balances"] == 1


def test_what_a_reload_makes_critical_has_its_own_interval_at_once() -> None:
    harness = Waiting()
    for _ in range(4):
        harness.ran("balances", balances(), 1.7)
    harness.config = a_config(COLUMNS, BALANCES, USAGE, own_rules=STALE_RULES)
    harness.take(NewConfig(harness.config))
    assert harness.view().stretch == 1
    assert harness.stretches["main", "balances"] == 1


def test_a_run_without_a_statement_says_nothing_of_what_one_costs() -> None:
    harness = Waiting()
    for _ in range(4):
        harness.ran("balances", balances(), 1.7)
    for _ in range(9):
        harness.run("balances", TIMEOUT)
        harness.run("balances", WAITS)
    assert harness.view().stretch == 3


def test_a_server_is_busy_above_the_limit_only() -> None:
    limits = LoadLimits(threads_running=50)
    assert [bool(limits.busy_words(count)) for count in (None, 0, 50, 51)] == [
        False,
        False,
        False,
        True,
    ]
    assert not LoadLimits(threads_running=0).busy_words(10_000)
    assert BALANCE in BALANCES.needs


def test_what_failed_counts_for_nothing_so_a_query_that_fails_keeps_its_schedule() -> (
    None
):
    harness = Waiting()
    for _ in range(5):
        harness.after(MINUTE)
        harness.ran("balances", Failure(Reason.LOCK_WAIT, "waited"), 10.0)
    assert harness.view().stretch == 1
