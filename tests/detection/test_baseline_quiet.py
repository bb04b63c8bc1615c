"""What the baseline must not find: five weeks of what is healthy, at two steps."""

from __future__ import annotations

import random

import pytest

from tests.detection.series import (
    DAY,
    HOUR,
    MINUTE,
    Curve,
    alarms,
    at_day,
    diurnal,
    is_weekend,
    poisson,
    series,
)

STEPS = (5 * MINUTE, MINUTE)


def noisy(rng: random.Random) -> float:
    return rng.gauss(1, 0.05)


def constant(seconds: float, rng: random.Random) -> float:
    return 7.0


def few(seconds: float, rng: random.Random) -> float:
    return poisson(rng, 3)


def hardly_any(seconds: float, rng: random.Random) -> float:
    return poisson(rng, 0.3)


def zero_nights(seconds: float, rng: random.Random) -> float:
    return 0.0 if seconds % DAY < 6 * HOUR else poisson(rng, diurnal(seconds))


def weekends(seconds: float, rng: random.Random) -> float:
    return poisson(rng, diurnal(seconds) * (0.25 if is_weekend(seconds) else 1))


def smooth_weekends(seconds: float, rng: random.Random) -> float:
    return diurnal(seconds) * (0.25 if is_weekend(seconds) else 1) * noisy(rng)


def begins_on_saturday(seconds: float, rng: random.Random) -> float:
    return smooth_weekends(seconds + 5 * DAY, rng)


def begins_on_sunday(seconds: float, rng: random.Random) -> float:
    return weekends(seconds + 6 * DAY, rng)


def a_holiday(seconds: float, rng: random.Random) -> float:
    is_free = is_weekend(seconds) or int(seconds // DAY) == 22
    return poisson(rng, diurnal(seconds) * (0.25 if is_free else 1))


def growth(seconds: float, rng: random.Random) -> float:
    return float(diurnal(seconds) * 1.2 ** (seconds / DAY / 30) * noisy(rng))


def growth_with_weekends(seconds: float, rng: random.Random) -> float:
    share = 0.4 if is_weekend(seconds) else 1.0
    return poisson(rng, diurnal(seconds) * share * 1.2 ** (seconds / DAY / 30))


def an_hour_earlier(seconds: float, rng: random.Random) -> float:
    moved = HOUR if seconds > at_day(17) else 0.0
    return poisson(rng, diurnal(seconds + moved))


def a_smooth_hour_earlier(seconds: float, rng: random.Random) -> float:
    moved = HOUR if seconds > at_day(17) else 0.0
    return diurnal(seconds + moved) * noisy(rng)


def high_at_first(seconds: float, rng: random.Random) -> float:
    is_incident = at_day(0.5) < seconds < at_day(1)
    return diurnal(seconds) * noisy(rng) * (10 if is_incident else 1)


def dead_at_first(seconds: float, rng: random.Random) -> float:
    is_incident = at_day(0.8) < seconds < at_day(1.6)
    return diurnal(seconds) * noisy(rng) * (0 if is_incident else 1)


HEALTHY = (
    constant,
    few,
    hardly_any,
    zero_nights,
    weekends,
    smooth_weekends,
    begins_on_saturday,
    begins_on_sunday,
    a_holiday,
    growth,
    growth_with_weekends,
    an_hour_earlier,
    a_smooth_hour_earlier,
    high_at_first,
    dead_at_first,
)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("curve", HEALTHY, ids=lambda curve: curve.__name__)
def test_five_weeks_of_what_is_healthy_are_no_alarm(curve: Curve, step: float) -> None:
    assert [at / DAY for at in alarms(series(curve, step=step))] == []


def test_gaps_of_hours_are_no_alarm() -> None:
    points = (
        (at, value)
        for at, value in series(a_smooth_hour_earlier)
        if int(at // DAY) % 4 != 2 or not 8 * HOUR <= at % DAY < 13 * HOUR
    )
    assert alarms(points) == []


def test_a_holiday_where_no_day_was_ever_low_is_one_alarm_at_most() -> None:
    def curve(seconds: float, rng: random.Random) -> float:
        is_free = int(seconds // DAY) == 20
        return poisson(rng, diurnal(seconds) * (0.25 if is_free else 1))

    assert len(alarms(series(curve))) <= 1
