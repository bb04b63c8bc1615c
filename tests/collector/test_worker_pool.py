"""The threads that targets share: so many for each, never two runs of a job at once, none held up by another."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.collector.task_queue import Task, TaskQueue
from monitor.collector.worker_pool import WorkerPool
from tests.collector.test_scheduler import START, a_job
from tests.support.resource_limits import no_thread_to_be_had


class Runs:
    """Runs that begin when they are given to a thread and end when the test lets them."""

    def __init__(self) -> None:
        self.begun: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.gates: dict[str, threading.Event] = {}

    def __call__(self, task: Task) -> None:
        name = task.job.query.name
        self.begun.put(name)
        assert self.gates.setdefault(name, threading.Event()).wait(60)

    def let_end(self, *names: str) -> None:
        for name in names:
            self.gates.setdefault(name, threading.Event()).set()


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def workers(runs: Runs) -> Iterator[TaskQueue]:
    two = WorkerPool().queue(2, runs)
    yield two
    two.stop()
    runs.let_end("a", "b", "c", "d")
    assert two.join(30)


def task(name: str) -> Task:
    return Task(a_job(name), START)


def test_a_job_that_runs_or_waits_is_refused_until_it_has_ended(
    workers: TaskQueue, runs: Runs
) -> None:
    assert workers.submit(task("a"))
    assert runs.begun.get(timeout=30) == "a"
    assert not workers.submit(task("a"))
    runs.let_end("a")
    assert workers.join(30)
    assert workers.submit(task("a"))


def test_no_more_runs_at_once_than_threads(workers: TaskQueue, runs: Runs) -> None:
    for name in ("a", "b", "c"):
        assert workers.submit(task(name))
    assert {runs.begun.get(timeout=30), runs.begun.get(timeout=30)} == {"a", "b"}
    with pytest.raises(queue.Empty):
        runs.begun.get(timeout=0.1)
    runs.let_end("b")
    assert runs.begun.get(timeout=30) == "c"


def test_what_is_submitted_first_overtakes_what_waits(
    workers: TaskQueue, runs: Runs
) -> None:
    for name in ("a", "b"):
        workers.submit(task(name))
        runs.begun.get(timeout=30)
    workers.submit(task("c"))
    workers.submit(task("d"), first=True)
    runs.let_end("a")
    assert runs.begun.get(timeout=30) == "d"


def test_a_thread_is_started_only_when_one_more_is_needed(runs: Runs) -> None:
    before = set(threading.enumerate())
    workers = WorkerPool().queue(8, runs)
    runs.let_end("a")
    for _ in range(20):
        assert workers.submit(task("a"))
        assert workers.join(30)
    started = set(threading.enumerate()) - before
    assert [thread.name for thread in started] == ["worker-1"]
    workers.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_run_that_lets_an_exception_through_costs_one_thread_and_no_more() -> None:
    ended = threading.Event()
    threads: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()

    def run(task: Task) -> None:
        threads.put(threading.current_thread())
        if task.job.query.name == "bad":
            raise SystemExit
        ended.set()

    workers = WorkerPool().queue(1, run)
    workers.submit(task("bad"))
    threads.get(timeout=30).join(30)
    assert workers.submit(task("good"))
    assert ended.wait(30)
    workers.stop()


def test_after_stop_nothing_that_waited_is_begun(
    workers: TaskQueue, runs: Runs
) -> None:
    for name in ("a", "b", "c"):
        workers.submit(task(name))
    runs.begun.get(timeout=30), runs.begun.get(timeout=30)
    workers.stop()
    runs.let_end("a", "b")
    assert workers.join(30)
    assert runs.begun.empty()
    assert not workers.submit(task("a"))


def test_another_version_of_a_busy_job_waits_and_what_runs_is_waited_for_after_stop(
    workers: TaskQueue, runs: Runs
) -> None:
    old, new = a_job("a"), a_job("a", timedelta(minutes=7))
    assert workers.submit(Task(old, START))
    assert runs.begun.get(timeout=30) == "a"
    assert workers.submit(Task(new, START))
    assert not workers.submit(Task(new, START))
    workers.stop()
    assert not workers.join(0.0)
    runs.let_end("a")
    assert workers.join(30)


def test_queues_share_threads_and_a_queue_that_hangs_holds_up_no_other(
    runs: Runs,
) -> None:
    pool = WorkerPool()
    hanging = [pool.queue(2, runs) for _ in range(20)]
    for number, hangs in enumerate(hanging):
        for name in ("a", "b", "c"):
            assert hangs.submit(Task(a_job(f"{name}{number}"), START))
    for _ in range(40):
        runs.begun.get(timeout=30)
    healthy = pool.queue(1, runs)
    runs.let_end("healthy")
    for _ in range(3):
        assert healthy.submit(task("healthy"))
        assert runs.begun.get(timeout=30) == "healthy"
        assert healthy.join(30)
    for number, hangs in enumerate(hanging):
        hangs.stop()
        runs.let_end(f"a{number}", f"b{number}", f"c{number}")
        assert hangs.join(30)


def test_runs_that_hang_do_not_keep_a_hundred_and_fifty_from_beginning(
    runs: Runs,
) -> None:
    pool = WorkerPool()
    hanging = [pool.queue(1, runs) for _ in range(150)]
    for one in hanging:
        assert one.submit(task("a"))
    for _ in hanging:
        runs.begun.get(timeout=30)
    runs.let_end("a")
    assert all(one.join(30) for one in hanging)
    pool.stop()


def test_runs_that_compute_share_few_threads() -> None:
    begun: set[int] = set()

    def run(_task: Task) -> None:
        begun.add(threading.get_ident())
        until_seconds = time.thread_time() + 0.004
        while time.thread_time() < until_seconds:
            pass

    pool = WorkerPool()
    computing = [pool.queue(1, run) for _ in range(250)]
    for one in computing:
        assert one.submit(task("a"))
    assert all(one.join(30) for one in computing)
    # Some more than what is enough: the last of them were called before it was known that they wake late.
    assert len(begun) < 100
    pool.stop()


def test_with_all_threads_busy_queues_take_turns(runs: Runs) -> None:
    pool = WorkerPool(max_threads=1)
    greedy, modest = pool.queue(1, runs), pool.queue(1, runs)
    for name in ("a", "b", "c"):
        assert greedy.submit(task(name))
    assert modest.submit(task("modest"))
    runs.let_end("a", "b", "c", "modest")
    begun = [runs.begun.get(timeout=30) for _ in range(4)]
    assert begun.index("modest") <= 2
    assert greedy.join(30)
    assert modest.join(30)


def test_a_queue_that_may_run_less_lets_what_runs_end_and_begins_no_more(
    workers: TaskQueue, runs: Runs
) -> None:
    for name in ("a", "b", "c"):
        workers.submit(task(name))
    runs.begun.get(timeout=30), runs.begun.get(timeout=30)
    workers.limit(1)
    runs.let_end("a")
    with pytest.raises(queue.Empty):
        runs.begun.get(timeout=0.1)
    workers.limit(2)
    assert runs.begun.get(timeout=30) == "c"


def test_where_no_thread_is_to_be_had_a_task_is_refused_and_the_next_one_runs(
    runs: Runs,
) -> None:
    one = WorkerPool().queue(2, runs)
    with no_thread_to_be_had():
        assert not one.submit(task("a"))
    runs.let_end("a")
    assert one.submit(task("a"))
    assert one.join(30)


def test_once_stopped_idle_threads_end_at_once_and_one_that_hangs_when_its_run_is_over(
    runs: Runs,
) -> None:
    pool = WorkerPool()
    threads: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()

    def run(one: Task) -> None:
        threads.put(threading.current_thread())
        runs(one)

    idle, hanging = pool.queue(3, run), pool.queue(1, run)
    for name in ("a", "b", "c"):
        assert idle.submit(task(name))
    without_work = [threads.get(timeout=30) for _ in range(3)]
    assert hanging.submit(task("hanging"))
    hangs = threads.get(timeout=30)
    runs.let_end("a", "b", "c")
    assert idle.join(30)
    pool.stop()
    for thread in without_work:
        thread.join(5)
        assert not thread.is_alive()
    assert hangs.is_alive()
    runs.let_end("hanging")
    hangs.join(5)
    assert not hangs.is_alive()


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 3), min_size=1, max_size=6),
    max_threads=st.integers(1, 8),
    submitted=st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from("abcde"), st.booleans()),
        max_size=60,
    ),
)
def test_never_more_at_once_than_allowed_never_a_job_twice_and_all_that_was_taken_is_run(
    sizes: list[int], max_threads: int, submitted: list[tuple[int, str, bool]]
) -> None:
    pool = WorkerPool(max_threads=max_threads)
    running: list[list[str]] = [[] for _ in sizes]
    faults: list[str] = []
    ran: list[tuple[int, str]] = []
    lock = threading.Lock()

    def run_of(place: int) -> Callable[[Task], None]:
        def run(one: Task) -> None:
            name = one.job.query.name
            with lock:
                if name in running[place] or len(running[place]) >= sizes[place]:
                    faults.append(name)
                if sum(map(len, running)) >= max_threads:
                    faults.append("threads")
                running[place].append(name)
            threading.Event().wait(0.001)
            with lock:
                running[place].remove(name)
                ran.append((place, name))

        return run

    queues = [pool.queue(size, run_of(place)) for place, size in enumerate(sizes)]
    taken: list[tuple[int, str]] = []
    for number, name, first in submitted:
        place = number % len(queues)
        if queues[place].submit(task(name), first=first):
            taken.append((place, name))
    assert all(one.join(30) for one in queues)
    assert faults == []
    assert sorted(ran) == sorted(taken)
