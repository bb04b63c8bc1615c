"""Rules that remember, through the pipeline: alerts come and go, and what is remembered outlives the process."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from monitor.model.conditions import Condition
from monitor.model.detectors import BaselineDetector, ChangeDetector, NewDetector
from monitor.model.results import Success
from monitor.model.settings import Metric, Query, Rule
from monitor.model.walks import Cursor
from tests.support.harness import MINUTE, Harness, a_config, a_query, a_rule, samples

CHANGE = ChangeDetector(by=0.2, over=timedelta(hours=1))


def watched(**changes: object) -> Rule:
    settings: dict[str, object] = {
        "condition": Condition("change"),
        "detector": CHANGE,
        "summary": "{plan} was {before} and is {value}",
    }
    return a_rule("PlansChanged", "plans", **{**settings, **changes})


def harness(rule: Rule | None = None) -> Harness:
    return Harness(a_config(plans_query(rule or watched())))


def plans_query(rule: Rule) -> Query:
    metric = Metric("plans", "", ("plan",), value="users")
    return a_query("plans", metrics=(metric,), rules=(rule,))


def plans(**values: float) -> Success:
    return Success(samples("plans", values), len(values))


def see(one: Harness, outcome: Success, *, minutes: int = 1) -> list[str]:
    """Let runs end with this outcome, a minute apart; return what was announced."""
    before = len(one.transitions)
    for _ in range(minutes):
        one.at += MINUTE
        one.run("plans", outcome)
    return [
        f"{change.change}: {dict(change.alert.annotations)['summary']}"
        for change in one.transitions[before:]
    ]


def test_an_alert_says_what_it_was_and_resolves_when_it_is_back() -> None:
    one = harness()
    assert see(one, plans(pro=90), minutes=90) == []
    assert see(one, plans(pro=45)) == ["fired: pro was 90 and is 45"]
    assert see(one, plans(pro=44), minutes=5) == []
    assert see(one, plans(pro=90)) == ["resolved: pro was 90 and is 44"]


def test_a_restart_forgets_neither_what_was_nor_what_was_found() -> None:
    one = harness()
    see(one, plans(pro=90), minutes=90)
    see(one, plans(pro=45))
    again = one.restarted(timedelta(minutes=3))
    assert see(again, plans(pro=45), minutes=3) == []
    assert see(again, plans(pro=90)) == ["resolved: pro was 90 and is 45"]


def test_a_restart_while_nothing_was_found_costs_minutes_of_learning_only() -> None:
    one = harness()
    see(one, plans(pro=90), minutes=90)
    again = one.restarted(timedelta(minutes=3))
    assert see(again, plans(pro=45)) == ["fired: pro was 90 and is 45"]


def test_a_reload_that_changes_a_text_forgets_nothing() -> None:
    one = harness()
    see(one, plans(pro=90), minutes=90)
    other = a_config(plans_query(watched(summary="{plan}: {value}")))
    again = one.restarted(timedelta(minutes=3), other)
    assert see(again, plans(pro=45)) == ["fired: pro: 45"]


def test_a_rule_with_another_detector_begins_anew() -> None:
    one = harness()
    see(one, plans(pro=90), minutes=90)
    other = a_config(plans_query(watched(detector=replace(CHANGE, by=0.3))))
    again = one.restarted(timedelta(minutes=3), other)
    assert see(again, plans(pro=45)) == []


def test_a_new_plan_is_announced_once_and_known_after_a_day() -> None:
    rule = watched(condition=Condition("new"), detector=NewDetector(), summary="{plan}")
    one = harness(rule)
    assert see(one, plans(pro=90), minutes=25 * 60) == []
    assert see(one, plans(pro=90, prp=1)) == ["fired: prp"]
    assert see(one, plans(pro=90, prp=1), minutes=1439) == []
    assert see(one, plans(pro=90, prp=1)) == ["resolved: prp"]


def test_what_is_remembered_is_in_the_state() -> None:
    one = harness()
    see(one, plans(pro=90), minutes=90)
    (memory,) = one.state.memories().values()
    (series,) = memory.series.values()
    assert memory.shape
    assert series is not None
    missing = harness()
    assert dict(missing.state.memories()) == {}


def test_a_baseline_outlives_the_process_with_what_it_knows_and_what_it_found() -> None:
    rule = watched(
        condition=Condition("baseline"),
        detector=BaselineDetector(),
        summary="{plan} {direction} than {usual}",
    )
    one = harness(rule)
    assert see(one, plans(pro=500), minutes=5 * 24 * 60) == []
    again = one.restarted(timedelta(minutes=3))
    assert see(again, plans(pro=20), minutes=8) == ["fired: pro less than 500"]
    third = again.restarted(timedelta(minutes=3))
    assert see(third, plans(pro=20), minutes=8) == []
    (resolved,) = see(third, plans(pro=500), minutes=30)
    assert resolved.startswith("resolved: pro less than")


def test_a_cursor_whose_windows_are_not_read_yet_resolves_nothing() -> None:
    metric = Metric("plans", "", ("plan",), value="users")
    walk = Cursor("usage", "id")
    query = a_query("plans", metrics=(metric,), rules=(watched(),), walk=walk)
    one = Harness(a_config(query))
    see(one, plans(pro=90), minutes=90)
    assert see(one, plans(pro=45)) == ["fired: pro was 90 and is 45"]
    again = one.restarted(timedelta(minutes=3))
    assert see(again, plans(), minutes=2) == []
    assert see(again, plans(pro=44)) == []
    assert see(again, plans(pro=90)) == ["resolved: pro was 90 and is 44"]
