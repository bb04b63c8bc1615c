"""Run the jobs of all targets in threads that they share: as many as runs are under way, of each target so many.

A number of threads that is set beforehand would be held by targets that are silent; threads for each target
would be 2,000 for 1,000 targets, of which three work (docs/adr/0036).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from monitor.model.settings import Job

MAX_THREADS = 4096
"""More would mean that thousands of targets hang at once: their runs wait, and healthy ones among them."""
_IDLE_SECONDS = 10.0
"""How long a thread waits for work before it ends."""
_KEPT_THREADS = 4
"""So many stay until the stop: where the system gives no more threads, what is due is run all the same."""


@dataclass(frozen=True, slots=True)
class Task:
    """A job that is due, and the instant that it was scheduled for.

    `clock_shift`: by how much the clock had been moved in all when that instant was read.
    """

    job: Job
    scheduled_at: datetime
    clock_shift: timedelta = timedelta(0)


Run: TypeAlias = Callable[[Task], None]


class TaskQueue:
    """One target's tasks, of which at most `size` run at once. Thread-safe, by the lock of its pool.

    A job that is queued or running is refused; so there is never more than one task of a job waiting.
    """

    def __init__(self, pool: WorkerPool, size: int, run: Run) -> None:
        self._pool = pool
        self._size = size
        self.run = run
        self._tasks: deque[Task] = deque()
        self._busy: dict[tuple[str, str], Job] = {}
        self._running = 0
        self._stopped = False
        self.is_listed = False
        """It waits in the pool for a thread; under the pool's lock, as all that follows."""
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


class WorkerPool:
    """Daemon threads for the tasks of all queues, started when there is work for one more of them.

    A queue that has more to run than threads are to be had waits its turn behind the others. The threads are
    daemons, since the end of the process waits for none that hangs in a database.
    """

    def __init__(self, *, max_threads: int = MAX_THREADS) -> None:
        self.lock = threading.Lock()
        self._max_threads = max_threads
        self._threads = 0
        self._started = 0
        # The last one that became idle is the next to work, so that those that are not needed end.
        self._idle: list[_WorkerThread] = []
        self._waiting: deque[TaskQueue] = deque()
        self._stopped = False

    def queue(self, size: int, run: Run) -> TaskQueue:
        """Return a queue for one target, of which at most `size` tasks run at once, by `run`."""
        return TaskQueue(self, size, run)

    def stop(self) -> None:
        """Let every thread end: those that are idle at once, the others when what they run is over."""
        with self.lock:
            self._stopped = True
            self._end_idle()

    def serve(self, queue: TaskQueue) -> bool:
        """Begin what a queue may begin, under the lock; False where there is no thread at all to be had."""
        while queue.has_next() and not queue.is_listed:
            if self._idle:
                self._idle.pop().wake(queue, queue.begin())
            elif not self._grow(queue):
                if not self._threads:
                    return False
                self._list(queue)
        return True

    def next_work(
        self, worker: _WorkerThread, queue: TaskQueue, done: Task
    ) -> tuple[TaskQueue, Task] | None:
        """Return what a worker is to run after a task; None where it is idle from now on."""
        with self.lock:
            queue.end(done)
            if queue.has_next() and not queue.is_listed:
                self._list(queue)
            while self._waiting:
                following = self._waiting.popleft()
                following.is_listed = False
                if following.has_next():
                    task = following.begin()
                    # Its next one waits behind the other queues.
                    if following.has_next():
                        self._list(following)
                    return following, task
            self._idle.append(worker)
            if self._stopped:
                self._end_idle()
            return None

    def dismiss(self, worker: _WorkerThread) -> bool:
        """Let a worker end that has waited for long; False where it has just been given work, or is kept."""
        with self.lock:
            if worker not in self._idle or self._threads <= _KEPT_THREADS:
                return False
            self._idle.remove(worker)
            self._threads -= 1
            return True

    def lose(self, queue: TaskQueue, task: Task) -> None:
        """Note that a thread ends, since a run let an exception through: the next task gets a new one."""
        with self.lock:
            self._threads -= 1
            queue.end(task)
            if queue.has_next() and not queue.is_listed:
                self._list(queue)
            if self._waiting:
                following = self._waiting.popleft()
                following.is_listed = False
                self.serve(following)

    def _end_idle(self) -> None:
        self._threads -= len(self._idle)
        for worker in self._idle:
            worker.end()
        self._idle.clear()

    def _list(self, queue: TaskQueue) -> None:
        queue.is_listed = True
        self._waiting.append(queue)

    def _grow(self, queue: TaskQueue) -> bool:
        if self._threads >= self._max_threads:
            return False
        self._started += 1
        worker = _WorkerThread(self, f"worker-{self._started}")
        try:
            worker.start()
        except RuntimeError:
            # The system gives no more threads: work with those that there are.
            return False
        self._threads += 1
        worker.wake(queue, queue.begin())
        return True


class _WorkerThread:
    """One thread of the pool."""

    def __init__(self, pool: WorkerPool, name: str) -> None:
        self._pool = pool
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._is_woken = threading.Lock()
        self._is_woken.acquire()
        self._given: tuple[TaskQueue, Task] | None = None

    def start(self) -> None:
        """Start the thread, which waits to be given work. Raises RuntimeError where there is none to be had."""
        self._thread.start()

    def wake(self, queue: TaskQueue, task: Task) -> None:
        """Hand it a task; only while it has none."""
        self._given = queue, task
        self._is_woken.release()

    def end(self) -> None:
        """Let the thread end; only while it has no task."""
        self._is_woken.release()

    def _work(self) -> None:
        while (given := self._wait()) is not None:
            self._run_on(*given)

    def _wait(self) -> tuple[TaskQueue, Task] | None:
        """Return what it was given; None where it is to end, or waited too long."""
        while not self._is_woken.acquire(timeout=_IDLE_SECONDS):
            if self._pool.dismiss(self):
                return None
        given, self._given = self._given, None
        return given

    def _run_on(self, queue: TaskQueue, task: Task) -> None:
        """Run a task, and what is next, until there is nothing to do."""
        following: tuple[TaskQueue, Task] | None = queue, task
        while following is not None:
            queue, task = following
            is_over = False
            try:
                queue.run(task)
                is_over = True
            finally:
                if not is_over:
                    self._pool.lose(queue, task)
            following = self._pool.next_work(self, queue, task)
