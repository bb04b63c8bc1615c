"""Say whether the monitor does its work, by what each of its threads last did; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

SILENT_FOR = timedelta(seconds=15)
"""A part that has something to do each second and did nothing for so long is frozen."""

RUN_GRACE = timedelta(seconds=15)
"""Beyond three time limits: a run is ended by the server, by KILL and by a cut long before."""

ATTEMPT_GRACE = timedelta(minutes=2)
"""Beyond three time limits: a name look-up cannot be cut, and takes so long where no name server answers."""


@dataclass(frozen=True, slots=True)
class Part:
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
    parts: tuple[Part, ...] = ()
    pools: tuple[Pool, ...] = ()
    delivery_workers: tuple[DeliveryWorker, ...] = ()


def faults(vitals: ProcessHealth, now: datetime) -> tuple[str, ...]:
    """List what does not live, in words; nothing where all is well.

    A lost database and a receiver that takes nothing are no faults of the monitor: alerts speak of them.
    """
    return (
        *_of_schedule(vitals, now),
        *(
            fault
            for part in vitals.parts
            for fault in _of_part(part, now, vitals.awake_since)
        ),
        *_of_pools(vitals.pools, now, vitals.awake_since),
        *_of_delivery_workers(vitals.delivery_workers, now, vitals.awake_since),
    )


def _of_schedule(vitals: ProcessHealth, now: datetime) -> Iterator[str]:
    if not vitals.is_scheduling:
        yield "the scheduler does not run"
    elif vitals.overdue is not None:
        due_at, (target, query) = vitals.overdue
        late = now - max(due_at, vitals.awake_since)
        if late > SILENT_FOR:
            yield f"the scheduler has hung: {query} on {target} has been due for {_seconds(late)}"


def _of_part(part: Part, now: datetime, awake_since: datetime) -> Iterator[str]:
    silent = now - max(part.last_at, awake_since)
    if not part.is_alive:
        yield f"the {part.name} does not run"
    elif silent > SILENT_FOR:
        yield f"the {part.name} has done nothing for {_seconds(silent)}"


def _of_pools(
    pools: Iterable[Pool], now: datetime, awake_since: datetime
) -> Iterator[str]:
    for pool in pools:
        stuck = [
            run for run in pool.runs if _is_stuck(run, now, awake_since, RUN_GRACE)
        ]
        # One that hangs has an alert of its own, since its query does not run; with all of them nothing runs.
        if stuck and len(stuck) >= pool.size:
            longest = now - min(run.since for run in stuck)
            names = ", ".join(sorted(run.what for run in stuck))
            yield f"all workers of {pool.target} have hung for up to {_seconds(longest)}, in {names}"


def _of_delivery_workers(
    delivery_workers: Iterable[DeliveryWorker], now: datetime, awake_since: datetime
) -> Iterator[str]:
    for worker in delivery_workers:
        attempt = worker.attempt
        if not worker.is_alive:
            yield f"the delivery to {worker.receiver} does not run"
        elif attempt is not None and _is_stuck(
            attempt, now, awake_since, ATTEMPT_GRACE
        ):
            yield f"the delivery to {worker.receiver} has hung for {_seconds(now - attempt.since)}"


def _is_stuck(
    one: UnderWay, now: datetime, awake_since: datetime, grace: timedelta
) -> bool:
    return now - max(one.since, awake_since) > 3 * one.limit + grace


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():.0f} s"
