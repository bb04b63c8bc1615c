"""Objectives: given or learned in two weeks, by which windows they are judged, and what is kept of them."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from monitor.detection.objective import Miss, ObjectiveMemory, look_for_miss
from monitor.model.detectors import SloDetector

FIVE_MINUTES = 300
HOUR = 12
DAY = 24 * HOUR
GIVEN = SloDetector(objective=0.995)
LEARNED = SloDetector()


def run(detector: SloDetector, shares: Iterable[float]) -> list[Miss | None]:
    """Take one value every five minutes, and keep all as JSON in between."""
    memory: ObjectiveMemory | None = None
    found = []
    for number, share in enumerate(shares):
        if memory is not None and number % DAY == 0:
            kept = json.loads(json.dumps(memory.to_record()))
            memory = ObjectiveMemory.from_record(kept)
        at = float(number * FIVE_MINUTES)
        memory, miss = look_for_miss(detector, memory, at, share)
        found.append(miss)
    return found


def test_a_given_objective_that_is_missed_is_told_at_once_and_says_how_fast() -> None:
    *before, last = run(GIVEN, [*[1.0] * HOUR, *[0.5] * 2])
    assert before[:HOUR] == [None] * HOUR
    assert last is not None
    assert last.objective == 0.995
    assert last.burn.policy.window == "1h"
    assert last.burn.rate == pytest.approx(2 * 0.5 / HOUR / 0.005)


def test_only_the_windows_of_the_rule_judge() -> None:
    shares = [*[1.0] * HOUR, *[0.5] * HOUR]
    fast = run(SloDetector(0.995, ("1h",)), shares)
    slow = run(SloDetector(0.995, ("6h", "3d")), shares)
    assert fast[-1] is not None
    assert slow[-1] is not None
    assert slow[-1].burn.policy.window == "6h"
    assert {one.burn.policy.window for one in fast if one} == {"1h"}


def test_nothing_is_found_in_the_two_weeks_in_which_the_usual_share_is_learned() -> (
    None
):
    found = run(LEARNED, [*[0.98] * (7 * DAY), *[0.2] * (7 * DAY)])
    assert found == [None] * (14 * DAY)


def test_a_bad_day_of_the_first_two_weeks_teaches_nothing() -> None:
    usual = [0.98] * (13 * DAY)
    found = run(LEARNED, [*[0.0] * DAY, *usual, *[0.98] * (4 * DAY), *[0.4] * HOUR])
    assert found[: 18 * DAY] == [None] * (18 * DAY)
    assert found[-1] is not None
    assert found[-1].objective == pytest.approx(0.975)


def test_what_is_learned_stays_whatever_comes_later() -> None:
    found = run(LEARNED, [*[0.98] * (14 * DAY), *[0.9] * (20 * DAY)])
    assert found[-1] is not None
    assert found[-1].objective == pytest.approx(0.975)
    assert found[-1].burn.policy.window == "3d"
