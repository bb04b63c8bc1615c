"""How far the clock was set is kept with what moves by it, and what was written before is read as it is now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.cursor_position import CursorPosition, Gap, Mark, WindowRead
from monitor.model.declared import NOTHING_NEW
from monitor.model.ledger import LedgerMemory
from monitor.model.positions import LedgerPosition, Position, SweepPosition
from monitor.model.settings import JobKey
from monitor.model.sweeps import Cycle, PartCycle, Sums
from monitor.storage import State
from monitor.timing.shift import moved
from tests.support.harness import START

NOT_SET = timedelta(0)
POSITIONS: tuple[Position, ...] = (
    CursorPosition(
        "cursor t.id",
        7,
        120,
        until_at=START,
        marks=(Mark(START, 121),),
        gaps=(Gap(3, 4, START),),
        windows=WindowRead("no key", START),
    ),
    SweepPosition(
        "sweep t.id",
        2,
        under_way=PartCycle(Cycle(START, START, Sums(), 1), 0, 5, 10),
        last=Cycle(START, START, Sums(), 2),
    ),
    LedgerPosition(
        "ledger t.id", 3, LedgerMemory(START, looked_at=60.5), checked_at=START
    ),
)
moves = st.integers(-(10**14), 10**14).map(lambda us: timedelta(microseconds=us))
writes = st.integers(0, len(POSITIONS) - 1)


@given(st.lists(moves | writes, max_size=12))
def test_a_position_is_read_by_the_clock_as_it_is_set_now(
    life: list[timedelta | int],
) -> None:
    state = State()
    shift, expected = NOT_SET, dict[JobKey, Position]()
    for event in life:
        if isinstance(event, timedelta):
            state.move(event, {}, NOTHING_NEW)
            shift += event
            expected = moved(expected, event)
        else:
            written: dict[JobKey, Position] = {("main", str(event)): POSITIONS[event]}
            state.record({}, (), (), positions=written)
            expected |= written
    try:
        assert state.clock_shift() == shift
        assert state.positions() == expected
    finally:
        state.close()


def test_when_we_lived_moves_with_the_rest_or_a_kill_would_have_it_move_twice() -> None:
    state = State()
    state.write_mark("alive", START)
    state.move(timedelta(days=-2), {}, NOTHING_NEW)
    assert state.read_mark("alive") == START - timedelta(days=2)
    state.close()


@pytest.mark.parametrize("spoilt", ["", "yesterday", None])
def test_a_mark_that_is_spoilt_says_that_the_clock_was_never_set(
    spoilt: str | None,
) -> None:
    state = State()
    state.move(timedelta(days=1), {}, NOTHING_NEW)
    state._disk.write(
        lambda connection: connection.execute(
            "UPDATE marks SET at = coalesce(?, x'00')", (spoilt,)
        )
    )
    assert state.clock_shift() == NOT_SET
    state.move(timedelta(days=2), {}, NOTHING_NEW)
    assert state.clock_shift() == timedelta(days=2)
    state.close()
