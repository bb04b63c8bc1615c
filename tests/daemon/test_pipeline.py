"""Results through the pipe, on a driven clock: what is told, what is shown, what is posted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.alerting.blocking import missing_for
from monitor.alerting.query_view import QueryStatus
from monitor.daemon.messages import Missed, NewConfig
from monitor.model.alerts import Delivery, ReceiverHealth
from monitor.model.conditions import Condition
from monitor.model.errors import Reason
from monitor.model.results import CANCELLED, Failure, Result, Success
from monitor.model.schedules import Cron
from monitor.model.settings import Job
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
    TARGET,
    TIMEOUT,
    USAGE,
    World,
    a_config,
    balances,
    columns,
    usage,
)

HEALTHY = columns(), balances(pro=0), usage(0)


def test_healthy_results_tell_nothing_and_are_shown() -> None:
    world = World()
    world.runs(*HEALTHY)
    assert world.told() == []
    assert world.posted() == []
    statuses = {
        key[1]: view.status for key, view in world.pipeline.snapshot.queries.items()
    }
    assert set(statuses.values()) == {QueryStatus.OK}


def test_a_missing_column_is_told_once_and_everything_under_it_is_blocked_held_and_muted() -> (
    None
):
    world = World()
    world.runs(columns(), balances(pro=7), usage(0))
    assert world.told() == ["TokenBalances pending"]
    world.after(MINUTE).run("missing_columns", columns(BALANCE))
    assert world.told() == ["TokenColumnMissing fired"]
    assert world.shown() == {
        "TokenColumnMissing": "firing",
        "TokenBalances": "pending held muted",
    }
    view = world.pipeline.snapshot.queries["main", "balances"]
    assert view.status is QueryStatus.BLOCKED
    assert view.samples == ()
    # for hours: no second root alert, nothing else pages, not even usage that stopped with the column
    for _ in range(60):
        world.after(MINUTE).run("missing_columns", columns(BALANCE))
        world.run("balances", NO_COLUMN)
        world.run("usage", usage(9999))
        world.tick()
    assert world.told() == []
    assert world.posted() == ["TokenColumnMissing firing"]


def test_a_column_that_comes_back_resolves_and_runs_what_was_blocked_at_once() -> None:
    world = World()
    world.runs(*HEALTHY)
    world.after(MINUTE).run("missing_columns", columns(BALANCE))
    world.after(MINUTE).run("missing_columns", columns())
    assert world.told() == ["TokenColumnMissing fired", "TokenColumnMissing resolved"]
    assert sorted(world.wanted) == ["balances", "usage"]
    world.run("balances", balances(pro=0))
    assert world.pipeline.snapshot.queries["main", "balances"].status is QueryStatus.OK
    assert world.posted() == [
        "TokenColumnMissing firing",
        "TokenColumnMissing resolved",
    ]


def test_a_pending_alert_keeps_its_clock_while_held_and_fires_at_the_first_true_result() -> (
    None
):
    world = World()
    world.runs(columns(), balances(pro=7), usage(0))
    world.after(MINUTE).run("missing_columns", columns(BALANCE))
    world.after(5 * MINUTE).run("missing_columns", columns())
    world.run("balances", balances(pro=7))
    assert world.told()[-1] == "TokenBalances fired"


def test_an_unknown_column_has_the_schema_looked_at_at_once() -> None:
    world = World()
    world.runs(*HEALTHY)
    world.run("balances", NO_COLUMN)
    assert world.wanted == ["missing_columns"]


def test_a_lost_target_is_one_alert_after_its_for_and_everything_else_is_held_under_it() -> (
    None
):
    world = World()
    world.runs(columns(), balances(pro=7), usage(5))
    world.after(2 * MINUTE).run("balances", balances(pro=7))
    assert world.told() == [
        "TokenBalances pending",
        "TokenUsageStopped fired",
        "TokenBalances fired",
    ]
    world.after(MINUTE).run("balances", LOST)
    assert world.told() == ["TokenMonitorTargetDown pending"]
    world.after(31 * SECOND).tick()
    assert world.told() == ["TokenMonitorTargetDown fired"]
    for _ in range(60):
        world.after(MINUTE).runs(LOST, LOST, LOST)
        world.tick()
    assert world.told() == []
    assert world.shown() == {
        "TokenMonitorTargetDown": "firing",
        "TokenBalances": "firing held muted",
        "TokenUsageStopped": "firing held muted",
    }
    assert all(view.samples == () for view in world.pipeline.snapshot.queries.values())


def test_a_target_that_answers_again_resolves_and_everything_that_failed_is_run_at_once() -> (
    None
):
    world = World()
    world.runs(columns(), balances(pro=7), usage(5))
    world.after(MINUTE).runs(LOST, LOST, LOST)
    world.after(MINUTE).tick()
    world.told()
    world.after(MINUTE).wanted.clear()
    world.run("missing_columns", columns())
    assert world.told() == [], "that it stays is to be seen"
    assert sorted(world.wanted) == ["balances", "usage"]
    world.run("balances", balances(pro=0))
    world.run("usage", usage(0))
    assert world.told() == ["TokenUsageStopped resolved"]
    assert world.shown() == {
        "TokenMonitorTargetDown": "firing",
        "TokenUsageStopped": "resolved",
    }
    world.told()
    world.after(timedelta(seconds=30)).tick()
    assert world.told() == ["TokenMonitorTargetDown resolved"]


def test_a_query_that_fails_pages_after_two_intervals_and_resolves_nothing() -> None:
    world = World(a_config(USAGE))
    world.run("usage", usage(5))
    world.told()
    for _ in range(2):
        world.after(MINUTE).run("usage", TIMEOUT)
    assert world.told() == []
    world.after(MINUTE).run("usage", TIMEOUT)
    assert world.told() == ["TokenMonitorQueryFailing fired"]
    assert world.shown() == {
        "TokenUsageStopped": "firing held",
        "TokenMonitorQueryFailing": "firing",
    }
    world.after(MINUTE).run("usage", usage(5))
    assert world.told() == ["TokenMonitorQueryFailing resolved"]
    assert world.shown()["TokenUsageStopped"] == "firing"


def test_failures_while_the_target_was_lost_do_not_count_against_its_queries() -> None:
    world = World()
    world.runs(*HEALTHY)
    for _ in range(10):
        world.after(MINUTE).runs(LOST, LOST, LOST)
    world.after(MINUTE).run("missing_columns", columns())
    world.told()
    world.run("usage", TIMEOUT)
    assert world.told() == []


def test_a_query_whose_runs_never_end_goes_stale() -> None:
    world = World()
    world.runs(*HEALTHY)
    for _ in range(3):
        world.after(MINUTE).run("missing_columns", columns())
        world.run("balances", balances(pro=0))
        world.tick()
    assert world.told() == []
    world.after(11 * SECOND).tick()
    assert world.told() == ["TokenMonitorQueryStale fired"]
    world.run("usage", usage(0))
    assert world.told() == ["TokenMonitorQueryStale resolved"]


def test_a_query_that_never_ran_goes_stale_too() -> None:
    world = World()
    world.after(3 * MINUTE + 11 * SECOND).tick()
    assert world.told() == ["TokenMonitorQueryStale fired"] * 3


def test_a_receiver_that_takes_nothing_for_five_minutes_is_told() -> None:
    world = World(a_config(COLUMNS))
    world.health["hook"] = ReceiverHealth(world.at, "refused", "connection refused", 3)
    world.after(2 * MINUTE).run("missing_columns", columns())
    world.after(3 * MINUTE).tick()
    assert world.told() == []
    world.after(SECOND).tick()
    assert world.told() == ["TokenMonitorDeliveryFailing fired"]
    world.health["hook"] = ReceiverHealth()
    world.tick()
    assert world.told() == ["TokenMonitorDeliveryFailing resolved"]


def test_missed_runs_are_told_and_the_query_is_shown_as_skipped() -> None:
    world = World()
    job = world.config.jobs[1]
    world.take(Missed(job, 2))
    assert world.told() == ["balances missed 2"]
    assert world.pipeline.snapshot.queries[job.key].status is QueryStatus.SKIPPED


def test_a_reload_that_removes_a_rule_resolves_its_alerts_and_leaves_the_others() -> (
    None
):
    world = World()
    world.runs(columns(), balances(pro=7), usage(5))
    world.told()
    world.config = a_config(COLUMNS, BALANCES)
    world.take(NewConfig(world.config))
    assert world.told() == ["TokenUsageStopped resolved"]
    assert world.shown()["TokenBalances"] == "pending"
    resolved = next(
        a for a in world.pipeline.snapshot.alerts if a.name == "TokenUsageStopped"
    )
    assert resolved.resolve_reason == "rule_removed"


def the_notified(world: World, receiver: str = "hook") -> list[tuple[str, bool]]:
    """Take what waits for a receiver: the alerts with their states, and whether it is told again."""
    found: list[tuple[str, bool]] = []
    while due := world.state.due(receiver, now=world.at):
        found.extend(
            (f"{alert.name} {alert.state}", due[0].is_repeat) for alert in due[0].alerts
        )
        world.state.delivered(due[0], Delivery(receiver, world.at, 0.0))
    return [one for one in found if "Watchdog" not in one[0]]


def test_what_still_fires_is_told_again_each_repeat_interval_also_over_a_restart() -> (
    None
):
    world = World()
    world.run("usage", usage(5))
    assert the_notified(world) == [("TokenUsageStopped firing", False)]
    for _ in range(239):
        world.at += MINUTE
        world.run("usage", usage(5))
        world.tick()
    assert the_notified(world) == []
    again = world.restarted(MINUTE)
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


def test_what_is_muted_is_not_told_again() -> None:
    world = World()
    world.runs(columns(), balances(pro=0), usage(5))
    the_notified(world)
    told = []
    for _ in range(5 * 60):
        world.at += MINUTE
        world.run("missing_columns", LOST)
        world.run("usage", LOST)
        world.tick()
        told += [name for name, _ in the_notified(world)]
    assert (
        told.count("TokenMonitorTargetDown firing"),
        told.count("TokenUsageStopped firing"),
    ) == (2, 0)


def test_a_receiver_that_a_reload_brings_is_told_what_fires_and_hears_its_end() -> None:
    world = World()
    world.run("usage", usage(5))
    late = replace(HOOK, name="late")
    world.take(NewConfig(replace(world.config, receivers=(HOOK, late))))
    world.tick()
    assert the_notified(world, "late") == [("TokenUsageStopped firing", False)]
    world.run("usage", usage(0))
    assert the_notified(world, "late") == [("TokenUsageStopped resolved", False)]
    assert the_notified(world) == [
        ("TokenUsageStopped firing", False),
        ("TokenUsageStopped resolved", False),
    ]


def test_a_receiver_that_a_reload_brings_hears_no_end_of_what_it_was_never_told() -> (
    None
):
    world = World()
    world.run("usage", usage(5))
    late = replace(HOOK, name="late")
    world.take(NewConfig(replace(world.config, receivers=(HOOK, late))))
    world.run("usage", usage(0))
    world.tick()
    assert the_notified(world, "late") == []


def test_a_result_of_a_job_that_a_reload_removed_is_left_out() -> None:
    world = World()
    old = world.config
    world.config = a_config(COLUMNS, BALANCES)
    world.take(NewConfig(world.config))
    world.config = old
    world.run("usage", usage(5))
    assert world.told() == []


def test_a_cause_older_than_our_start_is_told_as_since_at_least() -> None:
    world = World()
    world.runs(columns(BALANCE), NO_COLUMN, usage(0))
    assert next(iter(world.pipeline.active_alerts())).since_at_least is True
    world.run("missing_columns", columns())
    world.after(MINUTE).run("missing_columns", columns(BALANCE))
    alert = next(
        a for a in world.pipeline.active_alerts() if a.name == "TokenColumnMissing"
    )
    assert alert.since_at_least is False


def test_what_is_known_of_the_schema_blocks_only_while_it_is_fresh() -> None:
    world = World()
    world.runs(columns(BALANCE), NO_COLUMN, usage(0))
    job = world.config.jobs[1]
    assert missing_for(job, world.pipeline.snapshot, world.at) == {BALANCE}
    later = world.at + 3 * MINUTE + 11 * SECOND
    assert missing_for(job, world.pipeline.snapshot, later) == frozenset()


def test_a_schema_query_that_fails_lifts_no_block_before_what_it_said_is_old() -> None:
    world = World()
    world.runs(columns(BALANCE), NO_COLUMN, usage(0))
    job = world.config.jobs[1]
    world.after(MINUTE).run("missing_columns", TIMEOUT)
    assert missing_for(job, world.pipeline.snapshot, world.at) == {BALANCE}
    later = world.at + 2 * MINUTE + 11 * SECOND
    assert missing_for(job, world.pipeline.snapshot, later) == frozenset()


def test_a_column_that_is_back_after_the_schema_could_not_be_looked_at_makes_no_query_failing() -> (
    None
):
    world = World()
    world.runs(columns(BALANCE), NO_COLUMN, usage(0))
    for _ in range(8):
        world.after(MINUTE).run("missing_columns", TIMEOUT)
        if not missing_for(world.config.jobs[1], world.pipeline.snapshot, world.at):
            world.run("balances", NO_COLUMN)
    assert world.pipeline.snapshot.queries["main", "balances"].consecutive_failures >= 3
    world.told()
    world.wanted.clear()
    world.after(MINUTE).run("missing_columns", columns())
    assert world.wanted == ["balances", "usage"]
    world.tick()
    world.after(SECOND).run("balances", balances(pro=0))
    assert [told for told in world.told() if "Failing fired" in told] == []


def test_a_query_that_goes_on_lacking_a_column_which_the_schema_query_sees_is_failing() -> (
    None
):
    world = World()
    world.runs(*HEALTHY)
    for _ in range(3):
        world.after(MINUTE).run("missing_columns", columns())
        world.after(SECOND).run("balances", NO_COLUMN)
    assert world.told() == ["TokenMonitorQueryFailing fired"]


def test_a_schema_query_that_may_not_look_does_not_say_that_columns_are_missing() -> (
    None
):
    world = World()
    world.runs(*HEALTHY)
    denied = Failure(Reason.ACCESS_DENIED, "SELECT command denied", 1142)
    world.after(MINUTE).run("missing_columns", denied)
    assert world.told() == []
    assert (
        missing_for(world.config.jobs[1], world.pipeline.snapshot, world.at)
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
    world = World()
    world.runs(columns(), balances(pro=0), usage(5))
    assert world.told() == ["TokenUsageStopped fired"]
    world.after(MINUTE).run("missing_columns", PARTIAL)
    world.after(SECOND).run("usage", usage(0))
    assert world.told() == []
    assert world.shown() == {"TokenUsageStopped": "firing held"}
    world.wanted.clear()
    world.after(MINUTE).run("missing_columns", columns())
    assert world.wanted == ["usage"]
    world.run("usage", usage(0))
    assert world.told() == ["TokenUsageStopped resolved"]


def test_a_missing_column_whose_table_may_not_be_seen_any_more_goes_on_missing() -> (
    None
):
    world = World()
    world.runs(*HEALTHY)
    world.after(MINUTE).run("missing_columns", columns(BALANCE))
    assert world.told() == ["TokenColumnMissing fired"]
    world.after(MINUTE).run("missing_columns", PARTIAL)
    assert world.told() == []
    assert world.shown()["TokenColumnMissing"] == "firing held"
    assert missing_for(world.config.jobs[1], world.pipeline.snapshot, world.at) == {
        BALANCE
    }
    world.after(MINUTE).run("missing_columns", columns())
    assert world.told() == ["TokenColumnMissing resolved"]


def test_a_resolved_alert_is_shown_for_fifteen_minutes() -> None:
    world = World()
    world.runs(columns(), balances(pro=0), usage(5))
    world.after(MINUTE).run("usage", usage(0))
    assert world.shown() == {"TokenUsageStopped": "resolved"}
    world.after(15 * MINUTE + SECOND).tick()
    assert "TokenUsageStopped" not in world.shown()


def test_after_a_restart_what_fires_is_held_and_not_announced_again() -> None:
    world = World()
    world.runs(columns(), balances(pro=0), usage(5))
    world.posted()
    again = world.restarted(5 * MINUTE)
    assert again.shown() == {"TokenUsageStopped": "firing held"}
    again.run("usage", usage(5))
    assert again.shown() == {"TokenUsageStopped": "firing"}
    assert again.told() == []
    assert again.posted() == []


def test_what_cleared_while_we_were_down_is_resolved_by_the_first_run_and_told() -> (
    None
):
    world = World()
    world.run("usage", usage(5))
    again = world.restarted(5 * MINUTE)
    again.run("usage", TIMEOUT)
    assert again.told() == []
    again.run("usage", usage(0))
    assert again.told() == ["TokenUsageStopped resolved"]
    assert again.posted() == ["TokenUsageStopped firing", "TokenUsageStopped resolved"]


def test_the_clock_of_a_pending_alert_stands_still_while_we_are_down() -> None:
    world = World()
    world.run("balances", balances(pro=7))
    world.after(MINUTE).run("balances", balances(pro=7))
    world.tick()
    again = world.restarted(60 * MINUTE)
    again.run("balances", balances(pro=7))
    assert again.told() == []
    # when we last lived is known to ten seconds: late by that, never early
    again.after(MINUTE - SECOND).run("balances", balances(pro=7))
    assert again.told() == []
    again.after(11 * SECOND).run("balances", balances(pro=7))
    assert again.told() == ["TokenBalances fired"]


def test_a_rule_that_was_removed_while_we_were_down_resolves_at_the_start() -> None:
    world = World()
    world.run("usage", usage(5))
    again = world.restarted(MINUTE, a_config(COLUMNS, BALANCES))
    assert again.told() == ["TokenUsageStopped resolved"]


def test_history_older_than_its_retention_is_forgotten() -> None:
    world = World()
    world.run("usage", usage(5))
    assert [one.alert.name for one in world.state.history(10)] == ["TokenUsageStopped"]
    world.asleep(31 * 24 * 60 * MINUTE).tick()
    names = [one.alert.name for one in world.state.history(10)]
    assert "TokenUsageStopped" not in names


def test_a_target_that_comes_and_goes_has_its_queries_run_at_most_each_half_minute() -> (
    None
):
    world = World()
    world.runs(*HEALTHY)
    for _ in range(29):
        world.after(SECOND).run("usage", LOST)
        world.run("missing_columns", columns())
    assert world.wanted.count("balances") == 1
    world.after(2 * SECOND).run("usage", LOST)
    world.run("missing_columns", columns())
    assert world.wanted.count("balances") == 2


def test_a_connection_that_broke_costs_its_run_and_not_the_target() -> None:
    world = World()
    world.runs(*HEALTHY)
    broken = Failure(Reason.TARGET_DOWN, "Lost connection during query", 2013, "lost")
    world.after(SECOND).run("usage", broken)
    assert world.told() == []
    assert world.wanted == []
    assert world.pipeline.snapshot.queries["main", "balances"].status is QueryStatus.OK


def test_a_reload_after_hours_does_not_make_a_changed_query_stale() -> None:
    world = World()
    world.runs(*HEALTHY)
    for _ in range(60):
        world.after(MINUTE).runs(*HEALTHY)
    world.config = a_config(
        COLUMNS, BALANCES, replace(USAGE, timeout=timedelta(seconds=9))
    )
    world.take(NewConfig(world.config))
    world.tick()
    assert world.told() == []
    world.after(3 * MINUTE).run("missing_columns", columns())
    world.run("balances", balances(pro=0))
    world.after(10 * SECOND).tick()
    assert world.told() == ["TokenMonitorQueryStale fired"]


def test_after_a_restart_one_more_failure_does_not_resolve_what_says_that_a_query_fails() -> (
    None
):
    world = World()
    for _ in range(3):
        world.after(MINUTE).run("usage", TIMEOUT)
    assert world.told() == ["TokenMonitorQueryFailing fired"]
    again = world.restarted(MINUTE)
    again.run("usage", TIMEOUT)
    again.tick()
    assert again.told() == []
    again.run("usage", usage(0))
    assert again.told() == ["TokenMonitorQueryFailing resolved"]


def test_after_a_restart_a_receiver_that_was_not_tried_yet_is_not_said_to_be_well() -> (
    None
):
    world = World(a_config(COLUMNS))
    world.health["hook"] = ReceiverHealth(
        world.at - 6 * MINUTE, "refused", "connection refused", 4
    )
    world.tick()
    assert world.told() == ["TokenMonitorDeliveryFailing fired"]
    again = world.restarted(MINUTE)
    again.health["hook"] = ReceiverHealth(waiting=4)
    again.tick()
    assert again.told() == []
    again.health["hook"] = ReceiverHealth()
    again.tick()
    assert again.told() == ["TokenMonitorDeliveryFailing resolved"]


def test_a_receiver_that_a_reload_removed_is_judged_no_more() -> None:
    world = World(a_config(COLUMNS))
    world.health["hook"] = ReceiverHealth(
        world.at - 6 * MINUTE, "refused", "connection refused", 4
    )
    world.tick()
    world.told()
    world.config = replace(world.config, receivers=())
    world.take(NewConfig(world.config))
    world.tick()
    assert world.told() == ["TokenMonitorDeliveryFailing resolved"]
    assert "hook" not in world.pipeline.snapshot.receivers


def test_what_cannot_be_recorded_does_not_stand_and_is_told_when_it_can() -> None:
    world = World()
    world.run("usage", usage(0))
    world.state.close()
    with pytest.raises(sqlite3.ProgrammingError):
        world.asleep(SECOND).run("usage", usage(5))
    assert world.told() == []
    assert world.shown() == {}
    with closing(State()) as works:
        world.pipeline._state = world.state = works
        world.asleep(SECOND).run("usage", usage(5))
        assert world.told() == ["TokenUsageStopped fired"]


def test_what_failed_with_a_target_runs_at_its_return_also_where_that_cannot_be_recorded() -> (
    None
):
    world = World()
    world.runs(*HEALTHY)
    world.after(MINUTE).run("usage", LOST)
    world.after(MINUTE)
    assert "TokenMonitorTargetDown fired" in world.told()
    world.wanted.clear()
    world.state.close()
    with pytest.raises(sqlite3.ProgrammingError):
        world.run("missing_columns", columns(BALANCE))
    assert sorted(world.wanted) == ["balances", "usage"]


def test_a_run_that_we_ended_ourselves_says_nothing() -> None:
    world = World()
    world.runs(*HEALTHY)
    ended = Failure(
        Reason.KILLED, "stopped, because the monitor is stopping", detail=CANCELLED
    )
    for _ in range(5):
        world.run("usage", ended)
    assert world.told() == []
    assert world.pipeline.snapshot.queries["main", "usage"].status is QueryStatus.OK


def test_a_query_that_fails_on_another_column_than_the_missing_one_is_told() -> None:
    world = World()
    world.runs(columns(BALANCE), NO_COLUMN, usage(0))
    world.told()
    other = Failure(
        Reason.SCHEMA_MISSING, "Unknown column 'u.nickname' in 'SELECT'", 1054
    )
    same = Failure(
        Reason.SCHEMA_MISSING, "Unknown column 'u.tokens_remaining' in 'SELECT'", 1054
    )
    for failure, told in ((same, []), (other, ["TokenMonitorQueryFailing fired"])):
        for _ in range(3):
            world.after(SECOND).run("usage", failure)
        assert world.told() == told


def test_a_failure_that_the_missing_column_does_not_explain_is_held_but_not_muted() -> (
    None
):
    world = World(
        a_config(COLUMNS, replace(USAGE, rules=(replace(USAGE.rules[0], needs=()),)))
    )
    world.run("usage", usage(5))
    world.run("missing_columns", columns(BALANCE))
    world.after(SECOND).run("usage", TIMEOUT)
    assert world.shown()["TokenUsageStopped"] == "firing held"


def test_a_rule_that_needs_the_missing_column_is_held_with_it_and_judged_as_soon_as_it_is_back() -> (
    None
):
    world = World()
    world.runs(columns(), balances(pro=0), usage(5))
    world.after(SECOND).run("missing_columns", columns(BALANCE))
    assert world.shown()["TokenUsageStopped"] == "firing held muted"
    world.after(SECOND).run("missing_columns", columns())
    assert "usage" in world.wanted
    world.run("usage", usage(5))
    assert world.shown()["TokenUsageStopped"] == "firing"


def test_what_is_planned_next_is_to_come_also_after_a_slot_that_has_no_run() -> None:
    world = World()
    first = world.next_run_at = world.at + 5 * SECOND
    world.run("balances", balances(pro=7))
    assert world.pipeline.snapshot.queries["main", "balances"].next_run_at == first
    world.next_run_at = (
        world.at + 65 * SECOND
    )  # the run that there was stood for the first slot
    world.after(6 * SECOND).tick()
    assert {view.next_run_at for view in world.pipeline.snapshot.queries.values()} == {
        world.next_run_at
    }


def test_a_cron_query_that_never_ran_goes_stale_after_its_time() -> None:
    nightly = replace(USAGE, schedule=Cron("0 3 * * *"))
    world = World(a_config(nightly))
    world.next_run_at = world.at + 60 * MINUTE
    world.take(NewConfig(world.config))
    world.after(61 * MINUTE + 10 * SECOND).tick()
    assert world.told() == []
    world.after(SECOND).tick()
    assert world.told() == ["TokenMonitorQueryStale fired"]


def test_a_daemon_that_wakes_after_hours_does_not_call_its_queries_stale() -> None:
    world = World()
    world.runs(*HEALTHY)
    world.asleep(120 * MINUTE).tick()
    assert world.told() == []
    world.after(3 * MINUTE).tick()
    assert world.told() == []
    world.after(11 * SECOND).tick()
    assert world.told() == ["TokenMonitorQueryStale fired"] * 3


def test_a_lost_target_is_probed_by_one_query_after_1_2_4_8_and_then_every_15_seconds() -> (
    None
):
    world = World()
    world.runs(*HEALTHY)
    world.run("usage", LOST)
    lost_at, probed = world.at, []
    for _ in range(240):
        world.asleep(timedelta(milliseconds=250)).tick()
        if world.wanted:
            probed.append((world.at - lost_at).total_seconds())
            assert world.wanted == ["missing_columns"]
            world.wanted.clear()
            world.run("missing_columns", LOST)
    pauses = [later - earlier for earlier, later in pairwise(probed)]
    assert probed[0] <= 1.5
    assert pauses == [2.0, 4.0, 8.0, 15.0, 15.0]


def test_a_reload_that_changes_only_a_rule_keeps_what_its_query_told() -> None:
    world = World()
    world.runs(columns(), balances(pro=0), usage(5))
    stricter = replace(
        USAGE, rules=(replace(USAGE.rules[0], condition=Condition("above", 9.0)),)
    )
    before = world.config
    world.config = a_config(COLUMNS, BALANCES, stricter)
    world.take(NewConfig(world.config))
    assert world.pipeline.snapshot.queries["main", "usage"].samples != ()
    # a run that began before the reload counts, judged by the rules that are in force now
    world.config = before
    world.run("usage", usage(7))
    assert world.told() == ["TokenUsageStopped fired", "TokenUsageStopped resolved"]


@pytest.mark.parametrize(
    "by", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=2000)], ids=str
)
def test_a_clock_that_was_set_moves_what_is_kept_and_no_alert(by: timedelta) -> None:
    world = World()
    world.runs(columns(), balances(pro=7), usage(5))
    assert world.told() == ["TokenBalances pending", "TokenUsageStopped fired"]
    world.after(MINUTE).runs(columns(), balances(pro=7), usage(5))
    before = {alert.name: alert for alert in world.pipeline.snapshot.alerts}
    world.set_by = by
    world.tick()
    assert world.told() == [f"clock moved {by.total_seconds():g} s"]
    after = {alert.name: alert for alert in world.pipeline.snapshot.alerts}
    fired_at, earlier = (
        after["TokenUsageStopped"].fired_at,
        before["TokenUsageStopped"].fired_at,
    )
    assert fired_at is not None
    assert earlier is not None
    assert fired_at - earlier == by
    assert {alert.name: alert.active_at for alert in world.state.active_alerts()} == {
        alert.name: alert.active_at + by for alert in before.values()
    }
    # `for` goes on where it was, and nothing is stale
    world.after(MINUTE - SECOND).runs(columns(), balances(pro=7), usage(5))
    assert world.told() == []
    world.after(SECOND).run("balances", balances(pro=7))
    assert world.told() == ["TokenBalances fired"]


def test_a_run_that_was_under_way_when_the_clock_was_set_is_made_again() -> None:
    world = World()
    world.runs(columns(), balances(pro=0), usage(0))
    under_way = Result(
        Job(TARGET, USAGE),
        world.at,
        world.at,
        world.at,
        0.01,
        usage(5),
        SERVER,
        world.clock_shift,
    )
    world.set_by = timedelta(hours=1)
    world.tick()
    world.told()
    world.take(under_way)
    assert (world.told(), world.wanted) == ([], ["usage"])


def test_what_waits_for_a_receiver_is_not_too_old_after_the_clock_was_set() -> None:
    world = World()
    world.run("usage", usage(5))
    world.set_by = timedelta(days=2000)
    world.tick()
    assert world.state.expire("hook", now=world.at) == ()
    assert world.posted()[0] == "TokenUsageStopped firing"


def test_a_step_of_the_clock_while_the_state_is_locked_is_recorded_as_soon_as_it_is_free(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    world = World(state=State(str(path), busy_seconds=0.05))
    world.run("usage", usage(5))
    world.tick()
    world.told()
    (due,) = world.state.due("hook", now=world.at)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    world.set_by = timedelta(days=2)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            world.tick()
    other.close()
    world.tick()
    assert world.told() == ["clock moved 172800 s"]
    (moved,) = world.state.due("hook", now=world.at)
    assert moved.created_at - due.created_at == timedelta(days=2)
    assert {a.fired_at for a in world.state.active_alerts()} == {
        a.fired_at for a in world.pipeline.active_alerts()
    }
    world.state.close()


def test_what_a_run_finds_before_a_step_of_the_clock_is_recorded_is_not_moved_with_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    world = World(state=State(str(path), busy_seconds=0.05))
    world.run("usage", usage(0))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    world.set_by = timedelta(days=-2)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        world.tick()
    other.close()
    world.run("usage", usage(5))
    world.tick()
    (due,) = world.state.due("hook", now=world.at)
    assert (due.created_at, due.alerts[0].fired_at) == (world.at, world.at)
    assert world.told() == ["clock moved -172800 s", "TokenUsageStopped fired"]
    world.state.close()


def test_a_run_that_got_in_before_the_target_was_lost_and_failed_with_it_is_no_contact() -> (
    None
):
    world = World()
    world.runs(columns(), balances(pro=0), usage(0))
    under_way_since = world.at
    world.after(5 * SECOND).run("missing_columns", LOST)
    late = Result(
        Job(TARGET, USAGE),
        under_way_since,
        under_way_since,
        world.at,
        5.0,
        TIMEOUT,
        SERVER,
    )
    world.take(late)
    assert world.pipeline.snapshot.targets["main"].up is False
    world.after(SECOND).run("usage", TIMEOUT)
    assert world.pipeline.snapshot.targets["main"].up is True


def test_a_clock_that_was_set_back_while_we_were_down_leaves_nothing_in_the_future() -> (
    None
):
    world = World()
    world.runs(columns(), balances(pro=7), usage(5))
    world.tick()
    again = world.restarted(timedelta(days=-5 * 365))
    assert max(alert.active_at for alert in again.pipeline.active_alerts()) <= again.at
    assert "TokenUsageStopped firing" in again.posted()
    again.after(2 * MINUTE).run("balances", balances(pro=7))
    assert "TokenBalances fired" in again.told()


def test_a_cron_of_the_wall_clock_does_not_move_with_ours() -> None:
    nightly = replace(USAGE, schedule=Cron("0 3 * * *"))
    world = World(a_config(COLUMNS, BALANCES, nightly))
    world.next_run_at = world.at + timedelta(hours=2)
    world.run("usage", usage(0))
    world.set_by = timedelta(hours=-1)
    world.tick()
    assert (
        world.pipeline.snapshot.queries["main", "usage"].next_run_at
        == world.next_run_at
    )


def test_a_query_that_is_renamed_with_its_rules_leaves_their_alerts_as_they_are() -> (
    None
):
    world = World()
    world.runs(columns(), balances(pro=7), usage(5))
    world.after(3 * MINUTE).runs(columns(), balances(pro=7), usage(5))
    before = {
        one.name: (one.fired_at, one.active_at)
        for one in world.pipeline.active_alerts()
    }
    world.told()
    world.config = a_config(
        COLUMNS, replace(BALANCES, name="subscribers"), replace(USAGE, name="uses")
    )
    world.take(NewConfig(world.config))
    world.run("subscribers", balances(pro=7))
    world = world.restarted(MINUTE)
    world.run("subscribers", balances(pro=7))
    world.run("uses", usage(5))
    assert world.told() == []
    after = {
        one.name: (one.fired_at, one.active_at)
        for one in world.pipeline.active_alerts()
    }
    assert after == before
    world.after(MINUTE).run("uses", usage(0))
    assert world.told() == ["TokenUsageStopped resolved"]


def test_a_query_that_is_renamed_while_we_are_down_leaves_its_alerts_as_they_are() -> (
    None
):
    world = World()
    world.runs(columns(), balances(pro=0), usage(5))
    world = world.restarted(
        MINUTE, a_config(COLUMNS, BALANCES, replace(USAGE, name="uses"))
    )
    assert world.told() == []
    assert world.shown()["TokenUsageStopped"] == "firing held"
    world.run("uses", usage(0))
    assert world.told() == ["TokenUsageStopped resolved"]


def test_of_a_query_that_is_renamed_the_alerts_about_its_own_name_end() -> None:
    world = World()
    world.runs(*HEALTHY)
    for _ in range(4):
        world.after(MINUTE).runs(columns(), balances(pro=0), TIMEOUT)
    assert "TokenMonitorQueryFailing fired" in world.told()
    world.config = a_config(COLUMNS, BALANCES, replace(USAGE, name="uses"))
    world.take(NewConfig(world.config))
    assert world.told() == ["TokenMonitorQueryFailing resolved"]
