"""Which jobs may wait for their server's sake, and what a run that was put off is: one of the outcomes of a run."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

from monitor.model.load_limits import PutOffReason
from monitor.model.settings import ColumnName, Job, Severity


@dataclass(frozen=True, slots=True)
class Deferred:
    """Neither data nor a failure: what the last run said stands for as long as it holds."""

    reason: PutOffReason
    message: str

    @property
    def is_for_server(self) -> bool:
        """Return that the server, or the replica that it is, has to come to rest first."""
        return True

    def columns_lacked(self, _missing: Set[ColumnName]) -> Set[ColumnName]:
        """Return no column: none was looked for."""
        return frozenset()


def may_wait(job: Job) -> bool:
    """Return whether a job may run later or more rarely for the server's sake: nothing critical hangs on it.

    What says whether the schema is whole never waits: all other queries depend on it.
    """
    if job.query.schema is not None:
        return False
    return all(rule.severity is not Severity.CRITICAL for rule in job.query.rules)


def stretched(job: Job, times: int) -> Job:
    """Return the job with so many times its interval; itself where it has none, or may not wait."""
    if times == 1 or not may_wait(job):
        return job
    schedule = job.query.schedule.stretched(times)
    return replace(job, query=replace(job.query, schedule=schedule))
