"""Run one target's jobs in threads of its own: a slow target spends only its own threads.

In a pool that all targets share, ten runs that hang would hold up those of fifty healthy ones.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.model.settings import Job


@dataclass(frozen=True, slots=True)
class Task:
    """A job that is due, and the instant that it was scheduled for.

    `clock_shift`: by how much the clock had been moved in all when that instant was read.
    """

    job: Job
    scheduled_at: datetime
    clock_shift: timedelta = timedelta(0)


class WorkerPool:
    """At most `size` daemon threads, started when there is work for one more of them.

    A job that is queued or running is refused; so the queue never holds more than one task a job. They are
    daemons, since the end of the process waits for none that hangs in a database.
    """

    def __init__(self, name: str, size: int, run: Callable[[Task], None]) -> None:
        self._name = name
        self._size = size
        self._run = run
        self._tasks: deque[Task] = deque()
        self._busy: dict[tuple[str, str], Job] = {}
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._running = 0
        self._stopped = False
        self._changed = threading.Condition()

    def submit(self, task: Task, *, first: bool = False) -> bool:
        """Queue a task, before all others if `first`; False when its job still waits or runs."""
        with self._changed:
            if self._stopped or self._busy.get(task.job.key) == task.job:
                return False
            # Another version of the job, before a reload: one that runs is not a reason to refuse this one,
            # and one that waits need not be run any more.
            self._tasks = deque(
                other for other in self._tasks if other.job.key != task.job.key
            )
            is_all_busy = self._idle <= len(self._tasks)
            may_grow = len(self._threads) < self._size
            if is_all_busy and may_grow and not self._grow():
                return False
            self._busy[task.job.key] = task.job
            if first:
                self._tasks.appendleft(task)
            else:
                self._tasks.append(task)
            self._changed.notify()
            return True

    def stop(self) -> None:
        """Forget what is queued and let the threads end after what they run now."""
        with self._changed:
            self._stopped = True
            for task in self._tasks:
                self._forget(task)
            self._tasks.clear()
            self._changed.notify_all()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for what runs; False when something still does."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._tasks and not self._running, timeout_seconds
            )

    def _grow(self) -> bool:
        thread = threading.Thread(
            target=self._work,
            name=f"{self._name}-{len(self._threads) + 1}",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError:
            # The system gives no more threads: work with those that there are.
            return bool(self._threads)
        self._threads.append(thread)
        return True

    def _work(self) -> None:
        task: Task | None = None
        try:
            while (task := self._next(after=task)) is not None:
                self._run(task)
        finally:
            # also when the run let an exception through: the next task gets a new thread
            with self._changed:
                self._end(task)
                self._threads.remove(threading.current_thread())

    def _next(self, *, after: Task | None) -> Task | None:
        with self._changed:
            self._end(after)
            self._idle += 1
            try:
                self._changed.wait_for(lambda: self._stopped or bool(self._tasks))
                if not self._tasks:
                    return None
                self._running += 1
                return self._tasks.popleft()
            finally:
                self._idle -= 1

    def _end(self, task: Task | None) -> None:
        if task is not None:
            self._running -= 1
            self._forget(task)
            self._changed.notify_all()

    def _forget(self, task: Task) -> None:
        if self._busy.get(task.job.key) is task.job:
            del self._busy[task.job.key]
