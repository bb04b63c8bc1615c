"""Pictures of time: what is seen in the middle of a deployment never becomes what was, however long it lasts."""

from __future__ import annotations

from datetime import timedelta

from monitor.detection.change import ChangeMemory, look_for_change
from monitor.detection.incidents import EVERYTHING, Lesson
from monitor.detection.novelty import Sighting, is_new, seen_at
from monitor.model.detectors import ChangeDetector, NewDetector

MINUTE = 60.0
DAY = 24 * 60 * MINUTE
START = 1_800_000_000.0
HOURLY = ChangeDetector(by=0.2, over=timedelta(hours=1))
DURING = Lesson(is_in_deploy=True)
MEANT = Lesson(is_meant=True)
AFTER_LEARNING = START + 2 * DAY


class Series:
    """A series that is looked at every five minutes."""

    def __init__(self) -> None:
        self.at = START
        self.memory: ChangeMemory | None = None
        self.see("100 " * 24)

    def see(self, values: str, lesson: Lesson = EVERYTHING) -> str:
        """Return a mark for each value: C of a change, a point of none."""
        marks = ""
        for value in values.split():
            self.memory = look_for_change(
                HOURLY, self.memory, self.at, float(value), {}, lesson
            )
            marks += "C" if self.memory.found else "."
            self.at += 5 * MINUTE
        return marks


def test_what_remains_after_it_is_a_change_from_what_was_before_it() -> None:
    series = Series()
    assert series.see("100 70 70 70", DURING) == ".CCC"
    assert series.see("70 70") == "CC"
    assert series.memory is not None
    assert series.memory.found is not None
    assert series.memory.found.before == 100


def test_what_is_back_when_it_ends_is_none() -> None:
    series = Series()
    assert series.see("70 70 98", DURING) == "CC."
    assert series.see("99 100") == ".."


def test_small_steps_do_not_become_what_was_however_long_it_takes() -> None:
    series = Series()
    steps = [f"{100 - one / 10:g}" for one in range(210)]
    during = " ".join(steps)
    assert series.see(during, DURING).endswith(".CCCCCCCCCC")
    assert series.see(f"{steps[-1]} {steps[-1]}") == "CC"
    # Without a deployment the same is no change: a month's growth is none either.
    slowly = Series()
    assert "C" not in slowly.see(during)


def test_a_deployment_of_two_days_accepts_nothing() -> None:
    series = Series()
    series.see("70 " * 2 * 24 * 12, DURING)
    # A day after its end, or rather after the last look within it, it is what there is.
    assert series.see("70 " * 24 * 12) == "C" * (24 * 12 - 1) + "."


def test_a_change_that_was_found_before_it_is_accepted_as_ever() -> None:
    series = Series()
    marks = ""
    for _ in range(24):
        marks += series.see("70 " * 6) + series.see("70 " * 6, DURING)
    assert marks == "C" * 24 * 12
    assert series.see("70 70") == ".."


def test_what_nobody_knows_yet_is_learned_as_ever() -> None:
    series = Series()
    series.memory = None
    assert series.see("100 " * 13 + "70", DURING) == "." * 13 + "C"


def test_what_is_meant_is_what_the_next_is_compared_with_at_once() -> None:
    series = Series()
    series.see("70 70", DURING)
    assert series.see("70", MEANT) == "."
    assert series.see("70 55 55") == ".CC"


def test_a_name_that_is_there_after_it_is_as_new_as_it_was() -> None:
    detector = NewDetector()
    seen: Sighting | None = None
    for hours in range(48):
        at = AFTER_LEARNING + hours * 60 * MINUTE
        seen = seen_at(detector, seen, began=START, at=at, lesson=DURING)
        assert is_new(detector, seen, began=START, at=seen.last)
    end = AFTER_LEARNING + 2 * DAY
    seen = seen_at(detector, seen, began=START, at=end)
    assert is_new(detector, seen, began=START, at=end + DAY - 1)
    assert not is_new(detector, seen, began=START, at=end + DAY)


def test_a_name_that_was_there_only_in_it_is_new_when_it_comes_again() -> None:
    detector = NewDetector()
    seen = seen_at(detector, None, began=START, at=AFTER_LEARNING, lesson=DURING)
    again = AFTER_LEARNING + 10 * DAY
    seen = seen_at(detector, seen, began=START, at=again)
    assert is_new(detector, seen, began=START, at=again)


def test_a_name_that_is_meant_is_known() -> None:
    detector = NewDetector()
    seen = seen_at(detector, None, began=START, at=AFTER_LEARNING, lesson=DURING)
    at = AFTER_LEARNING + MINUTE
    seen = seen_at(detector, seen, began=START, at=at, lesson=MEANT)
    assert not is_new(detector, seen, began=START, at=seen.last)
