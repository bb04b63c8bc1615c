from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.alerting.evaluate import Evaluation, evaluate, hold, matching, retire
from monitor.alerting.rule_input import BoundRule
from monitor.alerting.shown import shown_annotations, total_text
from monitor.model.alerts import Alert, AlertState, Change, Scope, Transition
from monitor.model.conditions import CONDITIONS, Condition, ConditionKind
from monitor.model.errors import SampleError
from monitor.model.lower_bounds import LowerBound
from monitor.model.results import (
    EvidenceKey,
    EvidenceRow,
    Sample,
    Success,
)
from monitor.model.settings import ColumnName, Labels, Rule, Scalar, Severity

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
INTERVAL = timedelta(minutes=1)
SCOPE = Scope("BalancesLow", "main", "balances")
ABOVE_5 = Condition("above", 5)


def rule(
    *,
    condition: Condition = ABOVE_5,
    hold: int = 0,
    keep: int = 0,
    where: Labels = (),
    **texts: str,
) -> Rule:
    return Rule(
        "BalancesLow",
        "tokens",
        condition,
        Severity.WARNING,
        texts.get("summary", "low"),
        description=texts.get("description", ""),
        runbook=texts.get("runbook", ""),
        where=where,
        hold=hold * INTERVAL,
        keep_firing_for=keep * INTERVAL,
    )


def success(
    *samples: Sample,
    evidence: Mapping[EvidenceKey, tuple[EvidenceRow, ...]] | None = None,
    missing: frozenset[ColumnName] | None = None,
) -> Success:
    return Success(
        samples, row_count=len(samples), evidence=evidence or {}, missing=missing
    )


def sample(value: float, **labels: str) -> Sample:
    return Sample("tokens", tuple(sorted(labels.items())), value)


def run(
    judged: Rule,
    result: Success,
    active: Mapping[Labels, Alert] | None = None,
    *,
    now: datetime = START,
    is_first: bool = False,
    target_labels: Mapping[str, str] | None = None,
    parameters: Mapping[str, Scalar] | None = None,
    runbook_base_url: str = "",
    scope: Scope = SCOPE,
) -> Evaluation:
    bound = BoundRule(
        judged, scope, target_labels or {}, parameters or {}, runbook_base_url
    )
    return evaluate(bound, active or {}, result, now=now, is_first=is_first)


def the(evaluation: Evaluation) -> Alert:
    (alert,) = evaluation.active.values()
    return alert


# Pictures of time. A row gives the value at each interval; X is a run without data, 0r zero rows.
# Under it the state after each run: P pending, F firing, K kept firing, R resolved just now, - none;
# h before it: held. The alerts' events are P>, F> and R>. With + the value was counted in part: it is at least that.


def of_word(word: str) -> Success:
    """Return a run that gave a value; `0r` zero rows, and with a + behind it not all was counted."""
    is_part = word.endswith("+")
    number = word.removesuffix("+")
    found = () if number == "0r" else (sample(float(number)),)
    if not is_part:
        return success(*found)
    marked = tuple(replace(one, at_least=True) for one in found)
    return replace(success(*marked), lower_bounds=(LowerBound("tokens"),))


@dataclass
class Picture:
    judged: Rule
    active: Mapping[Labels, Alert] = field(default_factory=dict)
    now: datetime = START
    events: list[Transition] = field(default_factory=list)

    def draw(self, row: str) -> str:
        return " ".join(self.step(word) for word in row.split())

    def take(self, result: Success) -> tuple[Transition, ...]:
        """Evaluate one run, and return what changed."""
        evaluation = run(self.judged, result, self.active, now=self.now)
        self.active = evaluation.active
        self.events.extend(evaluation.transitions)
        self.now += INTERVAL
        return evaluation.transitions

    def step(self, word: str) -> str:
        changed: tuple[Transition, ...] = ()
        if word == "X":
            self.active = hold(self.active, muted_by=None)
            self.now += INTERVAL
        else:
            changed = self.take(of_word(word))
        if not self.active:
            return (
                "R"
                if any(change.change is Change.RESOLVED for change in changed)
                else "-"
            )
        (alert,) = self.active.values()
        letter = (
            "P"
            if alert.state is AlertState.PENDING
            else "K"
            if alert.keep_since
            else "F"
        )
        return ("h" if alert.held else "") + letter


@pytest.mark.parametrize(
    ("hold_intervals", "keep", "row", "states", "events"),
    [
        pytest.param(
            2, 0, "9 9 9 1", "P P F R", "P> F> R>", id="fires after for, resolves"
        ),
        pytest.param(
            2,
            0,
            "9 9 1 9 9 9",
            "P P - P P F",
            "P> P> F>",
            id="pending and gone is silent",
        ),
        pytest.param(
            0, 0, "9 1", "F R", "F> R>", id="for 0 fires at once, never pending"
        ),
        pytest.param(0, 0, "9 0r", "F R", "F> R>", id="zero rows resolve"),
        pytest.param(1, 0, "9+ 9+ 1", "P F R", "P> F> R>", id="at least is enough"),
        pytest.param(
            0, 0, "9 1+ 0r+ 1", "F hF hF R", "F> R>", id="counted in part holds"
        ),
        pytest.param(
            2, 0, "9 1+ 9", "P hP F", "P> F>", id="counted in part keeps pending"
        ),
        pytest.param(1, 0, "9 9 9 9", "P F F F", "P> F>", id="firing is told once"),
        pytest.param(
            1,
            0,
            "5 6 6 5",
            "- P F R",
            "P> F> R>",
            id="the threshold itself is not above",
        ),
        pytest.param(0, 0, "9 X X 9", "F hF hF F", "F>", id="no data never resolves"),
        pytest.param(0, 0, "9 X 1", "F hF R", "F> R>", id="resolves at the next data"),
        pytest.param(
            3, 0, "9 X X 9", "P hP hP F", "P> F>", id="a gap while pending counts"
        ),
        pytest.param(
            2, 0, "9 X X X X", "P hP hP hP hP", "P>", id="nothing fires without data"
        ),
        pytest.param(
            2,
            0,
            "9 X 1 9 9 9",
            "P hP - P P F",
            "P> P> F>",
            id="false after a gap starts again",
        ),
        pytest.param(
            0, 2, "9 1 1 1", "F K K R", "F> R>", id="kept from the first miss"
        ),
        pytest.param(
            0, 2, "9 1 9 1 1 1", "F K F K K R", "F> R>", id="true again resets keeping"
        ),
        pytest.param(
            0,
            2,
            "9 1 X 1",
            "F K hK R",
            "F> R>",
            id="keeping goes on while there is no data",
        ),
        pytest.param(0, 2, "9 X 1 1 1", "F hF K K R", "F> R>", id="no data is no miss"),
        pytest.param(2, 2, "9 9 1", "P P -", "P>", id="pending is not kept"),
        pytest.param(
            1, 1, "9 9 1 9 1 1", "P F K F K R", "P> F> R>", id="for and keep_firing_for"
        ),
        pytest.param(1, 0, "X X 9 9", "- - P F", "P> F>", id="no data begins nothing"),
        pytest.param(
            1, 0, "9 9 1 9 9", "P F R P F", "P> F> R> P> F>", id="comes, goes, comes"
        ),
    ],
)
def test_a_picture_of_time(
    hold_intervals: int, keep: int, row: str, states: str, events: str
) -> None:
    picture = Picture(rule(hold=hold_intervals, keep=keep))
    assert picture.draw(row) == states
    assert " ".join(f"{event.change[0].upper()}>" for event in picture.events) == events


def test_a_life_carries_its_instants() -> None:
    picture = Picture(rule(hold=2))
    picture.draw("9 9 9 8 1")
    pending, fired, resolved = picture.events
    minute = INTERVAL
    assert (pending.at, pending.alert.active_at, pending.alert.fired_at) == (
        START,
        START,
        None,
    )
    assert (fired.at, fired.alert.active_at, fired.alert.fired_at) == (
        START + 2 * minute,
        START,
        START + 2 * minute,
    )
    assert resolved.alert.state is AlertState.RESOLVED
    assert (resolved.at, resolved.alert.resolved_at) == (
        START + 4 * minute,
        START + 4 * minute,
    )
    assert (resolved.alert.active_at, resolved.alert.fired_at) == (
        START,
        START + 2 * minute,
    )
    assert resolved.alert.value == 8.0


def test_for_is_reached_exactly_on_the_grid() -> None:
    judged = replace(rule(), hold=timedelta(minutes=2))
    first = run(judged, success(sample(9)))
    almost = run(
        judged, success(sample(9)), first.active, now=START + timedelta(seconds=119.999)
    )
    assert the(almost).state is AlertState.PENDING
    exactly = run(
        judged, success(sample(9)), first.active, now=START + timedelta(minutes=2)
    )
    assert the(exactly).state is AlertState.FIRING


def test_each_label_set_lives_alone() -> None:
    judged = rule(hold=1)
    first = run(judged, success(sample(9, plan="pro"), sample(1, plan="free")))
    later = run(
        judged,
        success(sample(9, plan="pro"), sample(9, plan="free")),
        first.active,
        now=START + INTERVAL,
    )
    assert [
        (dict(labels)["plan"], alert.state) for labels, alert in later.active.items()
    ] == [
        ("free", AlertState.PENDING),
        ("pro", AlertState.FIRING),
    ]
    assert [(t.change, dict(t.alert.labels)["plan"]) for t in later.transitions] == [
        (Change.PENDING, "free"),
        (Change.FIRED, "pro"),
    ]


def test_a_resolve_never_lies_before_the_firing() -> None:
    first = run(rule(), success(sample(9)))
    (resolved,) = run(rule(), success(), first.active, now=START - INTERVAL).transitions
    assert resolved.alert.resolved_at == START


def test_alerts_about_which_a_run_says_nothing_are_held_and_all_others_judged() -> None:
    judged = rule()
    labels = [
        {"table": "users", "column": "a"},
        {"table": "users"},
        {"table": "plans", "column": "a"},
    ]
    first = run(
        judged,
        success(
            *(sample(9, **one) for one in labels), sample(9, table="plans", column="b")
        ),
    )
    partial = replace(
        success(sample(9, table="plans", column="b")),
        silent=((("table", "users"),), (("column", "z"),)),
    )
    second = run(judged, partial, first.active, now=START + INTERVAL)
    states = {
        (dict(labels)["table"], dict(labels).get("column", "")): alert.held
        for labels, alert in second.active.items()
    }
    muted = hold(first.active, muted_by="0123456789abcdef")
    assert run(judged, partial, muted, now=START + INTERVAL) == second
    assert states == {("users", "a"): True, ("users", ""): True, ("plans", "b"): False}
    assert [dict(one.alert.labels).get("column") for one in second.transitions] == ["a"]
    assert [one.change for one in second.transitions] == [Change.RESOLVED]


def test_what_is_held_and_muted_is_free_again_after_data() -> None:
    firing = run(rule(), success(sample(9))).active
    held = hold(firing, muted_by="0123456789abcdef")
    assert [(alert.held, alert.muted_by) for alert in held.values()] == [
        (True, "0123456789abcdef")
    ]
    assert {
        labels: replace(alert, held=False, muted_by=None)
        for labels, alert in held.items()
    } == firing
    again = the(run(rule(), success(sample(9)), held, now=START + INTERVAL))
    assert (again.held, again.muted_by) == (False, None)
    kept = the(run(rule(keep=5), success(), held, now=START + INTERVAL))
    assert (kept.held, kept.muted_by) == (False, None)
    (gone,) = run(rule(), success(), held, now=START + INTERVAL).transitions
    assert (gone.alert.held, gone.alert.muted_by) == (False, None)


def test_a_cause_that_may_be_older_than_our_start_says_at_least() -> None:
    judged = rule(summary="since {since}")
    first = the(run(judged, success(sample(9)), is_first=True))
    assert first.since_at_least
    assert (
        dict(first.annotations)["summary"] == "since at least 2026-11-22 14:00:00 UTC"
    )
    later = the(
        run(judged, success(sample(9)), {first.labels: first}, now=START + INTERVAL)
    )
    assert later.since_at_least
    fresh = the(run(judged, success(sample(9))))
    assert not fresh.since_at_least
    assert dict(fresh.annotations)["summary"] == "since 2026-11-22 14:00:00 UTC"
    known = the(
        run(
            judged,
            success(sample(9)),
            {fresh.labels: fresh},
            now=START + INTERVAL,
            is_first=True,
        )
    )
    assert not known.since_at_least


# What is a finding.


def test_what_the_condition_holds_for_is_a_finding() -> None:
    values = [4.0, 5.0, 6.0, math.nan]
    samples = [sample(value, n=str(number)) for number, value in enumerate(values)]
    matched = matching(rule(condition=Condition("not_equals", 5.0)), samples)
    assert [repr(match.value) for match in matched] == ["4.0", "6.0", "nan"]


def test_where_and_metric_choose_the_samples() -> None:
    wanted = sample(9, plan="pro", status="low")
    others = (
        sample(9, plan="pro", status="ok"),
        sample(9, plan="pro"),
        replace(wanted, metric="other"),
    )
    assert matching(rule(where=(("status", "low"),)), (*others, wanted)) == (wanted,)


def test_absent_is_true_when_no_sample_matches_whatever_its_value() -> None:
    absent = rule(condition=Condition("absent"), where=(("plan", "pro"),))
    assert matching(absent, (sample(0, plan="free"),)) == (sample(0, plan="pro"),)
    assert matching(absent, ()) == (sample(0, plan="pro"),)
    assert matching(absent, (sample(math.nan, plan="pro"),)) == ()


def test_an_absent_alert_has_the_target_and_the_where_as_labels() -> None:
    absent = rule(condition=Condition("absent"), where=(("plan", "pro"),))
    first = run(absent, success(sample(1, plan="free")))
    assert dict(the(first).labels) == {
        "alertname": "BalancesLow",
        "severity": "warning",
        "target": "main",
        "plan": "pro",
    }
    (resolved,) = run(
        absent, success(sample(1, plan="pro")), first.active, now=START + INTERVAL
    ).transitions
    assert (resolved.change, resolved.alert.resolve_reason) == (Change.RESOLVED, "")


# Identity.


def test_labels_of_an_alert_are_the_rules_the_targets_and_the_samples() -> None:
    judged = replace(rule(), labels={"team": "billing"})
    alert = the(
        run(judged, success(sample(9, plan="pro")), target_labels={"region": "eu"})
    )
    assert alert.labels == (
        ("alertname", "BalancesLow"),
        ("plan", "pro"),
        ("region", "eu"),
        ("severity", "warning"),
        ("target", "main"),
        ("team", "billing"),
    )


def test_an_alert_is_as_severe_as_its_rule() -> None:
    assert the(run(rule(), success(sample(9)))).severity is Severity.WARNING


def test_an_alert_about_no_target_has_no_target_label_of_its_own() -> None:
    scope = Scope("BalancesLow", "", "oncall")
    assert "target" not in dict(
        the(run(rule(), success(sample(9)), scope=scope)).labels
    )
    named = the(
        run(
            rule(summary="{target}"),
            success(sample(9, target="main", receiver="oncall")),
            scope=scope,
        )
    )
    assert dict(named.labels)["target"] == "main"
    assert dict(named.annotations)["summary"] == "main"


def test_extra_labels_never_make_one_alert_of_two_samples() -> None:
    judged = replace(rule(), labels={"plan": "all"})
    result = success(sample(9, plan="pro"), sample(9, plan="free"))
    assert len(run(judged, result, target_labels={"plan": "x"}).active) == 2


def test_two_samples_that_would_be_one_alert_are_an_error() -> None:
    with pytest.raises(SampleError) as caught:
        run(rule(), success(sample(9, severity="a"), sample(9, severity="b")))
    assert str(caught.value) == (
        'two samples of tokens would be one alert: alertname="BalancesLow", severity="warning", target="main"'
    )


@pytest.mark.parametrize(
    "before",
    [
        replace(rule(), labels={"team": "old"}),
        replace(rule(), labels={"team": "new", "more": "x"}),
        rule(),
    ],
    ids=["label changed", "label removed", "label added"],
)
def test_an_alert_of_other_labels_resolves_as_rule_changed(before: Rule) -> None:
    old = run(before, success(sample(9, plan="pro")))
    now = START + INTERVAL
    after = run(
        replace(rule(keep=9), labels={"team": "new"}),
        success(sample(9, plan="pro")),
        old.active,
        now=now,
    )
    assert [
        (t.change, t.alert.resolve_reason)
        for t in after.transitions
        if t.alert.labels in old.active
    ] == [(Change.RESOLVED, "rule_changed")]
    assert [
        (t.change, t.alert.labels)
        for t in after.transitions
        if t.alert.labels not in old.active
    ] == [(Change.FIRED, the(after).labels)]
    assert the(after).active_at == now


def test_a_changed_rule_resolves_its_old_alert_also_when_nothing_is_found_any_more() -> (
    None
):
    old = run(rule(), success(sample(9)))
    changed = replace(rule(keep=9), labels={"team": "new"})
    after = run(changed, success(sample(1)), old.active, now=START + INTERVAL)
    assert (after.active, [t.alert.resolve_reason for t in after.transitions]) == (
        {},
        ["rule_changed"],
    )


def test_an_alert_of_a_rule_that_moved_to_another_query_goes_on_there() -> None:
    old = run(rule(), success(sample(9)))
    moved = replace(SCOPE, subject="other_query")
    after = run(
        rule(), success(sample(9)), old.active, now=START + INTERVAL, scope=moved
    )
    assert (the(after).scope, the(after).fired_at, after.transitions) == (
        moved,
        START,
        (),
    )


def test_a_changed_label_of_the_target_changes_identity_too() -> None:
    old = run(rule(), success(sample(9)), target_labels={"region": "eu"})
    after = run(
        rule(),
        success(sample(9)),
        old.active,
        now=START + INTERVAL,
        target_labels={"region": "us"},
    )
    assert {
        t.alert.resolve_reason for t in after.transitions if t.change is Change.RESOLVED
    } == {"rule_changed"}


def test_a_pending_alert_of_a_changed_rule_is_dropped_silently() -> None:
    old = run(replace(rule(hold=5), labels={"team": "old"}), success(sample(9)))
    after = run(rule(hold=5), success(sample(9)), old.active, now=START + INTERVAL)
    assert [t.change for t in after.transitions] == [Change.PENDING]


def of_severity(severity: Severity, **changes: float) -> Rule:
    return replace(rule(**changes), severity=severity)  # type: ignore[arg-type]  # numbers of intervals


@pytest.mark.parametrize("keep", [0, 9])
def test_a_rule_that_gets_quieter_keeps_its_alert_until_it_is_over(keep: int) -> None:
    old = run(of_severity(Severity.CRITICAL), success(sample(9)))
    quieter = of_severity(Severity.WARNING, keep=keep)
    after = run(quieter, success(sample(8)), old.active, now=START + INTERVAL)
    assert (after.transitions, the(after).severity, the(after).value) == (
        (),
        Severity.CRITICAL,
        8,
    )
    assert after.active.keys() == old.active.keys()
    over = run(quieter, success(sample(0)), after.active, now=START + 20 * INTERVAL)
    over = (
        run(quieter, success(sample(0)), over.active, now=START + 40 * INTERVAL)
        if keep
        else over
    )
    assert [(t.change, t.alert.resolve_reason) for t in over.transitions] == [
        (Change.RESOLVED, "")
    ]


def test_a_rule_that_gets_louder_fires_again_and_the_quieter_alert_is_superseded() -> (
    None
):
    old = run(of_severity(Severity.WARNING), success(sample(9)))
    now = START + INTERVAL
    after = run(of_severity(Severity.CRITICAL), success(sample(9)), old.active, now=now)
    changes = {
        (t.change, t.alert.severity, t.alert.resolve_reason) for t in after.transitions
    }
    assert changes == {
        (Change.FIRED, Severity.CRITICAL, ""),
        (Change.RESOLVED, Severity.WARNING, "superseded"),
    }
    assert (the(after).active_at, the(after).fired_at, the(after).notified) == (
        START,
        now,
        (),
    )


def test_what_fires_and_gets_louder_does_not_wait_for_a_longer_time() -> None:
    old = run(of_severity(Severity.WARNING), success(sample(9)))
    louder = of_severity(Severity.CRITICAL, hold=5)
    after = run(louder, success(sample(9)), old.active, now=START + INTERVAL)
    assert (the(after).state, the(after).fired_at) == (
        AlertState.FIRING,
        START + INTERVAL,
    )


def test_what_gets_louder_keeps_its_place_among_a_rules_alerts() -> None:
    quiet = of_severity(Severity.WARNING)
    old = run(quiet, success(sample(9, plan="pro")))
    louder = replace(of_severity(Severity.CRITICAL), max_alerts=1)
    found = success(sample(9, plan="free"), sample(9, plan="pro"))
    after = run(louder, found, old.active, now=START + INTERVAL)
    assert [dict(labels)["plan"] for labels in after.active] == ["pro"]


def test_a_pending_alert_that_gets_louder_keeps_its_clock() -> None:
    old = run(of_severity(Severity.WARNING, hold=2), success(sample(9)))
    after = run(
        of_severity(Severity.CRITICAL, hold=2),
        success(sample(9)),
        old.active,
        now=START + INTERVAL,
    )
    assert (the(after).active_at, the(after).state) == (START, AlertState.PENDING)
    assert [t.change for t in after.transitions] == [Change.PENDING]
    later = run(
        of_severity(Severity.CRITICAL, hold=2),
        success(sample(9)),
        after.active,
        now=START + 2 * INTERVAL,
    )
    assert [t.change for t in later.transitions] == [Change.FIRED]


def test_an_alert_that_goes_while_its_neighbour_comes_resolves_by_data() -> None:
    old = run(rule(), success(sample(9, plan="pro")))
    after = run(
        rule(),
        success(sample(1, plan="pro"), sample(9, plan="free")),
        old.active,
        now=START + INTERVAL,
    )
    assert {t.change: t.alert.resolve_reason for t in after.transitions} == {
        Change.RESOLVED: "",
        Change.FIRED: "",
    }


def test_what_was_only_pending_hides_no_end_of_what_fired() -> None:
    judged = rule(hold=1)
    first = run(judged, success(sample(9, plan="b")))
    both = run(
        judged,
        success(sample(9, plan="a"), sample(9, plan="b")),
        first.active,
        now=START + INTERVAL,
    )
    after = run(judged, success(), both.active, now=START + 2 * INTERVAL)
    assert [(t.change, dict(t.alert.labels)["plan"]) for t in after.transitions] == [
        (Change.RESOLVED, "b")
    ]


def test_a_rules_label_under_a_samples_is_no_change_of_the_rule() -> None:
    judged = replace(rule(keep=9), labels={"plan": "all"})
    old = run(judged, success(sample(9, plan="pro")))
    after = run(
        judged, success(sample(1, plan="pro")), old.active, now=START + INTERVAL
    )
    assert (list(after.active), after.transitions) == (list(old.active), ())


def test_retiring_a_rule_resolves_what_fires_and_drops_what_is_pending() -> None:
    judged = rule(hold=1)
    first = run(judged, success(sample(9, plan="a"), sample(9, plan="b")))
    both = run(
        judged,
        success(sample(9, plan="a"), sample(9, plan="c")),
        first.active,
        now=START + INTERVAL,
    )
    retired = retire(
        hold(both.active, muted_by="f"), now=START + 2 * INTERVAL, reason="rule_removed"
    )
    assert retired.active == {}
    (gone,) = retired.transitions
    assert (gone.change, dict(gone.alert.labels)["plan"]) == (Change.RESOLVED, "a")
    assert (gone.alert.resolve_reason, gone.alert.resolved_at, gone.alert.held) == (
        "rule_removed",
        START + 2 * INTERVAL,
        False,
    )


# Texts.


def test_texts_are_rendered_from_the_sample_the_rule_and_the_query() -> None:
    judged = replace(
        rule(
            summary="{value} of {threshold} in {plan} on {target} ({region}), {count} in all",
            description="{query} {since} {last_event} {low_balance} {is_strict} {old} {ratio} {{x}} {note}",
            runbook="low-balances",
        ),
        annotations={"dashboard": "https://d/{plan}", "empty": "{note}"},
    )
    found = replace(sample(1500, plan="pro"), details=(("last_event", "yesterday"),))
    alert = the(
        run(
            judged,
            success(found),
            target_labels={"region": "eu"},
            parameters={
                "low_balance": 1000,
                "is_strict": True,
                "old": False,
                "ratio": 0.25,
                "plan": "parameter",
            },
            runbook_base_url="https://wiki/runbooks/",
        )
    )
    assert dict(alert.annotations) == {
        "summary": "1,500 of 5 in pro on main (eu), 1 in all",
        "description": "balances 2026-11-22 14:00:00 UTC yesterday 1,000 true false 0.25 {x} ",
        "runbook_url": "https://wiki/runbooks/low-balances",
        "dashboard": "https://d/pro",
    }


def test_a_runbook_without_a_base_stays_a_name() -> None:
    alert = the(run(rule(runbook="low-balances"), success(sample(9))))
    assert dict(alert.annotations) == {"summary": "low", "runbook": "low-balances"}


def test_a_runbook_address_in_the_rules_annotations_wins() -> None:
    judged = replace(rule(runbook="slug"), annotations={"runbook_url": "https://own"})
    alert = the(run(judged, success(sample(9)), runbook_base_url="https://wiki"))
    assert dict(alert.annotations)["runbook_url"] == "https://own"


def test_value_count_texts_and_evidence_are_refreshed_while_true_and_kept_after() -> (
    None
):
    judged = rule(summary="{value}/{count}", keep=2)
    evidence: dict[EvidenceKey, tuple[EvidenceRow, ...]] = {
        ("BalancesLow", (("plan", "pro"),)): ({"user_id": 7},),
        ("OtherRule", (("plan", "pro"),)): ({"user_id": 8},),
    }
    first = run(judged, success(sample(9, plan="pro"), evidence=evidence))
    assert (dict(the(first).annotations)["summary"], the(first).evidence) == (
        "9/1",
        ({"user_id": 7},),
    )
    second = run(
        judged,
        success(sample(8, plan="pro"), sample(7, plan="free")),
        first.active,
        now=START + INTERVAL,
    )
    assert {
        dict(alert.annotations)["summary"]: alert.evidence
        for alert in second.active.values()
    } == {
        "8/2": (),
        "7/2": (),
    }
    kept = run(judged, success(), second.active, now=START + 2 * INTERVAL)
    (resolved, _) = run(
        judged, success(), kept.active, now=START + 9 * INTERVAL
    ).transitions
    assert (dict(resolved.alert.annotations)["summary"], resolved.alert.value) == (
        "7/2",
        7.0,
    )


@pytest.mark.parametrize(
    ("condition", "values", "peak"),
    [
        (ABOVE_5, (7, 9, 6), 9),
        (Condition("below", 5), (4, 1, 3), 1),
        (Condition("below", 5), (-1, 4), -1),
        (Condition("not_equals", 5), (4, 9), None),
    ],
)
def test_an_alert_remembers_its_worst_value(
    condition: Condition, values: tuple[float, ...], peak: float | None
) -> None:
    judged = rule(condition=condition)
    active: Mapping[Labels, Alert] = {}
    for number, value in enumerate(values):
        active = run(
            judged, success(sample(value)), active, now=START + number * INTERVAL
        ).active
    (transition,) = run(
        judged, success(sample(5)), active, now=START + 9 * INTERVAL
    ).transitions
    assert (transition.change, transition.alert.peak) == (Change.RESOLVED, peak)
    assert transition.alert.fired_for == 9 * INTERVAL


@pytest.mark.parametrize(
    "kind", CONDITIONS.keys() - {"baseline", "change", "new", "slo"}
)
def test_what_was_counted_in_part_proves_that_it_is_above_and_nothing_else(
    kind: ConditionKind,
) -> None:
    part = LowerBound("tokens", (("plan", "pro"),))
    for value in (4.0, 5.0, 6.0):
        one = replace(sample(value, plan="pro"), at_least=True)
        given = replace(success(one), lower_bounds=(part,))
        found = run(rule(condition=Condition(kind, 5)), given).active
        assert bool(found) == (kind == "above" and value > 5)
    nothing = replace(success(), lower_bounds=(part,))
    assert not run(rule(condition=Condition(kind, 5)), nothing).active


def test_only_what_was_counted_in_part_is_held() -> None:
    before = run(rule(), success(sample(9, plan="pro"), sample(9, plan="free")))
    part = LowerBound("tokens", (("plan", "pro"),))

    after = run(
        rule(),
        replace(success(), lower_bounds=(part, LowerBound("other"))),
        before.active,
        now=START + INTERVAL,
    )

    ((_, alert),) = after.active.items()
    assert (dict(alert.labels)["plan"], alert.held) == ("pro", True)
    (resolved,) = after.transitions
    assert dict(resolved.alert.labels)["plan"] == "free"


def test_texts_say_that_a_value_is_at_least_so_much() -> None:
    one = replace(sample(9, plan="pro"), at_least=True)
    alert = the(run(rule(summary="{value} are low"), success(one)))

    assert shown_annotations(alert)["summary"] == "at least 9 are low"
    assert set(shown_annotations(alert)) == {"summary"}
    assert total_text([alert, alert]) == "at least 18"


def test_texts_say_that_a_value_is_so_much_so_far() -> None:
    one = replace(sample(9, plan="pro"), at_least=True, so_far=True)
    alert = the(run(rule(summary="{value} are low"), success(one)))

    assert shown_annotations(alert)["summary"] == "so far at least 9 are low"
    assert total_text([alert]) == "so far at least 9"
