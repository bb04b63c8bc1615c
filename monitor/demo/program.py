"""The monitor itself, as the demo runs it: a process like any user's, whose log lines pass through."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

_STARTED_ON_CONSOLE = re.compile(r"\smonitor\.started\s.*?\baddress=\"?([^\s\"]+)")
_START_TIMEOUT = "5"
# These would be meant for another configuration than the demo's.
_OVERRIDES = ("TOKEN_MONITOR_LISTEN", "TOKEN_MONITOR_STATE_DIRECTORY")


class Program:
    """`python -m monitor run`; `on_line` gets each line of its log, in a thread."""

    def __init__(
        self, config: Path, *, log_format: str, on_line: Callable[[str], None]
    ) -> None:
        self._command = [
            sys.executable,
            *(
                "-m",
                "monitor",
                "run",
                "--config",
                os.fspath(config),
                "--log-format",
                log_format,
            ),
            *("--start-timeout", _START_TIMEOUT),
        ]
        self._on_line = on_line
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread(target=self._read, name="demo-log", daemon=True)
        self._address: str | None = None

    def start(self) -> None:
        """Start it; its address is known some time later."""
        self._process = subprocess.Popen(
            self._command,
            env={
                name: value
                for name, value in os.environ.items()
                if name not in _OVERRIDES
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            # ^C in the terminal is for the demo, which stops its parts in its own order
            start_new_session=True,
        )
        self._reader.start()

    def stop(self, *, grace_seconds: float = 15.0) -> None:
        """Ask it to stop, and wait until it has; kill it after the grace."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(grace_seconds)

    @property
    def address(self) -> str | None:
        """The bound address, `host:port`, once it has started."""
        return self._address

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self._process is None else self._process.poll()

    def _read(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        with self._process.stdout as lines:
            for line in lines:
                self._address = self._address or started_address(line)
                self._on_line(line.rstrip("\n"))


def started_address(line: str) -> str | None:
    """Find the bound address in a log line of either format, if it is the event monitor.started."""
    if "monitor.started" not in line:
        return None
    if line.startswith("{"):
        event = json.loads(line)
        return (
            str(event["address"]) if event.get("event") == "monitor.started" else None
        )
    found = _STARTED_ON_CONSOLE.search(line)
    return found[1] if found else None
