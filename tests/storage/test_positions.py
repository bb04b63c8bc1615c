"""How far walks have come, as the state keeps it."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from monitor.model.ledger import (
    DriftEvent,
    DriftKind,
    Leaving,
    LedgerMemory,
    LedgerUser,
    LookMark,
    PastLook,
    Refill,
    Terms,
)
from monitor.model.positions import CursorPosition, LedgerPosition, Position
from monitor.storage import State

LEDGER = LedgerPosition(
    "ledger t.id 1",
    3,
    LedgerMemory(
        datetime(2026, 3, 2, tzinfo=UTC),
        looked_at=60.5,
        marks=(LookMark(0.0, 7), LookMark(30.5, 9)),
        counted=(8, 9),
        users={
            5: LedgerUser(
                5, 0.0, 30.5, Terms(700, "pro", ((700, "pro"),)), 12, level=40
            ),
            "u-7": LedgerUser("u-7", 0.0, 0.0, past=(PastLook(1.0, 2, 3),)),
        },
        events=(DriftEvent(30.5, 5, DriftKind.DOUBLE, -300),),
        refills=(Refill(30.5, 5, "pro", 2),),
        leavings=(Leaving(1.5, "u-7"),),
        initializations={"pro": 2},
    ),
    checked_at=datetime(2026, 3, 2, tzinfo=UTC),
)


def test_a_position_is_there_after_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "state.sqlite")
    positions: dict[tuple[str, str], Position] = {
        ("main", "usage"): CursorPosition("cursor t.id", 7, 120),
        ("main", "ledger"): LEDGER,
    }
    with closing(State(path)) as state:
        state.record({}, (), (), positions=positions)
    with closing(State(path)) as state:
        assert state.positions() == positions
