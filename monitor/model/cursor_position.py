"""What a query that reads forward remembers between two runs: how far it is, what it counted, the last day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from monitor.model.settings import Labels

NOT_BEGUN = -1
"""Stands for how far was counted where nothing ever was."""

UNCOVERED = 1 << 40
"""A minute that never comes."""

SeriesKey: TypeAlias = tuple[str, Labels]
"""The name of a metric and the labels of one of its series, without the window."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The highest id that there was at an instant of our clock."""

    seen_at: datetime
    highest: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Ids that no row had when their range was counted: first to last, both included.

    With a step one id in so many is not among them, since it had a row: first + step - 1, and so on.
    """

    first: int
    last: int
    counted_at: datetime
    newer_than: float | None = None
    """Only rows of a later time are to be counted, in Unix seconds: others were, before the table began anew."""
    step: int = 0

    @property
    def width(self) -> int:
        """Return how many ids there are from its begin to the next one that it goes on at, behind a row."""
        return self.step or self.last - self.first + 2


@dataclass(frozen=True, slots=True)
class Passed:
    """Up to which id a table was counted before it ended below that; a row of a later time is new."""

    until: int
    newest_seconds: float


@dataclass(frozen=True, slots=True)
class CursorMemory:
    """Rows with ids above `low` and up to `high`, by the minute of their time, as far as a window reaches back.

    Minutes are those of the rows' own time (Unix time / 60, rounded up: a minute has its last instant), so
    they do not move when our clock is set.
    """

    low: int
    high: int
    covered_from: int = UNCOVERED
    """The first minute of which all rows were read."""
    is_complete: bool = False
    """Whether it reaches back as far as the longest window, or as far as there are rows."""
    sums: Mapping[SeriesKey, Mapping[int, float]] = field(default_factory=dict)
    """What the rows of each minute add up to."""
    members: Mapping[SeriesKey, Mapping[int, int]] = field(default_factory=dict)
    """For each member that is counted once, by a hash of it, the newest minute in which it was."""
    levels: Mapping[int, int] = field(default_factory=dict)
    """Of which minutes only one member of 2**level is kept; the others have all."""


@dataclass(frozen=True, slots=True)
class WindowRead:
    """What was read by time, as a whole, because the column cannot serve."""

    reason: str
    """Why it cannot."""
    read_at: datetime
    values: tuple[tuple[SeriesKey, float], ...] = ()


@dataclass(frozen=True, slots=True)
class CursorPosition:
    """How far a cursor has counted, and what it made of it.

    `of` says what was walked: of another column it would mean nothing. `serial` is one more than that of the
    position that the run began at, so that no result is taken twice, or out of its order.

    Rows with ids up to `until` are counted, but for those in `gaps`, which had not come yet.
    """

    of: str
    serial: int
    until: int
    """The highest value of the column that is counted."""
    until_at: datetime | None = None
    """When `until` was the highest one that there was."""
    newest_seconds: float | None = None
    """The latest time of a row that was counted, by the server's clock; None where rows have no time."""
    passed: tuple[Passed, ...] = ()
    """What was counted above `until` before the table began anew, lowest ids first: the latest times."""
    passed_gaps: tuple[Gap, ...] = ()
    """What was not counted of that."""
    memory: CursorMemory | None = None
    kept_at: datetime | None = None
    """When the memory was last written to the state; after a restart what came since is read again."""
    keeps_memory: bool = False
    """Whether it is written with this position."""
    shape: str = ""
    """What the memory was read by: statement, parameters and metrics."""
    marks: tuple[Mark, ...] = ()
    """Oldest first."""
    gaps: tuple[Gap, ...] = ()
    """In the order in which they were counted."""
    piece: int = 0
    """How many rows a piece has, as the time that pieces took says; 0 before the first."""
    totals: Mapping[SeriesKey, float] = field(default_factory=dict)
    """What each series of a counter has added up to."""
    labels: tuple[Labels, ...] = ()
    """Every label set that a row had, so that their number has an end."""
    late_rows: int = 0
    dropped_gaps: int = 0
    """How many gaps were not kept until they were old enough, since they were too many."""
    dropped_last: int = 0
    """How many of them in the last run."""
    restarts: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many rows were left out of something, by kind."""
    unread_ids: int = 0
    """How many of the newest ids the run did not reach: its windows were left out."""
    checked_at: datetime | None = None
    """When the column was last found fit or unfit."""
    windows: WindowRead | None = None
    """Where the column cannot serve: what was read in its place."""
