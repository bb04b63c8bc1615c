"""Who heard that something fires hears of its end once, whatever a full outbox or a cause kept back in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting.active import ActiveAlerts, Changes
from monitor.alerting.cause_index import CauseIndex
from monitor.alerting.evaluate import evaluate
from monitor.alerting.rule_input import BoundRule
from monitor.model.alerts import Alert, AlertState, Notification, Scope
from monitor.model.conditions import Condition
from monitor.model.results import Sample, Success
from monitor.model.rules import Rule, SeverityLevel
from monitor.model.settings import Labels, Severity, labels_of
from monitor.model.targets import PasswordSource
from monitor.notify.notified import notified_by, with_notified
from monitor.notify.reminders import reminders_for
from monitor.notify.routing import notifications_for
from tests.notify.far_end import START, alert, receiver

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
CAUSE = alert(name="Cause", severity=Severity.CRITICAL)
SILENT = CauseIndex()
MUTING = CauseIndex([CAUSE])
"""Of this one all hear but those who hear warnings alone."""


@dataclass
class Line:
    """A rule that is a warning above 3 and critical above 6, and what each receiver hears of its alerts."""

    now: datetime = START
    active: dict[Labels, Alert] = field(default_factory=dict)
    heard: dict[str, list[str]] = field(
        default_factory=lambda: {one.name: [] for one in RECEIVERS}
    )

    ends: dict[str, list[Alert]] = field(default_factory=dict)
    """The alerts of whose end each receiver heard."""

    def run(
        self, value: float, full: Sequence[str] = (), *, is_muted: bool = False
    ) -> None:
        """Let a run find a value while the outboxes of some receivers are full, or a cause fires that explains it."""
        self.now += MINUTE
        success = Success((Sample("users", labels_of({"plan": "pro"}), value),), 1)
        causes = MUTING if is_muted else SILENT
        bound = BoundRule(RULE, Scope("Low", "main", "balances"), causes=causes)
        changes = Changes(ActiveAlerts({bound.scope: self.active}))
        changes.apply(
            bound.scope,
            evaluate(bound, self.active, success, now=self.now, is_first=False),
        )
        if is_muted:
            changes.change_each(bound.scope, _muted)
            changes.correct_transitions()
        self.active = dict(changes.of(bound.scope))
        self._hear(
            notifications_for(
                RECEIVERS,
                changes.transitions,
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
            self.ends.setdefault(one.receiver, []).extend(
                alert for alert in one.alerts if alert.is_over()
            )


def _muted(alert: Alert) -> Alert:
    return replace(alert, muted_by=CAUSE.fingerprint, cause=CAUSE.labels)


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
        "critical firing",
        "critical resolved",
    ]


def test_what_gets_louder_while_it_is_muted_is_not_over_and_is_heard_when_it_is_free() -> (
    None
):
    line = Line()
    line.run(4)
    line.run(4, is_muted=True)
    line.run(7, is_muted=True)
    assert line.heard["hook"] == line.heard["pager"] == ["warning firing"]
    assert line.heard["loud"] == []
    line.run(7)
    assert line.heard["hook"] == ["warning firing", "critical firing"]
    assert line.heard["pager"] == [
        "warning firing",
        "critical firing",
        "warning resolved",
    ]
    line.run(0)
    assert line.heard["hook"][2:] == ["critical resolved"]
    assert line.heard["pager"][3:] == ["critical resolved"]
    assert line.heard["loud"] == ["critical firing", "critical resolved"]


def test_who_hears_warnings_alone_hears_that_one_is_over_when_it_gets_louder() -> None:
    line = Line()
    line.run(4)
    line.run(7, is_muted=True)
    line.run(7)
    line.run(0)
    assert line.heard["quiet"] == ["warning firing", "warning resolved"]


def test_the_end_of_what_got_louder_unheard_is_that_of_the_alert_that_was_heard() -> (
    None
):
    line = Line()
    line.run(4)
    (heard,) = line.active.values()
    line.run(7, is_muted=True)
    line.run(0, is_muted=True)
    assert line.heard["hook"] == ["warning firing"]
    line.run(0)
    for name in ("hook", "pager"):
        assert line.heard[name] == ["warning firing", "warning resolved"]
        (end,) = line.ends[name]
        assert (end.fingerprint, end.fired_at) == (heard.fingerprint, heard.fired_at)
    assert line.heard["loud"] == []


@given(
    history=st.lists(
        st.tuples(
            st.sampled_from([0, 4, 7]),
            st.sets(st.sampled_from([one.name for one in RECEIVERS])),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_whoever_heard_that_it_fires_hears_of_its_end_once_and_not_before(
    history: list[tuple[float, set[str], bool]],
) -> None:
    line = Line()
    for value, full, is_muted in history:
        known = {name for name, words in line.heard.items() if _fires(words)}
        line.run(value, sorted(full), is_muted=is_muted)
        # Who hears warnings alone hears that it is none any more.
        for name in known - {QUIET.name}:
            assert _fires(line.heard[name]) == bool(line.active)
    line.run(0)
    for one in RECEIVERS:
        words = line.heard[one.name]
        assert _open_at_the_end(words, is_each_closed=one is PAGER) == set()


def _fires(words: Sequence[str]) -> bool:
    """Return whether something fires by what was heard: more began than ended, or the end was of an older one."""
    fires: set[str] = set()
    for word in words:
        severity, state = word.split()
        if state == AlertState.FIRING:
            fires.add(severity)
        else:
            fires.discard(severity)
            # Of the quieter one a pager's own end follows the beginning of the louder one.
            fires &= {"critical"} if severity == "warning" else set()
    return bool(fires)


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
