"""How far a walk has come and what it must remember of its way: goes with a result, kept in the state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from monitor.model.cursor_position import CursorPosition as CursorPosition


@dataclass(frozen=True, slots=True)
class SweepPosition:
    """How far a sweep has come in its cycle; `of` and `serial` as a cursor's."""

    of: str
    serial: int


Position: TypeAlias = CursorPosition | SweepPosition


def is_next(position: Position, before: Position | None) -> bool:
    """Return whether a position was reached from the one before it, and not from an older one."""
    if before is None:
        return position.serial == 1
    return position.of == before.of and position.serial == before.serial + 1
