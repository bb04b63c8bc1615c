"""`clear_below` and `clear_above`: what fires goes on until it is over by another number than it began with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.conditions import Condition, ConditionKind
from tests.alerting.test_evaluate import Picture, rule, sample, success

ABOVE = Condition("above", 5, clear=3)
BELOW = Condition("below", 5, clear=8)


@pytest.mark.parametrize(
    ("hold", "keep", "row", "states"),
    [
        pytest.param(0, 0, "4 6 4 3 2 4 6", "- F F F R - F", id="goes on until it is below"),
        pytest.param(2, 0, "6 4 6 6 6 4 2", "P - P P F F R", id="what is pending does not"),
        pytest.param(0, 2, "6 4 2 4 2 2 2", "F F K F K K R", id="kept from below on"),
        pytest.param(0, 0, "6 4 X 4 X 2", "F F hF F hF R", id="no data holds"),
        pytest.param(0, 0, "6 4 0r", "F F R", id="zero rows resolve"),
        pytest.param(0, 0, "6 nan", "F R", id="what is no number is not above"),
        pytest.param(0, 0, "6 4+ 2+ 2", "F F hF R", id="counted in part it may be more"),
        pytest.param(1, 0, "6 6 4 6 4 2 6", "P F F F F R P", id="back again is the same alert"),
    ],
)  # fmt: skip
def test_what_is_above_goes_on_until_it_is_below(
    hold: int, keep: int, row: str, states: str
) -> None:
    picture = Picture(rule(condition=ABOVE, hold=hold, keep=keep))
    assert picture.draw(row) == states


@pytest.mark.parametrize(
    ("row", "states"),
    [
        pytest.param("6 4 6 8 9 6", "- F F F R -", id="goes on until it is above"),
        pytest.param("4 nan", "F R", id="what is no number is not below"),
    ],
)
def test_what_is_below_goes_on_until_it_is_above(row: str, states: str) -> None:
    assert Picture(rule(condition=BELOW)).draw(row) == states


def test_without_another_number_it_ends_where_it_began() -> None:
    assert Picture(rule(condition=Condition("above", 5))).draw("6 4") == "F R"


def test_it_says_beyond_what_it_is_all_along() -> None:
    picture = Picture(rule(condition=ABOVE, summary="{value} is above {threshold}"))
    texts = []
    for word in ["6", "4", "7"]:
        picture.step(word)
        (alert,) = picture.active.values()
        texts.append(dict(alert.annotations)["summary"])
    assert texts == ["6 is above 5", "4 is above 3", "7 is above 5"]


def test_its_examples_stay_while_nobody_looks_for_others() -> None:
    judged = rule(condition=ABOVE)
    found = sample(6)
    rows = ({"id": 1},)
    picture = Picture(judged)
    first = success(found, evidence={(judged.name, found.labels): rows})
    picture.take(first)
    picture.take(success(replace(found, value=4.0)))
    (alert,) = picture.active.values()
    assert alert.evidence == rows


@dataclass
class Oracle:
    """One alert from the words of the page alone; `for` and `keep_firing_for` in runs."""

    begin: float
    end: float
    hold: int
    keep: int
    state: str = "-"
    found: int = 0
    missed: int = 0

    def run(self, value: float | None) -> str:
        fires = self.state in ("F", "K")
        is_found = value is not None and (
            value > self.begin or (fires and value >= self.end)
        )
        if is_found:
            self.missed = 0
            self.state = "F" if fires or self.found >= self.hold else "P"
            self.found += 1
            return self.state
        self.missed += 1
        if fires and self.missed <= self.keep:
            self.state = "K"
            return "K"
        self.state, self.found, self.missed = "-", 0, 0
        return "R" if fires else "-"


@given(
    values=st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=20),
    ends=st.tuples(st.integers(0, 9), st.integers(0, 9)).map(sorted),
    hold=st.integers(0, 3),
    keep=st.integers(0, 3),
    turned=st.booleans(),
)
def test_any_series_is_what_the_words_say(
    values: list[int | None], ends: list[int], hold: int, keep: int, *, turned: bool
) -> None:
    low, high = ends
    sign = -1 if turned else 1
    kind: ConditionKind = "below" if turned else "above"
    judged = rule(
        condition=Condition(kind, sign * high, clear=sign * low), hold=hold, keep=keep
    )
    row = ["0r" if value is None else str(sign * value) for value in values]
    oracle = Oracle(high, low, hold, keep)
    expected = [oracle.run(value) for value in values]
    assert Picture(judged).draw(" ".join(row)).split() == expected
