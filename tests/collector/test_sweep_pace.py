"""How wide pieces are, how much of its time a run takes, when a cycle begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collector.courtesy import Courtesy
from monitor.collector.sweep_pace import first_pace, is_due, next_pace
from monitor.model.positions import SweepPosition
from monitor.model.schedules import Cron, Every, QuerySchedule
from monitor.model.settings import Query, Statement
from monitor.model.sweeps import Cycle, Pace
from monitor.model.walks import Sweep

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SWEEP = Sweep("users", "id", cycle=5 * MINUTE)
PIECE_SECONDS = 0.02


def walk(
    pace: Pace, seconds_of: Callable[[int], float], pieces: int
) -> list[tuple[int, float]]:
    """Return the widths of pieces, and what they took, as a server gives it that takes so long for a width."""
    read = []
    for _ in range(pieces):
        seconds = seconds_of(pace.width)
        read.append((pace.width, seconds))
        pace = next_pace(pace, pace.width, seconds, PIECE_SECONDS)
    return read


@given(
    per_key=st.floats(1e-7, 1e-3),
    fixed=st.floats(0, 0.004),
    first=st.integers(1, 10**6),
)
def test_the_width_comes_to_the_time_that_a_piece_should_take(
    per_key: float, fixed: float, first: int
) -> None:
    read = walk(Pace(first), lambda width: fixed + per_key * width, 40)

    _, seconds = read[-1]
    narrowest = fixed + per_key
    assert seconds <= max(1.05 * PIECE_SECONDS, narrowest)
    assert seconds >= min(0.5 * PIECE_SECONDS, narrowest)


def test_one_quick_piece_at_most_doubles_the_width() -> None:
    pace = next_pace(Pace(5000), 5000, 0.0001, PIECE_SECONDS)

    assert pace.width == 10_000


def test_where_narrow_pieces_take_as_long_they_become_wide_until_half_is_for_their_rows() -> (
    None
):
    # Without an index on the key each piece is a scan of 400 ms.
    read = walk(Pace(), lambda width: 0.4 + 1e-6 * width, 30)

    width, seconds = read[-1]
    assert width > 300_000
    assert seconds == pytest.approx(0.8, rel=0.1)


@pytest.mark.parametrize("fixed_seconds", [0.012, 0.018, 0.024, 0.05, 0.2])
def test_on_a_server_that_is_far_away_half_of_a_piece_at_least_is_for_its_rows(
    fixed_seconds: float,
) -> None:
    pace = first_pace(Pace(), fixed_seconds)
    read = walk(pace, lambda width: fixed_seconds + 3e-6 * width, 30)

    assert read[-1][1] == pytest.approx(2 * fixed_seconds, rel=0.1)


@pytest.mark.parametrize("fixed_seconds", [0.018, 0.022, 0.024, 0.05, 0.2])
@pytest.mark.parametrize("width", [1000, 6000, 100_000])
def test_pieces_do_not_shrink_to_nothing_where_the_way_became_long_within_a_cycle(
    fixed_seconds: float, width: int
) -> None:
    pace = replace(first_pace(Pace(), 0.000_3), width=width)
    read = walk(pace, lambda width: fixed_seconds + 3e-6 * width, 40)

    # Else a million rows would be as many statements.
    assert min(width for width, _ in read[-20:]) > 500


def test_half_of_a_piece_is_for_its_rows_only_as_long_as_the_way_is_long() -> None:
    pace = first_pace(Pace(10_000, 0.03, 10_000, 0.06), 0.000_3)
    read = walk(pace, lambda width: 0.000_3 + 3e-6 * width, 20)

    assert read[-1][1] == pytest.approx(PIECE_SECONDS, rel=0.1)


def test_when_there_is_an_index_again_pieces_are_narrow_again() -> None:
    pace = first_pace(Pace(400_000, 0.4, 400_000, 0.8), 0.000_3)
    assert pace.width == 100_000

    read = walk(pace, lambda width: 3e-6 * width, 20)

    assert read[-1][1] == pytest.approx(PIECE_SECONDS, rel=0.1)


def test_a_server_that_is_slow_for_a_while_is_not_taken_for_one_without_an_index() -> (
    None
):
    pace = Pace(6000)
    for factor in (5, 5, 5, 1, 1, 1, 1, 1):
        seconds = factor * 3e-6 * pace.width
        pace = next_pace(pace, pace.width, seconds, PIECE_SECONDS)

    assert pace.fixed_seconds == 0
    assert 3e-6 * pace.width <= 1.05 * PIECE_SECONDS


def test_a_run_takes_a_twelfth_of_the_share_of_its_target_the_first_one_too() -> None:
    assert Courtesy().step_seconds(SWEEP.step) == pytest.approx(0.05)
    assert Courtesy(share=0.06).step_seconds(SWEEP.step) == pytest.approx(0.3)
    often = replace(SWEEP, cycle=timedelta(seconds=6))
    assert Courtesy().step_seconds(often.step) == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        (Every(MINUTE), 0.15),
        (Every(5 * MINUTE), 0.2),
        (Every(MINUTE / 60), 0.0025),
        (Cron("0 0 * * *"), 0.15),
    ],
)
def test_what_is_read_once_takes_a_quarter_of_the_share_and_never_long(
    schedule: QuerySchedule, seconds: float
) -> None:
    query = Query(
        "one", "One", Statement("SELECT 1"), schedule, MINUTE, 10, Path("one.toml")
    )

    assert Courtesy().once_seconds(query) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("after", "due"),
    [
        (timedelta(0), False),
        (4 * MINUTE, False),
        (5 * MINUTE - timedelta(seconds=2), True),  # a run that came a moment early
        (5 * MINUTE, True),
        (60 * MINUTE, True),
        (-MINUTE, True),  # the clock was wrong
    ],
)
def test_a_cycle_begins_when_the_last_one_began_a_cycle_ago(
    after: timedelta, *, due: bool
) -> None:
    before = SweepPosition("", 1, last=Cycle(NOW, NOW + MINUTE))

    assert is_due(before, SWEEP, NOW + after) is due
