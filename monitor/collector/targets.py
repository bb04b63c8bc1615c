"""Run jobs on their targets: a database and a queue for each, and the way of a due job to them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from monitor.alerting.blocking import blocked_run
from monitor.alerting.snapshot import Snapshot
from monitor.collector.task_queue import Task, TaskQueue
from monitor.collector.worker_pool import WorkerPool
from monitor.model.health import Pool, UnderWay
from monitor.model.results import Result
from monitor.model.settings import Job
from monitor.model.targets import Target
from monitor.timing.clock import SettableClock

if TYPE_CHECKING:
    from monitor.database import Database

_OLD_ENDS_SECONDS = 10.0
"""How long a changed target waits at most for the end of what it was before."""
_CUT_SECONDS = 1.0
"""How long a run may take to end once it is cancelled on the server and its connection cut."""


OpenDatabase: TypeAlias = "Callable[[Target], Database]"
"""Returns a target's database, which connects when it is first used; the runners close it."""


@dataclass(frozen=True, slots=True)
class _TargetRunner:
    """Runs one target's jobs, in threads of the pool on connections of its own."""

    target: Target
    database: Database
    queue: TaskQueue
    running: dict[int, UnderWay] = field(default_factory=dict)
    """What each thread runs, by its identity."""


@dataclass(frozen=True, slots=True)
class _Retiring:
    """A runner on its way out: its connections are closed when it is over."""

    target: Target
    thread: threading.Thread
    over: threading.Event

    def is_before(self, target: Target) -> bool:
        """Return whether this target must wait: else its server would see the connections of both."""
        is_same = self.target.name == target.name
        return is_same or self.target.shares_account_with(target)


@dataclass(slots=True)
class _Losses:
    """How often in a row a target let nobody in: from the second time on one run at a time sees whether it does.

    Else each silent target would hold as many threads as it may have connections.
    """

    max_connections: int
    in_a_row: int = 0

    def limit_after(self, result: Result) -> int:
        """Count a run, and return how many may run at once after it."""
        if result.loss is not None:
            self.in_a_row += 1
        elif result.server is not None:
            self.in_a_row = 0
        return 1 if self.in_a_row > 1 else self.max_connections


class TargetRunners:
    """Every target's database and queue, and the threads that they share; owns them and closes them.

    `on_result` is called in a worker's thread, or for a job that is blocked in the thread that dispatches it;
    `on_missed` in that one, for a job whose last run is not over.
    """

    def __init__(
        self,
        clock: SettableClock,
        *,
        open_database: OpenDatabase,
        on_result: Callable[[Result], None],
        on_missed: Callable[[Job, int], None],
        snapshot: Callable[[], Snapshot],
    ) -> None:
        self._clock = clock
        self._open_database = open_database
        self._on_result = on_result
        self._on_missed = on_missed
        self._snapshot = snapshot
        self._workers = WorkerPool()
        self._runners: Mapping[str, _TargetRunner] = {}
        self._retiring: list[_Retiring] = []

    def apply(self, targets: Iterable[Target]) -> None:
        """Run on these targets from now on; one that is reached as before keeps its connections.

        Where it raises, the runners are as they were before.
        """
        old, targets = self._runners, tuple(targets)
        kept: dict[str, _TargetRunner] = {}
        for target in targets:
            known = old.get(target.name)
            if known is not None and known.target.is_reached_as(target):
                kept[target.name] = replace(known, target=target)
        # Nobody waits for what the others still run: its results would be left out.
        going = [
            self._retire(runner, 0.0)
            for name, runner in old.items()
            if name not in kept
        ]
        try:
            self._runners = {
                target.name: kept.get(target.name) or self._open(target)
                for target in targets
            }
        except BaseException:
            self._retiring = [one for one in self._retiring if one not in going]
            raise
        for one in going:
            _start(one)

    def dispatch(
        self, job: Job, scheduled_at: datetime, clock_shift: timedelta
    ) -> None:
        """Hand a due job to its target's workers; a blocked one has its result at once.

        `clock_shift`: by how much the clock had been moved when the instant was read.
        """
        now = self._clock.now()
        blocked = blocked_run(job, scheduled_at, self._snapshot(), now)
        if blocked is not None:
            self._on_result(blocked)
        elif not self._submit(Task(job, scheduled_at, clock_shift)):
            self._on_missed(job, 1)

    def run_now(self, jobs: Iterable[Job]) -> None:
        """Run jobs without waiting for their time, but not one that waits or runs already."""
        now, clock_shift = self._clock.reading()
        for job in jobs:
            self._submit(Task(job, now, clock_shift))

    def pools(self) -> tuple[Pool, ...]:
        """Return what runs on each target and since when; waits for no lock."""
        return tuple(
            Pool(name, runner.target.max_connections, tuple(runner.running.values()))
            for name, runner in self._runners.items()
        )

    def stop(self, grace_seconds: float) -> None:
        """Let what runs end, cancel on the servers what does not, and close everything; all targets at once.

        Takes at most about twice the grace; what then still hangs ends with the process.
        """
        for runner in self._runners.values():
            _start(self._retire(runner, grace_seconds))
        deadline = time.monotonic() + 2 * grace_seconds
        for one in self._retiring:
            one.over.wait(max(0.0, deadline - time.monotonic()))
        self._workers.stop()

    def _retire(self, runner: _TargetRunner, grace_seconds: float) -> _Retiring:
        over = threading.Event()
        thread = threading.Thread(
            target=_stop, args=(runner, grace_seconds, over), name="retire", daemon=True
        )
        retiring = _Retiring(runner.target, thread, over)
        not_over = [one for one in self._retiring if not one.over.is_set()]
        self._retiring = [*not_over, retiring]
        return retiring

    def _open(self, target: Target) -> _TargetRunner:
        # Only here: the driver and all that runs queries are a tenth of a start, for which /metrics need not wait.
        from monitor.collector.execute import execute

        database = self._open_database(target)
        before = [one.over for one in self._retiring if one.is_before(target)]
        until_seconds = time.monotonic() + _OLD_ENDS_SECONDS

        running: dict[int, UnderWay] = {}
        losses = _Losses(target.max_connections)

        def run(task: Task) -> None:
            for over in before:
                over.wait(max(0.0, until_seconds - time.monotonic()))
            query = task.job.query
            thread = threading.get_ident()
            running[thread] = UnderWay(query.name, self._clock.now(), query.timeout)
            try:
                result = execute(
                    task.job,
                    task.scheduled_at,
                    database,
                    self._clock,
                    self._snapshot().position_of(task.job.key),
                    spares_server=True,
                    alerts=self._snapshot().alerts,
                    turns=self._snapshot().turns_of(task.job.key),
                )
                queue.limit(losses.limit_after(result))
                self._on_result(replace(result, clock_shift=task.clock_shift))
            finally:
                del running[thread]

        queue = self._workers.queue(target.max_connections, run)
        return _TargetRunner(target, database, queue, running)

    def _submit(self, task: Task) -> bool:
        runner = self._runners.get(task.job.target.name)
        if runner is None:
            return True  # a reload has just removed the target: nothing is missed
        return runner.queue.submit(task, first=task.job.query.schema is not None)


def _start(retiring: _Retiring) -> None:
    try:
        retiring.thread.start()
    except RuntimeError:  # the system gives no more threads: here, then
        retiring.thread.run()


def _stop(runner: _TargetRunner, grace_seconds: float, over: threading.Event) -> None:
    try:
        runner.queue.stop()
        if not runner.queue.join(grace_seconds):
            runner.database.cancel_all()
            runner.queue.join(max(grace_seconds, _CUT_SECONDS))
        runner.database.close()
    finally:
        over.set()
