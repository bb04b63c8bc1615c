"""Rules that remember, through the pipeline: alerts come and go, and what is remembered outlives the process."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from monitor.detection.rules import MAX_SERIES
from monitor.model.alerts import Change
from monitor.model.conditions import Condition
from monitor.model.detectors import BaselineDetector, ChangeDetector, NewDetector
from monitor.model.results import Sample, Success
from monitor.model.settings import Metric, Query, Rule, Statement
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


def test_what_a_clock_that_was_ahead_left_in_the_future_begins_anew_and_that_is_said() -> (
    None
):
    for ahead in (timedelta(days=2000), timedelta(days=-1)):
        one = harness()
        one.at += ahead
        see(one, plans(pro=90), minutes=90)
        # As versions kept it that did not know by how much the clock was set.
        fresh = harness()
        fresh.state.record({}, (), (), memories=one.state.memories())
        again = Harness(fresh.config, state=fresh.state)
        is_ahead = ahead > timedelta(0)
        assert len(again.reported()) == is_ahead
        see(again, plans(pro=90), minutes=90)
        assert see(again, plans(pro=45)) == ["fired: pro was 90 and is 45"]


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


def test_what_a_firing_cause_covers_is_judged_and_teaches_nothing() -> None:
    age = Metric("age", "", value="age")
    stopped = a_rule("Stopped", "age", explains=("PlansChanged",))
    usage = a_query("usage", metrics=(age,), rules=(stopped,))
    one = Harness(a_config(usage, plans_query(watched())))

    def fired_in_hours(number: int, users: float, seconds: float) -> list[str]:
        before = len(one.transitions)
        for _ in range(number * 60):
            one.run("usage", Success((Sample("age", (), seconds),), 1))
            see(one, plans(pro=users))
        return [
            change.alert.name
            for change in one.transitions[before:]
            if change.change is Change.FIRED
        ]

    assert fired_in_hours(3, 90, 0) == []
    assert fired_in_hours(30, 45, 1) == ["Stopped", "PlansChanged"]
    # A change that nothing covers is what there is after a day, and to be back would be the next one.
    assert fired_in_hours(2, 90, 0) == []


def test_series_without_a_place_are_shown_and_told_of_once() -> None:
    one = harness()
    many = {f"p{number}": 1.0 for number in range(MAX_SERIES + 2)}
    see(one, plans(**many), minutes=2)
    told = [line for line in one.heard if "no place" in line]
    assert set(told) == {"PlansChanged has no place for 2 series"}
    view = one.pipeline.snapshot.queries["main", "plans"]
    assert dict(view.series_left_out) == {"PlansChanged": 2}
    see(one, plans(p0=1))
    assert dict(one.pipeline.snapshot.queries["main", "plans"].series_left_out) == {}


def test_examples_that_a_later_run_looked_up_are_the_alerts() -> None:
    rule = watched(evidence=Statement("SELECT 1"))
    one = harness(rule)
    see(one, plans(pro=90), minutes=90)
    see(one, plans(pro=45))
    (alert,) = one.pipeline.active_alerts()
    assert alert.evidence == ()
    examples = ({"user_id": 5},)
    found = replace(plans(pro=45), evidence={("PlansChanged", alert.labels): examples})
    see(one, found)
    (alert,) = one.pipeline.active_alerts()
    assert alert.evidence == examples
