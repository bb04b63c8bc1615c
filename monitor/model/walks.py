"""How a query reads what is too much for one statement: forward by a cursor, in pieces by a sweep, as a ledger.

A walk goes on from run to run: each run begins at the position that the one before it has left, and gives the
next one with its result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, TypeAlias

DEFAULT_SETTLE = timedelta(seconds=30)
"""Of transactions of 45 s some are lost with it, of those up to 20 s none was in the experiments."""
DEFAULT_LEDGER_SETTLE = timedelta(minutes=1)
"""A call may take so long between its deduction and its row; what takes longer is taken back when it is seen."""
DEFAULT_LOOP = timedelta(hours=1)
DEFAULT_CYCLE = timedelta(minutes=30)
DEFAULT_PIECE = timedelta(milliseconds=20)
WHOLE_TABLE: Mapping[str, int] = MappingProxyType({"from_key": -1, "to_key": 2**63 - 1})
"""The values of a sweep's parameters with which its statement reads a table with usual keys at once."""
LONGEST_STEP = timedelta(minutes=1)
"""So often a sweep reads some pieces, or oftener where its cycle is shorter."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Read forward by a column that grows; each row counts once, `settle` after it was first seen."""

    section: ClassVar = "cursor"
    key: ClassVar = "column"
    """Where in the file the column stands."""
    parameters: ClassVar = ("since", "until")
    """Its statement reads what is above the first, up to the second."""
    optional: ClassVar = ("since_at",)
    """When the first of these was the highest there was, in Unix seconds; 0 where that is not known."""

    table: str
    column: str
    settle: timedelta = DEFAULT_SETTLE
    time: str = ""
    """The column of the result with the time of a row, in Unix seconds; empty where it has none."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Read a table by a unique key in pieces of about `piece`; a result when the cycle is through."""

    section: ClassVar = "sweep"
    key: ClassVar = "key"
    parameters: ClassVar = ("from_key", "to_key")
    """A piece is what is above the first, up to the second."""
    optional: ClassVar = ()

    table: str
    column: str
    """The key."""
    cycle: timedelta = DEFAULT_CYCLE
    """The shortest: a server that is busy, or large, makes it longer."""
    piece: timedelta = DEFAULT_PIECE

    @property
    def step(self) -> timedelta:
        """Return how far apart its runs are, each of which reads some pieces."""
        return min(self.cycle, LONGEST_STEP)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Read new rows of use together with the balances of some users, and compare them."""

    section: ClassVar = "ledger"
    key: ClassVar = "column"
    parameters: ClassVar = ("since", "until")
    """Its statement reads rows above the first, up to the second."""
    optional: ClassVar = ("sample",)
    """Of users with a hash up to this: where there are more than are tracked, the others are not read."""
    accounts: ClassVar = "user_ids"
    """The users whose balances its other statement reads."""

    table: str
    column: str
    settle: timedelta = DEFAULT_LEDGER_SETTLE
    users: int = 2000
    """So many users are tracked at most."""
    loop: timedelta = DEFAULT_LOOP
    """Within it several refills of one user are a loop."""


WINDOW_LABEL = "window"
PLAN_LABEL = "plan"
KIND_LABEL = "kind"


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time before each run, and how the label `window` calls it."""

    name: str
    length: timedelta


def windows_of_rows(
    windows: tuple[Window, ...], *, is_seen: bool
) -> tuple[Window, ...]:
    """Return the windows that go by the time of a row: none of a metric that goes by when it was first read."""
    return () if is_seen else windows


class CursorFact(StrEnum):
    """What a cursor knows of itself, as the value of a metric."""

    LATE_ROWS = "late_rows"
    DROPPED_GAPS = "dropped_gaps"
    LEFT_OUT = "left_out"
    RESTARTS = "restarts"
    BEHIND_SECONDS = "behind_seconds"
    ESTIMATED = "estimated"
    EMPTIED = "emptied"


class LedgerFact(StrEnum):
    """What a ledger knows, as the value of a metric."""

    DRIFT_USERS = "drift_users"
    DRIFT_TOKENS = "drift_tokens"
    DRIFT_EVENTS = "drift_events"
    CANCELLED = "cancelled"
    AUTO_INITIALIZATIONS = "auto_initializations"
    AUTO_INITIALIZATIONS_HOUR = "auto_initializations_hour"
    REFILLED_USERS = "refilled_users"
    OVERWRITTEN_USERS = "overwritten_users"
    STORM_USERS = "storm_users"
    STOPPED_CALLS = "stopped_calls"
    TRACKED_USERS = "tracked_users"
    UNJUDGED_RATIO = "unjudged_ratio"


DRIFT_FACTS = frozenset(
    {LedgerFact.DRIFT_USERS, LedgerFact.DRIFT_TOKENS, LedgerFact.DRIFT_EVENTS}
)
"""How far balances and history are apart."""


Walk: TypeAlias = Cursor | Sweep | Ledger


def any_bounds(walk: Walk | None) -> dict[str, int]:
    """Return values for what a walk's statement reads between, where it is only to be planned or shown."""
    if walk is None:
        return {}
    first, last = walk.parameters
    return {first: 0, last: 1000, **dict.fromkeys(walk.optional, 0)}


def result_interval(walk: Walk | None, interval: timedelta) -> timedelta:
    """Return how often there is a new result of a query that runs at this interval: of a sweep once a cycle."""
    return walk.cycle if isinstance(walk, Sweep) else interval
