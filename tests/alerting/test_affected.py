"""How many are new, recovered, left and ongoing of whom an alert found: pictures, and that nothing untrue is said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting.affected import MAX_MEMBERS, Members
from monitor.alerting.shown import AFFECTED, shown_annotations
from monitor.model.alerts import Alert
from monitor.model.results import Sample, Success
from monitor.model.settings import Metric, Statement, labels_of
from monitor.model.statements import Repaired
from monitor.storage.serialization import alert_to_text, text_to_alert
from tests.support.harness import MINUTE, Harness, a_config, a_query, a_rule

NAME = "TokenNull"
RULE = a_rule(NAME, "null_users", repaired=Repaired(Statement("SELECT 1"), "users"))
METRIC = Metric("null_users", "", ("plan",), value="users")


def harness_of(hold_minutes: int = 0) -> Harness:
    rule = replace(RULE, hold=hold_minutes * MINUTE)
    query = a_query("nulls", metrics=(METRIC,), rules=(rule,))
    return Harness(a_config(query, own_rules=()))


def finding(
    *users: str, count: int | None = None, plan: str = "pro", at_least: bool = False
) -> Sample:
    """Make a sample that counts so many users, of whom these are listed; without a count it lists all."""
    value = len(users) if count is None else count
    details = labels_of({"users": ",".join(users)})
    labels = labels_of({"plan": plan})
    return Sample("null_users", labels, float(value), details, at_least=at_least)


def run(
    harness: Harness, *samples: Sample, left: Mapping[str, int | None] | None = None
) -> str:
    """Let a run find these, which says how many left of whom it does not find; return what plan pro says then."""
    counts = {
        alert.labels: (left or {})[alert.label("plan")]
        for alert in harness.pipeline.active_alerts()
        if alert.label("plan") in (left or {})
    }
    harness.after(MINUTE).run("nulls", Success(samples, 1, left={NAME: counts}))
    return said(harness).get("pro", "")


def said(harness: Harness) -> dict[str, str]:
    alerts = harness.pipeline.active_alerts()
    return {
        alert.label("plan"): shown_annotations(alert).get(AFFECTED, "")
        for alert in alerts
    }


FIRED = finding("1", "2", "3")


@pytest.mark.parametrize(
    ("fired", "after", "left", "text"),
    [
        (FIRED, finding("1", "2", "3"), None, "3 ongoing"),
        (FIRED, finding("1", "2", "3", "4"), None, "1 new, 3 ongoing"),
        (FIRED, finding("2", "3"), 0, "1 recovered, 2 ongoing"),
        (FIRED, finding("2", "3"), 1, "1 left, 2 ongoing"),
        (FIRED, finding("3", "4"), 1, "1 new, 1 recovered, 1 left, 1 ongoing"),
        (FIRED, finding("3"), None, "at least 2 gone, 1 ongoing"),
        (FIRED, finding("1", "2", count=500), None, "at least 497 new"),
        (FIRED, finding("8", "9", count=3), None, "at least 2 new"),
        (FIRED, finding("8", count=900, at_least=True), None, "at least 897 new"),
        (finding("1", count=90), finding("1", count=90), None, ""),
        (finding("1", count=90), finding("1", count=99), None, "at least 9 new"),
        (
            finding("1", count=90),
            finding("2", count=80),
            None,
            "at least 10 gone",
        ),
        (
            finding("1", count=90),
            finding("2"),
            0,
            "at least 89 gone",
        ),
        (finding("1", count=2), finding("2"), 0, "at least 1 recovered"),
        (finding("1", count=90, at_least=True), finding("2", count=99), None, ""),
        (finding("1", count=90), finding("2", count=80, at_least=True), None, ""),
    ],
)
def test_what_a_run_says_of_whom_the_alert_found_when_it_fired(
    fired: Sample, after: Sample, left: int | None, text: str
) -> None:
    harness = harness_of()
    assert run(harness, fired) == ""
    counts = {} if left is None else {"pro": left}
    expected = f"since it fired: {text}" if text else ""
    assert run(harness, after, left=counts) == expected


def test_who_is_on_another_plan_now_has_not_recovered() -> None:
    harness = harness_of()
    other = finding("9", plan="free")
    run(harness, FIRED, other)
    moved = finding("9", "1", plan="free")
    assert run(harness, finding("2", "3"), moved) == (
        "since it fired: at least 1 gone, 2 ongoing"
    )
    assert said(harness)["free"] == "since it fired: 1 new, 1 ongoing"
    # Of a plan that does not list all nobody knows whether somebody went there.
    part = finding("9", count=7, plan="free")
    text = run(harness, finding("3"), part)
    assert text == "since it fired: at least 2 gone, 1 ongoing"


def test_it_counts_from_when_it_fired_and_not_from_when_it_was_pending() -> None:
    harness = harness_of(hold_minutes=2)
    run(harness, finding("1"))
    run(harness, finding("1", "2"))
    assert run(harness, finding("2", "3")) == ""
    text = run(harness, finding("3", "4"), left={"pro": 0})
    assert text == "since it fired: 1 new, 1 recovered, 1 ongoing"


def test_who_was_unknown_in_between_is_at_least_from_then_on() -> None:
    harness = harness_of()
    run(harness, FIRED)
    run(harness, finding("1", count=50))
    text = run(harness, finding("2", "3"), left={"pro": 0})
    assert text == "since it fired: at least 1 recovered, 2 ongoing"


def test_of_more_than_are_kept_it_says_at_least() -> None:
    harness = harness_of()
    run(harness, FIRED)
    run(harness, finding(*[str(number) for number in range(1, 1003)]))
    (alert,) = harness.pipeline.active_alerts()
    assert len(alert.members) == MAX_MEMBERS
    text = run(harness, finding("1"), left={"pro": 0})
    assert text == "since it fired: at least 999 recovered, 1 ongoing"


def test_it_outlives_a_restart_is_held_with_the_alert_and_ends_with_it() -> None:
    harness = harness_of()
    run(harness, FIRED)
    again = harness.restarted(MINUTE)
    (alert,) = again.pipeline.active_alerts()
    assert text_to_alert(alert_to_text(alert)) == alert
    text = run(again, finding("1", "4"), left={"pro": 1})
    assert text == "since it fired: 1 new, 1 recovered, 1 left, 1 ongoing"
    run(again, left={"pro": 0})
    (ended,) = [one.alert for one in again.transitions if one.alert.is_over()]
    assert AFFECTED not in shown_annotations(ended)


def test_when_nobody_is_found_who_left_is_all_that_is_said() -> None:
    harness = harness_of()
    run(harness, FIRED)
    assert run(harness, finding("1"), left={"pro": 1}) != ""
    assert run(harness, left={"pro": 2}) == ""


USERS = [str(number) for number in range(9)]
PLACES = st.sampled_from(["pro", "pro", "free", "well", "away"])


@dataclass
class Life:
    """Where users are, run by run, and what the rule finds of them: at most `most` are listed, `counted` counted."""

    harness: Harness
    most: int
    counted: int
    seen: dict[str, set[str]] = field(default_factory=dict)
    """Who was found since each plan's alert fired."""
    began: dict[str, datetime] = field(default_factory=dict)
    first: dict[str, set[str]] = field(default_factory=dict)
    """Who was found when it fired."""

    def pass_to(self, places: Mapping[str, str]) -> None:
        samples = []
        for plan in ("free", "pro"):
            users = sorted(self._on(places, plan))
            count = min(len(users), self.counted)
            if users:
                samples.append(
                    finding(
                        *users[: min(self.most, count)],
                        count=count,
                        plan=plan,
                        at_least=len(users) >= self.counted,
                    )
                )
        run(self.harness, *samples, left=self._left(samples, places))
        self._note(places)

    def _left(
        self, samples: Sequence[Sample], places: Mapping[str, str]
    ) -> dict[str, int]:
        """Answer, as a server would, how many of those who are asked about are away."""
        found = {dict(sample.labels)["plan"] for sample in samples}
        members, left = Members(RULE, samples), {}
        for alert in self.harness.pipeline.active_alerts():
            plan = alert.label("plan")
            asked = members.gone(alert) if plan in found else alert.members
            left[plan] = len(self._on(places, "away").intersection(asked))
        return left

    def _on(self, places: Mapping[str, str], place: str) -> set[str]:
        return {user for user, at in places.items() if at == place}

    def _note(self, places: Mapping[str, str]) -> None:
        alerts = {
            alert.label("plan"): alert
            for alert in self.harness.pipeline.active_alerts()
        }
        for plan in ("free", "pro"):
            users = self._on(places, plan)
            alert = alerts.get(plan)
            if alert is None:
                for known in (self.began, self.first, self.seen):
                    known.pop(plan, None)
                continue
            if self.began.get(plan) != alert.active_at:
                self.began[plan] = alert.active_at
                self.first.pop(plan, None)
                self.seen.pop(plan, None)
            if alert.is_firing():
                self.first.setdefault(plan, users)
                self.seen[plan] = self.seen.get(plan, set()) | users
            else:
                self.seen[plan] = set()

    def truth(self, plan: str, places: Mapping[str, str]) -> dict[str, int]:
        users = self._on(places, plan)
        found = self._on(places, "pro") | self._on(places, "free")
        gone = self.seen[plan] - found
        left = gone & self._on(places, "away")
        return {
            "new": len(users - self.first[plan]),
            "ongoing": len(users & self.first[plan]),
            "recovered": len(gone - left),
            "left": len(left),
            "gone": len(self.seen[plan] - users),
        }


def claims(text: str) -> dict[str, tuple[bool, int]]:
    """Return what a text says: by its words whether it is all, and how many."""
    said = re.findall(r"(at least )?(\d+) ([a-z ]+?)(?:,|$)", text.partition(": ")[2])
    return {word: (not at_least, int(number)) for at_least, number, word in said}


@given(
    most=st.integers(0, 9),
    counted=st.integers(1, 10),
    hold=st.integers(0, 2),
    runs=st.lists(st.lists(PLACES, min_size=9, max_size=9), max_size=8),
)
def test_whatever_it_says_is_true_and_where_all_are_known_it_says_all(
    most: int, counted: int, hold: int, runs: list[list[str]]
) -> None:
    life = Life(harness_of(hold), most, counted)
    for places_of in runs:
        places = dict(zip(USERS, places_of, strict=True))
        fired = set(life.first)
        life.pass_to(places)
        for plan, text in said(life.harness).items():
            truth = life.truth(plan, places) if plan in life.first else {}
            told = claims(text)
            for word, (is_all, number) in told.items():
                assert number == truth[word] if is_all else number <= truth[word], text
            knows_all = most == 9 and counted == 10
            is_found = any(at == plan for at in places.values())
            if knows_all and is_found and plan in fired:
                if "gone" in told:
                    # Somebody is found under another plan: of the others it is not known what became of each.
                    known = truth.pop("recovered") + truth.pop("left")
                    assert truth["gone"] > known
                    del told["gone"]
                del truth["gone"]
                expected = {word: (True, one) for word, one in truth.items() if one}
                assert told == expected


def test_one_alert_of_before_says_nothing() -> None:
    harness = harness_of()
    run(harness, FIRED)
    (alert,) = harness.pipeline.active_alerts()
    former = replace(alert, at_firing=None)
    (sample,) = Success((finding("1"),), 1).samples
    after: Alert = Members(RULE, [sample]).seen(former, sample, 0)
    assert AFFECTED not in shown_annotations(after)
