"""Alerts of one rule as one group: what it says together, in what order, and how much of it is shown."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting.snapshot import Snapshot, with_alerts
from monitor.model.alerts import Alert, AlertState
from monitor.model.conditions import Condition
from monitor.model.settings import Rule, Scalar, Severity, labels_of
from monitor.web.alert_groups import MAX_GROUP_ROWS, AlertGroup
from monitor.web.page import Page, page_of
from tests.web.picture import (
    BALANCES,
    NOW,
    OWN,
    UNINITIALIZED,
    a_config,
    a_query,
    a_scene,
    a_snapshot,
    an_alert,
    seconds,
)
from tests.web.serving import ServedState, serving

CONFIG = a_config(queries=(BALANCES,))
LOW = replace(
    UNINITIALIZED, name="Low", condition=Condition("below", 5), group_summary=""
)
PLANS: dict[str, float] = {"pro": 42, "basic": 12, "team": 6}


def with_plans(values: Mapping[str, float], rule: Rule = UNINITIALIZED) -> list[Alert]:
    return [an_alert(rule, value=value, plan=plan) for plan, value in values.items()]


def page(*alerts: Alert, asked: str = "", snapshot: Snapshot | None = None) -> Page:
    scene = a_scene(with_alerts(snapshot or a_snapshot(CONFIG), alerts))
    return page_of(scene, CONFIG, asked=asked)


def the_group(*alerts: Alert, asked: str = "") -> AlertGroup:
    (group,) = page(*alerts, asked=asked).active
    return group


def test_several_alerts_of_a_rule_are_one_group_with_one_text_and_a_row_for_each() -> (
    None
):
    group = the_group(*with_plans(PLANS))
    assert (group.summary, group.size, group.columns) == (
        "60 subscribers have no balance, 3 plans",
        3,
        ("plan",),
    )
    assert group.texts.description == "Set the balance to the plan's limit."
    assert group.labels == (("target", "main"),)
    assert [(dict(row.cells)["plan"], row.value, row.texts) for row in group.rows] == [
        ("pro", "42", None),
        ("basic", "12", None),
        ("team", "6", None),
    ]


HEADLINES: dict[str, tuple[dict[str, float], str]] = {
    "one": ({"pro": 42.0}, "summary of TokenBalancesUninitialized, for 5 min"),
    "several": (PLANS, "60 subscribers have no balance, 3 plans, for 5 min"),
}


@pytest.mark.parametrize("name", HEADLINES)
def test_the_headline_says_what_is_wrong_how_much_where_and_for_how_long(
    name: str,
) -> None:
    values, text = HEADLINES[name]
    assert page(*with_plans(values)).verdict.text == text


def test_a_rule_that_says_nothing_of_groups_has_its_worst_alert_speak_and_counts_the_others() -> (
    None
):
    config = a_config(queries=(replace(BALANCES, rules=(LOW,)),))
    alerts = [
        replace(
            alert,
            annotations=(("summary", f"plan {dict(alert.labels)['plan']} is low"),),
        )
        for alert in with_plans({"pro": 4, "basic": 1, "team": 2}, LOW)
    ]
    said = page_of(a_scene(with_alerts(a_snapshot(config), alerts))).verdict.text
    assert said == "plan basic is low, and 2 more, for 5 min"


def test_a_group_says_the_parameters_of_its_query_as_they_are_written() -> None:
    rule = replace(
        UNINITIALIZED, group_summary="{total} lie {days} d, {share}, {kind}, {strict}"
    )
    parameters: dict[str, Scalar] = {
        "days": 3,
        "share": 0.5,
        "kind": "paid",
        "strict": True,
    }
    query = replace(BALANCES, rules=(rule,), parameters=parameters)
    config = a_config(queries=(query,))
    alerts = with_plans(PLANS, rule)
    said = page_of(a_scene(with_alerts(a_snapshot(config), alerts))).verdict.text
    assert said == "60 lie 3 d, 0.5, paid, true, 3 plans, for 5 min"


def test_since_when_is_said_once() -> None:
    alert = replace(
        an_alert(plan="pro"),
        annotations=(("summary", "pro is gone since 2026-11-22 11:55:00 UTC: look"),),
    )
    assert page(alert).verdict.text == "pro is gone for 5 min: look"
    at_least = replace(
        alert,
        since_at_least=True,
        annotations=(
            ("summary", "pro is gone since at least 2026-11-22 11:55:00 UTC"),
        ),
    )
    assert page(at_least).verdict.text == "pro is gone for at least 5 min"


def test_a_summary_that_counts_from_something_else_gets_no_second_length() -> None:
    text = "No AI feature was used on main since 2026-11-22 10:00:00 UTC"
    assert (
        page(replace(an_alert(), annotations=(("summary", text),))).verdict.text == text
    )


def test_a_text_that_differs_only_in_since_when_is_one_text() -> None:
    early, late = (
        replace(
            an_alert(plan=plan, since=NOW - seconds(ago)),
            annotations=(
                (
                    "description",
                    f"Since {NOW - seconds(ago):%Y-%m-%d %H:%M:%S} UTC it is so",
                ),
            ),
        )
        for plan, ago in (("pro", 300), ("team", 200))
    )
    group = the_group(late, early)
    assert group.texts.description == "Since 2026-11-22 11:55:00 UTC it is so"
    assert [row.texts for row in group.rows] == [None, None]


def test_a_repair_that_differs_stands_in_its_own_row() -> None:
    alerts = [
        replace(
            alert, annotations=(("repair", f"UPDATE {dict(alert.labels)['plan']}"),)
        )
        for alert in with_plans({"pro": 2, "team": 1})
    ]
    group = the_group(*alerts)
    assert group.texts.repair == "UPDATE pro"
    assert [row.texts.repair if row.texts else None for row in group.rows] == [
        None,
        "UPDATE team",
    ]
    assert group.repaired_alone == "pro"
    served = ServedState()
    served.snapshot = with_alerts(a_snapshot(CONFIG), alerts)
    said = "To repair pro; others have their own in the list:"
    with serving(served) as client:
        assert said in client.get("/").text
        served.snapshot = with_alerts(a_snapshot(CONFIG), alerts[:1])
        assert said not in client.get("/").text


@pytest.mark.parametrize(("rule", "first"), [(UNINITIALIZED, "9"), (LOW, "1")])
def test_in_a_group_the_worst_value_comes_first_whichever_way_the_rule_looks(
    rule: Rule, first: str
) -> None:
    config = a_config(queries=(replace(BALANCES, rules=(rule,)),))
    alerts = with_plans({"a": 4, "b": 9, "c": 1}, rule)
    (group,) = page_of(a_scene(with_alerts(a_snapshot(config), alerts))).active
    assert group.rows[0].value == first


def test_what_fires_comes_before_what_is_pending_and_what_has_data_before_what_is_held() -> (
    None
):
    pending = an_alert(state=AlertState.PENDING, plan="pending", value=99)
    held = replace(an_alert(plan="held", value=50), held=True)
    group = the_group(pending, held, an_alert(plan="firing", value=1))
    assert [dict(row.cells)["plan"] for row in group.rows] == [
        "firing",
        "held",
        "pending",
    ]
    assert [row.fired is None for row in group.rows] == [False, False, True]


def test_of_one_severity_the_database_comes_before_the_monitor() -> None:
    own = an_alert(OWN, subject="", since=NOW - seconds(900))
    shown = page(own, an_alert(plan="pro"))
    assert [group.name for group in shown.active] == [
        "TokenBalancesUninitialized",
        "TokenMonitorTargetDown",
    ]
    warning = an_alert(
        replace(UNINITIALIZED, name="W", severity=Severity.WARNING), plan="pro"
    )
    assert page(own, warning).active[0].name == "TokenMonitorTargetDown"


def test_at_most_fifty_rows_of_a_rule_are_shown_and_the_rest_is_counted() -> None:
    alerts = with_plans({f"p{number}": float(number) for number in range(1000)})
    group = the_group(*alerts)
    assert (len(group.rows), group.left_out, group.size) == (MAX_GROUP_ROWS, 950, 1000)
    assert group.summary == "499,500 subscribers have no balance, 1000 plans"
    assert group.rows[0].value == "999"


def test_of_many_rows_the_worst_are_seen_at_once_and_the_others_unfold() -> None:
    fifteen = {f"p{number:02}": float(number) for number in range(15)}
    group = the_group(*with_plans(fifteen))
    assert [row.value for row in group.open_rows] == ["14", "13", "12", "11", "10"]
    assert [row.value for row in group.folded_rows] == [*map(str, range(9, -1, -1))]
    assert group.folded_words == "10 more: p09, p08, p07 …"
    asked = group.rows[-1].fingerprint
    served = ServedState()
    served.snapshot = with_alerts(a_snapshot(CONFIG), with_plans(fifteen))
    with serving(served) as client:
        shut = client.get("/").text
        assert '<details data-key="folded">' in shut
        assert all(f"alerts/{row.fingerprint}" in shut for row in group.rows)
        unfolded = client.get(f"/?alert={asked}").text
        assert '<details data-key="folded" open>' in unfolded


def test_what_is_left_out_counts_among_what_unfolds_and_a_few_rows_unfold_nothing() -> (
    None
):
    many = the_group(*with_plans({f"p{number:04}": 1.0 for number in range(1000)}))
    assert many.folded_words == "995 more: p0005, p0006, p0007 …"
    few = the_group(*with_plans({f"p{number}": 1.0 for number in range(8)}))
    assert (len(few.open_rows), few.folded_rows) == (8, ())


def test_the_alert_that_the_address_asks_for_is_shown_in_any_case() -> None:
    alerts = with_plans({f"p{number}": float(number) for number in range(100)})
    asked = alerts[0].fingerprint
    group = the_group(*alerts, asked=asked)
    assert [row.anchor for row in group.rows if row.is_asked_for] == [f"alert-{asked}"]
    assert (len(group.rows), group.left_out, group.has_asked_for) == (
        MAX_GROUP_ROWS + 1,
        49,
        True,
    )
    assert page(*alerts, asked=asked).asked == ""


def test_how_many_are_new_or_recovered_is_said() -> None:
    alert = replace(
        an_alert(UNINITIALIZED, plan="pro"),
        annotations=labels_of(
            {
                "summary": "s",
                "affected": "since it fired: 1 new, 2 ongoing",
                "explained": "E (1)",
            }
        ),
    )
    (group,) = page(alert).active
    assert group.note == "since it fired: 1 new, 2 ongoing"


@pytest.mark.alone
def test_thousands_of_alerts_are_a_small_page_in_well_under_a_second() -> None:
    many = {f"p{number}": float(number) for number in range(1000)}
    root = an_alert(replace(UNINITIALIZED, name="Root"), subject="schema")
    muted = [
        replace(alert, held=True, muted_by=under)
        for name, under in (("Muted", root.fingerprint), ("Orphan", "f" * 16))
        for alert in with_plans(many, replace(UNINITIALIZED, name=name))
    ]
    rules = [replace(UNINITIALIZED, name=f"Rule{number}") for number in range(50)]
    one_by_one = [
        alert
        for rule in rules
        for alert in with_plans({f"q{number}": 1.0 for number in range(20)}, rule)
    ]
    over = [
        replace(alert, state=AlertState.RESOLVED, resolved_at=NOW)
        for alert in with_plans(many, replace(UNINITIALIZED, name="Over"))
    ]
    served = ServedState(
        CONFIG,
        with_alerts(
            a_snapshot(CONFIG),
            [root, *with_plans(many), *one_by_one, *muted, *over],
        ),
        NOW,
    )
    with serving(served) as client:
        client.get("/")
        began = time.process_time()
        body = client.get("/").body
        took = time.process_time() - began
    assert len(served.snapshot.alerts) > 5_000
    assert len(body) < 200_000
    assert took < 0.5


@pytest.mark.parametrize(
    ("asked", "reported"),
    [("0123456789abcdef", "0123456789abcdef"), ("<b>", ""), ("", "")],
)
def test_an_alert_that_is_over_is_reported_as_that(asked: str, reported: str) -> None:
    assert page(an_alert(), asked=asked).asked == reported


def test_that_alerts_of_a_rule_are_over_is_said_once() -> None:
    over = [
        replace(alert, state=AlertState.RESOLVED, resolved_at=NOW)
        for alert in with_plans(PLANS, LOW)
    ]
    (group,) = page(*over).resolved
    assert group.summary.lower().count("over") == 1
    assert group.summary.startswith("Over after ")


def test_one_alert_has_one_anchor_also_when_it_resolved_and_is_pending_again() -> None:
    over = an_alert(state=AlertState.RESOLVED, plan="pro")
    shown = page(an_alert(state=AlertState.PENDING, plan="pro"), over)
    anchors = [
        row.anchor
        for part in (shown.active, shown.resolved)
        for group in part
        for row in group.rows
    ]
    assert anchors == [f"alert-{over.fingerprint}", ""]


def test_the_same_label_set_on_several_targets_counts_targets() -> None:
    config = a_config(queries=(BALANCES,))
    alerts = [
        an_alert(target=name, plan=plan)
        for name in ("eu", "us")
        for plan in ("pro", "team")
    ]
    group = page_of(a_scene(with_alerts(a_snapshot(config), alerts))).active[0]
    assert group.summary == "12 subscribers have no balance, 2 targets, 2 plans"
    assert group.columns == ("target", "plan")


def test_a_rule_that_is_known_no_more_still_says_what_it_said() -> None:
    alert = replace(an_alert(replace(UNINITIALIZED, name="Gone")), annotations=())
    snapshot = a_snapshot(a_config(queries=(a_query(),)), {})
    shown = page_of(a_scene(with_alerts(snapshot, [alert])))
    assert shown.active[0].summary == "Gone"
    assert labels_of(shown.active[0].labels) == (("target", "main"),)


NAMES = ("TokenBalancesUninitialized", "Other", "TokenMonitorTargetDown")


@st.composite
def any_alert(draw: st.DrawFn) -> Alert:
    name, plan = draw(st.sampled_from(NAMES)), draw(st.sampled_from("abcd"))
    state, severity = draw(st.sampled_from(AlertState)), draw(st.sampled_from(Severity))
    rule = replace(UNINITIALIZED, name=name, severity=severity)
    alert = an_alert(
        rule,
        state,
        plan=plan,
        value=draw(st.floats(0, 9)),
        target=draw(st.sampled_from("xy")),
    )
    is_muted = draw(st.booleans()) and state is not AlertState.RESOLVED
    return replace(
        alert,
        held=is_muted or draw(st.booleans()),
        muted_by="f" * 16 if is_muted else None,
    )


@given(st.lists(any_alert(), unique_by=lambda alert: alert.labels, max_size=20))
def test_every_alert_is_shown_once_in_its_place_and_what_fires_is_the_headline(
    alerts: list[Alert],
) -> None:
    shown = page(*alerts)
    rows = [
        row.anchor
        for part in (shown.active, shown.muted, shown.resolved)
        for group in part
        for row in group.rows
    ]
    assert sorted(rows) == sorted(f"alert-{alert.fingerprint}" for alert in alerts)
    for part in (shown.active, shown.muted, shown.resolved):
        names = [group.name for group in part]
        assert len(names) == len(set(names)), "one group for each rule"
    loud = [
        alert
        for alert in alerts
        if alert.state is AlertState.FIRING
        and not alert.muted_by
        and alert.severity is not Severity.INFO
    ]
    if not loud:
        assert shown.verdict.tone != "bad"
        return
    worst = (
        "bad" if any(alert.severity is Severity.CRITICAL for alert in loud) else "warn"
    )
    assert shown.verdict.tone == worst
    assert shown.verdict.text.startswith(
        tuple({group.summary for group in shown.active})
    )
