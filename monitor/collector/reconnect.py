"""Say when a lost target is tried again, without waiting for its queries' own times; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.alerting.contact import MAX_PROOF, RECOVERY_PAUSE
from monitor.alerting.snapshot import QueryView, Snapshot
from monitor.model.results import Failure
from monitor.model.settings import Every, Job

_FIRST = timedelta(seconds=1)
_LONGEST = timedelta(seconds=15)
_NO_INTERVAL = timedelta.max


@dataclass(slots=True)
class Reconnects:
    """One run of one query for each lost target, after 1, 2, 4 … 15 s: its success is the recovery."""

    _next: dict[str, tuple[datetime, timedelta]] = field(default_factory=dict)
    _again: dict[str, datetime] = field(default_factory=dict)

    def due(self, snapshot: Snapshot, now: datetime) -> list[Job]:
        """List the jobs to run now, one for each target whose time has come."""
        lost = {name for name, view in snapshot.targets.items() if view.up is False}
        self._next = {name: plan for name, plan in self._next.items() if name in lost}
        jobs = []
        for name in lost:
            at, pause = self._next.get(name, (now + _FIRST, _FIRST))
            if at <= now:
                pause = min(2 * pause, _LONGEST)
                at = now + pause
                jobs.extend(_cheapest(snapshot.views_of(name)))
            self._next[name] = (at, pause)
        return jobs

    def due_again(self, snapshot: Snapshot, now: datetime) -> list[Job]:
        """List the jobs that failed of what is over, to run now; of one target at most each half minute.

        A target that comes and goes has them run when it has stayed, not each time.
        """
        jobs: list[Job] = []
        for name, target in snapshot.targets.items():
            if not target.up or self._again.get(name, now) > now:
                continue
            if target.is_out(now, proof=MAX_PROOF) or target.is_refusing(
                now, proof=MAX_PROOF
            ):
                continue
            failed = [view.job for view in snapshot.views_of(name) if _is_over(view)]
            if failed:
                self._again[name] = now + RECOVERY_PAUSE
            jobs.extend(failed)
        return jobs


def _is_over(view: QueryView) -> bool:
    """Tell whether a query's last run failed with a target that is up and lets us in."""
    outcome = view.outcome
    return isinstance(outcome, Failure) and (outcome.lost or outcome.refused)


def _cheapest(views: list[QueryView]) -> list[Job]:
    """Choose what costs least when it gets in: the schema query, else the most frequent one."""

    def cost(view: QueryView) -> tuple[bool, timedelta]:
        schedule = view.job.query.schedule
        return view.job.query.schema is None, schedule.interval if isinstance(
            schedule, Every
        ) else _NO_INTERVAL

    return [view.job for view in sorted(views, key=cost)[:1]]
