"""Begin a snapshot by a configuration, and move it to another one at a reload; pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from monitor.alerting.contact import TargetView
from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import ReceiverView, Snapshot, dependents_of
from monitor.model.chunked_map import ChunkedMap
from monitor.model.schedules import Cron
from monitor.model.settings import Config, Job, JobKey
from monitor.model.walked import kept_position


def empty_snapshot(config: Config, at: datetime | None = None) -> Snapshot:
    """Return the beginning: every job waits, no target was met."""
    return for_config(Snapshot(), config, at)


def for_config(
    snapshot: Snapshot, config: Config, at: datetime | None = None
) -> Snapshot:
    """Move to another configuration: what it did not change keeps its view; the rest begins `at`."""
    keys_of: dict[str, tuple[JobKey, ...]] = {}
    crons = tuple(
        job.key for job in config.jobs if isinstance(job.query.schedule, Cron)
    )
    queries: dict[JobKey, QueryView] = {}
    with_schema: set[str] = set()
    for job in config.jobs:
        queries[job.key] = _kept(snapshot.queries.get(job.key), job, at)
        keys_of[job.target.name] = (*keys_of.get(job.target.name, ()), job.key)
        if job.query.schema is not None:
            with_schema.add(job.target.name)
    for job in config.derived:
        queries[job.key] = _kept(snapshot.queries.get(job.key), job, at)
    targets: dict[str, TargetView] = {}
    for target in config.targets:
        view = snapshot.targets.get(target.name)
        if view is None or view.target != target:
            declared = snapshot.deploys_of(target.name)
            view = TargetView(target, deploys_open=len(declared.under_way))
        if target.name not in with_schema:
            # Without a schema query nobody would ever say that a column is back.
            view = replace(view, missing=None, unknown=frozenset())
        targets[target.name] = view
    receivers: dict[str, ReceiverView] = {}
    for receiver in config.receivers:
        name, new = receiver.name, ReceiverView(receiver.name)
        receivers[name] = snapshot.receivers.get(name, new)
    return replace(
        snapshot,
        queries=ChunkedMap(queries),
        targets=ChunkedMap(targets),
        receivers=receivers,
        keys_of=keys_of,
        crons=crons,
        derived=config.derived_keys,
        dependents=dependents_of(config.derived),
    )


def _kept(view: QueryView | None, job: Job, at: datetime | None) -> QueryView:
    if view is None:
        return QueryView(job, since=at)
    if not view.job.runs_as(job):
        return QueryView(job, since=at, position=kept_position(view.position, job))
    stretch = view.stretch if job.query.may_wait else 1
    return replace(view, job=job, stretch=stretch)


def all_stretches(snapshot: Snapshot) -> dict[JobKey, int]:
    """Return how many times its own interval each job is to have, by its key.

    Of all jobs after a reload: what has become critical by that has its own interval again.
    """
    stretches: dict[JobKey, int] = {}
    for target in snapshot.targets:
        stretches.update(snapshot.stretches_on(target))
    return stretches
