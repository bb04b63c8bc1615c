"""Write the log's lines: the end of the log, which raises nothing and, with a queue, delays nobody."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from typing import BinaryIO

QUEUE_LINES = 10_000
"""Lines that wait for a slow reader of our output; more are dropped and counted."""


class Writer:
    """Writes lines; what cannot be written is dropped and counted, whatever the stream does."""

    def __init__(self, stream: BinaryIO, *, queued: bool) -> None:
        self.dropped = 0
        self._stream = stream  # kept, so that nobody closes it under us
        self._writing = threading.Lock()
        self._counting = (
            threading.Lock()
        )  # not the same: a write can last as long as its reader sleeps
        self._torn = False
        self._queue: queue.Queue[bytes | None] | None = None
        self._thread: threading.Thread | None = None
        if queued:
            self._queue = queue.Queue(QUEUE_LINES)
            self._thread = threading.Thread(target=self._drain, name="log", daemon=True)
            self._start(self._thread)

    def _start(self, thread: threading.Thread) -> bool:
        """Start the thread; where the system gives none, lines are written at once until it does."""
        with self._counting, contextlib.suppress(RuntimeError):
            if thread.ident is None:
                thread.start()
        return thread.ident is not None

    def msg(self, line: bytes) -> None:
        """Take a line; structlog calls the method that is named as the level."""
        waiting = self._queue
        if waiting is None or (
            self._thread is not None and not self._start(self._thread)
        ):
            self._write(line)
            return
        try:
            waiting.put_nowait(line)
        except queue.Full:
            self._drop()

    debug = info = warning = error = critical = msg

    def close(self, deadline_seconds: float) -> None:
        """Write what waits, but no longer than the deadline; later lines are written at once."""
        if self._queue is None or self._thread is None or self._thread.ident is None:
            return
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=deadline_seconds)
        self._thread.join(deadline_seconds)
        if not self._thread.is_alive():
            self._queue = None

    def _drain(self) -> None:
        waiting = self._queue
        while waiting is not None and (line := waiting.get()) is not None:
            self._write(line)

    def _write(self, line: bytes) -> None:
        with self._writing:
            try:
                self._put(b"\n" + line if self._torn else line)
            except (
                OSError,
                ValueError,
            ):  # EPIPE, ENOSPC, EAGAIN; a closed file is a ValueError
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
