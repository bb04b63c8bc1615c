"""Burn rates: how soon an objective that is missed is told, by the workbook's three lines, and what is no finding."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detection.burn_rate import POLICIES, Burn, BurnMemory, step

OBJECTIVE = 0.995
HOUR = 60
DAY = 24 * HOUR


def run(values: Iterable[float], memory: BurnMemory | None = None) -> list[Burn | None]:
    """Take one value each minute."""
    memory = memory or BurnMemory()
    found = []
    for minute, value in enumerate(values):
        memory, burn = step(memory, minute * 60.0, value, OBJECTIVE)
        found.append(burn)
    return found


def first(values: Iterable[float]) -> tuple[int, float] | None:
    """Return the minute of the first finding, and the factor of its policy."""
    for minute, burn in enumerate(run(values)):
        if burn is not None:
            return minute, burn.policy.factor
    return None


@pytest.mark.parametrize(
    ("served", "within", "factor"),
    [
        pytest.param(0.0, 10, 14.4, id="nobody is served"),
        pytest.param(0.9, 50, 14.4, id="a tenth is not"),
        pytest.param(0.96, 6 * HOUR, 6.0, id="eight times the budget"),
        pytest.param(0.99, 2 * DAY, 1.0, id="twice the budget"),
    ],
)
def test_what_misses_the_objective_is_told_the_sooner_the_more_it_misses(
    served: float, within: int, factor: float
) -> None:
    well = [1.0] * HOUR
    found = first([*well, *[served] * (within + 1)])
    assert found is not None
    assert found[0] - HOUR <= within
    assert found[1] == factor


def test_what_is_within_the_objective_is_never_told() -> None:
    assert first([0.9951] * (4 * DAY)) is None


def test_a_short_loss_is_told_and_over_soon_after_it_ends() -> None:
    found = run([*[1.0] * HOUR, *[0.0] * 15, *[1.0] * (2 * HOUR)])
    assert found[HOUR + 14] is not None
    over = found[HOUR + 15 + 10]
    assert over is None or over.policy is not POLICIES[0]


def test_time_of_which_nothing_is_known_spends_nothing() -> None:
    memory, burn = step(BurnMemory(), 0.0, 0.0, OBJECTIVE)
    memory, burn = step(memory, 4 * DAY * 60.0, 1.0, OBJECTIVE)
    assert burn is None
    assert sum(memory.spent) == 0


@given(values=st.lists(st.floats(0, 1), max_size=40), cut=st.integers(0, 40))
def test_a_memory_that_was_kept_goes_on_as_it_was(
    values: list[float], cut: int
) -> None:
    kept = whole = BurnMemory()
    for minute, value in enumerate(values):
        if minute == cut:
            kept = BurnMemory.from_record(json.loads(json.dumps(kept.to_record())))
        whole, _ = step(whole, minute * 60.0, value, OBJECTIVE)
        kept, _ = step(kept, minute * 60.0, value, OBJECTIVE)
    assert kept.newest == whole.newest
    assert kept.spent == pytest.approx(whole.spent, abs=1e-5)
