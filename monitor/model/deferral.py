"""What a run that was put off for its server's sake is: one of the outcomes; and a job with longer intervals."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

from monitor.model.load_limits import PutOffReason
from monitor.model.settings import ColumnName, Job


@dataclass(frozen=True, slots=True)
class Deferred:
    """Neither data nor a failure: what the last run said stands for as long as it holds."""

    reason: PutOffReason
    message: str

    @property
    def why_no_data(self) -> tuple[str, str]:
        """Return the word for it and the message."""
        return "deferred", self.message

    @property
    def remark(self) -> str:
        """Return what there is to say of it to people."""
        return self.message

    @property
    def has_reached_server(self) -> bool:
        """Return whether it has taken time of its server."""
        return False

    @property
    def is_for_server(self) -> bool:
        """Return that the server, or the replica that it is, has to come to rest first."""
        return True

    def columns_lacked(self, _missing: Set[ColumnName]) -> Set[ColumnName]:
        """Return no column: none was looked for."""
        return frozenset()


def stretched(job: Job, times: int) -> Job:
    """Return the job with so many times its interval; itself where it has none, or may not wait."""
    if times == 1 or not job.query.may_wait:
        return job
    schedule = job.query.schedule.stretched(times)
    return replace(job, query=replace(job.query, schedule=schedule))
