"""Freeze single threads of a process, as only the kernel can: by ptrace."""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17


def waiting_in(pid: int, *places: str) -> list[int]:
    """List the threads that wait in one of these places of the kernel, such as `poll` or `futex`."""
    found = []
    for task in sorted(Path(f"/proc/{pid}/task").iterdir()):
        try:
            place = (task / "wchan").read_text()
        except OSError:
            continue
        if any(word in place for word in places):
            found.append(int(task.name))
    return found


@contextmanager
def frozen(tids: Sequence[int]) -> Iterator[None]:
    """Stop these threads, and no other of their process, until the block ends; some may have ended before."""
    stopped: list[int] = []
    tracer = _Tracer()
    try:
        tracer.call(lambda: _freeze_all(tids, stopped))
        yield
    finally:
        tracer.call(lambda: _thaw_all(stopped))
        tracer.end()


@contextmanager
def frozen_when(
    choose: Callable[[], Sequence[int]],
    is_right: Callable[[Sequence[int]], bool],
    *,
    seconds: float = 60,
) -> Iterator[None]:
    """Stop the threads that are chosen; where that came at a wrong moment they go on, and are chosen again.

    Between the choice and the stop a thread may have gone on to something else.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        tids = choose()
        with frozen(tids):
            if tids and is_right(tids):
                yield
                return
        time.sleep(0.01)
    raise AssertionError(f"no right moment within {seconds} s")


def all_others_wait_in(pid: int, tids: Sequence[int], *places: str) -> bool:
    """Return whether each thread but these waits in one of these places; what is under way may end first."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        others = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
        others = [tid for tid in others if tid not in tids]
        if set(others) <= set(waiting_in(pid, *places)):
            return True
        if set(others) & set(
            waiting_in(pid, "futex")
        ):  # it ended its work, and waits for more
            return False
        time.sleep(0.01)
    return False


def _freeze_all(tids: Sequence[int], stopped: list[int]) -> None:
    for tid in tids:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            _trace(_SEIZE, tid)
            stopped.append(tid)
            _trace(_INTERRUPT, tid)
            os.waitpid(tid, 0x40000000)  # __WALL: a thread is no child of ours


def _thaw_all(tids: Sequence[int]) -> None:
    for tid in tids:
        with contextlib.suppress(ProcessLookupError):
            _trace(_DETACH, tid)


def _trace(request: int, tid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    if libc.ptrace(request, tid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of thread {tid}")


class _Tracer:
    """The one thread that the kernel lets speak for those it froze."""

    def __init__(self) -> None:
        self._wishes: queue.SimpleQueue[Callable[[], object] | None] = (
            queue.SimpleQueue()
        )
        self._answers: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], object]) -> None:
        self._wishes.put(work)
        error = self._answers.get(timeout=30)
        if error is not None:
            raise error

    def end(self) -> None:
        self._wishes.put(None)
        self._thread.join(10)

    def _work(self) -> None:
        while (work := self._wishes.get()) is not None:
            try:
                work()
            except OSError as error:
                self._answers.put(error)
            else:
                self._answers.put(None)
