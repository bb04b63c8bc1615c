from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monitor.model.alerts import Alert, AlertState, Change, Transition
from monitor.model.own_alerts import WATCHDOG
from monitor.model.settings import Receiver, Severity
from monitor.notify.notified import notified_by, with_notified
from monitor.notify.reminders import reminders_for
from monitor.notify.routing import notifications_for, wants
from tests.notify.far_end import START, alert, receiver

FIRING = alert()
RESOLVED = alert(state=AlertState.RESOLVED)


@pytest.mark.parametrize(
    ("wanting", "offered", "is_wanted"),
    [
        (receiver(), FIRING, True),
        (receiver(), RESOLVED, True),
        (receiver(), alert(state=AlertState.PENDING), False),
        (receiver(send_resolved=False), FIRING, True),
        (receiver(send_resolved=False), RESOLVED, False),
        (
            receiver(min_severity=Severity.WARNING),
            alert(severity=Severity.CRITICAL),
            True,
        ),
        (
            receiver(min_severity=Severity.WARNING),
            alert(severity=Severity.WARNING),
            True,
        ),
        (receiver(min_severity=Severity.WARNING), alert(severity=Severity.INFO), False),
        (
            receiver(min_severity=Severity.CRITICAL),
            alert(severity=Severity.WARNING),
            False,
        ),
        (receiver(match=(("target", "main"),)), FIRING, True),
        (receiver(match=(("target", "main"), ("plan", "pro"))), FIRING, True),
        (receiver(match=(("target", "main"), ("plan", "free"))), FIRING, False),
        (receiver(match=(("region", "eu"),)), FIRING, False),
        (receiver(), alert(name=WATCHDOG), False),
        (receiver(watchdog=True), alert(name=WATCHDOG), True),
        (receiver(watchdog=True), FIRING, True),
        (
            receiver(watchdog=True, min_severity=Severity.CRITICAL),
            alert(name=WATCHDOG),
            True,
        ),
        (receiver(watchdog=True, match=(("target", "x"),)), alert(name=WATCHDOG), True),
    ],
)
def test_which_receiver_wants_which_alert(
    wanting: Receiver, offered: Alert, is_wanted: bool
) -> None:
    assert wants(wanting, offered) is is_wanted


NOTIFIED = (("hook", START),)


def fired(one: Alert) -> Transition:
    return Transition(Change.FIRED, one, START)


def test_one_notification_for_each_receiver_rule_and_target_of_a_run() -> None:
    transitions = [
        fired(alert("a")),
        fired(alert("b", target="second")),
        Transition(
            Change.RESOLVED,
            alert("c", state=AlertState.RESOLVED, notified=NOTIFIED),
            START,
        ),
        Transition(
            Change.RESOLVED, alert("never told", state=AlertState.RESOLVED), START
        ),
        fired(alert("d", name="Other")),
        Transition(Change.PENDING, alert("e", state=AlertState.PENDING), START),
    ]
    receivers = [
        receiver(),
        receiver(name="am", kind="alertmanager"),
        receiver(name="second", match=(("target", "second"),)),
    ]
    made = notifications_for(receivers, transitions, run_key="r1", now=START)
    assert [
        (one.receiver, dict(one.group), [dict(a.labels)["plan"] for a in one.alerts])
        for one in made
    ] == [
        ("hook", {"alertname": "Low", "target": "main"}, ["a", "c"]),
        ("hook", {"alertname": "Low", "target": "second"}, ["b"]),
        ("hook", {"alertname": "Other", "target": "main"}, ["d"]),
        ("second", {"alertname": "Low", "target": "second"}, ["b"]),
    ]
    assert {one.created_at for one in made} == {START}
    assert len({one.key for one in made}) == 4


def test_an_alert_about_no_target_is_grouped_by_its_name_alone() -> None:
    (made,) = notifications_for(
        [receiver()], [fired(alert(target=""))], run_key="r", now=START
    )
    assert made.group == {"alertname": "Low"}


def key(*transitions: Transition, run_key: str = "r1", name: str = "hook") -> str:
    (made,) = notifications_for(
        [receiver(name=name)], transitions, run_key=run_key, now=START
    )
    return made.key


def test_the_idempotency_key_is_the_same_for_the_same_change_and_no_other() -> None:
    same = key(fired(alert("a")), fired(alert("b")))
    texts = replace(alert("a"), annotations=(), value=3.0)
    assert key(fired(alert("b")), fired(texts)) == same
    others = {
        key(fired(alert("a")), fired(alert("b")), run_key="r2"),
        key(fired(alert("a")), fired(alert("b")), name="other"),
        key(fired(alert("a"))),
        key(
            fired(alert("a")),
            Transition(
                Change.RESOLVED,
                alert("b", state=AlertState.RESOLVED, notified=NOTIFIED),
                START,
            ),
        ),
        key(fired(alert("a")), fired(replace(alert("b"), fired_at=None))),
        same,
    }
    assert len(others) == 6


def reminded(
    *alerts: Alert, minutes: float = 0, **options: Any
) -> list[tuple[list[str], bool]]:
    now = START + timedelta(minutes=minutes)
    made = reminders_for(
        [receiver(**options), receiver(name="am", kind="alertmanager")], alerts, now=now
    )
    return [
        ([dict(one.labels)["plan"] for one in sent.alerts], sent.is_repeat)
        for sent in made
    ]


def test_who_was_not_notified_of_what_fires_is_notified() -> None:
    assert reminded(alert("a"), alert("b"), alert("c", notified=NOTIFIED)) == [
        (["a", "b"], False)
    ]
    assert reminded(alert("a", target="x"), alert("b")) == [
        (["a"], False),
        (["b"], False),
    ]
    assert reminded(alert("a"), min_severity=Severity.CRITICAL) == []


def test_what_still_fires_is_sent_again_after_the_repeat_interval() -> None:
    alerts = [alert("a", notified=NOTIFIED), alert("b", notified=(("other", START),))]
    every_hour = {"repeat_interval": timedelta(hours=1)}
    assert reminded(*alerts, minutes=59.9, **every_hour) == [(["b"], False)]
    assert reminded(*alerts, minutes=60, **every_hour) == [
        (["b"], False),
        (["a"], True),
    ]
    assert reminded(alerts[0], minutes=6000, repeat_interval=timedelta(0)) == []


def test_what_is_held_pending_or_resolved_is_not_sent_again() -> None:
    assert (
        reminded(
            alert("a", held=True),
            alert("b", held=True, muted_by="x", notified=NOTIFIED),
            minutes=9999,
        )
        == []
    )
    assert (
        reminded(
            alert("a", state=AlertState.PENDING), alert("b", state=AlertState.RESOLVED)
        )
        == []
    )


def test_each_repeat_has_a_key_of_its_own_and_the_first_telling_one_for_the_alert() -> (
    None
):
    def keys(one: Alert, minutes: float) -> list[str]:
        made = reminders_for(
            [receiver()], [one], now=START + timedelta(minutes=minutes)
        )
        return [notification.key for notification in made]

    assert keys(alert(), 1) == keys(alert(), 2)
    assert (
        len(
            {
                *keys(alert(notified=NOTIFIED), 300),
                *keys(alert(notified=NOTIFIED), 600),
                *keys(alert(), 1),
            }
        )
        == 3
    )


def test_who_was_notified_is_noted_in_the_alert() -> None:
    later = START + timedelta(hours=1)
    made = reminders_for([receiver(), receiver(name="other")], [alert("a")], now=later)
    assert with_notified(alert("a", notified=NOTIFIED), notified_by(made)).notified == (
        ("hook", later),
        ("other", later),
    )
    assert with_notified(alert("b"), notified_by(made)) == alert("b")


@pytest.mark.parametrize(
    ("wanting", "is_told"),
    [
        (receiver(), True),
        (receiver(min_severity=Severity.CRITICAL), True),
        (receiver(match=(("target", "second"),)), True),
        (receiver(send_resolved=False), False),
        (receiver(name="other"), False),
    ],
)
def test_who_was_notified_that_it_fires_is_notified_of_its_end_whatever_it_filters_now(
    wanting: Receiver, is_told: bool
) -> None:
    end = Transition(
        Change.RESOLVED, alert(state=AlertState.RESOLVED, notified=NOTIFIED), START
    )
    assert bool(notifications_for([wanting], [end], run_key="r", now=START)) is is_told
