"""One target's threads: bounded, never two runs of a job at once, never delayed by another target."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from monitor.collector.worker_pool import Task, WorkerPool
from tests.collector.test_scheduler import START, a_job


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
def workers(runs: Runs) -> Iterator[WorkerPool]:
    two = WorkerPool("main", 2, runs)
    yield two
    two.stop()
    runs.let_end("a", "b", "c", "d")
    assert two.join(30)


def task(name: str) -> Task:
    return Task(a_job(name), START)


def test_a_job_that_runs_or_waits_is_refused_until_it_has_ended(
    workers: WorkerPool, runs: Runs
) -> None:
    assert workers.submit(task("a"))
    assert runs.begun.get(timeout=30) == "a"
    assert not workers.submit(task("a"))
    runs.let_end("a")
    assert workers.join(30)
    assert workers.submit(task("a"))


def test_no_more_runs_at_once_than_threads(workers: WorkerPool, runs: Runs) -> None:
    for name in ("a", "b", "c"):
        assert workers.submit(task(name))
    assert {runs.begun.get(timeout=30), runs.begun.get(timeout=30)} == {"a", "b"}
    with pytest.raises(queue.Empty):
        runs.begun.get(timeout=0.1)
    runs.let_end("b")
    assert runs.begun.get(timeout=30) == "c"


def test_what_is_submitted_first_overtakes_what_waits(
    workers: WorkerPool, runs: Runs
) -> None:
    for name in ("a", "b"):
        workers.submit(task(name))
        runs.begun.get(timeout=30)
    workers.submit(task("c"))
    workers.submit(task("d"), first=True)
    runs.let_end("a")
    assert runs.begun.get(timeout=30) == "d"


def test_a_thread_is_started_only_when_one_more_is_needed(runs: Runs) -> None:
    workers = WorkerPool("lazy", 8, runs)
    runs.let_end("a")
    for _ in range(20):
        assert workers.submit(task("a"))
        assert workers.join(30)
    assert [
        thread.name for thread in threading.enumerate() if "lazy" in thread.name
    ] == ["lazy-1"]
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

    workers = WorkerPool("main", 1, run)
    workers.submit(task("bad"))
    threads.get(timeout=30).join(30)
    assert workers.submit(task("good"))
    assert ended.wait(30)
    workers.stop()


def test_after_stop_nothing_that_waited_is_begun(
    workers: WorkerPool, runs: Runs
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
    workers: WorkerPool, runs: Runs
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
