"""Several severities in one rule: one alert that gets louder, and never quieter while it is active."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting.active import ActiveAlerts
from monitor.alerting.evaluate import hold
from monitor.model.alerts import Alert, Change, Transition
from monitor.model.conditions import Condition
from monitor.model.rules import Rule, SeverityLevel
from monitor.model.settings import Severity
from tests.alerting.test_evaluate import INTERVAL, Picture, of_word, rule


def leveled(
    *,
    warning_holds: int = 0,
    critical_holds: int = 0,
    keep: int = 0,
    clear: float | None = None,
) -> Rule:
    """Return a rule that is a warning above 3 and critical above 6."""
    critical = SeverityLevel(
        Severity.CRITICAL, Condition("above", 6), critical_holds * INTERVAL
    )
    judged = rule(
        condition=Condition("above", 3, clear=clear),
        hold=warning_holds,
        keep=keep,
        summary="{value} is above {threshold}",
    )
    return replace(judged, louder=(critical,))


@dataclass
class Loud:
    """A picture of time with a letter for each severity: p pending, W warning, C critical, R over, - none."""

    judged: Rule
    picture: Picture = field(init=False)

    def __post_init__(self) -> None:
        self.picture = Picture(self.judged)

    def draw(self, row: str) -> str:
        return " ".join(self.step(word) for word in row.split())

    def step(self, word: str) -> str:
        picture = self.picture
        if word == "X":
            picture.active = hold(picture.active, muted_by=None)
            picture.now += INTERVAL
            changed: tuple[Transition, ...] = ()
        else:
            changed = picture.take(of_word(word))
        if not picture.active:
            is_over = any(one.change is Change.RESOLVED for one in changed)
            return "R" if is_over else "-"
        alert = self.alert
        return "p" if alert.is_pending() else str(alert.severity)[0].upper()

    @property
    def alert(self) -> Alert:
        (alert,) = self.picture.active.values()
        return alert

    @property
    def events(self) -> list[str]:
        return [
            " ".join(
                filter(
                    None,
                    (one.change, str(one.alert.severity), one.alert.resolve_reason),
                )
            )
            for one in self.picture.events
        ]


@pytest.mark.parametrize(
    ("judged", "row", "states"),
    [
        pytest.param(leveled(), "2 4 7 4 2", "- W C C R", id="rises, and does not fall"),
        pytest.param(leveled(), "7 4 2", "C C R", id="critical at once"),
        pytest.param(leveled(warning_holds=2), "4 7 2", "p C R", id="critical before the warning has held"),
        pytest.param(leveled(critical_holds=2), "7 7 7 4 2", "W W C C R", id="a warning until it has held"),
        pytest.param(leveled(critical_holds=2), "7 7 4 7 7 7", "W W W W W C", id="a spike is not critical"),
        pytest.param(leveled(warning_holds=1, critical_holds=2), "7 7 7 7", "p W C C", id="each by its own for"),
        pytest.param(leveled(critical_holds=2), "7 X X 7", "W W W C", id="no data does not begin anew"),
        pytest.param(leveled(critical_holds=2, keep=3), "7 7 2 7 7 7 2", "W W W W W C C", id="a miss begins anew"),
        pytest.param(leveled(clear=1), "7 4 2 1 0", "C C C C R", id="over by another number"),
        pytest.param(leveled(clear=1, critical_holds=1), "4 7 2 7 7", "W W W W C", id="and what goes on is quiet"),
    ],
)  # fmt: skip
def test_a_picture_of_severities(judged: Rule, row: str, states: str) -> None:
    assert Loud(judged).draw(row) == states


def test_the_louder_takes_the_place_of_the_quieter_without_a_gap() -> None:
    picture = Loud(leveled())
    picture.draw("4 7 2")
    assert picture.events == [
        "fired warning",
        "fired critical",
        "resolved warning superseded",
        "resolved critical",
    ]
    fired = picture.picture.events[1].alert
    assert fired.active_at == picture.picture.events[0].alert.active_at
    assert dict(fired.labels)["severity"] == "critical"


def test_what_was_only_pending_is_not_announced_as_over() -> None:
    picture = Loud(leveled(warning_holds=3))
    picture.draw("4 7")
    assert picture.events == ["pending warning", "fired critical"]


def test_texts_say_the_threshold_that_the_value_is_beyond() -> None:
    picture = Loud(leveled(critical_holds=1, clear=1))
    texts = []
    for word in ["4", "7", "8", "5", "2"]:
        picture.step(word)
        texts.append(dict(picture.alert.annotations)["summary"])
    assert texts == [
        "4 is above 3",
        "7 is above 3",  # critical is to hold for a minute
        "8 is above 6",
        "5 is above 3",
        "2 is above 1",
    ]


def test_while_nobody_looks_the_time_to_get_louder_stands_still() -> None:
    picture = Loud(leveled(critical_holds=3))
    picture.draw("7 7")
    active = ActiveAlerts()
    active.restore([picture.alert], [], timedelta(hours=5))
    (alerts,) = active.active.values()
    picture.picture.active = alerts
    picture.picture.now += timedelta(hours=5)
    assert picture.draw("7 7") == "W C"


@dataclass
class Oracle:
    """Severities from the words of the page alone; times are numbers of runs."""

    warning_holds: int
    critical_holds: int
    at: int = -1
    warning_at: int | None = None
    critical_at: int | None = None
    state: str = "-"

    def run(self, value: int | None) -> str:
        self.at += 1
        if value is None:
            return "-" if self.state == "R" else self.state
        if value <= 3:
            self.warning_at = self.critical_at = None
            self.state = "R" if self.state in ("W", "C") else "-"
            return self.state
        self.warning_at = self.at if self.warning_at is None else self.warning_at
        if value <= 6:
            self.critical_at = None
        elif self.critical_at is None:
            self.critical_at = self.at
        is_critical = (
            self.critical_at is not None
            and self.at - self.critical_at >= self.critical_holds
        )
        is_warning = self.at - self.warning_at >= self.warning_holds
        if self.state == "C" or is_critical:
            self.state = "C"
        elif self.state == "W" or is_warning:
            self.state = "W"
        else:
            self.state = "p"
        return self.state


@given(
    values=st.lists(st.one_of(st.none(), st.integers(2, 9)), max_size=20),
    warning_holds=st.integers(0, 3),
    critical_holds=st.integers(0, 3),
)
def test_any_series_is_as_loud_as_the_words_say(
    values: list[int | None], warning_holds: int, critical_holds: int
) -> None:
    row = " ".join("X" if value is None else str(value) for value in values)
    oracle = Oracle(warning_holds, critical_holds)
    expected = " ".join(oracle.run(value) for value in values)
    judged = leveled(warning_holds=warning_holds, critical_holds=critical_holds)
    assert Loud(judged).draw(row) == expected
