"""The share of time that a target answered: of what is known of it, and never rounded up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.alerting.snapshot import with_alerts
from monitor.model.alerts import Alert, AlertState, Change, Scope, Transition
from monitor.model.levels import Severity
from monitor.model.own_alerts import TARGET_DOWN
from monitor.model.trends import HOUR, TargetTrends, TrendNews, TrendRow
from monitor.web.uptime import Interval, TargetPast, down_times, looked_at, uptime_words
from tests.web.picture import NOW, a_snapshot
from tests.web.serving import serving

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
            "50 % of the last 24 h (20 h known); 50 % of the last 7 d (20 h known);"
            " 50 % of the last 30 d (20 h known)",
        ),
        (
            [before(50 * HOURS, 30 * HOURS)],
            [],
            "100 % of the last 7 d (20 h known); 100 % of the last 30 d (20 h known)",
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
    assert uptime_words(past, NOW) == (
        "100 % of the last 24 h; 100 % of the last 7 d (3 d known); 100 % of the last 30 d (3 d known)"
    )


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
    trends = TargetTrends({}, HOUR, [(int(NOW.timestamp()), b"")])
    assert [*looked_at(trends, MINUTES)] == [Interval(NOW, NOW + HOURS)]
    assert [*looked_at(trends, 3 * HOURS)] == [Interval(NOW, NOW + 3 * HOURS)]


def test_the_page_of_a_target_says_how_long_it_answered_where_losses_are_told() -> None:
    with serving() as client:
        served = client.served
        for minutes in range(120, 0, -1):
            at = NOW - minutes * MINUTES
            row = TrendRow("main", int(at.timestamp()), {0: 1.0})
            served.past.write_trends(TrendNews([row], {}), at)
        loss = a_loss(90 * MINUTES, 89 * MINUTES, 59 * MINUTES)
        fired = replace(loss, state=AlertState.FIRING, resolved_at=None)
        changes = [
            Transition(Change.FIRED, fired, NOW - 89 * MINUTES),
            Transition(Change.RESOLVED, loss, NOW - 59 * MINUTES),
        ]
        served.past.record({}, changes, ())
        served.snapshot = with_alerts(a_snapshot(served.config), ())
        assert "It answered 75 % of the last 24 h (2 h known); " in (
            client.get("/targets/main").text
        )
        rules = [rule for rule in served.config.own_rules if rule.name != TARGET_DOWN]
        served.config = replace(served.config, own_rules=tuple(rules))
        assert "It answered" not in client.get("/targets/main").text
