"""Take the process's signals in a thread of their own, where none can be missed and none interrupts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

TAKEN = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


def hold_back() -> None:
    """Keep our signals pending in every thread; call before the first thread is started.

    A Python handler only runs when the main thread next executes bytecode: a signal that the kernel
    gives to another thread, while the main one waits for a lock, would be heard with the next signal.
    What is sent before `take` is heard then.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, TAKEN)


def stopped_within(seconds: float) -> str:
    """Wait so long, or until a signal comes; name it if it was one to stop. For before `take`."""
    got = signal.sigtimedwait(TAKEN, seconds)
    if got is None or got.si_signo == signal.SIGHUP:
        return ""
    return signal.Signals(got.si_signo).name


def take(on_signal: Callable[[signal.Signals], None]) -> None:
    """Start to hand over each signal, in a thread; `hold_back` must have been called."""

    def wait() -> None:
        while True:
            on_signal(signal.Signals(signal.sigwait(TAKEN)))

    threading.Thread(target=wait, name="signals", daemon=True).start()
