"""Say when a lost target is tried again, without waiting for its queries' own times; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.model.settings import Every, Job
from monitor.store import QueryView, Snapshot

_FIRST = timedelta(seconds=1)
_LONGEST = timedelta(seconds=15)
_NO_INTERVAL = timedelta.max


@dataclass(slots=True)
class Probes:
    """One run of one query for each lost target, after 1, 2, 4 … 15 s: its success is the recovery."""

    _next: dict[str, tuple[datetime, timedelta]] = field(default_factory=dict)

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


def _cheapest(views: list[QueryView]) -> list[Job]:
    """Choose what costs least when it gets in: the schema query, else the most frequent one."""

    def cost(view: QueryView) -> tuple[bool, timedelta]:
        schedule = view.job.query.schedule
        return view.job.query.schema is None, schedule.interval if isinstance(
            schedule, Every
        ) else _NO_INTERVAL

    return [view.job for view in sorted(views, key=cost)[:1]]
