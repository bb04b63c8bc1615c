"""Hold what watches the targets: a database and workers for each, and the way of a due job to them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.clock import Clock
from monitor.database import Database, Watchdog
from monitor.judgements import blocked, is_blocked
from monitor.model.results import Result
from monitor.model.settings import Job, Target
from monitor.runs import execute
from monitor.store import Snapshot
from monitor.workers import Task, Workers

_CUT_SECONDS = 1.0
"""How long a run may take to end once it is cancelled on the server and its connection cut."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one target's jobs run."""

    target: Target
    database: Database
    workers: Workers


class Watching:
    """Every target's database and workers; `on_result` and `on_missed` take what comes of them."""

    def __init__(
        self,
        clock: Clock,
        environ: Mapping[str, str],
        *,
        on_result: Callable[[Result], None],
        on_missed: Callable[[Job, int], None],
        snapshot: Callable[[], Snapshot],
    ) -> None:
        self._clock = clock
        self._environ = environ
        self._on_result = on_result
        self._on_missed = on_missed
        self._snapshot = snapshot
        self._watchdog = Watchdog()
        self._places: Mapping[str, _Place] = {}
        self._retiring: list[threading.Thread] = []

    def apply(self, targets: Iterable[Target]) -> None:
        """Watch these targets; one that is reached as before keeps its connections, whatever else changed."""
        old = self._places
        places = {}
        for target in targets:
            known = old.get(target.name)
            same = known is not None and _is_reached_alike(known.target, target)
            places[target.name] = replace(known, target=target) if known and same else self._open(target)
        self._places = places
        for name, place in old.items():
            if name not in places or places[name].workers is not place.workers:
                # Nobody waits for what it still runs: its results would be left out.
                self._retire(place, 0.0)

    def dispatch(self, job: Job, scheduled_at: datetime) -> None:
        """Give a due job to its target's workers; a blocked one has its result at once."""
        now = self._clock.now()
        missing = is_blocked(job, self._snapshot(), now)
        if missing:
            self._on_result(blocked(job, scheduled_at, missing, now))
        elif not self._submit(job, scheduled_at):
            self._on_missed(job, 1)

    def run_now(self, jobs: Iterable[Job]) -> None:
        """Run jobs without waiting for their time; one that waits or runs already is left at that."""
        now = self._clock.now()
        for job in jobs:
            self._submit(job, now)

    def stop(self, grace_seconds: float) -> None:
        """Let what runs end, cancel on the servers what does not, and close everything; all targets at once.

        Takes at most about twice the grace; what then still hangs ends with the process.
        """
        for place in self._places.values():
            self._retire(place, grace_seconds)
        deadline = time.monotonic() + 2 * grace_seconds
        for thread in self._retiring:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._watchdog.close()

    def _retire(self, place: _Place, grace_seconds: float) -> None:
        thread = threading.Thread(target=_stop, args=(place, grace_seconds), name="retire", daemon=True)
        thread.start()
        self._retiring = [one for one in self._retiring if one.is_alive()] + [thread]

    def _open(self, target: Target) -> _Place:
        database = Database(target, environ=self._environ, watchdog=self._watchdog)

        def run(task: Task) -> None:
            self._on_result(execute(task.job, task.scheduled_at, database, self._clock))

        return _Place(target, database, Workers(target.name, target.max_connections, run))

    def _submit(self, job: Job, scheduled_at: datetime) -> bool:
        place = self._places.get(job.target.name)
        if place is None:
            return True  # a reload has just removed the target: nothing is missed
        return place.workers.submit(Task(job, scheduled_at), first=job.query.schema is not None)


def _is_reached_alike(one: Target, other: Target) -> bool:
    return replace(one, labels={}) == replace(other, labels={})


def _stop(place: _Place, grace_seconds: float) -> None:
    place.workers.stop()
    if not place.workers.join(grace_seconds):
        place.database.cancel_all()
        place.workers.join(max(grace_seconds, _CUT_SECONDS))
    place.database.close()
