"""Pictures of time: a part that grows with its whole has not changed, and one that takes more of it has."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from math import inf

from monitor.detection.change import ChangeMemory, look_for_change
from monitor.detection.change_shares import Whole
from monitor.detection.incidents import EVERYTHING, Lesson
from monitor.model.detectors import ChangeDetector, Direction

STEP = 300.0
START = 1_800_000_000.0
MONTH = timedelta(days=30)
DOUBLED = ChangeDetector(
    by=1.0,
    over=timedelta(hours=1),
    at_least=6,
    direction=Direction.UP,
    accept=MONTH,
)
HOUR = 12
"""Looks."""


def after(
    looks: Iterable[tuple[float, float]],
    memory: ChangeMemory | None = None,
    *,
    at: float = START,
    rule_began: float = inf,
    lesson: Lesson = EVERYTHING,
) -> ChangeMemory:
    """Return the memory after looks at a part and its whole."""
    for part, size in looks:
        whole = Whole(size, rule_began)
        memory = look_for_change(DOUBLED, memory, at, part, {}, lesson, whole)
        at += STEP
    assert memory is not None
    return memory


def is_found(looks: Iterable[tuple[float, float]], *, rule_began: float = inf) -> bool:
    memory = after(looks, rule_began=rule_began)
    return memory.found is not None


def test_a_part_that_is_the_whole_grows_with_it() -> None:
    assert not is_found([(5, 5)] * 2 * HOUR + [(12, 12)])
    assert not is_found([(900, 900)] * 2 * HOUR + [(4000, 4000)])


def test_so_does_one_that_is_half_of_it() -> None:
    assert not is_found([(5, 10)] * 2 * HOUR + [(11, 22)])


def test_a_part_that_takes_more_of_the_whole_is_found_whether_that_grows_or_not() -> (
    None
):
    assert is_found([(0, 1000)] * 2 * HOUR + [(6, 1000)])
    assert is_found([(0, 1000)] * 2 * HOUR + [(1000, 1000)])
    assert is_found([(5, 100)] * 2 * HOUR + [(60, 120)])


def test_one_of_a_whole_that_shrinks_is_judged_by_how_many_it_counts_too() -> None:
    assert not is_found([(20, 1000)] * 2 * HOUR + [(20, 20)])


def test_loss_by_and_by_within_the_while_is_found() -> None:
    creeping = [(5.0 * number, 1000.0) for number in range(4)]
    assert is_found([(0, 1000)] * 2 * HOUR + creeping)


def test_what_creeps_in_is_not_learned_as_what_there_is() -> None:
    creeping = [(float(part), 8.0 + part) for part in range(1, 13) for _ in range(8)]
    looks = [(0.0, 8.0)] * 2 * HOUR + creeping
    assert not is_found(looks)
    assert is_found([*looks, (16, 24), (20, 28), (24, 32)])


def test_what_is_so_for_as_long_as_a_change_is_accepted_after_is_learned() -> None:
    memory = after([(1, 10)] * 2 * HOUR)
    at = START + MONTH.total_seconds()
    memory = after([(5, 10)] * 2 * HOUR, memory, at=at)
    memory = after([(5, 10)] * 2 * HOUR, memory, at=at + MONTH.total_seconds())
    memory = after([(12, 24)], memory, at=at + MONTH.total_seconds() + 2 * HOUR * STEP)
    assert memory.found is None


def test_what_a_series_began_with_that_came_after_the_rule_is_not_what_there_is() -> (
    None
):
    looks = [(5, 5)] * 2 * HOUR + [(12, 12)]
    assert is_found(looks, rule_began=START - STEP)
    assert not is_found(looks, rule_began=START)


def test_it_is_once_it_was_there_for_as_long_as_a_change_is_accepted_after() -> None:
    late = START - STEP
    memory = after([(5, 5)] * 2 * HOUR, rule_began=late)
    at = START + MONTH.total_seconds()
    memory = after([(5, 5)] * 2, memory, at=at, rule_began=late)
    memory = after([(12, 12)], memory, at=at + 2 * STEP, rule_began=late)
    assert memory.found is None


def test_a_change_that_was_accepted_may_grow() -> None:
    memory = after([(0, 5)] * 2 * HOUR + [(10, 10)], rule_began=START)
    assert memory.found is not None
    at = START + MONTH.total_seconds() + 2 * HOUR * STEP
    memory = after([(10, 10)] * 2 * HOUR + [(25, 25)], memory, at=at)
    assert memory.found is None


def test_what_somebody_said_is_meant_may_grow() -> None:
    late = START - STEP
    memory = after([(5, 5)] * 2 * HOUR, rule_began=late)
    at = START + 2 * HOUR * STEP
    meant = Lesson(is_meant=True)
    memory = after([(5, 5)], memory, at=at, rule_began=late, lesson=meant)
    memory = after([(12, 12)], memory, at=at + STEP, rule_began=late)
    assert memory.found is None


def test_without_a_whole_nothing_is_learned_of_shares() -> None:
    assert is_found([(5, 0)] * 2 * HOUR + [(12, 0)])
    memory = after([(5, 0)] * 2 * HOUR)
    assert not memory.shares


def test_a_year_of_it_stays_small() -> None:
    memory = after([(5, 5)] * 365 * 24)
    assert len(memory.shares) <= 12
