"""What the baseline says of a series, how it is kept, and that both are the same whenever it is kept."""

from __future__ import annotations

import copy
import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.detection.baseline import Baseline
from tests.detection.series import (
    DAY,
    HOUR,
    MINUTE,
    START,
    at_day,
    diurnal,
    poisson,
    series,
)

STEP = 5 * MINUTE


def counts(seconds: float, rng: random.Random) -> float:
    return poisson(rng, diurnal(seconds))


def learned(days: float = 10, step: float = STEP) -> Baseline:
    baseline = Baseline()
    for at, value in series(counts, days=days, step=step):
        baseline.judge(START + at, value)
    return baseline


def test_it_says_that_it_is_learning_for_three_days_and_finds_nothing_before() -> None:
    baseline = Baseline()
    for at, value in series(counts, days=4):
        hit = 15 * value if at_day(2.9) <= at < at_day(2.95) else value
        verdict = baseline.judge(START + at, hit)
        assert verdict.is_learning == (at < at_day(3))
        assert not verdict.is_alarm


def test_it_says_what_is_usual_at_this_hour_and_in_which_band() -> None:
    baseline = learned()
    for hour in (0, 6, 12, 18):
        at = at_day(10) + hour * HOUR
        verdict = baseline.judge(START + at + 15 * MINUTE, round(diurnal(at)))
        assert verdict.usual == pytest.approx(diurnal(at + HOUR / 2), rel=0.15)
        assert verdict.low is not None
        assert verdict.high is not None
        assert verdict.usual is not None
        assert 0 <= verdict.low < verdict.usual < verdict.high < 3.5 * verdict.usual


def test_nothing_is_usual_before_anything_is_known() -> None:
    verdict = Baseline().judge(START, 5)
    assert (verdict.usual, verdict.low, verdict.high) == (None, None, None)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused_and_teaches_nothing(value: float) -> None:
    baseline = learned(4)
    before = baseline.to_record()
    with pytest.raises(ValueError, match="no value"):
        baseline.judge(START + at_day(4), value)
    assert baseline.to_record() == before


@pytest.mark.parametrize("number", [1.0, 1e-9, 123_456_789.123, -7.654e-5])
def test_a_record_is_at_most_4_kb(number: float) -> None:
    baseline = Baseline()
    for at, value in series(counts, step=HOUR):
        baseline.judge(START + at, (value + 0.123) * number)
    text = json.dumps(baseline.to_record(), separators=(",", ":"))
    assert len(text) <= 4096


@settings(max_examples=40, deadline=None)
@example(0, MINUTE, 1.0, 2)
@given(
    st.integers(0, 2**32),
    st.sampled_from([MINUTE, STEP, HOUR]),
    st.sampled_from([1.0, 0.37, -2.5]),
    st.integers(0, 400),
)
def test_a_kept_baseline_goes_on_as_if_it_had_never_been_kept(
    seed: int, step: float, factor: float, kept_after: int
) -> None:
    rng = random.Random(seed)
    going, kept = Baseline(), Baseline()
    for number in range(500):
        at = START + number * 6 * step
        value = poisson(rng, 20) * rng.choice([1, 1, 1, 1, 9]) * factor
        if number == kept_after:
            text = json.dumps(kept.to_record())
            kept = Baseline.from_record(json.loads(text))
        assert kept.judge(at, value) == going.judge(at, value)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(-DAY, 3 * DAY),
            st.one_of(
                st.floats(-1e300, 1e300, allow_subnormal=False), st.integers(0, 3)
            ),
        ),
        max_size=80,
    )
)
def test_any_finite_values_at_any_times_are_judged(
    points: list[tuple[float, float]],
) -> None:
    baseline = Baseline()
    at = START
    for gap, value in points:
        at += gap
        baseline.judge(at, value)
        assert len(json.dumps(baseline.to_record(), separators=(",", ":"))) <= 4096


@pytest.mark.parametrize("hours", [3, 6, 30])
@pytest.mark.parametrize("seed", range(3))
def test_half_an_hour_from_before_a_gap_makes_no_alarm_of_what_is_usual_after_it(
    hours: int, seed: int
) -> None:
    rng = random.Random(seed)
    noon = at_day(10) + 12 * HOUR
    baseline = learned()

    def found(since: float, until: float, factor: float) -> bool:
        verdicts = [
            baseline.judge(START + at, poisson(rng, factor * diurnal(at)))
            for at in range(int(since), int(until), int(STEP))
        ]
        return any(verdict.is_alarm for verdict in verdicts)

    found(at_day(10), noon, 1.0)
    # too little for one point, and too much for an hour
    found(noon, noon + 70 * MINUTE, 1.7)
    after = noon + hours * HOUR + 10 * MINUTE
    assert not found(after, after + 2 * HOUR, 1.0)


def broken_records() -> list[object]:
    record = learned(4).to_record()
    broken: list[object] = [None, [], {}, "x", {**record, "version": 2}]
    for key in record:
        without = {name: part for name, part in record.items() if name != key}
        # Records of before do not have it.
        broken += [] if key == "covered" else [without]
        broken += [{**record, key: "x"}, {**record, key: None}]
        broken += [{**record, key: [*range(99)]}]
    deep = copy.deepcopy(record)
    hours = deep["hours"]
    assert isinstance(hours, list)
    hours[3] = ["1"]
    return [*broken, deep]


def test_a_broken_record_is_refused() -> None:
    for record in broken_records():
        with pytest.raises(ValueError, match="record"):
            Baseline.from_record(record)
