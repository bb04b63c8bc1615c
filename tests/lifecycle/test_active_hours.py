"""A rule with hours: outside of them its alerts are held, inside it begins anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.alerting.shown import opens_at
from monitor.model.alerts import Alert
from monitor.timing.active_hours import read_active_hours
from monitor.web.alert_groups import PageContext, group_of
from monitor.web.verdict import verdict_of
from monitor.web.views import Scene
from tests.support.harness import MINUTE, USAGE, Harness, a_config, usage

# 07:30 in UTC, half an hour before it opens.
EARLY = datetime(2026, 11, 30, 7, 30, tzinfo=UTC)
# In minutes.
DAY = 24 * 60


class Office:
    """One query every 10 minutes, whose rule is judged from 08:00 to 09:00."""

    def __init__(
        self,
        *,
        hold: int = 0,
        keep: int = 0,
        at: datetime = EARLY,
        hours: str = "Mon-Fri 08:00-09:00 UTC",
        every: int = 10,
    ) -> None:
        self.every = every * MINUTE
        (judged,) = USAGE.rules
        judged = replace(
            judged,
            needs=(),
            active=read_active_hours(hours),
            hold=hold * MINUTE,
            keep_firing_for=keep * MINUTE,
        )
        self.harness = Harness(a_config(replace(USAGE, rules=(judged,))), at=at)

    def draw(self, row: str) -> str:
        return " ".join(self.step(word) for word in row.split())

    def step(self, word: str) -> str:
        """Let a run end, and return what there is of the alert: h held, P pending, F firing, K kept."""
        heard = len(self.harness.transitions)
        self.harness.run("usage", usage(float(word)))
        self.harness.at += self.every
        changes = [
            str(one.change)
            for one in self.harness.transitions[heard:]
            if one.alert.name == "TokenUsageStopped"
        ]
        if "resolved" in changes:
            return "R"
        alert = self.alert
        if alert is None:
            return "-"
        letter = "P" if alert.is_pending() else "K" if alert.keep_since else "F"
        return f"h{letter}" if alert.held else letter

    @property
    def alert(self) -> Alert | None:
        alerts = self.harness.pipeline.active_alerts()
        return next((one for one in alerts if one.name == "TokenUsageStopped"), None)


@pytest.mark.parametrize(
    ("hold", "keep", "row", "states"),
    [
        # 07:30 to 07:50 | 08:00 to 08:50 | 09:00 …
        pytest.param(0, 0, "9 9 9 9 9 0", "- - - F F R", id="nothing begins outside"),
        pytest.param(20, 0, "9 9 9 9 9 9", "- - - P P F", id="pending begins inside"),
        pytest.param(0, 0, "0 0 0 0 0 9 9 9 9 9 0 0", "- - - - - F F F F hF hF hF", id="nothing resolves outside"),
        pytest.param(20, 0, "0 0 0 0 0 0 0 9 9 9 9", "- - - - - - - P P hP hP", id="nothing fires outside"),
    ],
)  # fmt: skip
def test_a_picture_of_hours(hold: int, keep: int, row: str, states: str) -> None:
    assert Office(hold=hold, keep=keep).draw(row) == states


def _over_night(office: Office) -> None:
    office.harness.at = EARLY + timedelta(days=1, minutes=20)


def test_what_is_pending_counts_from_the_opening_on() -> None:
    office = Office(hold=20, at=EARLY + 80 * MINUTE)
    assert office.draw("9 9") == "P hP"
    _over_night(office)
    assert office.draw("9 9 9 9") == "hP P P F"


def test_what_is_pending_and_not_found_any_more_is_forgotten_at_the_opening() -> None:
    office = Office(hold=20, at=EARLY + 80 * MINUTE)
    office.draw("9 9")
    _over_night(office)
    assert office.draw("0 0") == "hP -"


def test_what_fires_goes_on_or_is_over_at_the_opening() -> None:
    office = Office(at=EARLY + 80 * MINUTE)
    assert office.draw("9 0") == "F hF"
    _over_night(office)
    assert office.draw("0 9 0") == "hF F R"


def test_what_is_kept_is_kept_from_the_opening_on() -> None:
    office = Office(keep=20, at=EARLY + 70 * MINUTE)
    assert office.draw("9 0 0") == "F K hK"
    _over_night(office)
    assert office.draw("0 0 0 0") == "hK K K R"


@pytest.mark.parametrize(
    ("hold", "keep", "row", "states"),
    [
        (10 * DAY, 0, "9" * 12, "P" * 10 + "FF"),
        (0, 10 * DAY, "9" + "0" * 12, "F" + "K" * 10 + "R-"),
    ],
)
def test_what_is_never_closed_begins_nothing_anew(
    hold: int, keep: int, row: str, states: str
) -> None:
    office = Office(hold=hold, keep=keep, hours="00:00-24:00 Europe/Berlin", every=DAY)
    assert office.draw(" ".join(row)) == " ".join(states)


def test_what_is_found_at_the_opening_may_be_older() -> None:
    office = Office(at=EARLY + 80 * MINUTE)
    office.draw("0 9")
    _over_night(office)
    office.draw("9 9")
    assert office.alert is not None
    assert office.alert.since_at_least


def test_the_page_says_until_when_it_is_outside_its_hours() -> None:
    office = Office(at=EARLY + 80 * MINUTE)
    office.draw("9 0")
    alert, now = office.alert, office.harness.at
    assert alert is not None
    snapshot = office.harness.pipeline.snapshot
    assert opens_at(alert, snapshot, now) == datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    context = PageContext(Scene(snapshot, now, now))
    note = group_of([alert], context).note
    assert note == "held: outside its hours until 2026-12-01 08:00 UTC"
    text = verdict_of(snapshot, [((alert,), "No usage")], now).text
    assert text.endswith("; as last seen, outside its hours")
