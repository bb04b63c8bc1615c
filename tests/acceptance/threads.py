"""Freeze single threads of a process, as only the kernel can: by ptrace."""

from __future__ import annotations

import ctypes
import os
import queue
import threading
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
    """Stop these threads, and no other of their process, until the block ends."""
    tracer = _Tracer()
    try:
        tracer.call(lambda: _freeze_all(tids))
        yield
    finally:
        tracer.call(lambda: _thaw_all(tids))
        tracer.end()


def _freeze_all(tids: Sequence[int]) -> None:
    for tid in tids:
        _trace(_SEIZE, tid)
        _trace(_INTERRUPT, tid)
        os.waitpid(tid, 0x40000000)  # __WALL: a thread is no child of ours


def _thaw_all(tids: Sequence[int]) -> None:
    for tid in tids:
        if Path(f"/proc/{tid}").exists():
            _trace(_DETACH, tid)


def _trace(request: int, tid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    if libc.ptrace(request, tid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of thread {tid}")


class _Tracer:
    """The one thread that the kernel lets speak for those it froze."""

    def __init__(self) -> None:
        self._wishes: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
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
