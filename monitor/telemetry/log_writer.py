"""Write the log's lines: the end of the log, which raises nothing and, with a queue, delays nobody."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from dataclasses import dataclass
from typing import BinaryIO

QUEUE_LINES = 10_000
"""Lines that wait for a slow reader of our output; more are dropped and counted."""


@dataclass(frozen=True, slots=True)
class _Queued:
    """The lines that wait, None after the last, and the thread that writes them."""

    lines: queue.Queue[bytes | None]
    thread: threading.Thread


class Writer:
    """Writes lines; what cannot be written is dropped and counted, whatever the stream does.

    May be used from any thread. With `queued` a thread of its own writes; the stream stays the caller's.
    """

    def __init__(self, stream: BinaryIO, *, queued: bool) -> None:
        self.dropped = 0
        self._stream = stream  # kept, so that nobody closes it under us
        self._writing = threading.Lock()
        # Not the same lock: a write can last as long as its reader sleeps.
        self._counting = threading.Lock()
        self._torn = False
        self._waiting: _Queued | None = None
        if queued:
            lines: queue.Queue[bytes | None] = queue.Queue(QUEUE_LINES)
            thread = threading.Thread(
                target=self._drain, args=(lines,), name="log", daemon=True
            )
            self._waiting = _Queued(lines, thread)
            self._start(thread)

    def _start(self, thread: threading.Thread) -> bool:
        """Start the thread; where the system gives none, lines are written at once until it does."""
        with self._counting, contextlib.suppress(RuntimeError):
            if thread.ident is None:
                thread.start()
        return thread.ident is not None

    def msg(self, line: bytes) -> None:
        """Write a line, or queue it; structlog calls the method that is named as the level."""
        waiting = self._waiting
        if waiting is None or not self._start(waiting.thread):
            self._write(line)
            return
        try:
            waiting.lines.put_nowait(line)
        except queue.Full:
            self._drop()

    debug = info = warning = error = critical = msg

    def close(self, deadline_seconds: float) -> None:
        """Write what waits, but no longer than the deadline; later lines are written at once."""
        waiting = self._waiting
        if waiting is None or waiting.thread.ident is None:
            return
        with contextlib.suppress(queue.Full):
            waiting.lines.put(None, timeout=deadline_seconds)
        waiting.thread.join(deadline_seconds)
        if not waiting.thread.is_alive():
            self._waiting = None

    def _drain(self, lines: queue.Queue[bytes | None]) -> None:
        for line in iter(lines.get, None):
            self._write(line)

    def _write(self, line: bytes) -> None:
        with self._writing:
            # After a part of a line, so that this one can be read.
            on_new_line = b"\n" + line if self._torn else line
            try:
                self._put(on_new_line)
            # EPIPE, ENOSPC, EAGAIN; of a closed file it is a ValueError.
            except (OSError, ValueError):
                self._drop()

    def _drop(self) -> None:
        with self._counting:
            self.dropped += 1

    def _put(self, line: bytes) -> None:
        try:
            # Below the buffer: a BufferedWriter keeps what it could not write and fails again at exit.
            descriptor = self._stream.fileno()
        except OSError:  # a stream in memory
            self._stream.write(line)
            self._stream.flush()
            return
        sent = 0
        while sent < len(line):
            sent += os.write(descriptor, line[sent:])
            self._torn = sent < len(line)
