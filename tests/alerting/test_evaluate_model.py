"""Every history of runs, against a second account of what pending, firing and resolved mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerting.evaluate import evaluate, hold
from monitor.alerting.rule_input import BoundRule
from monitor.model.alerts import Alert, AlertState, Change, Scope, Transition
from monitor.model.conditions import Condition
from monitor.model.results import Sample, Success
from monitor.model.settings import Labels, Rule, Severity

START = datetime(2026, 11, 22, tzinfo=UTC)
PLANS = ("free", "pro", "team")
SCOPE = Scope("Low", "main", "balances")


@dataclass(frozen=True)
class Run:
    """At a second of the history: the plans that are low, or None when there was no data."""

    second: int
    low: frozenset[str] | None


@st.composite
def histories(draw: st.DrawFn) -> list[Run]:
    steps = draw(
        st.lists(
            st.tuples(
                st.integers(1, 40), st.none() | st.frozensets(st.sampled_from(PLANS))
            ),
            max_size=30,
        )
    )
    second, runs = 0, []
    for gap, low in steps:
        second += gap
        runs.append(Run(second, low))
    return runs


def is_firing(
    seen: Sequence[tuple[int, bool]], for_seconds: int, keep_seconds: int
) -> bool:
    """Return from the runs with data alone whether an alert fires after the last of them."""
    if not seen:
        return False
    now, is_low = seen[-1]
    streak_start = now
    for second, was_low in reversed(seen):
        if was_low is not is_low:
            break
        streak_start = second
    fired_before = is_firing(seen[:-1], for_seconds, keep_seconds)
    if is_low:
        return fired_before or now - streak_start >= for_seconds
    return fired_before and now - streak_start < keep_seconds


def state(
    history: Sequence[Run], plan: str, for_seconds: int, keep_seconds: int
) -> AlertState | None:
    seen = [(run.second, plan in run.low) for run in history if run.low is not None]
    if is_firing(seen, for_seconds, keep_seconds):
        return AlertState.FIRING
    return AlertState.PENDING if seen and seen[-1][1] else None


def change(before: AlertState | None, after: AlertState | None) -> Change | None:
    if after is AlertState.FIRING:
        return None if before is AlertState.FIRING else Change.FIRED
    if before is AlertState.FIRING:
        return Change.RESOLVED
    return Change.PENDING if before is None and after is AlertState.PENDING else None


def step(
    rule: Rule, active: Mapping[Labels, Alert], run: Run
) -> tuple[dict[Labels, Alert], tuple[Transition, ...]]:
    if run.low is None:
        return hold(active, muted_by=None), ()
    samples = tuple(
        Sample("low", (("plan", plan),), float(plan in run.low)) for plan in PLANS
    )
    evaluation = evaluate(
        BoundRule(rule, SCOPE),
        active,
        Success(samples, len(samples)),
        now=START + timedelta(seconds=run.second),
        is_first=False,
    )
    return evaluation.active, evaluation.transitions


def low_rule(for_seconds: int, keep_seconds: int) -> Rule:
    return Rule(
        "Low",
        "low",
        Condition("above", 0),
        Severity.WARNING,
        "{plan}",
        hold=timedelta(seconds=for_seconds),
        keep_firing_for=timedelta(seconds=keep_seconds),
    )


@settings(max_examples=300, deadline=None)
@given(histories(), st.integers(0, 100), st.integers(0, 100))
def test_any_history_ends_in_the_state_that_its_data_give(
    history: list[Run], for_seconds: int, keep_seconds: int
) -> None:
    rule = low_rule(for_seconds, keep_seconds)
    active: dict[Labels, Alert] = {}
    before: dict[str, AlertState | None] = dict.fromkeys(PLANS)
    for number, run in enumerate(history, start=1):
        active, transitions = step(rule, active, run)
        after = {
            plan: state(history[:number], plan, for_seconds, keep_seconds)
            for plan in PLANS
        }
        assert {
            dict(labels)["plan"]: alert.state for labels, alert in active.items()
        } == {plan: state for plan, state in after.items() if state is not None}
        assert {dict(t.alert.labels)["plan"]: t.change for t in transitions} == {
            plan: made for plan in PLANS if (made := change(before[plan], after[plan]))
        }
        assert all(alert.held is (run.low is None) for alert in active.values())
        before = after


@settings(max_examples=100, deadline=None)
@given(histories(), st.integers(0, 100), st.integers(0, 100))
def test_the_instants_of_an_alert_are_in_order(
    history: list[Run], for_seconds: int, keep_seconds: int
) -> None:
    rule = low_rule(for_seconds, keep_seconds)
    active: dict[Labels, Alert] = {}
    for run in history:
        active, transitions = step(rule, active, run)
        for alert in (
            *active.values(),
            *(transition.alert for transition in transitions),
        ):
            instants = [
                alert.active_at,
                alert.fired_at,
                alert.keep_since,
                alert.resolved_at,
            ]
            known = [instant for instant in instants if instant is not None]
            assert known == sorted(known)
            if alert.fired_at is not None:
                assert alert.fired_at - alert.active_at >= rule.hold
