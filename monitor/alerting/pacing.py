"""Stretch the intervals of a target's queries by what its account says, and let them shrink again; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from monitor.alerting.contact import TargetView
from monitor.alerting.freshness import expiry
from monitor.alerting.load import accounted_seconds
from monitor.alerting.query_view import QueryView
from monitor.model.results import Result
from monitor.model.settings import Job, JobKey


def after_run_paid(
    target: TargetView, result: Result, views: Iterable[QueryView]
) -> TargetView:
    """Return a target with a run accounted for, and the stretch of its intervals that follows from it.

    `views` are all of the target. A run that had no statement cost nothing, and says nothing of what one costs.
    """
    seconds = accounted_seconds(result)
    if not seconds:
        return target
    query, at = result.job.query.name, result.finished_at
    load = target.load.with_run(query, seconds, at)
    jobs = [view.job for view in views]
    load = load.with_pace(jobs, target.target.load, at)
    return replace(target, load=load)


def with_pace(view: QueryView, target: TargetView, *, has_run: bool) -> QueryView:
    """Return a view with the interval that it has from now on; the view itself where that is as it was."""
    stretch = target.stretch_of(view.job)
    if not has_run:
        # What shrinks does so at its next run: until then none is expected sooner than it was planned.
        stretch = max(stretch, view.stretch)
    if stretch == view.stretch:
        return view
    view = replace(view, stretch=stretch)
    if view.expires_at is None or view.data_at is None:
        return view
    # What it said last holds until it runs again, which is later now.
    expires_at = expiry(view.paced, view.data_at, view.next_run_at)
    return replace(view, expires_at=max(view.expires_at, expires_at))


def stretches_of(
    targets: Mapping[str, TargetView], jobs: Iterable[Job]
) -> dict[JobKey, int]:
    """Return for each job how many times its own interval it is to have.

    Of all jobs after a reload: what has become critical by that has its own interval again.
    """
    stretches: dict[JobKey, int] = {}
    for job in jobs:
        target = targets[job.target.name]
        stretches[job.key] = target.stretch_of(job)
    return stretches


def put_off_words(target: TargetView) -> str:
    """Return why what is not critical waits there, as of the last contact; empty where it does not."""
    server = target.server
    if server is None:
        return ""
    busy = target.target.load.busy_words(server.threads_running)
    return busy or target.replica_fault
