"""Add up the runs of each target, so that a log of a healthy day is short; between pipeline and log."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from monitor.model.deferral import Deferred
from monitor.model.mappings import among
from monitor.model.results import Blocked, Failure, Result, Success

PERIOD = timedelta(hours=1)
"""At the shortest intervals a target has thousands of runs in it, of which the log has one line."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What the runs of one target came to since an instant."""

    target: str
    since: datetime
    runs: int = 0
    failed: int = 0
    blocked: int = 0
    deferred: int = 0
    database_seconds: float = 0.0
    slowest_query: str = ""
    slowest_seconds: float = 0.0

    def with_run(self, result: Result) -> Totals:
        """Return these and one run more."""
        match result.outcome:
            case Blocked():
                # It was not made, and took no time of the database.
                return replace(self, blocked=self.blocked + 1)
            case Deferred():
                return replace(self, deferred=self.deferred + 1)
            case Failure():
                failed = self.failed + 1
            case Success():
                failed = self.failed
            case _:
                assert_never(result.outcome)
        took = result.duration_seconds
        totals = replace(
            self,
            runs=self.runs + 1,
            failed=failed,
            database_seconds=self.database_seconds + result.statement_seconds,
        )
        if self.slowest_query and took <= self.slowest_seconds:
            return totals
        name = result.job.query.name
        return replace(totals, slowest_query=name, slowest_seconds=took)

    def fields(self) -> dict[str, object]:
        """Return the fields of the event `runs.summarized`."""
        return {
            "target": self.target,
            "since": self.since,
            "runs": self.runs,
            "failed": self.failed,
            "blocked": self.blocked,
            "deferred": self.deferred,
            "database_seconds": round(self.database_seconds, 3),
            "slowest_query": self.slowest_query,
            "slowest_seconds": round(self.slowest_seconds, 6),
        }


class RunTotals:
    """The totals of every target; for one thread, and lost at a restart."""

    def __init__(self) -> None:
        self._totals: dict[str, Totals] = {}

    def add(self, result: Result) -> Totals | None:
        """Count a run; return the totals that are complete, an hour after their first run."""
        target, now = result.job.target.name, result.finished_at
        known = self._totals.get(target) or Totals(target, now)
        self._totals[target] = known.with_run(result)
        if now - known.since < PERIOD:
            return None
        return self._totals.pop(target)

    def keep(self, targets: Set[str]) -> None:
        """Forget the targets that are not among these."""
        self._totals = among(self._totals, targets)

    def move(self, by: timedelta) -> None:
        """Move what is kept: the clock was set by this much."""
        self._totals = {
            name: replace(one, since=one.since + by)
            for name, one in self._totals.items()
        }
