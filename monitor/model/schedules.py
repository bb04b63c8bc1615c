"""When a query runs: at an interval or by a cron, and for how long none of its runs may end.

Whoever asks a schedule something asks each kind of them: what all must be able to answer is in the union.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

SLOTS = 3
"""A single failure is no news: three slots without a success are (docs/adr/0024)."""
MAX_WAIT = timedelta(hours=2)
"""How much longer than one interval nobody is notified, at most: who waits for three days does not watch."""


@dataclass(frozen=True, slots=True)
class Every:
    """A schedule on a fixed grid."""

    interval: timedelta

    @property
    def period(self) -> timedelta:
        """Return how often it runs."""
        return self.interval

    @property
    def three_slots(self) -> timedelta:
        """Return how long three of its slots take; of a long interval, the next slot and two hours."""
        further_slots = (SLOTS - 1) * self.interval
        return self.interval + min(further_slots, MAX_WAIT)

    @property
    def max_silence(self) -> timedelta | None:
        """Return for how long no run may end, its time limit apart."""
        return self.three_slots

    def as_run(self) -> QuerySchedule:
        """Return what of it bears on what a run gives: nothing."""
        return _AT_ANY_TIME


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule by a five-field cron expression in a named time zone."""

    expression: str
    time_zone: str = "UTC"

    @property
    def period(self) -> timedelta:
        """Return how often it runs; as rarely as can be, since its slots may be any time apart."""
        return timedelta.max

    @property
    def max_silence(self) -> timedelta | None:
        """Return None: it is silent from one slot to the next, and those may be any time apart."""
        return None

    def as_run(self) -> QuerySchedule:
        """Return what of it bears on what a run gives: nothing."""
        return _AT_ANY_TIME


QuerySchedule: TypeAlias = Every | Cron
"""When a query runs."""

_AT_ANY_TIME = Every(timedelta(1))
