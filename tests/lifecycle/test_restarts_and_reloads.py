"""Restarts and reloads that any history may contain, each as a picture of its own."""

from __future__ import annotations

from dataclasses import replace

from monitor.daemon.maintenance import ALIVE
from monitor.daemon.messages import NewConfig
from monitor.model.alerts import Alert, Delivery
from monitor.model.conditions import Condition
from monitor.model.own_alerts import TARGET_DOWN
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
    Harness,
    a_config,
    balances,
    columns,
    usage,
)


def test_what_is_pending_waits_through_each_of_several_restarts() -> None:
    harness = Harness()
    harness.runs(columns(), balances(pro=7), usage(0))
    harness.after(10 * SECOND)
    for _ in range(3):
        harness.state.write_mark(ALIVE, harness.at)
        harness = harness.restarted(MINUTE * 30)
        harness.after(12 * SECOND)  # it says that it lives, but no run of it gives data
    harness.run("balances", balances(pro=7))
    assert harness.shown() == {"TokenBalances": "pending"}
    (alert,) = (
        alert
        for alert in harness.pipeline.active_alerts()
        if alert.name == "TokenBalances"
    )
    assert harness.at - alert.active_at == (10 + 3 * 12) * SECOND


def test_what_resolved_is_still_reported_while_it_is_pending_again_also_after_a_restart() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(0))
    harness.run("usage", LOST)
    harness.after(MINUTE).run("usage", usage(0))
    harness.after(MINUTE).tick()
    assert states(harness) == ["resolved"]
    harness.run("usage", LOST)
    # An Alertmanager that was away when it resolved has not heard of the end yet.
    assert states(harness) == ["pending", "resolved"]
    harness = harness.restarted(SECOND)
    assert states(harness) == ["pending", "resolved"]
    harness.after(MINUTE).run("usage", LOST)
    assert states(harness) == ["firing"]


def test_without_a_schema_query_no_rule_waits_for_a_column_to_come_back() -> None:
    harness = Harness()
    harness.runs(columns(BALANCE), NO_COLUMN, usage(0))
    harness.config = a_config(BALANCES, USAGE)
    harness.take(NewConfig(harness.config))
    harness.after(MINUTE).run("usage", usage(9999))
    assert harness.reported() == [
        "TokenColumnMissing fired",
        "TokenColumnMissing resolved",
        "TokenUsageStopped fired",
    ]


def test_a_threshold_that_moves_while_an_alert_fires_ends_it_and_back_again_it_fires_again() -> (
    None
):
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(9))
    assert harness.reported() == ["TokenUsageStopped fired"]
    higher = replace(USAGE.rules[0], condition=Condition("above", 100.0))
    for threshold, logged in (
        (higher, "resolved"),
        (USAGE.rules[0], "fired"),
        (higher, "resolved"),
    ):
        harness.take(
            NewConfig(a_config(COLUMNS, BALANCES, replace(USAGE, rules=(threshold,))))
        )
        harness.after(MINUTE).run("usage", usage(9))
        assert harness.reported() == [f"TokenUsageStopped {logged}"]
    assert harness.posted() == [
        "TokenUsageStopped firing",
        "TokenUsageStopped resolved",
        "TokenUsageStopped firing",
        "TokenUsageStopped resolved",
    ]


def test_what_resolved_just_before_the_end_is_not_announced_after_the_start() -> None:
    harness = Harness()
    harness.runs(columns(), balances(pro=0), usage(9))
    harness.after(MINUTE).run("usage", usage(0))
    assert harness.reported() == [
        "TokenUsageStopped fired",
        "TokenUsageStopped resolved",
    ]
    again = harness.restarted(SECOND)
    again.runs(columns(), balances(pro=0), usage(0))
    assert again.reported() == []
    assert again.posted() == ["TokenUsageStopped firing", "TokenUsageStopped resolved"]


def test_what_was_pending_and_no_more_tells_nobody_of_an_end() -> None:
    harness = Harness()
    harness.runs(columns(), balances(pro=7), usage(0))
    assert harness.shown() == {"TokenBalances": "pending"}
    for _ in range(3):
        harness.after(MINUTE).runs(columns(), balances(pro=0), usage(0))
    assert harness.shown() == {}
    assert harness.posted() == []


def test_who_hears_of_the_quieter_alert_alone_is_notified_that_it_ended() -> None:
    heard = {
        "": ["warning firing", "critical firing"],
        "warning": ["warning firing", "warning resolved"],
        "critical": ["critical firing"],
    }
    for severity, logged in heard.items():
        receiver = replace(
            HOOK, match=labels_of({"severity": severity} if severity else {})
        )
        quiet = replace(
            USAGE, rules=(replace(USAGE.rules[0], severity=Severity.WARNING),)
        )
        config = replace(a_config(COLUMNS, BALANCES, quiet), receivers=(receiver,))
        harness = Harness(config)
        harness.runs(columns(), balances(pro=0), usage(9))
        harness.config = replace(
            a_config(COLUMNS, BALANCES, USAGE), receivers=(receiver,)
        )
        harness.take(NewConfig(harness.config))
        harness.after(MINUTE).run("usage", usage(9))
        alerts: list[Alert] = []
        while notifications := harness.state.due("hook", now=harness.at):
            for notification in notifications:
                alerts += notification.alerts
                harness.state.delivered(notification, Delivery("hook", harness.at, 0.0))
        assert sorted(f"{alert.severity} {alert.state}" for alert in alerts) == sorted(
            logged
        )


def states(harness: Harness) -> list[str]:
    return [
        str(alert.state)
        for alert in harness.pipeline.snapshot.alerts
        if alert.name == TARGET_DOWN
    ]
