"""An alert does not resolve because its users left: pictures of what a run says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monitor.alerting.affected import MAX_MEMBERS, Members
from monitor.alerting.shown import shown_annotations
from monitor.model.alerts import Alert
from monitor.model.conditions import Condition
from monitor.model.lower_bounds import LowerBound
from monitor.model.results import Sample, Success
from monitor.model.rules import SeverityLevel
from monitor.model.settings import Metric, Severity, Statement, labels_of
from monitor.model.statements import Repaired
from monitor.storage.serialization import alert_to_text, text_to_alert
from monitor.timing.active_hours import read_active_hours
from tests.support.harness import MINUTE, Harness, a_config, a_query, a_rule

NAME = "TokenNull"
RULE = a_rule(
    NAME,
    "null_users",
    summary="{value} {plan} subscribers have no balance",
    resolved_summary="{plan} subscribers had no balance",
    annotations={"repair": "UPDATE …"},
    repaired=Repaired(Statement("SELECT 1"), "users"),
)
METRIC = Metric("null_users", "", ("plan",), value="users")
CONFIG = a_config(a_query("nulls", metrics=(METRIC,), rules=(RULE,)), own_rules=())


def finds(*users: str, count: int | None = None) -> Success:
    """Make a result that finds these users of plan pro, or so many of whom these are the first."""
    value = len(users) if count is None else count
    details = labels_of({"users": ",".join(users)})
    sample = Sample("null_users", labels_of({"plan": "pro"}), float(value), details)
    return Success((sample,), 1)


def finds_none(harness: Harness, left: int | None) -> Success:
    """Make a result that finds nobody, and says how many of those before left."""
    labels = {alert.labels: left for alert in active(harness).values()}
    return Success((), 0, left={NAME: labels})


def active(harness: Harness) -> Mapping[str, Alert]:
    alerts = harness.pipeline.active_alerts()
    return {alert.label("plan"): alert for alert in alerts}


def fired() -> Harness:
    harness = Harness(CONFIG)
    harness.run("nulls", finds("1", "2", "3"))
    assert harness.posted() == [f"{NAME} firing"]
    return harness.after(MINUTE)


def test_of_whom_all_were_repaired_it_resolves() -> None:
    harness = fired()
    harness.run("nulls", finds_none(harness, 0))
    assert harness.posted() == [f"{NAME} resolved"]


def test_of_whom_some_left_it_goes_on_and_says_so_and_no_more() -> None:
    harness = fired()
    harness.run("nulls", finds_none(harness, 2))
    alert = active(harness)["pro"]
    assert (alert.state, alert.value, alert.held) == ("firing", 2.0, False)
    assert shown_annotations(alert) == {
        "summary": "pro subscribers had no balance; 2 left, not repaired",
        "left": "2 left, not repaired",
    }
    harness.after(MINUTE).run("nulls", finds_none(harness, 1))
    assert (
        shown_annotations(active(harness)["pro"])["summary"]
        == "pro subscribers had no balance; 1 left, not repaired"
    )
    assert harness.posted() == []


def test_after_a_day_it_resolves_with_a_reason_of_its_own() -> None:
    harness = fired()
    for hours in (0, 12, 24):
        harness.at += timedelta(hours=hours and 12)
        harness.run("nulls", finds_none(harness, 2))
    (ended,) = [one.alert for one in harness.transitions if one.alert.is_over()]
    assert ended.resolve_reason == "left"
    assert shown_annotations(ended)["summary"] == (
        "pro subscribers had no balance; 2 left, not repaired, after 1d1m"
    )
    assert harness.posted()[-1] == f"{NAME} resolved"


def test_hours_of_the_rule_do_not_begin_the_day_anew() -> None:
    rule = replace(RULE, active=read_active_hours("11:30-12:30 UTC"))
    query = a_query("nulls", metrics=(METRIC,), rules=(rule,))
    harness = Harness(a_config(query, own_rules=()))
    harness.run("nulls", finds("1", "2"))
    began = harness.at
    shown = []
    for hours in (0.1, 12, 24, 24.2):
        harness.at = began + timedelta(hours=hours)
        harness.run("nulls", finds_none(harness, 2))
        shown.append(harness.shown()[NAME])
    assert shown == ["firing", "firing held", "firing", "resolved"]
    (ended,) = [one.alert for one in harness.transitions if one.alert.is_over()]
    assert ended.resolve_reason == "left"


def test_what_is_found_again_is_as_it_was() -> None:
    harness = fired()
    harness.run("nulls", finds_none(harness, 2))
    harness.after(MINUTE).run("nulls", finds("2"))
    alert = active(harness)["pro"]
    assert shown_annotations(alert)["summary"] == "1 pro subscribers have no balance"
    assert alert.keep_since is None
    assert alert.members == ("1", "2", "3")
    assert harness.posted() == []


def test_others_who_are_found_after_all_left_are_an_incident_of_their_own() -> None:
    harness = fired()
    harness.run("nulls", finds_none(harness, 3))
    known = active(harness)["pro"]
    harness.after(timedelta(hours=1)).run("nulls", finds("2", "4", "5"))
    (ended,) = [one.alert for one in harness.transitions if one.alert.is_over()]
    assert (ended.resolve_reason, ended.active_at) == ("left", known.active_at)
    assert harness.posted() == [f"{NAME} resolved"]
    harness.after(MINUTE).run("nulls", finds("2", "4", "5"))
    assert harness.posted() == [f"{NAME} firing"]
    alert = active(harness)["pro"]
    assert alert.active_at == harness.at
    assert alert.members == ("2", "4", "5")


def test_of_more_than_are_kept_nobody_knows_whether_they_are_others() -> None:
    harness = Harness(CONFIG)
    users = [str(number) for number in range(MAX_MEMBERS + 5)]
    harness.run("nulls", finds(*users))
    harness.after(MINUTE).run("nulls", finds_none(harness, MAX_MEMBERS))
    harness.after(MINUTE).run("nulls", finds(*users))
    assert harness.posted() == [f"{NAME} firing"]


def test_so_are_others_who_are_found_as_less_than_those_who_left() -> None:
    critical = SeverityLevel(Severity.CRITICAL, Condition("above", 2.0))
    rule = replace(RULE, severity=Severity.WARNING, louder=(critical,))
    query = a_query("nulls", metrics=(METRIC,), rules=(rule,))
    harness = Harness(a_config(query, own_rules=()))
    harness.run("nulls", finds("1", "2", "3"))
    harness.after(MINUTE).run("nulls", finds_none(harness, 3))
    assert active(harness)["pro"].severity is Severity.CRITICAL
    for _ in range(2):
        harness.after(MINUTE).run("nulls", finds("4"))
    alert = active(harness)["pro"]
    assert (alert.severity, alert.members) == (Severity.WARNING, ("4",))
    (ended,) = [one.alert for one in harness.transitions if one.alert.is_over()]
    assert ended.resolve_reason == "left"


def test_where_nobody_knows_who_left_it_is_held() -> None:
    harness = fired()
    harness.run("nulls", finds_none(harness, None))
    assert harness.shown() == {NAME: "firing held"}
    harness.after(MINUTE).run("nulls", finds_none(harness, 0))
    assert harness.posted() == [f"{NAME} resolved"]


@pytest.mark.parametrize(
    "says_nothing",
    [
        {"lower_bounds": (LowerBound("null_users"),)},  # counted in part
        {"silent": (labels_of({"plan": "pro"}),)},  # of an item that failed
    ],
)
def test_while_a_run_says_nothing_of_it_it_is_held_whoever_left(
    says_nothing: Mapping[str, Any],
) -> None:
    harness = fired()
    for _ in range(25):
        silent = replace(finds_none(harness, 1), **says_nothing)
        harness.after(timedelta(hours=1)).run("nulls", silent)
        assert harness.shown() == {NAME: "firing held"}
    alert = active(harness)["pro"]
    assert (alert.value, alert.keep_since) == (3.0, None)
    assert shown_annotations(alert)["summary"] == "3 pro subscribers have no balance"
    # From the first run that says so those who left count.
    harness.after(MINUTE).run("nulls", finds_none(harness, 1))
    assert (harness.shown(), active(harness)["pro"].value) == ({NAME: "firing"}, 1.0)
    assert harness.posted() == []


def test_of_more_than_are_known_it_says_at_least() -> None:
    harness = Harness(CONFIG)
    harness.run("nulls", finds("1", "2", count=500))
    harness.after(MINUTE).run("nulls", finds_none(harness, 2))
    annotations = shown_annotations(active(harness)["pro"])
    assert annotations["left"] == "at least 2 left, not repaired"


def test_whom_it_found_outlives_a_restart_and_is_bounded() -> None:
    harness = fired()
    again = harness.restarted(MINUTE)
    alert = active(again)["pro"]
    assert alert.members == ("1", "2", "3")
    assert text_to_alert(alert_to_text(alert)).members == alert.members
    users = [str(user) for user in range(2 * MAX_MEMBERS)]
    (sample,) = finds(*users).samples
    members = Members(RULE, [sample]).seen(alert, sample, None).members
    assert len(members) == MAX_MEMBERS
    assert members[:3] == alert.members[:3]


def test_a_rule_that_does_not_ask_keeps_nobody() -> None:
    (sample,) = finds("1").samples
    plain = replace(RULE, repaired=None)
    alert = replace(next(iter(active(fired()).values())), members=())
    assert Members(plain, [sample]).seen(alert, sample, None).members == ()
