"""How far a walk has come and what it must remember of its way: goes with a result, kept in the state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from monitor.model.cursor_position import CursorPosition as CursorPosition
from monitor.model.ledger import LedgerPosition as LedgerPosition
from monitor.model.sweeps import Cycle, Pace, PartCycle


@dataclass(frozen=True, slots=True)
class SweepPosition:
    """How far a sweep has come in its cycle; `of` and `serial` as a cursor's."""

    of: str
    serial: int
    pace: Pace = field(default_factory=Pace)
    under_way: PartCycle | None = None
    """None between two cycles."""
    last: Cycle | None = None
    """The last whole cycle, whose sums are the result."""


Position: TypeAlias = CursorPosition | SweepPosition | LedgerPosition


def last_cycle(position: Position | None) -> Cycle | None:
    """Return the last whole cycle of a sweep; None where there is none, or it is no sweep."""
    return position.last if isinstance(position, SweepPosition) else None


def first_read_at(position: Position | None, data_at: datetime) -> datetime:
    """Return the instant before which nothing was read of what a query said at an instant."""
    cycle = last_cycle(position)
    if cycle is None:
        return data_at
    # A sweep says what its last whole cycle found, which began long before the run that tells it.
    return min(cycle.begun_at, data_at)
