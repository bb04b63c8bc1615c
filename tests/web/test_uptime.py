"""The share of time that a target answered: of what is known of it, and never rounded up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.alerting.snapshot import with_alerts
from monitor.model.alerts import Alert, AlertState, Change, Scope, Transition
from monitor.model.levels import Severity
from monitor.model.own_alerts import TARGET_DOWN
from monitor.model.trends import HOUR, TrendNews, TrendRow
from monitor.storage import State
from monitor.storage.limits import StateLimits
from monitor.timing.active_hours import read_active_hours
from monitor.web.uptime import Interval, TargetPast, down_times, looked_at, uptime_words
from tests.web.picture import NOW, a_snapshot
from tests.web.serving import ServedState, serving

HOURS = timedelta(hours=1)
MINUTES = timedelta(minutes=1)
MONTH_AGO = NOW - timedelta(days=30)
ALWAYS = Interval(NOW - timedelta(days=40), NOW)


def before(began: timedelta, ended: timedelta = timedelta(0)) -> Interval:
    return Interval(NOW - began, NOW - ended)


def a_loss(began: timedelta, fired: timedelta, over: timedelta | None) -> Alert:
    labels = (
        ("alertname", TARGET_DOWN),
        ("severity", "critical"),
        ("target", "main"),
    )
    return Alert(
        Scope(TARGET_DOWN, "main", ""),
        labels,
        severity=Severity.CRITICAL,
        state=AlertState.FIRING if over is None else AlertState.RESOLVED,
        value=1.0,
        active_at=NOW - began,
        fired_at=NOW - fired,
        resolved_at=None if over is None else NOW - over,
    )


@pytest.mark.parametrize(
    ("looked", "down", "words"),
    [
        (
            [ALWAYS],
            [],
            "100 % of the last 24 h; 100 % of the last 7 d; 100 % of the last 30 d",
        ),
        (
            [ALWAYS],
            [before(6 * HOURS, 5.4 * HOURS), before(5.7 * HOURS, 4.8 * HOURS)],
            "95 % of the last 24 h; 99.28 % of the last 7 d; 99.83 % of the last 30 d",
        ),
        (
            [ALWAYS],
            [before(timedelta(seconds=1))],
            "99.99 % of the last 24 h; 99.99 % of the last 7 d; 99.99 % of the last 30 d",
        ),
        (
            [before(10 * HOURS, 2 * MINUTES)],
            [before(20 * HOURS, 10 * HOURS)],
            "50 % of the 20 h known",
        ),
        (
            [before(50 * HOURS, 30 * HOURS)],
            [],
            "100 % of the 20 h known",
        ),
        ([before(24 * HOURS)], [], "100 % of the last 24 h"),
        (
            [before(24 * HOURS), before(60 * HOURS, 48 * HOURS)],
            [before(6 * HOURS, 3 * HOURS)],
            "87.5 % of the last 24 h; 91.66 % of the 1 d 12 h known",
        ),
        (
            [before(20 * HOURS), before(240 * HOURS, 216 * HOURS)],
            [before(10 * HOURS, 5 * HOURS)],
            "75 % of the last 24 h (20 h known); 75 % of the last 7 d (20 h known); 88.63 % of the 1 d 20 h known",
        ),
        ([], [before(HOURS)], ""),
    ],
)
def test_a_share_is_of_the_time_that_is_known(
    looked: list[Interval], down: list[Interval], words: str
) -> None:
    assert uptime_words(TargetPast(looked, down, MONTH_AGO), NOW) == words


def test_what_is_older_than_the_losses_that_are_kept_is_not_known() -> None:
    past = TargetPast([ALWAYS], [], NOW - timedelta(days=3))
    assert uptime_words(past, NOW) == ("100 % of the last 24 h; 100 % of the 3 d known")


def test_a_loss_ends_when_the_target_lets_in_again_and_not_when_that_has_proved_true() -> (
    None
):
    over = a_loss(20 * MINUTES, 19 * MINUTES, 4 * MINUTES)
    now = a_loss(2 * MINUTES, MINUTES, None)
    found = down_times("main", [Transition(Change.RESOLVED, over, NOW)], [now], NOW)
    assert [*found] == [
        before(20 * MINUTES, 5 * MINUTES),
        before(2 * MINUTES),
    ]
    assert [*down_times("other", [], [now], NOW)] == []


def test_a_look_holds_until_the_next_one_is_due() -> None:
    began = [int(NOW.timestamp())]
    assert [*looked_at(began, HOUR, MINUTES)] == [Interval(NOW, NOW + HOURS)]
    assert [*looked_at(began, HOUR, 3 * HOURS)] == [Interval(NOW, NOW + 3 * HOURS)]


def look(served: ServedState, *, minutes: int) -> None:
    """Keep that something was learned in each of the last minutes."""
    for number in range(minutes, 0, -1):
        at = NOW - number * MINUTES
        row = TrendRow("main", int(at.timestamp()), {0: 1.0})
        served.past.write_trends(TrendNews([row], {}), at)
    served.snapshot = with_alerts(a_snapshot(served.config), ())


LOSS = a_loss(90 * MINUTES, 89 * MINUTES, 59 * MINUTES)
FIRED = replace(LOSS, state=AlertState.FIRING, resolved_at=None)
CHANGES = (
    Transition(Change.FIRED, FIRED, NOW - 89 * MINUTES),
    Transition(Change.RESOLVED, LOSS, NOW - 59 * MINUTES),
)


def test_the_page_of_a_target_says_how_long_it_answered_where_losses_are_always_told() -> (
    None
):
    with serving() as client:
        served = client.served
        look(served, minutes=120)
        served.past.record({}, CHANGES, ())
        said = "It answered 75 % of the 2 h known.</p>"
        assert said in client.get("/targets/main").text
        (rule,) = served.config.own_rules
        hours = replace(rule, active=read_active_hours("Mon-Fri 08:00-18:00 UTC"))
        for own_rules in [(), (hours,)]:
            served.config = replace(served.config, own_rules=own_rules)
            assert "It answered" not in client.get("/targets/main").text
        served.config = replace(served.config, own_rules=(rule,))
        assert said in client.get("/targets/main").text


def test_what_is_older_than_a_history_that_was_too_long_is_not_known() -> None:
    with serving(ServedState(past=State(limits=StateLimits(history_rows=2)))) as client:
        look(client.served, minutes=120)
        client.served.past.record({}, CHANGES, ())
        other = replace(CHANGES[1], at=NOW - 30 * MINUTES)
        client.served.past.record({}, [other], ())
        # Of the loss only its end is kept: it is known from then on that there was no other.
        assert "It answered 100 % of the 59 min known.</p>" in (
            client.get("/targets/main").text
        )
