"""How far walks have come, as the state keeps it."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.model.cursor_position import Gap, Passed
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
from monitor.storage.gap_records import gaps_to_text, text_to_gaps
from monitor.storage.positions import position_to_text, text_to_position

_THEN = datetime(2026, 3, 2, tzinfo=UTC)
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


CURSOR = CursorPosition(
    "cursor t.id",
    7,
    120,
    newest_seconds=1_773_000_000.5,
    gaps=(
        Gap(1, 8, _THEN, step=3),
        Gap(11, 11, _THEN),
        Gap(2**63 + 5, 2**63 + 7, _THEN + timedelta(seconds=1), newer_than=5.5),
        Gap(9, 9, _THEN),
    ),
    passed=(Passed(150, 900.0), Passed(220, 800.25)),
    passed_gaps=(Gap(130, 133, _THEN), Gap(140, 140, _THEN, newer_than=3.0)),
    dropped_gaps=4,
    dropped_last=1,
)


def test_a_position_that_a_version_before_wrote_has_its_gaps() -> None:
    record = json.loads(position_to_text(replace(CURSOR, gaps=())))
    for key in ("packed_gaps", "passed", "passed_gaps", "dropped_gaps"):
        del record[key]
    record["gaps"] = [[3, 4, "2026-03-02T00:00:00Z"]]
    read = text_to_position(json.dumps(record))
    assert isinstance(read, CursorPosition)
    assert read.gaps == (Gap(3, 4, _THEN),)
    assert (read.passed, read.dropped_gaps) == ((), 0)


def test_gaps_that_cannot_be_read_make_a_position_unreadable() -> None:
    for text in ("x", "~~~~", gaps_to_text(CURSOR.gaps)[:-3]):
        with pytest.raises(ValueError, match=r".+"):
            text_to_gaps(text)


def test_a_position_is_there_after_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "state.sqlite")
    positions: dict[tuple[str, str], Position] = {
        ("main", "usage"): CursorPosition("cursor t.id", 7, 120),
        ("main", "usage by plan"): CURSOR,
        ("main", "ledger"): LEDGER,
    }
    with closing(State(path)) as state:
        state.record({}, (), (), positions=positions)
    with closing(State(path)) as state:
        assert state.positions() == positions
