"""What the demo's user reads: what happens on the terminal, and the monitor's own log in a file beside it."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import textwrap
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, TextIO

from monitor.telemetry.console import is_coloured

_PREFIX = "demo: "
_INDENT = " " * 10
_TAIL_LINES = 20
_COLOURS: Mapping[str, str] = MappingProxyType({"bad": "31", "good": "32", "plain": ""})


class DemoStop:
    """The request to end. Not an Event: a handler that sets one while its own thread waits can lock up."""

    def __init__(self) -> None:
        self.is_set = False
        self._requests: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """Ask for it; from a thread or a signal handler."""
        self.is_set = True
        self._requests.put(None)

    def wait(self, seconds: float) -> None:
        """Wait for it, at most so long."""
        with contextlib.suppress(queue.Empty):
            self._requests.get(timeout=seconds)


class DemoConsole:
    """The demo's own lines; several threads write. A reader that went away ends the demo."""

    def __init__(
        self, out: TextIO, stop: DemoStop, *, columns: int | None = None
    ) -> None:
        self._out = out
        self._columns = columns
        self._stop = stop
        self._lock = threading.Lock()
        self._is_terminal = out.isatty()
        self._is_coloured = is_coloured(os.environ, is_terminal=self._is_terminal)

    def print(self, text: str, *details: str, mood: str = "plain") -> None:
        """Write a line, and details below it; broken to the terminal's width where there is one."""
        head = [
            self._coloured(line, _COLOURS[mood]) for line in self._broken(_PREFIX, text)
        ]
        self.write(
            "\n".join(
                [
                    *head,
                    *(line for one in details for line in self._broken(_INDENT, one)),
                ]
            )
        )

    def _coloured(self, line: str, colour: str) -> str:
        return f"\033[{colour}m{line}\033[0m" if colour and self._is_coloured else line

    def write(self, text: str) -> None:
        """Write as it is."""
        with self._lock:
            try:
                self._out.write(text + "\n")
                self._out.flush()
            except (OSError, ValueError):
                self._stop.set()

    def _broken(self, indent: str, text: str) -> list[str]:
        if not self._is_terminal:
            return [indent + text]
        columns = self._columns or shutil.get_terminal_size().columns
        width = max(columns - 1, 40)
        return textwrap.wrap(
            text,
            width,
            initial_indent=indent,
            subsequent_indent=_INDENT,
            break_long_words=False,  # an address is to be clicked at
            break_on_hyphens=False,
        )


class MonitorLog:
    """The monitor's log: in a file, and on the terminal too where its format was chosen."""

    def __init__(
        self, path: Path, console: DemoConsole, log_format: str | None
    ) -> None:
        self.path = path
        self.format = log_format or "json"
        self._console = console
        self._is_shown = log_format is not None
        self._last: deque[str] = deque(maxlen=_TAIL_LINES)
        self._file: BinaryIO = path.open("ab", buffering=0)

    def add(self, line: str) -> None:
        """Add a line; what the disk does not hold is lost, the demo goes on."""
        self._last.append(line)
        with contextlib.suppress(OSError, ValueError):
            self._file.write(line.encode("utf-8", "replace") + b"\n")
        if self._is_shown:
            self._console.write(line)

    def show_end(self) -> None:
        """Write its last lines to the terminal: something went wrong."""
        if not self._is_shown:
            for line in self._last:
                self._console.write(f"    {line}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
