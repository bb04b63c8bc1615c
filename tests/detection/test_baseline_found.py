"""What the baseline must find, and how soon; and that it is over when the values are usual again."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from monitor.detection.baseline import Baseline
from tests.detection.series import (
    HOUR,
    MINUTE,
    START,
    Curve,
    alarms,
    at_day,
    changed,
    diurnal,
    poisson,
    series,
)

STEP = 5 * MINUTE
NOON = at_day(20.5)


def smooth(seconds: float, rng: random.Random) -> float:
    return diurnal(seconds) * rng.gauss(1, 0.05)


def counts(seconds: float, rng: random.Random) -> float:
    return poisson(rng, 40)


def rare(seconds: float, rng: random.Random) -> float:
    return min(poisson(rng, 0.7), 2)


def minutes_to_alarm(
    curve: Curve,
    change: Callable[[float], float],
    *,
    step: float = STEP,
    start: float = NOON,
    lasts: float = 3 * HOUR,
) -> float:
    """Return after how many minutes of points the only alarm begins."""
    points = changed(series(curve, step=step, days=22), change, [start], lasts)
    (began,) = alarms(points)
    return (began - start + step) / MINUTE


@pytest.mark.parametrize("curve", [smooth, counts], ids=lambda curve: curve.__name__)
@pytest.mark.parametrize("hour", [0, 7, 12, 18])
def test_a_drop_to_nothing_is_found_within_15_minutes(curve: Curve, hour: int) -> None:
    start = at_day(20) + hour * HOUR
    assert minutes_to_alarm(curve, lambda value: 0.0, start=start) <= 15


def test_a_fall_by_30_per_cent_of_a_smooth_value_is_found_within_15_minutes() -> None:
    assert minutes_to_alarm(smooth, lambda value: 0.7 * value) <= 15


def test_a_fall_by_30_per_cent_of_counts_is_found_by_the_hour() -> None:
    lasts = 8 * HOUR
    found = minutes_to_alarm(
        counts, lambda value: float(round(0.7 * value)), lasts=lasts
    )
    assert found <= 4 * 60


@pytest.mark.parametrize("curve", [smooth, counts], ids=lambda curve: curve.__name__)
@pytest.mark.parametrize("step", [STEP, MINUTE])
def test_fifteen_times_as_much_is_found_at_once(curve: Curve, step: float) -> None:
    assert minutes_to_alarm(curve, lambda value: 15 * value, step=step) == step / MINUTE


@pytest.mark.parametrize("curve", [smooth, counts], ids=lambda curve: curve.__name__)
@pytest.mark.parametrize("hour", [0, 12])
def test_three_times_as_much_is_found_each_time_it_comes_again(
    curve: Curve, hour: int
) -> None:
    days = [20, 21, 26, 33]
    starts = [at_day(day) + hour * HOUR for day in days]
    points = changed(series(curve), lambda value: 3 * value, starts, 2 * HOUR)
    found = alarms(points)
    assert len(found) == len(starts)
    assert (
        max(at - start for at, start in zip(found, starts, strict=True)) < 15 * MINUTE
    )


def test_thirty_where_there_were_at_most_two_is_found_at_once() -> None:
    assert minutes_to_alarm(rare, lambda value: 30.0, lasts=STEP) == STEP / MINUTE


def test_an_alarm_is_over_with_the_first_usual_value() -> None:
    baseline = Baseline()
    marks = ""
    points = changed(series(smooth, days=21), lambda value: 0.0, [NOON], HOUR)
    for at, value in points:
        verdict = baseline.judge(START + at, value)
        if NOON - HOUR <= at < NOON + 2 * HOUR:
            marks += "L" if verdict.direction == "low" else "."
    assert marks == "." * 12 + ".." + "L" * 10 + "." * 12


def test_an_alarm_says_since_when_and_which_way() -> None:
    baseline = Baseline()
    points = changed(series(counts, days=21), lambda value: 900.0, [NOON], at_day(1))
    verdicts = [baseline.judge(START + at, value) for at, value in points]
    last = verdicts[-1]
    assert (last.is_alarm, last.direction) == (True, "high")
    assert last.since_seconds == START + NOON


def test_a_new_level_is_accepted_after_a_day_and_a_fault_of_it_is_found() -> None:
    changes = changed(
        series(smooth, days=28), lambda value: 3 * value, [NOON], at_day(9)
    )
    points = changed(changes, lambda value: 0.0, [at_day(24.5)], HOUR)
    baseline = Baseline()
    on = [at for at, value in points if baseline.judge(START + at, value).is_alarm]
    first = [at for at in on if at < at_day(24)]
    assert first[0] == NOON
    assert first[-1] == NOON + 25 * HOUR - STEP
    assert on[len(first)] <= at_day(24.5) + 10 * MINUTE
    assert on[-1] < at_day(24.5) + HOUR


def test_a_new_level_is_accepted_when_a_person_says_so() -> None:
    baseline = Baseline()
    on = []
    points = changed(
        series(smooth, days=24), lambda value: 3 * value, [NOON], at_day(4)
    )
    for at, value in points:
        on.append(baseline.judge(START + at, value).is_alarm)
        if at == NOON + HOUR:
            baseline.accept(START + at)
    began = int(NOON / STEP)
    assert on[began : began + 13] == [True] * 13
    assert not any(on[began + 13 :])


def test_what_is_known_to_be_an_incident_teaches_nothing() -> None:
    taught, untaught = Baseline(), Baseline()
    for at, value in series(smooth, days=8):
        is_incident = at >= at_day(5)
        taught.judge(START + at, value)
        untaught.judge(
            START + at, 1.4 * value if is_incident else value, teaches=not is_incident
        )
    noon = START + at_day(8.5)
    assert untaught.judge(noon, 100).usual == pytest.approx(
        taught.judge(noon, 100).usual, rel=0.05
    )
