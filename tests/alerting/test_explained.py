"""One page for one cause: what an alert explains is muted under it, listed there, and speaks for itself after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.alerting.cause_index import CauseIndex
from monitor.daemon.messages import NewConfig
from monitor.model.alerts import Alert, AlertState, Delivery, Scope
from monitor.model.cause_graph import circle_in
from monitor.model.own_alerts import TARGET_DOWN
from monitor.model.results import Sample, Success
from monitor.model.schedules import Cron, Every
from monitor.model.settings import (
    Config,
    Metric,
    Query,
    Receiver,
    Rule,
    Severity,
    labels_of,
)
from monitor.notify.webhook.settings import WebhookSettings
from monitor.timing.active_hours import read_active_hours
from tests.support.harness import (
    HOOK,
    LOST,
    MINUTE,
    OWN_RULES,
    SECOND,
    START,
    TARGET,
    TIMEOUT,
    Harness,
    a_config,
    a_query,
    a_rule,
    samples,
)

EFFECT = "TokenEffect"
CAUSE = "TokenCause"
ROOT = "TokenRoot"
HOUR = timedelta(hours=1)
OWN = tuple(rule for rule in OWN_RULES if rule.name == TARGET_DOWN)


def a_health_query(
    name: str, *rules: Rule, interval: timedelta = MINUTE, cron: str = ""
) -> Query:
    metric = Metric(f"{name}_users", "", ("plan",), value="users")
    schedule = Cron(cron) if cron else Every(interval)
    return a_query(name, schedule=schedule, metrics=(metric,), rules=rules)


def cause_and_effect(
    *,
    hold: timedelta = timedelta(0),
    cause_hold: timedelta = timedelta(0),
    cause_interval: timedelta = MINUTE,
    receivers: tuple[Receiver, ...] = (HOOK,),
    severity: Severity = Severity.CRITICAL,
    has_root: bool = False,
) -> Config:
    """Make a configuration in which TokenCause explains TokenEffect, and maybe TokenRoot that one."""
    effect = a_rule(EFFECT, "effect_users", hold=hold)
    cause = a_rule(
        CAUSE,
        "cause_users",
        hold=cause_hold,
        explains=(EFFECT,),
        severity=severity,
    )
    root = a_rule(ROOT, "root_users", explains=(CAUSE,))
    queries = (
        *([a_health_query("root", root)] if has_root else []),
        a_health_query("cause", cause, interval=cause_interval),
        a_health_query("effect", effect),
    )
    config = a_config(*queries, own_rules=OWN)
    return replace(config, receivers=receivers)


def found(query: str, **plans: float) -> Success:
    return Success(samples(f"{query}_users", plans), len(plans))


def alerts(harness: Harness) -> Mapping[str, Alert]:
    return {alert.name: alert for alert in harness.pipeline.snapshot.alerts}


def annotation(harness: Harness, name: str) -> str:
    return dict(alerts(harness)[name].annotations).get("explained", "")


def run_each(
    harness: Harness, *, root: float = 0, cause: float = 0, effect: float = 0
) -> None:
    """Let a minute pass, each query end with one value about plan pro, and a second begin."""
    harness.after(MINUTE)
    values = {"root": root, "cause": cause, "effect": effect}
    for job in harness.config.jobs:
        name = job.query.name
        harness.run(name, found(name, pro=values[name]))
    harness.after(SECOND).tick()


def test_what_is_explained_fires_without_a_notice_while_its_cause_fires() -> None:
    harness = Harness(cause_and_effect())
    run_each(harness, cause=1, effect=1)
    assert harness.shown() == {CAUSE: "firing", EFFECT: "firing muted"}
    assert harness.posted() == [f"{CAUSE} firing"]
    assert annotation(harness, CAUSE) == f"{EFFECT} (1)"
    assert harness.reported() == [f"{CAUSE} fired", f"{EFFECT} fired"]


def test_of_what_it_explains_only_alerts_with_one_of_the_values_that_it_claims_are_muted() -> (
    None
):
    cause = a_rule(
        CAUSE,
        "cause_users",
        explains=(EFFECT,),
        explains_where=(("plan", ("pro", "max")), ("region", ("eu",))),
    )
    metric = Metric("cause_users", "", (), value="users")
    config = a_config(
        a_query("cause", metrics=(metric,), rules=(cause,)),
        a_health_query("effect", a_rule(EFFECT, "effect_users")),
        own_rules=OWN,
    )
    harness = Harness(config).after(MINUTE)
    harness.run("cause", Success((Sample("cause_users", (), 1.0),), 1))
    harness.run("effect", found("effect", pro=1, max=1, free=1))
    harness.after(2 * MINUTE).run("effect", found("effect", pro=1, max=1, free=1))
    muted = {
        alert.label("plan"): alert.muted_by is not None
        for alert in harness.pipeline.active_alerts()
        if alert.name == EFFECT
    }
    assert muted == {"pro": True, "max": True, "free": False}
    assert annotation(harness, CAUSE) == f"{EFFECT} (2)"


def test_it_waits_one_interval_of_its_causes_query_so_that_the_cause_is_heard_first() -> (
    None
):
    harness = Harness(cause_and_effect())
    run_each(harness, effect=1)
    assert harness.shown() == {EFFECT: "pending"}
    harness.after(30 * SECOND).run("cause", found("cause", pro=1))
    assert harness.shown() == {CAUSE: "firing", EFFECT: "pending muted"}
    run_each(harness, cause=1, effect=1)
    assert harness.posted() == [f"{CAUSE} firing"]


def test_without_a_cause_it_is_announced_after_that_interval() -> None:
    harness = Harness(cause_and_effect(hold=MINUTE))
    seen = []
    for _ in range(4):
        run_each(harness, cause=0, effect=1)
        seen.append(harness.shown()[EFFECT])
    assert seen == ["pending", "pending", "firing", "firing"]
    assert harness.posted() == [f"{EFFECT} firing"]


@pytest.mark.parametrize(("interval", "waits_for"), [(1, 1), (3, 3), (30, 5)])
def test_of_a_slow_cause_five_minutes_are_waited_for_at_most(
    interval: int, waits_for: int
) -> None:
    harness = Harness(cause_and_effect(cause_interval=interval * MINUTE))
    fired_after = -1
    for minute in range(10):
        run_each(harness, effect=1)
        if harness.posted():
            fired_after = minute
            break
    assert fired_after == waits_for


def test_when_the_cause_is_over_what_still_holds_is_announced_once_it_was_looked_at_again() -> (
    None
):
    harness = Harness(cause_and_effect())
    run_each(harness, cause=1, effect=1)
    harness.after(MINUTE).run("cause", found("cause", pro=0))
    harness.tick()
    assert harness.shown() == {EFFECT: "firing held", CAUSE: "resolved"}
    assert harness.posted() == [f"{CAUSE} firing", f"{CAUSE} resolved"]
    run_each(harness, effect=1)
    assert harness.shown()[EFFECT] == "firing"
    assert harness.posted() == [f"{EFFECT} firing"]


def test_what_ends_together_with_its_cause_is_never_announced() -> None:
    harness = Harness(cause_and_effect())
    run_each(harness, cause=1, effect=1)
    run_each(harness)
    assert harness.posted() == [f"{CAUSE} firing", f"{CAUSE} resolved"]


def test_what_was_announced_before_its_cause_ends_with_the_cause() -> None:
    harness = Harness(cause_and_effect())
    for _ in range(3):
        run_each(harness, effect=1)
    assert harness.posted() == [f"{EFFECT} firing"]
    run_each(harness, cause=1, effect=0)
    run_each(harness, cause=1, effect=0)
    assert harness.shown() == {CAUSE: "firing", EFFECT: "firing muted"}
    assert harness.posted() == [f"{CAUSE} firing"]
    run_each(harness, cause=0, effect=0)
    assert sorted(harness.posted()) == [f"{CAUSE} resolved", f"{EFFECT} resolved"]


def test_what_is_muted_is_not_repeated_and_its_cause_is() -> None:
    harness = Harness(
        cause_and_effect(receivers=(replace(HOOK, repeat_interval=2 * MINUTE),))
    )
    run_each(harness, cause=1, effect=1)
    for _ in range(5):
        run_each(harness, cause=1, effect=1)
    assert set(harness.posted()) == {f"{CAUSE} firing"}


def test_a_cause_explains_only_what_agrees_in_the_labels_that_both_have() -> None:
    harness = Harness(cause_and_effect())
    harness.run("cause", found("cause", pro=1))
    harness.run("effect", found("effect", pro=1, free=1))
    shown = {
        alert.label("plan"): bool(alert.muted_by)
        for alert in harness.pipeline.snapshot.alerts
        if alert.name == EFFECT
    }
    assert shown == {"pro": True, "free": False}


def test_a_cause_without_a_label_explains_every_value_of_it() -> None:
    harness = Harness(cause_and_effect())
    harness.run("cause", Success((Sample("cause_users", (), 1.0),), 1))
    harness.run("effect", found("effect", pro=1, free=1))
    assert annotation(harness, CAUSE) == f"{EFFECT} (2)"
    assert harness.posted() == [f"{CAUSE} firing"]


def test_what_is_explained_in_turn_is_muted_under_the_first_cause() -> None:
    harness = Harness(cause_and_effect(has_root=True))
    run_each(harness, root=1, cause=1, effect=1)
    roots = {alerts(harness)[name].muted_by for name in (CAUSE, EFFECT)}
    assert roots == {alerts(harness)[ROOT].fingerprint}
    assert annotation(harness, ROOT) == f"{CAUSE} (1), {EFFECT} (1)"
    run_each(harness, root=0, cause=1, effect=1)
    assert alerts(harness)[EFFECT].muted_by == alerts(harness)[CAUSE].fingerprint
    assert annotation(harness, CAUSE) == f"{EFFECT} (1)"
    assert harness.posted() == [
        f"{ROOT} firing",
        f"{ROOT} resolved",
        f"{CAUSE} firing",
    ]


def test_a_cause_without_data_goes_on_to_explain() -> None:
    harness = Harness(cause_and_effect())
    run_each(harness, cause=1, effect=1)
    harness.run("cause", TIMEOUT)
    harness.run("effect", found("effect", pro=1))
    assert harness.shown()[EFFECT] == "firing muted"
    harness.run("effect", TIMEOUT)
    assert harness.shown()[EFFECT] == "firing held muted"


def test_under_a_lost_target_all_are_under_that_and_then_as_before() -> None:
    harness = Harness(cause_and_effect())
    run_each(harness, cause=1, effect=1)
    for query in ("cause", "effect"):
        harness.run(query, LOST)
    harness.after(MINUTE)
    root = alerts(harness)["TokenMonitorTargetDown"].fingerprint
    assert {alerts(harness)[name].muted_by for name in (CAUSE, EFFECT)} == {root}
    for _ in range(2):
        run_each(harness, cause=1, effect=1)
    assert harness.shown()[EFFECT] == "firing muted"
    assert alerts(harness)[EFFECT].muted_by == alerts(harness)[CAUSE].fingerprint
    assert f"{EFFECT} firing" not in harness.posted()


def test_after_a_restart_it_is_muted_still() -> None:
    harness = Harness(cause_and_effect())
    run_each(harness, cause=1, effect=1)
    again = harness.restarted(MINUTE)
    assert again.shown() == {CAUSE: "firing held", EFFECT: "firing held muted"}
    run_each(again, cause=1, effect=1)
    assert again.shown() == {CAUSE: "firing", EFFECT: "firing muted"}
    assert again.posted() == [f"{CAUSE} firing"]


def test_a_reload_that_explains_no_more_frees_it_and_one_that_does_mutes_it() -> None:
    harness = Harness(cause_and_effect())
    run_each(harness, cause=1, effect=1)
    explaining = harness.config
    jobs = []
    for job in explaining.jobs:
        rules = tuple(replace(rule, explains=()) for rule in job.query.rules)
        jobs.append(replace(job, query=replace(job.query, rules=rules)))
    harness.config = replace(explaining, jobs=tuple(jobs))
    reload(harness)
    assert harness.shown()[EFFECT] == "firing held"
    run_each(harness, cause=1, effect=1)
    assert harness.posted() == [f"{CAUSE} firing", f"{EFFECT} firing"]
    harness.config = explaining
    reload(harness)
    assert harness.shown()[EFFECT] == "firing muted"


def with_hours(config: Config) -> Config:
    """Return a configuration in which TokenCause is judged from 12:02 to 12:05 only."""
    jobs = []
    for job in config.jobs:
        rules = tuple(
            replace(rule, active=HOURS if rule.name == CAUSE else None)
            for rule in job.query.rules
        )
        jobs.append(replace(job, query=replace(job.query, rules=rules)))
    return replace(config, jobs=tuple(jobs))


HOURS = read_active_hours("12:02-12:05 UTC")


def test_a_cause_outside_its_hours_mutes_nothing_since_nobody_hears_of_it() -> None:
    harness = Harness(with_hours(cause_and_effect()))
    seen = []
    for _ in range(7):
        run_each(harness, cause=1, effect=1)
        seen.append(harness.shown()[EFFECT])
    # 12:01 | 12:02 to 12:04 | the tick at 12:05 frees it, and the run then finds it still so
    muted = ["firing muted"] * 3
    assert seen == ["firing", *muted, "firing", "firing", "firing"]
    assert harness.posted() == [f"{EFFECT} firing", f"{CAUSE} firing"]


def test_what_a_cause_muted_is_heard_when_its_hours_end_also_where_no_run_ends() -> (
    None
):
    harness = Harness(with_hours(cause_and_effect()))
    harness.after(2 * MINUTE + SECOND)
    run_each(harness, cause=1, effect=1)
    assert harness.shown() == {CAUSE: "firing", EFFECT: "firing muted"}
    assert annotation(harness, CAUSE) == f"{EFFECT} (1)"
    harness.after(2 * MINUTE)
    assert harness.shown() == {CAUSE: "firing", EFFECT: "firing held"}
    assert annotation(harness, CAUSE) == ""
    run_each(harness, cause=1, effect=1)
    assert harness.posted() == [f"{CAUSE} firing", f"{EFFECT} firing"]


def test_what_a_cause_explains_that_is_held_since_yesterday_is_muted_when_its_hours_begin() -> (
    None
):
    harness = Harness(with_hours(cause_and_effect()))
    harness.after(2 * MINUTE + SECOND)
    run_each(harness, cause=1, effect=0)
    harness.asleep(23 * HOUR).tick()
    run_each(harness, cause=1, effect=1)
    run_each(harness, cause=1, effect=1)
    assert harness.shown() == {CAUSE: "firing held", EFFECT: "firing"}
    harness.after(timedelta(minutes=57))
    assert harness.shown() == {CAUSE: "firing held", EFFECT: "firing muted"}


@pytest.mark.parametrize("restarts", [False, True])
def test_a_reload_and_a_restart_know_the_hours_of_a_cause(*, restarts: bool) -> None:
    harness = Harness(cause_and_effect())
    run_each(harness, cause=1, effect=1)
    assert harness.shown()[EFFECT] == "firing muted"
    harness.config = with_hours(harness.config)
    if restarts:
        harness = harness.restarted(SECOND)
    else:
        reload(harness)
    assert harness.shown()[EFFECT] == "firing held"


def test_hours_of_one_target_are_no_hours_of_another() -> None:
    config = with_hours(cause_and_effect())
    second = replace(TARGET, name="second")
    everywhere = cause_and_effect().jobs
    jobs = (*config.jobs, *(replace(job, target=second) for job in everywhere))
    hours = replace(config, targets=(TARGET, second), jobs=jobs).causes.hours
    assert hours.closed_at(START) == {("main", CAUSE)}
    assert hours.closed_at(START + 3 * MINUTE) == set()


def reload(harness: Harness) -> None:
    harness.take(NewConfig(harness.config))


def test_a_cause_whose_rule_is_removed_frees_what_it_explained() -> None:
    harness = Harness(cause_and_effect())
    run_each(harness, cause=1, effect=1)
    jobs = [job for job in harness.config.jobs if job.query.name != "cause"]
    harness.config = replace(harness.config, jobs=tuple(jobs))
    reload(harness)
    assert harness.shown()[EFFECT] == "firing held"


LOUD = Receiver(
    "loud", WebhookSettings("http://127.0.0.1:9/"), min_severity=Severity.CRITICAL
)
OF_PRO = Receiver(
    "pro", WebhookSettings("http://127.0.0.1:9/"), match=labels_of({"plan": "pro"})
)


def test_who_does_not_hear_of_the_cause_hears_of_what_it_explains() -> None:
    config = cause_and_effect(receivers=(HOOK, LOUD), severity=Severity.WARNING)
    harness = Harness(config)
    run_each(harness, cause=1, effect=1)
    assert posted_to(harness, "loud") == [f"{EFFECT} firing"]
    assert posted_to(harness, "hook") == [f"{CAUSE} firing"]


def test_who_asks_for_one_plan_hears_of_it_where_the_cause_has_none() -> None:
    harness = Harness(cause_and_effect(receivers=(HOOK, OF_PRO)))
    harness.run("cause", Success((Sample("cause_users", (), 1.0),), 1))
    harness.run("effect", found("effect", pro=1, free=1))
    assert posted_to(harness, "pro") == [f"{EFFECT} firing"]


def posted_to(harness: Harness, receiver: str) -> list[str]:
    heard: list[str] = []
    while due := harness.state.due(receiver, now=harness.at):
        for one in due:
            heard += [f"{alert.name} {alert.state}" for alert in one.alerts]
            harness.state.delivered(one, Delivery(receiver, harness.at, 0.0))
    return heard


def test_in_one_query_the_cause_is_looked_at_first_wherever_it_stands() -> None:
    effect = a_rule(EFFECT, "both_users")
    cause = a_rule(CAUSE, "both_users", explains=(EFFECT,))
    query = a_health_query("both", effect, cause)
    harness = Harness(a_config(query, own_rules=OWN))
    harness.run("both", found("both", pro=1, free=2))
    assert harness.shown() == {CAUSE: "firing", EFFECT: "firing muted"}
    assert annotation(harness, CAUSE) == f"{EFFECT} (1)"
    (notification,) = harness.state.due("hook", now=harness.at)
    texts = [dict(alert.annotations)["explained"] for alert in notification.alerts]
    assert texts == [f"{EFFECT} (1)", f"{EFFECT} (1)"]


# Pure parts


def an_alert(name: str, **labels: str) -> Alert:
    given = labels_of({"alertname": name, "severity": "critical", **labels})
    scope = Scope(name, "main", "query")
    return Alert(scope, given, Severity.CRITICAL, AlertState.FIRING, 1.0, START)


def agreeing(causes: Iterable[Alert], alert: Alert) -> list[Alert]:
    """Return by the words alone which causes explain an alert."""
    own = dict(alert.labels)
    return [
        cause
        for cause in causes
        if all(
            own.get(name, value) == value
            for name, value in cause.labels
            if name not in ("alertname", "severity")
        )
    ]


def test_the_index_finds_what_a_look_at_each_cause_finds() -> None:
    values = ("", "a", "b")
    alerts = [
        an_alert("Token", **{k: v for k, v in zip("xyz", (x, y, z), strict=True) if v})
        for x in values
        for y in values
        for z in values
    ]
    for start in range(0, len(alerts), 4):
        causes = alerts[start : start + 9]
        index = CauseIndex(causes)
        for alert in alerts:
            expected = agreeing(causes, alert)
            first = min(expected, key=lambda one: one.labels, default=None)
            assert index.over(alert.labels) == first


def test_a_circle_is_found_with_all_its_rules_in_their_order() -> None:
    explains = {"A": ("B", "X"), "B": ("C",), "C": ("A",), "X": ()}
    circle = circle_in(explains)
    start = circle.index("A")
    assert circle[start:] + circle[:start] == ("A", "B", "C")
    assert circle_in({"A": ("B",), "B": ("C",)}) == ()
    assert circle_in({"A": ("A",)}) == ("A",)
