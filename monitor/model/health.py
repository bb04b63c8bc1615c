"""Compute whether the monitor does its work, by what each of its threads last did; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

SILENT_FOR = timedelta(seconds=15)
"""A thread that has something to do each second and did nothing for so long is frozen."""

RUN_GRACE = timedelta(seconds=15)
"""Beyond three time limits: a run is ended by the server, by KILL and by a cut long before."""

ATTEMPT_GRACE = timedelta(minutes=2)
"""Beyond three time limits: a name look-up cannot be cut, and takes so long where no name server answers."""


@dataclass(frozen=True, slots=True)
class LoopThread:
    """A thread that has something to do each second, and when it last did."""

    name: str
    is_alive: bool
    last_at: datetime


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What a thread is at: since when, and how long it may take."""

    what: str
    since: datetime
    limit: timedelta


@dataclass(frozen=True, slots=True)
class Pool:
    """One target's workers: how many there may be, and what runs."""

    target: str
    size: int
    runs: tuple[UnderWay, ...]


@dataclass(frozen=True, slots=True)
class DeliveryWorker:
    """A thread that delivers to one receiver, and the attempt that it is at."""

    receiver: str
    is_alive: bool
    attempt: UnderWay | None


@dataclass(frozen=True, slots=True)
class ProcessHealth:
    """Signs of life of the whole process.

    `overdue`: the job that should have begun longest ago and has not, and when it was due.
    `awake_since`: when the process began or woke; what fell due before had no chance until then.
    """

    awake_since: datetime
    is_scheduling: bool
    overdue: tuple[datetime, tuple[str, str]] | None = None
    loops: tuple[LoopThread, ...] = ()
    pools: tuple[Pool, ...] = ()
    delivery_workers: tuple[DeliveryWorker, ...] = ()


def faults(health: ProcessHealth, now: datetime) -> tuple[str, ...]:
    """Return what does not live, in words, one for each fault; nothing where all is well.

    A lost database and a receiver that takes nothing are no faults of the monitor: alerts speak of them.
    """
    awake_since = health.awake_since
    found = list(_of_schedule(health, now))
    for loop in health.loops:
        found += _of_loop(loop, now, awake_since)
    for pool in health.pools:
        found += _of_pool(pool, now, awake_since)
    for worker in health.delivery_workers:
        found += _of_delivery_worker(worker, now, awake_since)
    return tuple(found)


def _of_schedule(health: ProcessHealth, now: datetime) -> Iterator[str]:
    if not health.is_scheduling:
        yield "the scheduler does not run"
    elif health.overdue is not None:
        due_at, (target, query) = health.overdue
        late = now - max(due_at, health.awake_since)
        if late > SILENT_FOR:
            yield f"the scheduler has hung: {query} on {target} has been due for {_seconds(late)}"


def _of_loop(loop: LoopThread, now: datetime, awake_since: datetime) -> Iterator[str]:
    silent = now - max(loop.last_at, awake_since)
    if not loop.is_alive:
        yield f"the {loop.name} does not run"
    elif silent > SILENT_FOR:
        yield f"the {loop.name} has done nothing for {_seconds(silent)}"


def _of_pool(pool: Pool, now: datetime, awake_since: datetime) -> Iterator[str]:
    stuck = [run for run in pool.runs if _is_stuck(run, now, awake_since, RUN_GRACE)]
    # One that hangs has an alert of its own, since its query does not run; with all of them nothing runs.
    if stuck and len(stuck) >= pool.size:
        longest = now - min(run.since for run in stuck)
        names = ", ".join(sorted(run.what for run in stuck))
        yield f"all workers of {pool.target} have hung for up to {_seconds(longest)}, in {names}"


def _of_delivery_worker(
    worker: DeliveryWorker, now: datetime, awake_since: datetime
) -> Iterator[str]:
    attempt = worker.attempt
    if not worker.is_alive:
        yield f"the delivery to {worker.receiver} does not run"
    elif attempt is not None and _is_stuck(attempt, now, awake_since, ATTEMPT_GRACE):
        hung_for = _seconds(now - attempt.since)
        yield f"the delivery to {worker.receiver} has hung for {hung_for}"


def _is_stuck(
    one: UnderWay, now: datetime, awake_since: datetime, grace: timedelta
) -> bool:
    return now - max(one.since, awake_since) > 3 * one.limit + grace


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():.0f} s"
