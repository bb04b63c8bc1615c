"""Hold the tasks of one target until a thread of the pool takes them; between schedule and pool."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from monitor.model.settings import Job


@dataclass(frozen=True, slots=True)
class Task:
    """A job that is due, and the instant that it was scheduled for.

    `clock_shift`: by how much the clock had been moved in all when that instant was read.
    """

    job: Job
    scheduled_at: datetime
    clock_shift: timedelta = timedelta(0)


Run: TypeAlias = Callable[[Task], None]


class ThreadPool(Protocol):
    """What gives queues their threads."""

    lock: threading.Lock

    def serve(self, queue: TaskQueue) -> bool:
        """See to what a queue may begin, under the lock; False where there is no thread at all to be had."""


class TaskQueue:
    """One target's tasks, of which at most `size` run at once. Thread-safe, by the lock of its pool.

    A job that is queued or running is refused; so there is never more than one task of a job waiting.
    """

    def __init__(self, pool: ThreadPool, size: int, run: Run) -> None:
        self._pool = pool
        self._size = size
        self.run = run
        self._tasks: deque[Task] = deque()
        self._busy: dict[tuple[str, str], Job] = {}
        self._running = 0
        self._stopped = False
        self.listed_at: float | None = None
        """Since when it stands in the pool's line, by time.monotonic; under the pool's lock, as all that follows."""
        # Only who waits for its end needs it: a fleet has thousands of queues.
        self._ended: threading.Condition | None = None

    def submit(self, task: Task, *, first: bool = False) -> bool:
        """Queue a task, before all others if `first`; False when its job still waits or runs."""
        with self._pool.lock:
            if self._stopped or self._busy.get(task.job.key) == task.job:
                return False
            # Another version of the job, before a reload: one that runs is not a reason to refuse this one,
            # and one that waits need not be run any more.
            if task.job.key in self._busy:
                kept = (one for one in self._tasks if one.job.key != task.job.key)
                self._tasks = deque(kept)
            self._busy[task.job.key] = task.job
            if first:
                self._tasks.appendleft(task)
            else:
                self._tasks.append(task)
            if self._pool.serve(self):
                return True
            self._tasks.remove(task)
            self._forget(task)
            return False

    def limit(self, size: int) -> None:
        """Let at most so many run at once from now on; what runs already is let run."""
        with self._pool.lock:
            if size != self._size:
                self._size = size
                self._pool.serve(self)

    def stop(self) -> None:
        """Forget what is queued, and take no more; what runs is let run."""
        with self._pool.lock:
            self._stopped = True
            for task in self._tasks:
                self._forget(task)
            self._tasks.clear()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for what runs; False when something still does."""
        with self._pool.lock:
            if self._ended is None:
                self._ended = threading.Condition(self._pool.lock)
            return self._ended.wait_for(
                lambda: not self._tasks and not self._running, timeout_seconds
            )

    def has_next(self) -> bool:
        """Return whether a task may begin."""
        return bool(self._tasks) and self._running < self._size

    def begin(self) -> Task:
        """Take the next task, which runs from now on."""
        self._running += 1
        return self._tasks.popleft()

    def end(self, task: Task) -> None:
        """Note that a task runs no more."""
        self._running -= 1
        self._forget(task)
        if self._ended is not None:
            self._ended.notify_all()

    def _forget(self, task: Task) -> None:
        if self._busy.get(task.job.key) is task.job:
            del self._busy[task.job.key]
