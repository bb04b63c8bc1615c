"""Run the jobs of all targets in threads that they share: as many as runs are under way, of each target so many.

A number of threads that is set beforehand would be held by targets that are silent; threads for each target
would be 2,000 for 1,000 targets, of which three work (docs/adr/0036).
"""

from __future__ import annotations

import threading
import time
from collections import deque

from monitor.collector.task_queue import Run, Task, TaskQueue

MAX_THREADS = 1024
"""More would mean that a thousand targets hang at once: their runs wait, and healthy ones among them."""
_ENOUGH_THREADS = 64
"""So many compute as fast as one interpreter can; more are only for runs that wait for their servers."""
_BUSY_SHARE = 0.6
"""Of a core: a process that computes more waits for the interpreter, and not for servers."""
_SHARE_SECONDS = 0.25
"""Over so long at least that is measured."""
_PATIENCE_SECONDS = 0.01
"""How long what is due waits for a thread that works before another one begins to: runs of a fleet take less."""
_MANY_WAIT = 32
"""Where so many wait, patience is half as long: with thousands of targets, hundreds may fall silent at once."""
_MIN_PATIENCE_SECONDS = 0.002
_IDLE_SECONDS = 10.0
"""How long a thread waits for work before it ends."""
_KEPT_THREADS = 4
"""So many stay until the stop: where the system gives no more threads, what is due is run all the same."""


class WorkerPool:
    """Daemon threads for the tasks of all queues: one more where what is due has waited for those that work.

    Queues with a task that may begin stand in a line. Whoever ends a task takes the next one there. Beside them
    one thread, the relief, looks whether the first in the line has waited too long, as behind runs that hang, and
    works too then. So runs that only compute follow each other on few threads, and threads grow by what waits.
    Beyond `_ENOUGH_THREADS` the relief works only while the process computes little: else the interpreter is what
    all wait for, and one thread more would make each of them slower.

    The threads are daemons, since the end of the process waits for none that hangs in a database.
    """

    def __init__(self, *, max_threads: int = MAX_THREADS) -> None:
        self.lock = threading.Lock()
        self._max_threads = max_threads
        self._threads = 0
        self._busy = 0
        self._started = 0
        # The last one that became idle is the next to work, so that those that are not needed end.
        self._idle: list[_WorkerThread] = []
        self._relief: _WorkerThread | None = None
        self._measured_at, self._cpu_seconds = time.monotonic(), time.process_time()
        self._core_share = 0.0
        """Which part of a core the process took of late."""
        self._line: deque[TaskQueue] = deque()
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
        """See to what a queue may begin, under the lock; False where there is no thread at all to be had."""
        self._list(queue)
        self._call_relief()
        if self._threads or queue.listed_at is None:
            return True
        self._line.remove(queue)
        queue.listed_at = None
        return False

    def first_work(
        self, worker: _WorkerThread, look_at: float
    ) -> tuple[TaskQueue, Task] | None:
        """Return what a thread that was called is to run, not before `look_at`; None where it is idle again."""
        while True:
            pause_seconds = look_at - time.monotonic()
            if pause_seconds > 0:
                # Not for nothing: also the shortest sleep lets go of the interpreter.
                time.sleep(pause_seconds)
            with self.lock:
                if not self._line:
                    self._rest(worker)
                    return None
                now = time.monotonic()
                look_at = self._patience_ends_at(now)
                if look_at <= now and self._may_work(now):
                    self._relief = None
                    self._busy += 1
                    return self._next_of(worker)
                look_at = max(look_at, now + _MIN_PATIENCE_SECONDS)

    def next_work(
        self, worker: _WorkerThread, queue: TaskQueue, done: Task
    ) -> tuple[TaskQueue, Task] | None:
        """Return what a worker is to run after a task; None where it is idle from now on."""
        with self.lock:
            queue.end(done)
            self._list(queue)
            return self._next_of(worker)

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
            self._busy -= 1
            queue.end(task)
            self._list(queue)
            self._call_relief()

    def _next_of(self, worker: _WorkerThread) -> tuple[TaskQueue, Task] | None:
        """Begin what is first in the line, as one of those that work; None where there is nothing."""
        while self._line:
            queue = self._line.popleft()
            queue.listed_at = None
            if queue.has_next():
                task = queue.begin()
                # Its next one waits behind the other queues.
                self._list(queue)
                self._call_relief()
                return queue, task
        self._busy -= 1
        self._rest(worker)
        return None

    def _rest(self, worker: _WorkerThread) -> None:
        if worker is self._relief:
            self._relief = None
        self._idle.append(worker)
        if self._stopped:
            self._end_idle()

    def _end_idle(self) -> None:
        self._threads -= len(self._idle)
        for worker in self._idle:
            worker.end()
        self._idle.clear()

    def _list(self, queue: TaskQueue) -> None:
        """Put a queue into the line, where it has something to begin."""
        if queue.listed_at is None and queue.has_next():
            queue.listed_at = time.monotonic()
            self._line.append(queue)

    def _may_work(self, now: float) -> bool:
        """Return whether one thread more is of use."""
        seconds = now - self._measured_at
        if seconds >= _SHARE_SECONDS:
            cpu_seconds = time.process_time()
            self._core_share = (cpu_seconds - self._cpu_seconds) / seconds
            self._measured_at, self._cpu_seconds = now, cpu_seconds
        return self._busy < _ENOUGH_THREADS or self._core_share < _BUSY_SHARE

    def _patience_ends_at(self, now: float) -> float:
        """Return when the first in the line has waited too long: at once where nobody works."""
        listed_at = self._line[0].listed_at
        if not self._busy or listed_at is None:
            return now
        return listed_at + _PATIENCE_SECONDS / (1 + len(self._line) // _MANY_WAIT)

    def _call_relief(self) -> None:
        """Have a thread look after the line, where nobody does."""
        if self._relief is not None or not self._line:
            return
        relief = self._idle.pop() if self._idle else self._new_thread()
        if relief is not None:
            self._relief = relief
            now = time.monotonic()
            look_at = self._patience_ends_at(now)
            if self._busy:
                look_at = max(look_at, now + _MIN_PATIENCE_SECONDS)
            relief.wake(look_at)

    def _new_thread(self) -> _WorkerThread | None:
        if self._threads >= self._max_threads:
            return None
        self._started += 1
        worker = _WorkerThread(self, f"worker-{self._started}")
        try:
            worker.start()
        except RuntimeError:
            # The system gives no more threads: work with those that there are.
            return None
        self._threads += 1
        return worker


class _WorkerThread:
    """One thread of the pool."""

    def __init__(self, pool: WorkerPool, name: str) -> None:
        self._pool = pool
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._is_woken = threading.Lock()
        self._is_woken.acquire()
        self._look_at: float | None = None

    def start(self) -> None:
        """Start the thread, which waits to be called. Raises RuntimeError where there is none to be had."""
        self._thread.start()

    def wake(self, look_at: float) -> None:
        """Have it look then, by time.monotonic, for something to run; only while it is idle."""
        self._look_at = look_at
        self._is_woken.release()

    def end(self) -> None:
        """Let the thread end; only while it is idle."""
        self._is_woken.release()

    def _work(self) -> None:
        while (look_at := self._wait()) is not None:
            work = self._pool.first_work(self, look_at)
            while work is not None:
                work = self._run(*work)

    def _wait(self) -> float | None:
        """Return when it is to look for something to run; None where it is to end, or waited too long."""
        while not self._is_woken.acquire(timeout=_IDLE_SECONDS):
            if self._pool.dismiss(self):
                return None
        look_at, self._look_at = self._look_at, None
        return look_at

    def _run(self, queue: TaskQueue, task: Task) -> tuple[TaskQueue, Task] | None:
        """Run a task, and return what is next."""
        is_over = False
        try:
            queue.run(task)
            is_over = True
        finally:
            if not is_over:
                self._pool.lose(queue, task)
        return self._pool.next_work(self, queue, task)
