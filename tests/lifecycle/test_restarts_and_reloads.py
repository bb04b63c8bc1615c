"""Restarts and reloads that any history may contain, each as a picture of its own."""

from __future__ import annotations

from dataclasses import replace

from monitor.alerting.alert_names import TARGET_DOWN
from monitor.daemon.maintenance import ALIVE
from monitor.daemon.messages import NewConfig
from monitor.model.alerts import Alert, Delivery
from monitor.model.conditions import Condition
from monitor.model.settings import Severity, labels_of
from tests.support.harness import (
    BALANCE,
    BALANCES,
    COLUMNS,
    HOOK,
    LOST,
    MINUTE,
    NO_COLUMN,
    SECOND,
    USAGE,
    World,
    a_config,
    balances,
    columns,
    usage,
)


def test_what_is_pending_waits_through_each_of_several_restarts() -> None:
    world = World()
    world.runs(columns(), balances(pro=7), usage(0))
    world.after(10 * SECOND)
    for _ in range(3):
        world.state.write_mark(ALIVE, world.at)
        world = world.restarted(MINUTE * 30)
        world.after(12 * SECOND)  # it says that it lives, but no run of it gives data
    world.run("balances", balances(pro=7))
    assert world.shown() == {"TokenBalances": "pending"}
    (alert,) = (
        alert
        for alert in world.pipeline.active_alerts()
        if alert.name == "TokenBalances"
    )
    assert world.at - alert.active_at == (10 + 3 * 12) * SECOND


def test_what_resolved_is_still_told_while_it_is_pending_again_also_after_a_restart() -> (
    None
):
    world = World()
    world.runs(columns(), balances(pro=0), usage(0))
    world.run("usage", LOST)
    world.after(MINUTE).run("usage", usage(0))
    world.after(MINUTE).tick()
    assert states(world) == ["resolved"]
    world.run("usage", LOST)
    # An Alertmanager that was away when it resolved has not heard of the end yet.
    assert states(world) == ["pending", "resolved"]
    world = world.restarted(SECOND)
    assert states(world) == ["pending", "resolved"]
    world.after(MINUTE).run("usage", LOST)
    assert states(world) == ["firing"]


def test_without_a_schema_query_no_rule_waits_for_a_column_to_come_back() -> None:
    world = World()
    world.runs(columns(BALANCE), NO_COLUMN, usage(0))
    world.config = a_config(BALANCES, USAGE)
    world.take(NewConfig(world.config))
    world.after(MINUTE).run("usage", usage(9999))
    assert world.told() == [
        "TokenColumnMissing fired",
        "TokenColumnMissing resolved",
        "TokenUsageStopped fired",
    ]


def test_a_threshold_that_moves_while_an_alert_fires_ends_it_and_back_again_it_fires_anew() -> (
    None
):
    world = World()
    world.runs(columns(), balances(pro=0), usage(9))
    assert world.told() == ["TokenUsageStopped fired"]
    higher = replace(USAGE.rules[0], condition=Condition("above", 100.0))
    for threshold, told in (
        (higher, "resolved"),
        (USAGE.rules[0], "fired"),
        (higher, "resolved"),
    ):
        world.take(
            NewConfig(a_config(COLUMNS, BALANCES, replace(USAGE, rules=(threshold,))))
        )
        world.after(MINUTE).run("usage", usage(9))
        assert world.told() == [f"TokenUsageStopped {told}"]
    assert world.posted() == [
        "TokenUsageStopped firing",
        "TokenUsageStopped resolved",
        "TokenUsageStopped firing",
        "TokenUsageStopped resolved",
    ]


def test_what_resolved_just_before_the_end_is_not_announced_after_the_start() -> None:
    world = World()
    world.runs(columns(), balances(pro=0), usage(9))
    world.after(MINUTE).run("usage", usage(0))
    assert world.told() == ["TokenUsageStopped fired", "TokenUsageStopped resolved"]
    again = world.restarted(SECOND)
    again.runs(columns(), balances(pro=0), usage(0))
    assert again.told() == []
    assert again.posted() == ["TokenUsageStopped firing", "TokenUsageStopped resolved"]


def test_what_was_pending_and_no_more_tells_nobody_of_an_end() -> None:
    world = World()
    world.runs(columns(), balances(pro=7), usage(0))
    assert world.shown() == {"TokenBalances": "pending"}
    for _ in range(3):
        world.after(MINUTE).runs(columns(), balances(pro=0), usage(0))
    assert world.shown() == {}
    assert world.posted() == []


def test_who_hears_of_the_quieter_alert_alone_is_told_that_it_ended() -> None:
    heard = {
        "": ["warning firing", "critical firing"],
        "warning": ["warning firing", "warning resolved"],
        "critical": ["critical firing"],
    }
    for severity, told in heard.items():
        receiver = replace(
            HOOK, match=labels_of({"severity": severity} if severity else {})
        )
        quiet = replace(
            USAGE, rules=(replace(USAGE.rules[0], severity=Severity.WARNING),)
        )
        config = replace(a_config(COLUMNS, BALANCES, quiet), receivers=(receiver,))
        world = World(config)
        world.runs(columns(), balances(pro=0), usage(9))
        world.config = replace(
            a_config(COLUMNS, BALANCES, USAGE), receivers=(receiver,)
        )
        world.take(NewConfig(world.config))
        world.after(MINUTE).run("usage", usage(9))
        alerts: list[Alert] = []
        while notifications := world.state.due("hook", now=world.at):
            for notification in notifications:
                alerts += notification.alerts
                world.state.delivered(notification, Delivery("hook", world.at, 0.0))
        assert sorted(f"{alert.severity} {alert.state}" for alert in alerts) == sorted(
            told
        )


def states(world: World) -> list[str]:
    return [
        str(alert.state)
        for alert in world.pipeline.snapshot.alerts
        if alert.name == TARGET_DOWN
    ]
