"""How a query reads what is too much for one statement: forward by a cursor, or in pieces by a sweep.

A walk goes on from run to run: each run begins at the position that the one before it has left, and gives the
next one with its result.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, TypeAlias

DEFAULT_SETTLE = timedelta(seconds=30)
"""Of transactions of 45 s some are lost with it, of those up to 20 s none was in the experiments."""
DEFAULT_CYCLE = timedelta(minutes=30)
DEFAULT_PIECE = timedelta(milliseconds=20)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Read forward by a column that grows; each row counts once, `settle` after it was first seen."""

    section: ClassVar = "cursor"
    key: ClassVar = "column"
    """Where in the file the column stands."""
    parameters: ClassVar = ("since", "until")
    """Its statement reads what is above the first, up to the second."""

    table: str
    column: str
    settle: timedelta = DEFAULT_SETTLE


@dataclass(frozen=True, slots=True)
class Sweep:
    """Read a table by a unique key in pieces of about `piece`; a result when the cycle is through."""

    section: ClassVar = "sweep"
    key: ClassVar = "key"
    parameters: ClassVar = ("from_key", "to_key")
    """A piece is what is above the first, up to the second."""

    table: str
    column: str
    """The key."""
    cycle: timedelta = DEFAULT_CYCLE
    """The shortest: a server that is busy, or large, makes it longer."""
    piece: timedelta = DEFAULT_PIECE


Walk: TypeAlias = Cursor | Sweep
