"""How far walks have come, as the state keeps it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from monitor.model.positions import CursorPosition, Position
from monitor.storage import State


def test_a_position_is_there_after_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "state.sqlite")
    positions: dict[tuple[str, str], Position] = {
        ("main", "usage"): CursorPosition("cursor t.id", 7, 120)
    }
    with closing(State(path)) as state:
        state.record({}, (), (), positions=positions)
    with closing(State(path)) as state:
        assert state.positions() == positions
