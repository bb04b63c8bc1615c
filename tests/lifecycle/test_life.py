"""Any history of results, errors, gaps, restarts and reloads: the pipeline is what the model is."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.lifecycle.machine import FAILURES, Settings, Twins

PLANS = st.sampled_from(["free", "pro", "team"])
VALUES = st.sampled_from([0.0, 5.0, 6.0, float("nan")])
SERIES = st.lists(VALUES, max_size=6)
AGES = st.sampled_from([0.0, 4.0, 9.0])
QUERIES = st.sampled_from(["balances", "balances", "usage", "missing_columns"])
SHORT = st.sampled_from([1, 29, 30, 31, 59, 60, 61, 120])
LONG = st.sampled_from([1, 60, 120, 180, 300, 899, 900, 901, 1300])
LATE = st.sampled_from([0, 0, 1, 10])
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "hold_seconds": st.sampled_from([0, 60, 120]),
        "keep_seconds": st.sampled_from([0, 60, 120, 180]),
        "above": st.sampled_from([0.0, 5.0]),
        "severity": st.sampled_from(["critical", "warning"]),
        "team": st.sampled_from(["", "a"]),
        "interval_seconds": st.sampled_from([30, 60, 300]),
        "usage_hold_seconds": st.sampled_from([0, 60]),
        "usage_rises": st.booleans(),
        "explains": st.booleans(),
        "says_effect": st.booleans(),
        "critical_above": st.sampled_from([None, 5.0]),
        "critical_hold_seconds": st.sampled_from([0, 60, 120]),
        "has_hours": st.booleans(),
        "clear": st.sampled_from([None, 0.0, 5.0]),
    },
)
PARTS = ("has_rule", "has_query", "has_schema_query")
GONE = st.sampled_from(PARTS).map(lambda part: {part: False}) | st.just(
    dict.fromkeys(PARTS, False)
)
LONG_RUN = bool(os.environ.get("TOKEN_MONITOR_TEST_LONG"))


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.twins = Twins()

    @rule(
        passed=SHORT,
        plans=st.lists(
            st.tuples(PLANS, VALUES), max_size=3, unique_by=lambda pair: pair[0]
        ),
        late=LATE,
        is_old_job=st.booleans(),
    )
    def balances(
        self, passed: int, plans: list[tuple[str, float]], late: int, is_old_job: bool
    ) -> None:
        self.twins.wait(passed)
        self.twins.balances(plans, late=late, is_old_job=is_old_job)
        self.twins.compare()

    @rule(values=SERIES)
    def balances_on_the_grid(self, values: list[float]) -> None:
        self._series(values)

    @rule(passed=SHORT, value=VALUES)
    def balances_twice_in_one_run(self, passed: int, value: float) -> None:
        self.twins.wait(passed)
        self.twins.balances([("pro", value), ("pro", value)])
        self.twins.compare()

    @rule(passed=SHORT, age=AGES, late=LATE)
    def usage(self, passed: int, age: float, late: int) -> None:
        self.twins.wait(passed)
        self.twins.usage(age, late=late)
        self.twins.compare()

    @rule(runs=st.lists(st.tuples(VALUES, AGES), max_size=4))
    def both_on_the_grid(self, runs: list[tuple[float, float]]) -> None:
        for value, age in runs:
            self._series([value])
            self.twins.usage(age)
            self.twins.compare()

    @rule(passed=SHORT, is_missing=st.booleans(), late=LATE)
    def columns(self, passed: int, is_missing: bool, late: int) -> None:
        self.twins.wait(passed)
        self.twins.columns(is_missing=is_missing, late=late)
        self.twins.compare()

    @rule(
        passed=SHORT,
        query=QUERIES,
        how=st.sampled_from([*sorted(FAILURES), "ended by us"]),
        late=LATE,
        is_old_job=st.booleans(),
    )
    def fails(
        self, passed: int, query: str, how: str, late: int, is_old_job: bool
    ) -> None:
        self.twins.wait(passed)
        self.twins.fails(query, how, late=late, is_old_job=is_old_job)
        self.twins.compare()

    @rule(passed=SHORT, query=QUERIES)
    def target_is_lost(self, passed: int, query: str) -> None:
        self.twins.wait(passed)
        self.twins.is_lost(query)
        self.twins.compare()

    @rule(passed=SHORT, age=st.sampled_from([0.0, 9.0, None]))
    def connection_is_refused(self, passed: int, age: float | None) -> None:
        self.twins.wait(passed)
        self.twins.is_refused(age)
        self.twins.compare()

    @rule(passed=SHORT, seconds=st.sampled_from([60, 120, 600]), before=SERIES)
    def deployment_begins(self, passed: int, seconds: int, before: list[float]) -> None:
        self.twins.wait(passed)
        self.twins.deploy_begins(seconds)
        self._series(before)

    @rule(passed=SHORT, after=SERIES, counted=st.sampled_from([0, 59, 60, 120]))
    def deployment_ends(self, passed: int, after: list[float], counted: int) -> None:
        self.twins.wait(passed)
        self.twins.deploy_ends()
        self._series(after, counted=counted)

    @rule(passed=LONG, ticks=st.booleans())
    def nothing_happens(self, passed: int, ticks: bool) -> None:
        self.twins.wait(passed, ticks=ticks)
        self.twins.compare()

    @rule(kills=st.lists(st.tuples(LONG, st.booleans()), min_size=1, max_size=3))
    def restarts(self, kills: list[tuple[int, bool]]) -> None:
        for passed, is_clean in kills:
            self.twins.restart(passed, is_clean=is_clean)
            self.twins.compare()

    @initialize(changes=CHANGES)
    def begin(self, changes: dict[str, Any]) -> None:
        self.twins.reload(replace(self.twins.settings, **changes))

    @rule(before=SERIES, changes=CHANGES, is_restart=st.booleans(), after=SERIES)
    def settings_change(
        self,
        before: list[float],
        changes: dict[str, Any],
        is_restart: bool,
        after: list[float],
    ) -> None:
        self._series(before)
        self._apply(1, replace(self.twins.settings, **changes), is_restart=is_restart)
        self._series(after)

    @rule(passed=SHORT, gone=GONE, is_restart=st.booleans())
    def rules_go_and_come(
        self, passed: int, gone: dict[str, Any], is_restart: bool
    ) -> None:
        self._apply(passed, replace(self.twins.settings, **gone), is_restart=is_restart)
        there: dict[str, Any] = dict.fromkeys(gone, True)
        self._apply(
            passed, replace(self.twins.settings, **there), is_restart=is_restart
        )

    @rule(passed=SHORT, gone=GONE)
    def rules_go(self, passed: int, gone: dict[str, Any]) -> None:
        self._apply(passed, replace(self.twins.settings, **gone), is_restart=False)

    @rule(seconds=st.sampled_from([-3600, -30, 30, 3600, 86400]))
    def clock_is_set(self, seconds: int) -> None:
        self.twins.clock_is_set(seconds)

    @rule(is_up=st.booleans())
    def receiver(self, is_up: bool) -> None:
        self.twins.receiver(is_up=is_up)
        self.twins.compare()

    def _series(self, values: list[float], *, counted: int = 0) -> None:
        for value in values:
            self.twins.wait(60)
            self.twins.balances([("pro", value)], counted=counted)
            self.twins.compare()

    def _apply(self, passed: int, changed: Settings, *, is_restart: bool) -> None:
        if is_restart:
            self.twins.restart(passed, is_clean=True, settings=changed)
        else:
            self.twins.wait(passed)
            self.twins.reload(changed)
        self.twins.compare()

    def teardown(self) -> None:
        if self.twins.agrees:
            self.twins.receiver(is_up=True)
            self.twins.compare()
            self.twins.check_history()
        self.twins.harness.state.close()


def test_a_quieter_alert_whose_place_a_louder_one_took_fires_again_after_that_ones_end() -> (
    None
):
    twins = Twins()
    quiet = replace(twins.settings, severity="warning", hold_seconds=0)
    twins.reload(quiet)
    _balances(twins, 5.0)
    twins.reload(replace(quiet, severity="critical"))
    _balances(twins, 5.0, is_old_job=True)
    twins.restart(60, is_clean=True, settings=quiet)
    _balances(twins, 0.0)
    _balances(twins, 5.0)
    twins.check_history()


def test_a_louder_alert_ends_aloud_although_it_had_not_held_for_its_own_time() -> None:
    twins = Twins()
    quiet = replace(twins.settings, severity="warning", hold_seconds=0)
    twins.reload(quiet)
    _balances(twins, 5.0)
    twins.reload(replace(quiet, severity="critical", hold_seconds=300))
    _balances(twins, 5.0)
    _balances(twins, 0.0)
    assert [
        (one.change, one.who.own, one.reason)
        for one in twins.reported
        if one.who.about == "pro"
    ] == [
        ("fired", "warning", ""),
        ("fired", "critical", ""),
        ("resolved", "warning", "superseded"),
        ("resolved", "critical", ""),
    ]


def _balances(twins: Twins, value: float, *, is_old_job: bool = False) -> None:
    twins.wait(60)
    twins.balances([("pro", value)], is_old_job=is_old_job)
    twins.compare()


def test_what_is_blocked_is_muted_again_when_its_column_goes_again_before_it_has_run() -> (
    None
):
    twins = Twins()
    twins.reload(replace(twins.settings, explains=True, hold_seconds=0))
    _balances(twins, 5.0)
    for is_missing in (True, False, True):
        _columns(twins, is_missing=is_missing)
    assert _muted_under(twins, "TokenBalances") == ["TokenColumnMissing"]


def test_a_column_that_was_missing_before_the_target_was_lost_mutes_what_lacks_it_after() -> (
    None
):
    twins = Twins()
    twins.reload(replace(twins.settings, hold_seconds=0))
    _balances(twins, 5.0)
    twins.wait(60)
    twins.is_lost("balances")
    twins.wait(5, ticks=False)
    # Its run began before the loss, and was slow.
    twins.columns(is_missing=True, late=10)
    twins.compare()
    for _ in range(2):
        twins.wait(30)
        twins.usage(0.0)
        twins.compare()
    _balances(twins, 5.0)
    assert _muted_under(twins, "TokenBalances") == ["TokenColumnMissing"]


def test_what_two_samples_would_be_leaves_what_waits_as_it_was_also_at_an_opening() -> (
    None
):
    twins = Twins()
    twins.reload(replace(twins.settings, has_hours=True, hold_seconds=300))
    twins.wait(20 * 60)
    _balances(twins, 5.0)
    began_at = twins.now
    twins.wait(20 * 60)
    twins.balances([("pro", 5.0), ("pro", 5.0)])
    twins.compare()
    (alert,) = twins.harness.pipeline.active_alerts()
    assert (alert.held, alert.active_at) == (True, began_at)
    _balances(twins, 5.0)
    (alert,) = twins.harness.pipeline.active_alerts()
    assert alert.active_at == began_at.replace(minute=40, second=0)


def _columns(twins: Twins, *, is_missing: bool) -> None:
    twins.wait(60)
    twins.columns(is_missing=is_missing)
    twins.compare()


def _muted_under(twins: Twins, rule: str) -> list[str]:
    """Return under which alerts those of a rule are muted."""
    alerts = twins.harness.pipeline.active_alerts()
    names = {alert.fingerprint: alert.name for alert in alerts}
    return [names[alert.muted_by or ""] for alert in alerts if alert.name == rule]


def test_what_gets_louder_while_it_is_muted_ends_as_what_was_heard_of_it() -> None:
    twins = Twins()
    changed = replace(twins.settings, explains=True, usage_rises=True, hold_seconds=0)
    twins.reload(changed)
    for age in (4.0, 4.0):
        _both(twins, 0.0, age)
    heard = set(twins.told_at)
    assert heard
    for age in (4.0, 9.0, 0.0):
        _both(twins, 5.0, age)
        assert heard <= twins.told_at.keys()
    _both(twins, 0.0, 0.0)
    assert not twins.told_at.keys() & heard


def _both(twins: Twins, value: float, age: float) -> None:
    _balances(twins, value)
    twins.usage(age)
    twins.compare()
    twins.tick()


@pytest.mark.slow
@pytest.mark.timeout(900 if LONG_RUN else 120)
def test_any_history_gives_the_alerts_and_the_notices_that_the_model_gives() -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=3000 if LONG_RUN else 120,
            stateful_step_count=60 if LONG_RUN else 30,
            report_multiple_bugs=False,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
