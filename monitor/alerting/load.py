"""Account for what a target's queries cost its server, and say how much more rarely they must run; pure.

A run is accounted for when its result comes. What a target's queries would cost at their own intervals is
known from their last runs: so the answer does not depend on how they are stretched now, and does not swing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import median_low

from monitor.model.load_limits import LOAD_WINDOW, LoadLimits
from monitor.model.results import Failure, Result
from monitor.model.schedules import Every
from monitor.model.settings import Job, JobKey

_PART = timedelta(seconds=20)
"""Runs that end within it are one entry of the account."""
_RUNS_KEPT = 3
"""The middle one of so many counts: a single one on cold caches stretches nothing."""
_LEAST_PART = 0.1
"""Of the budget, that is left to what may wait where the critical queries use all of it."""
_MARGIN = 1.2
"""By how much the budget must suffice for the intervals that are chosen when they shrink again."""
_CALM = 2.5
"""How many times longer than needed intervals must be before they shrink: costs swing, intervals should not."""
MAX_STRETCH = 1000

_Spent = tuple[datetime, float]


@dataclass(frozen=True, slots=True)
class LoadAccount:
    """What the runs of a target took of its server: the newest entries first."""

    spent: tuple[_Spent, ...] = ()
    """When each part of the window began, and how many seconds statements ran in it."""
    costs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By query: how many seconds the statements of its last runs took, the newest first."""
    stretch: int = 1
    """How many times their own intervals the queries that may wait have now."""

    def stretch_of(self, job: Job) -> int:
        """Return how many times its own interval a job of the target has, to keep all within their share."""
        # Nearly always nothing is stretched, and it need not be asked what may wait.
        return 1 if self.stretch == 1 or not job.query.may_wait else self.stretch

    def stretches_of(self, jobs: Iterable[Job]) -> dict[JobKey, int]:
        """Return that of some jobs of the target, by their keys."""
        return {job.key: self.stretch_of(job) for job in jobs}

    def spent_seconds(self, now: datetime) -> float:
        """Return how long statements ran within the window that ends now, in seconds."""
        since = now - LOAD_WINDOW
        return math.fsum(seconds for at, seconds in self.spent if at > since)

    @property
    def ratio(self) -> float | None:
        """Return for which part of the window before the last run a statement ran; None before one."""
        if not self.spent:
            return None
        return self.spent_seconds(self.spent[0][0]) / LOAD_WINDOW.total_seconds()

    def left_seconds(self, limits: LoadLimits, now: datetime) -> float:
        """Return how long statements may still run within the window that ends now, in seconds."""
        return max(limits.budget_seconds - self.spent_seconds(now), 0.0)

    def with_run(self, query: str, seconds: float, at: datetime) -> LoadAccount:
        """Return the account after a run of a query whose statements took so long."""
        costs = (seconds, *self.costs.get(query, ()))[:_RUNS_KEPT]
        return replace(
            self,
            spent=_with_spent(self.spent, seconds, at),
            costs={**self.costs, query: costs},
        )

    def with_pace(
        self, jobs: Iterable[Job], limits: LoadLimits, now: datetime
    ) -> LoadAccount:
        """Return the account with the stretch that keeps these jobs of the target within their share."""
        is_spent = self.left_seconds(limits, now) == 0
        if self.stretch == 1 and not is_spent:
            # So it is nearly always: what would be needed is computed by each run of a fleet.
            return self
        needed = self._needed(tuple(jobs), limits)
        if needed > self.stretch and is_spent:
            return replace(self, stretch=_rounded(needed))
        if needed * _CALM < self.stretch:
            return replace(self, stretch=_rounded(needed * _MARGIN))
        return self

    def _needed(self, jobs: Iterable[Job], limits: LoadLimits) -> float:
        """Return by how much the intervals of what may wait must be longer than they are by themselves."""
        urgent_seconds, waiting_seconds = 0.0, 0.0
        for job, seconds in self._demands(jobs):
            if job.query.may_wait:
                waiting_seconds += seconds
            else:
                urgent_seconds += seconds
        budget_seconds = limits.budget_seconds
        left_seconds = max(
            budget_seconds - urgent_seconds, _LEAST_PART * budget_seconds
        )
        return waiting_seconds / left_seconds

    def _demands(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, float]]:
        """Yield what each job with an interval takes within a window, in seconds, at that interval."""
        for job in jobs:
            costs, schedule = self.costs.get(job.query.name), job.query.schedule
            if costs and isinstance(schedule, Every):
                yield job, median_low(costs) * (LOAD_WINDOW / schedule.interval)


def _with_spent(
    spent: tuple[_Spent, ...], seconds: float, at: datetime
) -> tuple[_Spent, ...]:
    if spent and at - spent[0][0] < _PART:
        began_at, before_seconds = spent[0]
        return ((began_at, before_seconds + seconds), *spent[1:])
    kept = (one for one in spent if at - one[0] < LOAD_WINDOW)
    return ((at, seconds), *kept)


def _rounded(times: float) -> int:
    """Return a whole number of intervals: slots of the grid are left out, and none is moved."""
    return min(max(math.ceil(times), 1), MAX_STRETCH)


def after_run_paid(
    account: LoadAccount, result: Result, jobs: Iterable[Job], limits: LoadLimits
) -> LoadAccount:
    """Return a target's account after a run, and with the stretch of its jobs' intervals that follows from it.

    `jobs` are all of the target. A run that had no statement cost nothing, and says nothing of what one costs.
    One that failed counts for nothing: what it took is a wait for a lock or a limit, and a query that fails
    keeps its schedule, so that its recovery is seen as soon as ever.
    """
    seconds = result.statement_seconds
    if not seconds or isinstance(result.outcome, Failure):
        return account
    at = result.finished_at
    account = account.with_run(result.job.query.name, seconds, at)
    return account.with_pace(jobs, limits, at)
