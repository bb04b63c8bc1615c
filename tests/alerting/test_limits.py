"""A rule has so many alerts on a target: which those are, what is reported of the rest, and what clears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerting.evaluate import evaluate
from monitor.alerting.rule_input import BoundRule
from monitor.model.alerts import Alert, AlertState, Change, Scope
from monitor.model.conditions import Condition
from monitor.model.results import Sample, Success
from monitor.model.settings import Labels, Metric, Rule, Severity
from monitor.timing.active_hours import read_active_hours
from tests.support.harness import (
    MINUTE,
    OWN_RULES,
    SECOND,
    TIMEOUT,
    Harness,
    a_config,
    a_query,
    a_rule,
    samples,
)

START = datetime(2026, 11, 22, tzinfo=UTC)
SCOPE = Scope("Many", "main", "many")
NAMES = "abcdefgh"
LIMITED = a_rule(
    "TokenMonitorAlertsLimited", "alerts_left_out", keep_firing_for=timedelta(minutes=5)
)


def judged(
    rule: Rule, active: dict[Labels, Alert], found: Sequence[str], seconds: int
) -> tuple[dict[Labels, Alert], set[str], int]:
    """Run the rule once; gives its alerts, which of them resolved, and how many were left out."""
    evaluation = evaluate(
        BoundRule(rule, SCOPE),
        active,
        Success(tuple(Sample("m", (("k", name),), 1.0) for name in found), len(found)),
        now=START + timedelta(seconds=seconds),
        is_first=False,
    )
    resolved = {
        name_of(one.alert.labels)
        for one in evaluation.transitions
        if one.change is Change.RESOLVED
    }
    return evaluation.active, resolved, evaluation.left_out


def name_of(labels: Labels) -> str:
    return dict(labels)["k"]


def rule_with(limit: int, *, keep_seconds: int = 0) -> Rule:
    return Rule(
        "Many",
        "m",
        Condition("above", 0.0),
        Severity.CRITICAL,
        "{k}",
        keep_firing_for=timedelta(seconds=keep_seconds),
        max_alerts=limit,
    )


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.frozensets(st.sampled_from(NAMES))), max_size=12
    ),
    st.sampled_from([0, 3]),
)
def test_leaving_out_resolves_nothing_and_what_is_active_stays(
    runs: list[tuple[int, frozenset[str]]], keep_seconds: int
) -> None:
    """The limit is another one at each run, as after reloads."""
    active: dict[Labels, Alert] = {}
    for second, (limit, found) in enumerate(runs):
        before = {name_of(labels) for labels in active}
        active, resolved, left_out = judged(
            rule_with(limit, keep_seconds=keep_seconds), active, sorted(found), second
        )
        after = {name_of(labels) for labels in active}
        assert before & found <= after, "what is found goes on"
        assert not resolved & found, "nothing that is found resolves"
        assert resolved == before - after, "what goes is told as over"
        new = after - before
        assert len(after) <= max(limit, len(before)), "nothing comes beyond the limit"
        assert new == set(sorted(found - before)[: len(new)]), (
            "the first by their labels"
        )
        assert len(after) >= min(limit, len(found)), "no place stays empty"
        assert left_out == len(found - after)


def test_what_gets_the_place_of_one_that_cleared_says_that_it_may_be_older() -> None:
    active, _, _ = judged(rule_with(2), {}, "abc", 0)
    active, resolved, left_out = judged(rule_with(2), active, "bc", 60)
    assert (resolved, left_out) == ({"a"}, 0)
    assert {
        name_of(labels): alert.since_at_least for labels, alert in active.items()
    } == {
        "b": False,
        "c": True,
    }


def a_harness(
    limit: int, *, of_many: str | None = None, hours: str | None = None
) -> Harness:
    """Make a query with a rule that may have so many alerts, beside one that finds little; and their hours."""
    mine, others = (
        None if text is None else read_active_hours(text) for text in (of_many, hours)
    )
    many = a_query(
        "many",
        metrics=(Metric("m", "", ("k",), value="n"),),
        rules=(
            a_rule("Many", "m", max_alerts=limit, active=mine),
            a_rule("Few", "m", condition=Condition("above", 9.0), active=others),
        ),
    )
    return Harness(a_config(many, own_rules=(*OWN_RULES, LIMITED)))


def run(harness: Harness, names: str) -> None:
    found = samples("m", dict.fromkeys(names, 1.0), "k")
    harness.after(MINUTE).run("many", Success(found, len(found)))


def test_the_rest_is_reported_by_one_alert_until_there_is_none_for_five_minutes() -> (
    None
):
    harness = a_harness(2)
    run(harness, "abcde")
    assert sorted(harness.reported()) == [
        "Many fired",
        "Many fired",
        "TokenMonitorAlertsLimited fired",
    ]
    limited = next(a for a in harness.state.active_alerts() if a.name == LIMITED.name)
    assert (limited.value, dict(limited.labels)["rule"], limited.scope.target) == (
        3.0,
        "Many",
        "main",
    )
    run(harness, "cde")
    assert sorted(harness.reported()) == [
        "Many fired",
        "Many fired",
        "Many resolved",
        "Many resolved",
    ]
    for _ in range(6):
        run(harness, "de")
    assert harness.reported() == [
        "Many resolved",
        "Many fired",
        "TokenMonitorAlertsLimited resolved",
    ]


def test_without_data_nobody_says_that_nothing_is_left_out() -> None:
    harness = a_harness(1)
    run(harness, "ab")
    harness.after(10 * MINUTE).run("many", TIMEOUT)
    harness.after(SECOND).tick()
    assert harness.shown()["TokenMonitorAlertsLimited"] == "firing held"


def test_a_rule_outside_its_hours_keeps_the_others_from_no_alert_about_their_rest() -> (
    None
):
    harness = a_harness(1, hours="08:00-09:00 UTC")
    run(harness, "abc")
    assert sorted(harness.reported()) == [
        "Many fired",
        "TokenMonitorAlertsLimited fired",
    ]


def test_of_a_rule_that_was_not_judged_nobody_says_that_nothing_is_left_out() -> None:
    harness = a_harness(1, of_many="12:00-13:00 UTC")
    run(harness, "abc")
    assert harness.shown()[LIMITED.name] == "firing"
    harness.at += timedelta(hours=1)
    run(harness, "")
    assert harness.shown()[LIMITED.name] == "firing held"


def test_a_lower_limit_after_a_reload_resolves_nothing() -> None:
    harness = a_harness(3)
    run(harness, "abc")
    lower = a_harness(1).config
    again = harness.restarted(MINUTE, lower)
    again.reported()
    run(again, "abc")
    assert again.reported() == []
    run(again, "c")
    assert again.reported() == ["Many resolved", "Many resolved"]


def test_of_what_resolved_the_newest_are_kept() -> None:
    harness = a_harness(5000)
    names = [f"k{number:04}" for number in range(1200)]
    found = samples("m", dict.fromkeys(names, 1.0), "k")
    harness.after(MINUTE).run("many", Success(found, len(found)))
    harness.after(MINUTE).run("many", Success(found[:600], 600))
    harness.after(MINUTE).run("many", Success((), 0))
    kept = [
        a for a in harness.pipeline.snapshot.alerts if a.state is AlertState.RESOLVED
    ]
    assert len(kept) == 1000
    assert {dict(a.labels)["k"] for a in kept} >= set(names[:600])
    harness.after(timedelta(minutes=16)).tick()
    assert not [
        a for a in harness.pipeline.snapshot.alerts if a.state is AlertState.RESOLVED
    ]


def test_a_copy_of_an_alert_has_its_fingerprint_and_other_labels_have_another() -> None:
    one = Alert(SCOPE, (("k", "a"),), Severity.INFO, AlertState.PENDING, 1.0, START)
    other = Alert(SCOPE, (("k", "b"),), Severity.INFO, AlertState.PENDING, 1.0, START)
    assert replace(one, value=2.0).fingerprint == one.fingerprint != other.fingerprint
