"""Pictures of time: what moves slowly, what has moved, and when that is over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.detection.change import ChangeMemory, look_for_change, which_part
from monitor.model.detectors import ChangeDetector, Direction
from monitor.model.settings import labels_of

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_800_000_000.0
HOURLY = ChangeDetector(by=0.2, over=timedelta(hours=1))


def picture(
    values: list[float],
    detector: ChangeDetector = HOURLY,
    *,
    step: float = 5 * MINUTE,
    memory: ChangeMemory | None = None,
) -> str:
    """Return a mark for each value that came: C of a change, a point of none."""
    marks = ""
    at = START
    for value in values:
        memory = look_for_change(detector, memory, at, value, {})
        marks += "C" if memory.found else "."
        at += step
    return marks


def steady(hours: float, value: float = 100.0) -> list[float]:
    return [value] * int(hours * 12)


def test_what_stays_as_it_is_has_not_changed() -> None:
    assert picture(steady(48)) == "." * 48 * 12


def test_a_fall_by_more_than_the_share_is_found_at_once_and_goes_on() -> None:
    assert picture([*steady(2), 80, 80, 79, 80]) == "." * 24 + "CCCC"


def test_a_fall_by_less_than_the_share_is_not_found() -> None:
    assert "C" not in picture([*steady(2), 81, 81, 81])


def test_it_is_over_when_less_than_half_of_it_is_left() -> None:
    values = [*steady(2), 70, 85, 89, 91, 100]
    assert picture(values) == "." * 24 + "CCC.."


def test_what_has_not_been_watched_for_the_while_is_not_judged() -> None:
    assert "C" not in picture([100, 100, 50])


def test_a_change_that_stays_is_what_there_is_after_a_day() -> None:
    marks = picture([*steady(2), *steady(26, 50.0)])
    assert marks == "." * 24 + "C" * 24 * 12 + "." * 24


def test_the_next_change_after_that_is_found_again() -> None:
    marks = picture([*steady(2), *steady(26, 50.0), 30.0])
    assert marks.endswith("..C")


def test_a_slow_fall_within_the_while_is_found() -> None:
    falling = [100 - 3.0 * minutes for minutes in range(20)]
    assert "C" in picture([*steady(2), *falling])


def test_growth_of_a_fifth_a_month_is_not() -> None:
    steps = 30 * 24 * 12
    growing = [1000 * 1.2 ** (one / steps) for one in range(steps)]
    assert "C" not in picture(growing)


@pytest.mark.parametrize(
    ("direction", "marks"), [("down", "C."), ("up", ".C"), ("any", "CC")]
)
def test_only_the_way_that_is_looked_for_is_found(direction: str, marks: str) -> None:
    one = ChangeDetector(0.2, timedelta(hours=1), direction=Direction(direction))
    found = [picture([*steady(2), value], one)[-1] for value in (50.0, 200.0)]
    assert "".join(found) == marks


def test_a_small_number_must_move_by_as_much_as_is_said() -> None:
    one = ChangeDetector(0.2, timedelta(hours=1), at_least=5)
    assert picture([*steady(2, 3.0), 0.0], one)[-1] == "."
    assert picture([*steady(2, 30.0), 20.0], one)[-1] == "C"


def test_from_nothing_to_something_is_a_change() -> None:
    assert picture([*steady(2, 0.0), 7.0])[-1] == "C"
    assert "C" not in picture(steady(30, 0.0))


def test_what_it_does_every_day_by_itself_is_no_change() -> None:
    day = [100.0] * 140 + [118.0] * 8 + [100.0] * 140
    quiet = picture(day * 6)
    assert "C" not in quiet
    assert "C" not in picture([*day * 6, *steady(2), 126.0])
    assert "C" in picture([*day * 6, *steady(2), 128.0])


FALL = ChangeDetector(by=0.03, over=timedelta(hours=1), direction=Direction.DOWN)


def test_growth_by_leaps_hides_no_fall() -> None:
    growth = [*steady(30, 500), *steady(24, 900), *steady(24, 1650)]
    assert "C" not in picture([*growth, *steady(120, 1650)], FALL)
    assert picture([*growth, *steady(120, 1650), 1600, 0], FALL).endswith("CC")


@pytest.mark.parametrize("detector", [FALL, HOURLY], ids=["down", "any"])
def test_that_nearly_all_is_gone_is_told_however_it_moves_by_itself(
    detector: ChangeDetector,
) -> None:
    # A change that is taken for what there is, and another one back.
    days = [*steady(30, 1000), *steady(30, 200), *steady(48, 1000)]
    marks = picture([*days * 3, 90.0], detector)
    assert marks.endswith(".C")


def test_a_change_while_nobody_looked_is_found() -> None:
    memory = None
    for number in range(24):
        memory = look_for_change(HOURLY, memory, START + number * 300, 100.0, {})
    after = look_for_change(HOURLY, memory, START + 24 * 300 + 10 * HOUR, 60.0, {})
    assert after.found is not None


def test_what_was_more_than_a_day_ago_says_nothing_of_now() -> None:
    memory = None
    for number in range(24):
        memory = look_for_change(HOURLY, memory, START + number * 300, 100.0, {})
    after = look_for_change(HOURLY, memory, START + 24 * 300 + 2 * DAY, 60.0, {})
    assert after.found is None


def test_a_clock_that_was_set_back_finds_nothing() -> None:
    memory = None
    for number in range(24):
        memory = look_for_change(HOURLY, memory, START + number * 300, 100.0, {})
    after = look_for_change(HOURLY, memory, START - HOUR, 100.0, {})
    assert after.found is None


def test_a_year_of_it_stays_small() -> None:
    memory = None
    for hour in range(365 * 24):
        memory = look_for_change(HOURLY, memory, START + hour * HOUR, 100.0, {})
    assert memory is not None
    assert len(memory.points) <= 12
    assert len(memory.moves) <= 14


def test_the_part_of_a_total_that_moved_most_is_named() -> None:
    free, pro = labels_of({"plan": "free"}), labels_of({"plan": "pro"})
    before, now = {free: 900.0, pro: 90.0}, {free: 880.0}
    assert which_part(before, now) == "plan pro by -90"
    assert which_part(before, before) == ""
    assert which_part({}, {}) == ""
