"""Who heard that something fires hears of its end, whatever a full outbox refused in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting.evaluate import evaluate
from monitor.alerting.rule_input import BoundRule
from monitor.model.alerts import Alert, AlertState, Notification, Scope
from monitor.model.conditions import Condition
from monitor.model.results import Sample, Success
from monitor.model.rules import Rule, SeverityLevel
from monitor.model.settings import Labels, Severity, labels_of
from monitor.model.targets import PasswordSource
from monitor.notify.reminders import reminders_for
from monitor.notify.routing import notifications_for, notified_by, with_notified
from tests.notify.far_end import START, receiver

MINUTE = timedelta(minutes=1)
HOOK = receiver()
PAGER = receiver(name="pager", kind="pagerduty", routing_key=PasswordSource(env="KEY"))
LOUD = receiver(name="loud", min_severity=Severity.CRITICAL)
QUIET = receiver(name="quiet", match=(("severity", "warning"),))
RECEIVERS = (HOOK, PAGER, LOUD, QUIET)

RULE = Rule(
    "Low",
    "users",
    Condition("above", 3),
    Severity.WARNING,
    "",
    louder=(SeverityLevel(Severity.CRITICAL, Condition("above", 6)),),
)


@dataclass
class Line:
    """A rule that is a warning above 3 and critical above 6, and what each receiver hears of its alerts."""

    now: datetime = START
    active: dict[Labels, Alert] = field(default_factory=dict)
    heard: dict[str, list[str]] = field(
        default_factory=lambda: {one.name: [] for one in RECEIVERS}
    )

    def run(self, value: float, full: Sequence[str] = ()) -> None:
        """Let a run find a value while the outboxes of some receivers are full."""
        self.now += MINUTE
        success = Success((Sample("users", labels_of({"plan": "pro"}), value),), 1)
        bound = BoundRule(RULE, Scope("Low", "main", "balances"))
        evaluation = evaluate(bound, self.active, success, now=self.now, is_first=False)
        self.active = evaluation.active
        self._hear(
            notifications_for(
                RECEIVERS,
                evaluation.transitions,
                run_key=self.now.isoformat(),
                now=self.now,
                full=full,
            )
        )
        with_room = [one for one in RECEIVERS if one.name not in full]
        self._hear(reminders_for(with_room, self.active.values(), now=self.now))

    def _hear(self, notifications: Sequence[Notification]) -> None:
        notified = notified_by(notifications)
        self.active = {
            labels: with_notified(alert, notified)
            for labels, alert in self.active.items()
        }
        for one in notifications:
            self.heard[one.receiver] += [
                f"{alert.severity} {alert.state}" for alert in one.alerts
            ]


def test_a_louder_alert_that_a_full_outbox_refuses_does_not_keep_back_the_end() -> None:
    line = Line()
    line.run(4)
    line.run(7, full=["hook", "pager"])
    line.run(0)
    ended = ["warning firing", "warning resolved"]
    assert line.heard["hook"] == line.heard["pager"] == ended
    assert line.heard["loud"] == ["critical firing", "critical resolved"]


def test_one_that_is_refused_is_announced_when_there_is_room() -> None:
    line = Line()
    line.run(4)
    line.run(7, full=["hook"])
    line.run(7)
    line.run(0)
    assert line.heard["hook"] == [
        "warning firing",
        "warning resolved",
        "critical firing",
        "critical resolved",
    ]


@given(
    history=st.lists(
        st.tuples(
            st.sampled_from([0, 4, 7]),
            st.sets(st.sampled_from([one.name for one in RECEIVERS])),
        ),
        max_size=12,
    )
)
def test_whoever_heard_that_it_fires_hears_of_its_end_once(
    history: list[tuple[float, set[str]]],
) -> None:
    line = Line()
    for value, full in history:
        line.run(value, sorted(full))
    line.run(0)
    for one in RECEIVERS:
        words = line.heard[one.name]
        assert _open_at_the_end(words, is_each_closed=one is PAGER) == set()


def _open_at_the_end(words: Sequence[str], *, is_each_closed: bool) -> set[str]:
    """Return what still fires by what was heard: of a pager each severity, else what was heard last."""
    fires: set[str] = set()
    for word in words:
        severity, state = word.split()
        if state == AlertState.FIRING:
            assert severity not in fires
            fires = {*fires, severity} if is_each_closed else {severity}
        else:
            # Nobody hears of an end of what it does not hear fire.
            assert severity in fires
            fires.discard(severity)
    return fires
