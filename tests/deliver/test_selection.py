from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.deliver import WATCHDOG, notifications_for, wants
from monitor.model.alerts import Alert, AlertState, Change, Transition
from monitor.model.settings import Receiver, Severity
from tests.deliver.far_end import START, alert, receiver

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
        (receiver(min_severity=Severity.WARNING), alert(severity=Severity.CRITICAL), True),
        (receiver(min_severity=Severity.WARNING), alert(severity=Severity.WARNING), True),
        (receiver(min_severity=Severity.WARNING), alert(severity=Severity.INFO), False),
        (receiver(min_severity=Severity.CRITICAL), alert(severity=Severity.WARNING), False),
        (receiver(match=(("target", "main"),)), FIRING, True),
        (receiver(match=(("target", "main"), ("plan", "pro"))), FIRING, True),
        (receiver(match=(("target", "main"), ("plan", "free"))), FIRING, False),
        (receiver(match=(("region", "eu"),)), FIRING, False),
        (receiver(), alert(name=WATCHDOG), False),
        (receiver(watchdog=True), alert(name=WATCHDOG), True),
        (receiver(watchdog=True), FIRING, True),
        (receiver(watchdog=True, min_severity=Severity.CRITICAL), alert(name=WATCHDOG), True),
        (receiver(watchdog=True, match=(("target", "x"),)), alert(name=WATCHDOG), True),
    ],
)
def test_which_receiver_wants_which_alert(wanting: Receiver, offered: Alert, is_wanted: bool) -> None:
    assert wants(wanting, offered) is is_wanted


def fired(one: Alert) -> Transition:
    return Transition(Change.FIRED, one, START)


def test_one_notification_for_each_receiver_rule_and_target_of_a_run() -> None:
    transitions = [
        fired(alert("a")),
        fired(alert("b", target="second")),
        Transition(Change.RESOLVED, alert("c", state=AlertState.RESOLVED), START),
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
        (one.receiver, dict(one.group), [dict(a.labels)["plan"] for a in one.alerts]) for one in made
    ] == [
        ("hook", {"alertname": "Low", "target": "main"}, ["a", "c"]),
        ("hook", {"alertname": "Low", "target": "second"}, ["b"]),
        ("hook", {"alertname": "Other", "target": "main"}, ["d"]),
        ("second", {"alertname": "Low", "target": "second"}, ["b"]),
    ]
    assert {one.created_at for one in made} == {START}
    assert len({one.key for one in made}) == 4


def test_an_alert_about_no_target_is_grouped_by_its_name_alone() -> None:
    (made,) = notifications_for([receiver()], [fired(alert(target=""))], run_key="r", now=START)
    assert made.group == {"alertname": "Low"}


def key(*transitions: Transition, run_key: str = "r1", name: str = "hook") -> str:
    (made,) = notifications_for([receiver(name=name)], transitions, run_key=run_key, now=START)
    return made.key


def test_the_idempotency_key_is_the_same_for_the_same_change_and_no_other() -> None:
    same = key(fired(alert("a")), fired(alert("b")))
    texts = replace(alert("a"), annotations=(), value=3.0)
    assert key(fired(alert("b")), fired(texts)) == same
    others = {
        key(fired(alert("a")), fired(alert("b")), run_key="r2"),
        key(fired(alert("a")), fired(alert("b")), name="other"),
        key(fired(alert("a"))),
        key(fired(alert("a")), Transition(Change.RESOLVED, alert("b", state=AlertState.RESOLVED), START)),
        key(fired(alert("a")), fired(replace(alert("b"), fired_at=None))),
        same,
    }
    assert len(others) == 6
