"""Results through the pipe, on a driven clock: what is reported, what is shown, what is posted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.alerting.blocking import missing_for
from monitor.alerting.query_view import QueryStatus
from monitor.alerting.resolved import RESOLVED_KEPT
from monitor.daemon.messages import Missed, NewConfig
from monitor.model.alerts import Delivery, ReceiverHealth
from monitor.model.certificates import Certificate
from monitor.model.conditions import Condition
from monitor.model.errors import Reason
from monitor.model.results import CANCELLED, Failure, Result, Success
from monitor.model.schedules import Cron
from monitor.model.settings import Config, Job
from monitor.storage import State
from tests.support.harness import (
    BALANCE,
    BALANCES,
    COLUMNS,
    HOOK,
    LOST,
    MINUTE,
    NO_COLUMN,
    SECOND,
    SERVER,
    START,
    TARGET,
    TIMEOUT,
    USAGE,
    Harness,
    a_config,
    balances,
    columns,
    usage,
)

HEALTHY = columns(), balances(pro=0), usage(0)


def test_healthy_results_tell_nothing_and_are_shown() -> None:
    harness = Harness()
    harness.runs(*HEALTHY)
    assert harness.reported() == []
    assert harness.posted() == []
    statuses = {
        key[1]: view.status for key, view in harness.pipeline.snapshot.queries.items()
    }
    assert set(statuses.values()) == {QueryStatus.OK}


def test_a_missing_column_is_reported_once_and_everything_under_it_is_blocked_held_and_muted() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=7), usage(0))
    assert harness.reported() == ["TokenBalances pending"]
    harness.after(MINUTE).run("missing_columns", columns(BALANCE))
    assert harness.reported() == ["TokenColumnMissing fired"]
    assert harness.shown() == {
        "TokenColumnMissing": "firing",
        "TokenBalances": "pending held muted",
    }
    view = harness.pipeline.snapshot.queries["main", "balances"]
    assert view.status is QueryStatus.BLOCKED
    assert view.samples == ()
    # for hours: no second root alert, nothing else pages, not even usage that stopped with the column
    for _ in range(60):
        harness.after(MINUTE).run("missing_columns", columns(BALANCE))
        harness.run("balances", NO_COLUMN)
        harness.run("usage", usage(9999))
        harness.tick()
    assert harness.reported() == []
    assert harness.posted() == ["TokenColumnMissing firing"]


def test_a_column_that_comes_back_resolves_and_runs_what_was_blocked_at_once() -> None:
    harness = Harness()
    harness.runs(*HEALTHY)
    harness.after(MINUTE).run("missing_columns", columns(BALANCE))
    harness.after(MINUTE).run("missing_columns", columns())
    assert harness.reported() == [
        "TokenColumnMissing fired",
        "TokenColumnMissing resolved",
    ]
    assert sorted(harness.wanted) == ["balances", "usage"]
    harness.run("balances", balances(pro=0))
    assert (
        harness.pipeline.snapshot.queries["main", "balances"].status is QueryStatus.OK
    )
    assert harness.posted() == [
        "TokenColumnMissing firing",
        "TokenColumnMissing resolved",
    ]


def test_a_pending_alert_keeps_its_clock_while_held_and_fires_at_the_first_true_result() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=7), usage(0))
    harness.after(MINUTE).run("missing_columns", columns(BALANCE))
    harness.after(5 * MINUTE).run("missing_columns", columns())
    harness.run("balances", balances(pro=7))
    assert harness.reported()[-1] == "TokenBalances fired"


def test_an_unknown_column_has_the_schema_looked_at_at_once() -> None:
    harness = Harness()
    harness.runs(*HEALTHY)
    harness.run("balances", NO_COLUMN)
    assert harness.wanted == ["missing_columns"]


def test_a_lost_target_is_one_alert_after_its_for_and_everything_else_is_held_under_it() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=7), usage(5))
    harness.after(2 * MINUTE).run("balances", balances(pro=7))
    assert harness.reported() == [
        "TokenBalances pending",
        "TokenUsageStopped fired",
        "TokenBalances fired",
    ]
    harness.after(MINUTE).run("balances", LOST)
    assert harness.reported() == ["TokenMonitorTargetDown pending"]
    harness.after(31 * SECOND).tick()
    assert harness.reported() == ["TokenMonitorTargetDown fired"]
    for _ in range(60):
        harness.after(MINUTE).runs(LOST, LOST, LOST)
        harness.tick()
    assert harness.reported() == []
    assert harness.shown() == {
        "TokenMonitorTargetDown": "firing",
        "TokenBalances": "firing held muted",
        "TokenUsageStopped": "firing held muted",
    }
    assert all(
        view.samples == () for view in harness.pipeline.snapshot.queries.values()
    )


def test_a_target_that_answers_again_resolves_and_everything_that_failed_is_run_at_once() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=7), usage(5))
    harness.after(MINUTE).runs(LOST, LOST, LOST)
    harness.after(MINUTE).tick()
    harness.reported()
    harness.after(MINUTE).wanted.clear()
    harness.run("missing_columns", columns())
    assert harness.reported() == [], "that it stays is to be seen"
    assert sorted(harness.wanted) == ["balances", "usage"]
    harness.run("balances", balances(pro=0))
    harness.run("usage", usage(0))
    assert harness.reported() == ["TokenUsageStopped resolved"]
    assert harness.shown() == {
        "TokenMonitorTargetDown": "firing",
        "TokenUsageStopped": "resolved",
    }
    harness.reported()
    harness.after(timedelta(seconds=30)).tick()
    assert harness.reported() == ["TokenMonitorTargetDown resolved"]


def test_a_query_that_fails_pages_after_two_intervals_and_resolves_nothing() -> None:
    harness = Harness(a_config(USAGE))
    harness.run("usage", usage(5))
    harness.reported()
    for _ in range(2):
        harness.after(MINUTE).run("usage", TIMEOUT)
    assert harness.reported() == []
    harness.after(MINUTE).run("usage", TIMEOUT)
    assert harness.reported() == ["TokenMonitorQueryFailing fired"]
    assert harness.shown() == {
        "TokenUsageStopped": "firing held",
        "TokenMonitorQueryFailing": "firing",
    }
    harness.after(MINUTE).run("usage", usage(5))
    assert harness.reported() == ["TokenMonitorQueryFailing resolved"]
    assert harness.shown()["TokenUsageStopped"] == "firing"


def test_failures_while_the_target_was_lost_do_not_count_against_its_queries() -> None:
    harness = Harness()
    harness.runs(*HEALTHY)
    for _ in range(10):
        harness.after(MINUTE).runs(LOST, LOST, LOST)
    harness.after(MINUTE).run("missing_columns", columns())
    harness.reported()
    harness.run("usage", TIMEOUT)
    assert harness.reported() == []


def test_a_query_whose_runs_never_end_goes_stale() -> None:
    harness = Harness()
    harness.runs(*HEALTHY)
    for _ in range(3):
        harness.after(MINUTE).run("missing_columns", columns())
        harness.run("balances", balances(pro=0))
        harness.tick()
    assert harness.reported() == []
    harness.after(11 * SECOND).tick()
    assert harness.reported() == ["TokenMonitorQueryStale fired"]
    harness.run("usage", usage(0))
    assert harness.reported() == ["TokenMonitorQueryStale resolved"]


def test_a_query_that_never_ran_goes_stale_too() -> None:
    harness = Harness()
    harness.after(3 * MINUTE + 11 * SECOND).tick()
    assert harness.reported() == ["TokenMonitorQueryStale fired"] * 3


def test_a_receiver_that_takes_nothing_for_five_minutes_is_reported() -> None:
    harness = Harness(a_config(COLUMNS))
    harness.health["hook"] = ReceiverHealth(
        harness.at, "refused", "connection refused", 3
    )
    harness.after(2 * MINUTE).run("missing_columns", columns())
    harness.after(3 * MINUTE).tick()
    assert harness.reported() == []
    harness.after(SECOND).tick()
    assert harness.reported() == ["TokenMonitorDeliveryFailing fired"]
    harness.health["hook"] = ReceiverHealth()
    harness.tick()
    assert harness.reported() == ["TokenMonitorDeliveryFailing resolved"]


def test_missed_runs_are_reported_and_the_query_is_shown_as_skipped() -> None:
    harness = Harness()
    job = harness.config.jobs[1]
    harness.take(Missed(job, 2))
    assert harness.reported() == ["balances missed 2"]
    assert harness.pipeline.snapshot.queries[job.key].status is QueryStatus.SKIPPED


def test_a_reload_that_removes_a_rule_resolves_its_alerts_and_leaves_the_others() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=7), usage(5))
    harness.reported()
    harness.config = a_config(COLUMNS, BALANCES)
    harness.take(NewConfig(harness.config))
    assert harness.reported() == ["TokenUsageStopped resolved"]
    assert harness.shown()["TokenBalances"] == "pending"
    resolved = next(
        a for a in harness.pipeline.snapshot.alerts if a.name == "TokenUsageStopped"
    )
    assert resolved.resolve_reason == "rule_removed"


def test_what_fires_on_a_target_that_another_shard_watches_now_ends_without_a_notice() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=7), usage(5))
    harness.reported()
    assert harness.shown()["TokenUsageStopped"] == "firing"
    the_notified(harness)
    (target,) = harness.config.targets
    harness.config = replace(
        harness.config, targets=(), jobs=(), elsewhere=frozenset({target.name})
    )
    harness.take(NewConfig(harness.config))
    # Logged and in the history, and neither shown nor sent: an Alertmanager would take the end for the truth.
    assert harness.reported() == ["TokenUsageStopped resolved"]
    (ended,) = [one for one in harness.state.history(9) if one.change == "resolved"]
    assert ended.alert.resolve_reason == "moved"
    assert "TokenUsageStopped" not in harness.shown()
    assert the_notified(harness) == []


def the_notified(harness: Harness, receiver: str = "hook") -> list[tuple[str, bool]]:
    """Take what waits for a receiver: the alerts with their states, and whether it is reported again."""
    found: list[tuple[str, bool]] = []
    while due := harness.state.due(receiver, now=harness.at):
        found.extend(
            (f"{alert.name} {alert.state}", due[0].is_repeat) for alert in due[0].alerts
        )
        harness.state.delivered(due[0], Delivery(receiver, harness.at, 0.0))
    return [one for one in found if "Watchdog" not in one[0]]


def test_what_still_fires_is_sent_again_each_repeat_interval_also_over_a_restart() -> (
    None
):
    harness = Harness()
    harness.run("usage", usage(5))
    assert the_notified(harness) == [("TokenUsageStopped firing", False)]
    for _ in range(239):
        harness.at += MINUTE
        harness.run("usage", usage(5))
        harness.tick()
    assert the_notified(harness) == []
    again = harness.restarted(MINUTE)
    again.tick()
    assert the_notified(again) == [], (
        "held since the restart: nothing is known of it yet"
    )
    again.run("usage", usage(5))
    again.tick()
    assert the_notified(again) == [("TokenUsageStopped firing", True)]
    again.tick()
    assert the_notified(again) == []
    again.run("usage", usage(0))
    assert the_notified(again) == [("TokenUsageStopped resolved", False)]


def test_what_is_muted_is_not_sent_again() -> None:
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(5))
    the_notified(harness)
    logged = []
    for _ in range(5 * 60):
        harness.at += MINUTE
        harness.run("missing_columns", LOST)
        harness.run("usage", LOST)
        harness.tick()
        logged += [name for name, _ in the_notified(harness)]
    assert (
        logged.count("TokenMonitorTargetDown firing"),
        logged.count("TokenUsageStopped firing"),
    ) == (2, 0)


def test_a_receiver_that_a_reload_brings_is_notified_of_what_fires_and_hears_its_end() -> (
    None
):
    harness = Harness()
    harness.run("usage", usage(5))
    late = replace(HOOK, name="late")
    harness.take(NewConfig(replace(harness.config, receivers=(HOOK, late))))
    harness.tick()
    assert the_notified(harness, "late") == [("TokenUsageStopped firing", False)]
    harness.run("usage", usage(0))
    assert the_notified(harness, "late") == [("TokenUsageStopped resolved", False)]
    assert the_notified(harness) == [
        ("TokenUsageStopped firing", False),
        ("TokenUsageStopped resolved", False),
    ]


def test_a_receiver_that_a_reload_brings_hears_no_end_of_what_it_was_never_notified_of() -> (
    None
):
    harness = Harness()
    harness.run("usage", usage(5))
    late = replace(HOOK, name="late")
    harness.take(NewConfig(replace(harness.config, receivers=(HOOK, late))))
    harness.run("usage", usage(0))
    harness.tick()
    assert the_notified(harness, "late") == []


def test_a_result_of_a_job_that_a_reload_removed_is_left_out() -> None:
    harness = Harness()
    old = harness.config
    harness.config = a_config(COLUMNS, BALANCES)
    harness.take(NewConfig(harness.config))
    harness.config = old
    harness.run("usage", usage(5))
    assert harness.reported() == []


def test_a_cause_older_than_our_start_is_reported_as_since_at_least() -> None:
    harness = Harness()
    harness.runs(columns(BALANCE), NO_COLUMN, usage(0))
    assert next(iter(harness.pipeline.active_alerts())).since_at_least is True
    harness.run("missing_columns", columns())
    harness.after(MINUTE).run("missing_columns", columns(BALANCE))
    alert = next(
        a for a in harness.pipeline.active_alerts() if a.name == "TokenColumnMissing"
    )
    assert alert.since_at_least is False


def test_what_is_known_of_the_schema_blocks_only_while_it_is_fresh() -> None:
    harness = Harness()
    harness.runs(columns(BALANCE), NO_COLUMN, usage(0))
    job = harness.config.jobs[1]
    assert missing_for(job, harness.pipeline.snapshot, harness.at) == {BALANCE}
    later = harness.at + 3 * MINUTE + 11 * SECOND
    assert missing_for(job, harness.pipeline.snapshot, later) == frozenset()


def test_a_schema_query_that_fails_lifts_no_block_before_what_it_said_is_old() -> None:
    harness = Harness()
    harness.runs(columns(BALANCE), NO_COLUMN, usage(0))
    job = harness.config.jobs[1]
    harness.after(MINUTE).run("missing_columns", TIMEOUT)
    assert missing_for(job, harness.pipeline.snapshot, harness.at) == {BALANCE}
    later = harness.at + 2 * MINUTE + 11 * SECOND
    assert missing_for(job, harness.pipeline.snapshot, later) == frozenset()


def test_a_column_that_is_back_after_the_schema_could_not_be_looked_at_makes_no_query_failing() -> (
    None
):
    harness = Harness()
    harness.runs(columns(BALANCE), NO_COLUMN, usage(0))
    for _ in range(8):
        harness.after(MINUTE).run("missing_columns", TIMEOUT)
        if not missing_for(
            harness.config.jobs[1], harness.pipeline.snapshot, harness.at
        ):
            harness.run("balances", NO_COLUMN)
    assert (
        harness.pipeline.snapshot.queries["main", "balances"].consecutive_failures >= 3
    )
    harness.reported()
    harness.wanted.clear()
    harness.after(MINUTE).run("missing_columns", columns())
    assert harness.wanted == ["balances", "usage"]
    harness.tick()
    harness.after(SECOND).run("balances", balances(pro=0))
    assert [logged for logged in harness.reported() if "Failing fired" in logged] == []


def test_a_query_that_goes_on_lacking_a_column_which_the_schema_query_sees_is_failing() -> (
    None
):
    harness = Harness()
    harness.runs(*HEALTHY)
    for _ in range(3):
        harness.after(MINUTE).run("missing_columns", columns())
        harness.after(SECOND).run("balances", NO_COLUMN)
    assert harness.reported() == ["TokenMonitorQueryFailing fired"]


def test_a_schema_query_that_may_not_look_does_not_say_that_columns_are_missing() -> (
    None
):
    harness = Harness()
    harness.runs(*HEALTHY)
    denied = Failure(Reason.ACCESS_DENIED, "SELECT command denied", 1142)
    harness.after(MINUTE).run("missing_columns", denied)
    assert harness.reported() == []
    assert (
        missing_for(harness.config.jobs[1], harness.pipeline.snapshot, harness.at)
        == frozenset()
    )


PARTIAL = Success(
    (),
    1,
    missing=frozenset(),
    unknown=frozenset({BALANCE}),
    silent=((("table", BALANCE.table),),),
    refusals=(Failure(Reason.ACCESS_DENIED, "SELECT command denied", 1142),),
)


def test_a_column_that_cannot_be_seen_resolves_nothing_and_holds_the_rules_that_need_it() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(5))
    assert harness.reported() == ["TokenUsageStopped fired"]
    harness.after(MINUTE).run("missing_columns", PARTIAL)
    harness.after(SECOND).run("usage", usage(0))
    assert harness.reported() == []
    assert harness.shown() == {"TokenUsageStopped": "firing held"}
    harness.wanted.clear()
    harness.after(MINUTE).run("missing_columns", columns())
    assert harness.wanted == ["usage"]
    harness.run("usage", usage(0))
    assert harness.reported() == ["TokenUsageStopped resolved"]


def test_a_missing_column_whose_table_may_not_be_seen_any_more_goes_on_missing() -> (
    None
):
    harness = Harness()
    harness.runs(*HEALTHY)
    harness.after(MINUTE).run("missing_columns", columns(BALANCE))
    assert harness.reported() == ["TokenColumnMissing fired"]
    harness.after(MINUTE).run("missing_columns", PARTIAL)
    assert harness.reported() == []
    assert harness.shown()["TokenColumnMissing"] == "firing held"
    assert missing_for(
        harness.config.jobs[1], harness.pipeline.snapshot, harness.at
    ) == {BALANCE}
    harness.after(MINUTE).run("missing_columns", columns())
    assert harness.reported() == ["TokenColumnMissing resolved"]


def test_a_resolved_alert_is_shown_for_fifteen_minutes() -> None:
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(5))
    harness.after(MINUTE).run("usage", usage(0))
    assert harness.shown() == {"TokenUsageStopped": "resolved"}
    harness.after(15 * MINUTE + SECOND).tick()
    assert "TokenUsageStopped" not in harness.shown()


def test_after_a_restart_what_fires_is_held_and_not_announced_again() -> None:
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(5))
    harness.posted()
    again = harness.restarted(5 * MINUTE)
    assert again.shown() == {"TokenUsageStopped": "firing held"}
    again.run("usage", usage(5))
    assert again.shown() == {"TokenUsageStopped": "firing"}
    assert again.reported() == []
    assert again.posted() == []


def test_what_cleared_while_we_were_down_is_resolved_by_the_first_run_and_reported() -> (
    None
):
    harness = Harness()
    harness.run("usage", usage(5))
    again = harness.restarted(5 * MINUTE)
    again.run("usage", TIMEOUT)
    assert again.reported() == []
    again.run("usage", usage(0))
    assert again.reported() == ["TokenUsageStopped resolved"]
    assert again.posted() == ["TokenUsageStopped firing", "TokenUsageStopped resolved"]


def test_the_clock_of_a_pending_alert_stands_still_while_we_are_down() -> None:
    harness = Harness()
    harness.run("balances", balances(pro=7))
    harness.after(MINUTE).run("balances", balances(pro=7))
    harness.tick()
    again = harness.restarted(60 * MINUTE)
    again.run("balances", balances(pro=7))
    assert again.reported() == []
    # when we last lived is known to ten seconds: late by that, never early
    again.after(MINUTE - SECOND).run("balances", balances(pro=7))
    assert again.reported() == []
    again.after(11 * SECOND).run("balances", balances(pro=7))
    assert again.reported() == ["TokenBalances fired"]


def test_a_rule_that_was_removed_while_we_were_down_resolves_at_the_start() -> None:
    harness = Harness()
    harness.run("usage", usage(5))
    again = harness.restarted(MINUTE, a_config(COLUMNS, BALANCES))
    assert again.reported() == ["TokenUsageStopped resolved"]


def test_history_older_than_its_retention_is_forgotten() -> None:
    harness = Harness()
    harness.run("usage", usage(5))
    assert [one.alert.name for one in harness.state.history(10)] == [
        "TokenUsageStopped"
    ]
    harness.asleep(31 * 24 * 60 * MINUTE).tick()
    names = [one.alert.name for one in harness.state.history(10)]
    assert "TokenUsageStopped" not in names


def test_a_target_that_comes_and_goes_has_its_queries_run_at_most_each_half_minute() -> (
    None
):
    harness = Harness()
    harness.runs(*HEALTHY)
    for _ in range(29):
        harness.after(SECOND).run("usage", LOST)
        harness.run("missing_columns", columns())
    assert harness.wanted.count("balances") == 1
    harness.after(2 * SECOND).run("usage", LOST)
    harness.run("missing_columns", columns())
    assert harness.wanted.count("balances") == 2


def test_a_connection_that_broke_costs_its_run_and_not_the_target() -> None:
    harness = Harness()
    harness.runs(*HEALTHY)
    broken = Failure(Reason.TARGET_DOWN, "Lost connection during query", 2013, "lost")
    harness.after(SECOND).run("usage", broken)
    assert harness.reported() == []
    assert harness.wanted == []
    assert (
        harness.pipeline.snapshot.queries["main", "balances"].status is QueryStatus.OK
    )


def test_a_reload_after_hours_does_not_make_a_changed_query_stale() -> None:
    harness = Harness()
    harness.runs(*HEALTHY)
    for _ in range(60):
        harness.after(MINUTE).runs(*HEALTHY)
    harness.config = a_config(
        COLUMNS, BALANCES, replace(USAGE, timeout=timedelta(seconds=9))
    )
    harness.take(NewConfig(harness.config))
    harness.tick()
    assert harness.reported() == []
    harness.after(3 * MINUTE).run("missing_columns", columns())
    harness.run("balances", balances(pro=0))
    harness.after(10 * SECOND).tick()
    assert harness.reported() == ["TokenMonitorQueryStale fired"]


def test_after_a_restart_one_more_failure_does_not_resolve_what_says_that_a_query_fails() -> (
    None
):
    harness = Harness()
    for _ in range(3):
        harness.after(MINUTE).run("usage", TIMEOUT)
    assert harness.reported() == ["TokenMonitorQueryFailing fired"]
    again = harness.restarted(MINUTE)
    again.run("usage", TIMEOUT)
    again.tick()
    assert again.reported() == []
    again.run("usage", usage(0))
    assert again.reported() == ["TokenMonitorQueryFailing resolved"]


def test_after_a_restart_a_receiver_that_was_not_tried_yet_is_not_said_to_be_well() -> (
    None
):
    harness = Harness(a_config(COLUMNS))
    harness.health["hook"] = ReceiverHealth(
        harness.at - 6 * MINUTE, "refused", "connection refused", 4
    )
    harness.tick()
    assert harness.reported() == ["TokenMonitorDeliveryFailing fired"]
    again = harness.restarted(MINUTE)
    again.health["hook"] = ReceiverHealth(waiting=4)
    again.tick()
    assert again.reported() == []
    again.health["hook"] = ReceiverHealth()
    again.tick()
    assert again.reported() == ["TokenMonitorDeliveryFailing resolved"]


def test_a_receiver_that_a_reload_removed_is_judged_no_more() -> None:
    harness = Harness(a_config(COLUMNS))
    harness.health["hook"] = ReceiverHealth(
        harness.at - 6 * MINUTE, "refused", "connection refused", 4
    )
    harness.tick()
    harness.reported()
    harness.config = replace(harness.config, receivers=())
    harness.take(NewConfig(harness.config))
    harness.tick()
    assert harness.reported() == [
        "1 wait for hook, which is gone, since 0:00:00",
        "TokenMonitorDeliveryFailing resolved",
    ]
    assert "hook" not in harness.pipeline.snapshot.receivers


def test_what_cannot_be_recorded_does_not_stand_and_is_reported_when_it_can() -> None:
    harness = Harness()
    harness.run("usage", usage(0))
    harness.state.close()
    with pytest.raises(sqlite3.ProgrammingError):
        harness.asleep(SECOND).run("usage", usage(5))
    assert harness.reported() == []
    assert harness.shown() == {}
    with closing(State()) as works:
        harness.pipeline._state = harness.state = works
        harness.asleep(SECOND).run("usage", usage(5))
        assert harness.reported() == ["TokenUsageStopped fired"]


def test_what_failed_with_a_target_runs_at_its_return_also_where_that_cannot_be_recorded() -> (
    None
):
    harness = Harness()
    harness.runs(*HEALTHY)
    harness.after(MINUTE).run("usage", LOST)
    harness.after(MINUTE)
    assert "TokenMonitorTargetDown fired" in harness.reported()
    harness.wanted.clear()
    harness.state.close()
    with pytest.raises(sqlite3.ProgrammingError):
        harness.run("missing_columns", columns(BALANCE))
    assert sorted(harness.wanted) == ["balances", "usage"]


def test_a_run_that_we_ended_ourselves_says_nothing() -> None:
    harness = Harness()
    harness.runs(*HEALTHY)
    ended = Failure(
        Reason.KILLED, "stopped, because the monitor is stopping", detail=CANCELLED
    )
    for _ in range(5):
        harness.run("usage", ended)
    assert harness.reported() == []
    assert harness.pipeline.snapshot.queries["main", "usage"].status is QueryStatus.OK


def test_a_query_that_fails_on_another_column_than_the_missing_one_is_reported() -> (
    None
):
    harness = Harness()
    harness.runs(columns(BALANCE), NO_COLUMN, usage(0))
    harness.reported()
    other = Failure(
        Reason.SCHEMA_MISSING, "Unknown column 'u.nickname' in 'SELECT'", 1054
    )
    same = Failure(
        Reason.SCHEMA_MISSING, "Unknown column 'u.tokens_remaining' in 'SELECT'", 1054
    )
    for failure, logged in ((same, []), (other, ["TokenMonitorQueryFailing fired"])):
        for _ in range(3):
            harness.after(SECOND).run("usage", failure)
        assert harness.reported() == logged


def test_a_failure_that_the_missing_column_does_not_explain_is_held_but_not_muted() -> (
    None
):
    harness = Harness(
        a_config(COLUMNS, replace(USAGE, rules=(replace(USAGE.rules[0], needs=()),)))
    )
    harness.run("usage", usage(5))
    harness.run("missing_columns", columns(BALANCE))
    harness.after(SECOND).run("usage", TIMEOUT)
    assert harness.shown()["TokenUsageStopped"] == "firing held"


def test_a_rule_that_needs_the_missing_column_is_held_with_it_and_judged_as_soon_as_it_is_back() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(5))
    harness.after(SECOND).run("missing_columns", columns(BALANCE))
    assert harness.shown()["TokenUsageStopped"] == "firing held muted"
    harness.after(SECOND).run("missing_columns", columns())
    assert "usage" in harness.wanted
    harness.run("usage", usage(5))
    assert harness.shown()["TokenUsageStopped"] == "firing"


def test_what_is_planned_next_is_to_come_also_after_a_slot_that_has_no_run() -> None:
    harness = Harness()
    first = harness.next_run_at = harness.at + 5 * SECOND
    harness.run("balances", balances(pro=7))
    assert harness.pipeline.snapshot.queries["main", "balances"].next_run_at == first
    harness.next_run_at = (
        harness.at + 65 * SECOND
    )  # the run that there was stood for the first slot
    harness.after(6 * SECOND).tick()
    assert {
        view.next_run_at for view in harness.pipeline.snapshot.queries.values()
    } == {harness.next_run_at}


def test_a_cron_query_that_never_ran_goes_stale_after_its_time() -> None:
    nightly = replace(USAGE, schedule=Cron("0 3 * * *"))
    harness = Harness(a_config(nightly))
    harness.next_run_at = harness.at + 60 * MINUTE
    harness.take(NewConfig(harness.config))
    harness.after(61 * MINUTE + 10 * SECOND).tick()
    assert harness.reported() == []
    harness.after(SECOND).tick()
    assert harness.reported() == ["TokenMonitorQueryStale fired"]


def test_a_daemon_that_wakes_after_hours_does_not_call_its_queries_stale() -> None:
    harness = Harness()
    harness.runs(*HEALTHY)
    harness.asleep(120 * MINUTE).tick()
    assert harness.reported() == []
    harness.after(3 * MINUTE).tick()
    assert harness.reported() == []
    harness.after(11 * SECOND).tick()
    assert harness.reported() == ["TokenMonitorQueryStale fired"] * 3


def test_a_lost_target_is_probed_by_one_query_after_1_2_4_8_and_then_every_15_seconds() -> (
    None
):
    harness = Harness()
    harness.runs(*HEALTHY)
    harness.run("usage", LOST)
    lost_at, probed = harness.at, []
    for _ in range(240):
        harness.asleep(timedelta(milliseconds=250)).tick()
        if harness.wanted:
            probed.append((harness.at - lost_at).total_seconds())
            assert harness.wanted == ["missing_columns"]
            harness.wanted.clear()
            harness.run("missing_columns", LOST)
    pauses = [later - earlier for earlier, later in pairwise(probed)]
    assert probed[0] <= 1.5
    assert pauses == [2.0, 4.0, 8.0, 15.0, 15.0]


def test_a_reload_that_changes_only_a_rule_keeps_what_its_query_found() -> None:
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(5))
    stricter = replace(
        USAGE, rules=(replace(USAGE.rules[0], condition=Condition("above", 9.0)),)
    )
    before = harness.config
    harness.config = a_config(COLUMNS, BALANCES, stricter)
    harness.take(NewConfig(harness.config))
    assert harness.pipeline.snapshot.queries["main", "usage"].samples != ()
    # a run that began before the reload counts, judged by the rules that are in force now
    harness.config = before
    harness.run("usage", usage(7))
    assert harness.reported() == [
        "TokenUsageStopped fired",
        "TokenUsageStopped resolved",
    ]


@pytest.mark.parametrize(
    "by", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=2000)], ids=str
)
def test_a_clock_that_was_set_moves_what_is_kept_and_no_alert(by: timedelta) -> None:
    harness = Harness()
    harness.runs(columns(), balances(pro=7), usage(5))
    assert harness.reported() == ["TokenBalances pending", "TokenUsageStopped fired"]
    harness.after(MINUTE).runs(columns(), balances(pro=7), usage(5))
    before = {alert.name: alert for alert in harness.pipeline.snapshot.alerts}
    harness.set_by = by
    harness.tick()
    assert harness.reported() == [f"clock moved {by.total_seconds():g} s"]
    after = {alert.name: alert for alert in harness.pipeline.snapshot.alerts}
    fired_at, earlier = (
        after["TokenUsageStopped"].fired_at,
        before["TokenUsageStopped"].fired_at,
    )
    assert fired_at is not None
    assert earlier is not None
    assert fired_at - earlier == by
    assert {alert.name: alert.active_at for alert in harness.state.active_alerts()} == {
        alert.name: alert.active_at + by for alert in before.values()
    }
    # `for` goes on where it was, and nothing is stale
    harness.after(MINUTE - SECOND).runs(columns(), balances(pro=7), usage(5))
    assert harness.reported() == []
    harness.after(SECOND).run("balances", balances(pro=7))
    assert harness.reported() == ["TokenBalances fired"]


def test_a_run_that_was_under_way_when_the_clock_was_set_is_made_again() -> None:
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(0))
    under_way = Result(
        Job(TARGET, USAGE),
        harness.at,
        harness.at,
        harness.at,
        0.01,
        usage(5),
        SERVER,
        harness.clock_shift,
    )
    harness.set_by = timedelta(hours=1)
    harness.tick()
    harness.reported()
    harness.take(under_way)
    assert (harness.reported(), harness.wanted) == ([], ["usage"])


def test_what_waits_for_a_receiver_is_not_too_old_after_the_clock_was_set() -> None:
    harness = Harness()
    harness.run("usage", usage(5))
    harness.set_by = timedelta(days=2000)
    harness.tick()
    assert harness.state.expire("hook", now=harness.at) == ()
    assert harness.posted()[0] == "TokenUsageStopped firing"


def test_a_step_of_the_clock_while_the_state_is_locked_is_recorded_as_soon_as_it_is_free(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    harness = Harness(state=State(str(path), busy_seconds=0.05))
    harness.run("usage", usage(5))
    harness.tick()
    harness.reported()
    (due,) = harness.state.due("hook", now=harness.at)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    harness.set_by = timedelta(days=2)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            harness.tick()
    other.close()
    harness.tick()
    assert harness.reported() == ["clock moved 172800 s"]
    (moved,) = harness.state.due("hook", now=harness.at)
    assert moved.created_at - due.created_at == timedelta(days=2)
    assert {a.fired_at for a in harness.state.active_alerts()} == {
        a.fired_at for a in harness.pipeline.active_alerts()
    }
    harness.state.close()


def test_what_a_run_finds_before_a_step_of_the_clock_is_recorded_is_not_moved_with_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    harness = Harness(state=State(str(path), busy_seconds=0.05))
    harness.run("usage", usage(0))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    harness.set_by = timedelta(days=-2)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        harness.tick()
    other.close()
    harness.run("usage", usage(5))
    harness.tick()
    (due,) = harness.state.due("hook", now=harness.at)
    assert (due.created_at, due.alerts[0].fired_at) == (harness.at, harness.at)
    assert harness.reported() == ["clock moved -172800 s", "TokenUsageStopped fired"]
    harness.state.close()


def is_refused(harness: Harness, path: Path, config: Config) -> None:
    """Reload, or start, while another program has the state locked."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    harness.config = config
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        harness.take(NewConfig(config))
    other.close()


@pytest.mark.parametrize("is_start", [False, True])
def test_a_reload_that_a_locked_state_refuses_ends_what_it_removed_as_soon_as_that_is_free(
    tmp_path: Path, *, is_start: bool
) -> None:
    path = tmp_path / "state.sqlite"
    state = State(str(path), busy_seconds=0.05)
    harness = Harness(state=state)
    harness.runs(columns(), balances(pro=0), usage(5))
    harness.tick()
    without_rules = a_config(COLUMNS, BALANCES, replace(USAGE, rules=()))
    if is_start:
        harness = Harness(without_rules, state=state, at=harness.at)
    harness.reported()
    is_refused(harness, path, without_rules)
    assert harness.shown()["TokenUsageStopped"].startswith("firing")
    harness.after(3 * SECOND)
    assert harness.reported() == ["TokenUsageStopped resolved"]
    # and that is all that is ever said of it
    harness.after(MINUTE).runs(columns(), balances(pro=0), usage(5))
    assert harness.reported() == []
    state.close()


def test_an_alert_whose_rule_moves_by_a_reload_that_a_locked_state_refuses_stays_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    harness = Harness(state=State(str(path), busy_seconds=0.05))
    harness.runs(columns(), balances(pro=0), usage(5))
    harness.tick()
    harness.reported()
    is_refused(harness, path, a_config(COLUMNS, BALANCES, replace(USAGE, name="uses")))
    # what ran before the next tick comes first
    harness.run("uses", usage(5))
    harness.tick()
    assert harness.reported() == []
    harness.after(MINUTE).run("uses", usage(0))
    assert harness.reported() == ["TokenUsageStopped resolved"]
    harness.state.close()


def test_a_run_that_got_in_before_the_target_was_lost_and_failed_with_it_is_no_contact() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(0))
    under_way_since = harness.at
    harness.after(5 * SECOND).run("missing_columns", LOST)
    late = Result(
        Job(TARGET, USAGE),
        under_way_since,
        under_way_since,
        harness.at,
        5.0,
        TIMEOUT,
        SERVER,
    )
    harness.take(late)
    assert harness.pipeline.snapshot.targets["main"].up is False
    harness.after(SECOND).run("usage", TIMEOUT)
    assert harness.pipeline.snapshot.targets["main"].up is True


def test_a_clock_that_was_set_back_while_we_were_down_leaves_nothing_in_the_future() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=7), usage(5))
    harness.tick()
    again = harness.restarted(timedelta(days=-5 * 365))
    assert max(alert.active_at for alert in again.pipeline.active_alerts()) <= again.at
    assert "TokenUsageStopped firing" in again.posted()
    again.after(2 * MINUTE).run("balances", balances(pro=7))
    assert "TokenBalances fired" in again.reported()


def test_what_a_server_says_of_its_certificate_is_not_moved_and_keeps_no_step_of_the_clock_back() -> (
    None
):
    endless = Certificate("server", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    soon = Certificate("client", START + DAY)
    harness = Harness()
    harness.server = replace(SERVER, certificates=(endless, soon))
    harness.runs(columns(), balances(pro=7), usage(5))
    harness.set_by = timedelta(minutes=10)
    harness.tick()
    assert harness.reported()[-1] == "clock moved 600 s"
    target = harness.pipeline.snapshot.targets["main"]
    assert target.certificates == (endless, soon)
    harness.after(2 * MINUTE - SECOND).run("balances", balances(pro=7))
    assert harness.reported() == []
    harness.after(SECOND).run("balances", balances(pro=7))
    assert harness.reported() == ["TokenBalances fired"]


DAY = timedelta(days=1)


def resolved_at(harness: Harness) -> list[datetime | None]:
    """Return when those alerts resolved that readers still see, the newest last."""
    alerts = harness.pipeline.snapshot.alerts
    return [alert.resolved_at for alert in alerts if alert.is_over()]


def test_what_resolved_by_a_clock_that_was_set_back_is_not_of_the_future_after_a_restart() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(5))
    harness.after(MINUTE).run("usage", usage(0))
    harness.set_by = -DAY
    harness.tick()
    assert resolved_at(harness) == [harness.at]
    again = harness.restarted(5 * SECOND)
    assert resolved_at(again) == []
    # and what resolves from now on is forgotten in time
    again.run("usage", usage(5))
    again.after(MINUTE).run("usage", usage(0))
    assert resolved_at(again) == [again.at]
    again.after(RESOLVED_KEPT + MINUTE)
    assert resolved_at(again) == []


def test_what_resolved_of_late_is_shown_after_a_restart_also_when_the_clock_was_set_back_meanwhile() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(5))
    harness.after(MINUTE).run("usage", usage(0))
    again = harness.restarted(-DAY)
    assert resolved_at(again) == [again.at]
    assert resolved_at(again.restarted(5 * SECOND)) == []


def test_a_cron_of_the_wall_clock_does_not_move_with_ours() -> None:
    nightly = replace(USAGE, schedule=Cron("0 3 * * *"))
    harness = Harness(a_config(COLUMNS, BALANCES, nightly))
    harness.next_run_at = harness.at + timedelta(hours=2)
    harness.run("usage", usage(0))
    harness.set_by = timedelta(hours=-1)
    harness.tick()
    assert (
        harness.pipeline.snapshot.queries["main", "usage"].next_run_at
        == harness.next_run_at
    )


def test_a_query_that_is_renamed_with_its_rules_leaves_their_alerts_as_they_are() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=7), usage(5))
    harness.after(3 * MINUTE).runs(columns(), balances(pro=7), usage(5))
    before = {
        one.name: (one.fired_at, one.active_at)
        for one in harness.pipeline.active_alerts()
    }
    harness.reported()
    harness.config = a_config(
        COLUMNS, replace(BALANCES, name="subscribers"), replace(USAGE, name="uses")
    )
    harness.take(NewConfig(harness.config))
    harness.run("subscribers", balances(pro=7))
    harness = harness.restarted(MINUTE)
    harness.run("subscribers", balances(pro=7))
    harness.run("uses", usage(5))
    assert harness.reported() == []
    after = {
        one.name: (one.fired_at, one.active_at)
        for one in harness.pipeline.active_alerts()
    }
    assert after == before
    harness.after(MINUTE).run("uses", usage(0))
    assert harness.reported() == ["TokenUsageStopped resolved"]


def test_a_query_that_is_renamed_while_we_are_down_leaves_its_alerts_as_they_are() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(5))
    harness = harness.restarted(
        MINUTE, a_config(COLUMNS, BALANCES, replace(USAGE, name="uses"))
    )
    assert harness.reported() == []
    assert harness.shown()["TokenUsageStopped"] == "firing held"
    harness.run("uses", usage(0))
    assert harness.reported() == ["TokenUsageStopped resolved"]


def test_of_a_query_that_is_renamed_the_alerts_about_its_own_name_end() -> None:
    harness = Harness()
    harness.runs(*HEALTHY)
    for _ in range(4):
        harness.after(MINUTE).runs(columns(), balances(pro=0), TIMEOUT)
    assert "TokenMonitorQueryFailing fired" in harness.reported()
    harness.config = a_config(COLUMNS, BALANCES, replace(USAGE, name="uses"))
    harness.take(NewConfig(harness.config))
    assert harness.reported() == ["TokenMonitorQueryFailing resolved"]
