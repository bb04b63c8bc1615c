"""Let a query that several jobs have run when each of them wants it; a step of an import, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, TypeAlias

from monitor.config.toml.problems import Origin
from monitor.migration.imported import ImportedQuery, ImportedTarget
from monitor.migration.intervals import read_interval
from monitor.migration.report import ImportReport

ScheduleKeys: TypeAlias = Mapping[str, str]
"""`interval` or `cron`, as our files have it."""
_SHORTER: Final = "query {query} is one for all jobs: the shorter interval holds"
_APART: Final = (
    "query {query} is one for all jobs, which run it at other times: each has its own in"
    " [targets.NAME.queries.{query}]"
)


@dataclass(frozen=True, slots=True)
class _Use:
    """A query in one job: where, and when it runs there."""

    origin: Origin
    schedule: ScheduleKeys


@dataclass(slots=True)
class SharedSchedules:
    """When queries run, by the jobs that have them; filled while jobs are mapped."""

    _uses: dict[str, list[_Use]] = field(default_factory=dict)

    def add(self, query: str, origin: Origin, schedule: ScheduleKeys) -> None:
        """Add that a job has a query."""
        self._uses.setdefault(query, []).append(_Use(origin, schedule))

    def over_query(self, query: ImportedQuery, report: ImportReport) -> ImportedQuery:
        """Return a query with the schedule of all its jobs; with none where only each target can say it."""
        self._tell(query.name, report)
        rest = dict(query.keys)
        own: ScheduleKeys = {
            key: rest.pop(key) for key in ("interval", "cron") if key in rest
        }
        if self._is_apart(query.name):
            return replace(query, keys=rest)
        shortest = min(self._schedules(query.name), key=_length, default=own)
        # They are written as they stand here.
        return replace(query, keys={"summary": rest["summary"], **shortest, **rest})

    def over_target(
        self, target: ImportedTarget, schedule: ScheduleKeys
    ) -> ImportedTarget:
        """Return a target of a job with the schedule of those queries that other jobs run by another crontab."""
        apart = {name: schedule for name in target.queries if self._is_apart(name)}
        return replace(target, schedules=apart)

    def _schedules(self, query: str) -> Sequence[ScheduleKeys]:
        return [use.schedule for use in self._uses.get(query, [])]

    def _is_apart(self, query: str) -> bool:
        """Return whether no one schedule says when all jobs run it: of two crontabs none is the more frequent."""
        schedules = self._schedules(query)
        has_cron = any("cron" in schedule for schedule in schedules)
        return has_cron and any(one != schedules[0] for one in schedules)

    def _tell(self, query: str, report: ImportReport) -> None:
        """Note of each job but the first that it has another schedule, and what became of it."""
        message = _APART if self._is_apart(query) else _SHORTER
        uses = self._uses.get(query, [])
        for use in uses[1:]:
            if use.schedule != uses[0].schedule:
                report.note(use.origin, message.format(query=query))


def _length(schedule: ScheduleKeys) -> timedelta:
    """Return an interval; none of a crontab, which all that are compared have alike."""
    return read_interval(schedule.get("interval", "")) or timedelta(0)
