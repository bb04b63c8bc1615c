"""Choose when a lost target is tried again, without waiting for its queries' own times; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.alerting.contact import MAX_PROOF, RECOVERY_PAUSE, TargetView
from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.results import Failure
from monitor.model.settings import Job

_FIRST_PAUSE = timedelta(seconds=1)
MAX_PAUSE = timedelta(seconds=15)
"""A recovery is seen within it; more often would cost a server that comes up more than it is worth to us."""


@dataclass(frozen=True, slots=True)
class _ReconnectAttempt:
    """When a lost target is tried next, and how long the pause before that is."""

    at: datetime
    pause: timedelta

    def following(self, now: datetime) -> _ReconnectAttempt:
        """Return the attempt after one that is made now: each pause is twice the one before."""
        pause = min(2 * self.pause, MAX_PAUSE)
        return _ReconnectAttempt(now + pause, pause)


@dataclass(slots=True)
class Reconnects:
    """Runs of one query for each lost target, after 1, 2, 4 … 15 s: its success is the recovery.

    For one thread. It keeps instants of the clock, and a new one is made when that is set.
    """

    _attempts: dict[str, _ReconnectAttempt] = field(default_factory=dict)
    _rerun_after: dict[str, datetime] = field(default_factory=dict)

    def due(
        self, snapshot: Snapshot, now: datetime, targets: Iterable[str]
    ) -> list[Job]:
        """Return the jobs to run now, one for each lost target whose time has come; `targets` has all lost ones."""
        jobs: list[Job] = []
        attempts: dict[str, _ReconnectAttempt] = {}
        for name in targets:
            if snapshot.targets[name].up is not False:
                continue
            first = _ReconnectAttempt(now + _FIRST_PAUSE, _FIRST_PAUSE)
            attempt = self._attempts.get(name, first)
            if attempt.at <= now:
                attempt = attempt.following(now)
                jobs.extend(_cheapest(snapshot.views_of(name)))
            attempts[name] = attempt
        self._attempts = attempts
        return jobs

    def due_again(
        self, snapshot: Snapshot, now: datetime, targets: Iterable[str]
    ) -> list[Job]:
        """Return the jobs whose last run failed of what is over; of one target at most each half minute.

        `targets` has all on which a run failed last. One that comes and goes has them run when it has stayed,
        not each time.
        """
        jobs: list[Job] = []
        self._rerun_after = {
            name: at for name, at in self._rerun_after.items() if at > now
        }
        for name in targets:
            if name in self._rerun_after or not _is_back(snapshot.targets[name], now):
                continue
            failed = [view.job for view in snapshot.views_of(name) if _is_over(view)]
            if failed:
                self._rerun_after[name] = now + RECOVERY_PAUSE
            jobs.extend(failed)
        return jobs


def _is_back(target: TargetView, now: datetime) -> bool:
    """Return whether a target is up and has let us in for long enough to be believed."""
    if not target.up:
        return False
    # None of one that was only just met: it counts as let in.
    is_out = target.is_out(now, proof=MAX_PROOF)
    is_refusing = target.is_refusing(now, proof=MAX_PROOF)
    return not (is_out or is_refusing)


def _is_over(view: QueryView) -> bool:
    """Return whether a query's last run failed with a target that is up and lets us in."""
    outcome = view.outcome
    return isinstance(outcome, Failure) and (outcome.lost or outcome.refused)


def _cheapest(views: list[QueryView]) -> list[Job]:
    """Return what costs least when it gets in: the schema query, else the most frequent one; at most one."""
    jobs = [view.job for view in views]
    return sorted(jobs, key=_cost)[:1]


def _cost(job: Job) -> tuple[bool, timedelta]:
    """Return what to sort by; of two alike, the one that was configured first is taken."""
    # A cron comes last: it may read a whole table once a night.
    is_not_schema = job.query.schema is None
    return is_not_schema, job.query.schedule.period
