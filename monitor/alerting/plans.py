"""Find the jobs whose planned run is past, so that what is shown as next is always to come; pure."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from monitor.alerting.snapshot import QueryView, Snapshot
from monitor.model.settings import Cron, Every, JobKey


def to_plan_again(snapshot: Snapshot, now: datetime) -> list[JobKey]:
    """Return the jobs whose next run is to be asked for once more.

    The run at the start stands for a slot that follows at once: that slot has no run, and so no result
    that would bring the next plan. What a cron was planned for stays until it has run: by that time it is
    known whether it is overdue.
    """
    return [key for key, view in snapshot.queries.items() if _is_past(view, now)]


def _is_past(view: QueryView, now: datetime) -> bool:
    match view.job.query.schedule:
        case Every():
            return view.next_run_at is None or view.next_run_at <= now
        case Cron():
            return view.next_run_at is None
        case unknown:
            assert_never(unknown)
