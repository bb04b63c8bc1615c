"""Record results in a snapshot where nobody plans the runs."""

from __future__ import annotations

from monitor.alerting.snapshot import Snapshot, with_run
from monitor.model.results import Result


def with_result(snapshot: Snapshot, result: Result) -> Snapshot:
    """Record one result, where its job's next run is planned as it was."""
    view = snapshot.queries.get(result.job.key)
    return with_run(snapshot, result, view.next_run_at if view else None)
