"""The demo as a newcomer runs it: a process, its lines, its exit code, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from monitor.demo.incidents import INCIDENTS

FOR_SECONDS = 40
"""Long enough for every incident on a slow machine; the default timeline is about a minute."""

pytestmark = pytest.mark.timeout(150)


class Demo:
    """The running command; `lines` grows as it prints."""

    def __init__(self, *arguments: str, temporary: Path) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "monitor",
                "demo",
                "--listen",
                "127.0.0.1:0",
                *arguments,
            ],
            env={**os.environ, "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            self.lines.extend(line.rstrip("\n") for line in lines)

    def wait_for_line(self, pattern: str, seconds: float = 60) -> str:
        deadline = time.monotonic() + seconds
        while True:
            for line in list(self.lines):
                if re.search(pattern, line):
                    return line
            if time.monotonic() > deadline or not self._reader.is_alive():
                pytest.fail(f"no line with {pattern}:\n" + "\n".join(self.reported()))
            time.sleep(0.02)

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float = 90) -> int:
        code = self._process.wait(seconds)
        self._reader.join(10)
        return code

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self.wait()

    def reported(self) -> list[str]:
        """Return what a person would read: without the runs that went well."""
        return [line for line in self.lines if "run.finished" not in line]

    def said(self) -> list[str]:
        return [line for line in self.lines if line.startswith("demo: ")]

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines if line.startswith("{")]


@contextmanager
def demo(*arguments: str) -> Iterator[tuple[Demo, Path]]:
    # short: a unix socket's path has at most 107 bytes
    temporary = Path(tempfile.mkdtemp(prefix="tm-"))
    started = Demo(*arguments, temporary=temporary)
    try:
        yield started, temporary
        started.kill()
        left = sorted(path.name for path in temporary.iterdir())
        assert (left, processes_with(str(temporary))) == ([], [])
    finally:
        started.kill()
        shutil.rmtree(temporary, ignore_errors=True)


def processes_with(text: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (
                    (entry / "cmdline")
                    .read_bytes()
                    .replace(b"\0", b" ")
                    .decode(errors="replace")
                )
            except OSError:
                continue
            if text in command:
                found.append(command)
    return found


ALWAYS = ("missing-column", "usage-stop", "database-down")
SOMETIMES = (
    ("null-balances", "zero-balances", "negative-balances"),
    ("refill-loop", "two-subscriptions"),
)


@pytest.mark.parametrize(
    "incidents",
    [ALWAYS, *(pytest.param(names, marks=pytest.mark.long) for names in SOMETIMES)],
)
def test_the_alert_of_an_incident_comes_and_goes(incidents: tuple[str, ...]) -> None:
    # at the same time, each with a server of its own: most of a demo is waiting
    with ExitStack() as demos:
        running = {
            name: demos.enter_context(
                demo(
                    "--incident",
                    name,
                    "--for",
                    str(FOR_SECONDS),
                    "--log-format",
                    "json",
                )
            )[0]
            for name in incidents
        }
        for name, started in running.items():
            alert = INCIDENTS[name].alert
            assert started.wait() == 0, "\n".join(started.reported())
            said = "\n".join(started.said())
            order = [
                "BREAKING: ",
                f"webhook received: firing {alert}",
                "MENDING",
                f"webhook received: resolved {alert}",
            ]
            assert re.search(".*".join(map(re.escape, order)), said, re.DOTALL), said
            seen = {
                event["event"]
                for event in started.events()
                if event.get("alertname") == alert
            }
            assert seen >= {"alert.fired", "alert.resolved"}


def test_every_incident_has_its_turn() -> None:
    assert sorted(
        [*ALWAYS, *(name for names in SOMETIMES for name in names)]
    ) == sorted(INCIDENTS)


def test_without_an_incident_no_alert_fires_and_it_ends_by_itself() -> None:
    with demo("--for", "15", "--log-format", "json") as (started, _):
        metrics = started.wait_for_line(r"the metrics +http").split()[-1]
        # as the README shows it
        log = re.search(r"the log +(\S+) ", started.wait_for_line("the log +/"))
        assert log is not None
        assert Path(log[1]).name == "monitor.log"
        page = ""
        while not re.search(
            r'^token_subscribers\{.*status="ok".*\} [1-9]', page, re.MULTILINE
        ):
            # until it has ended by itself: then nobody answers any more
            with urllib.request.urlopen(metrics, timeout=15) as response:
                page = response.read().decode()
            time.sleep(0.05)
        assert started.wait() == 0, "\n".join(started.reported())
        fired = {
            event["alertname"]
            for event in started.events()
            if event["event"] == "alert.fired"
        }
        assert fired <= {"TokenMonitorWatchdog"}
        assert not any("webhook received" in line for line in started.said())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_nothing_is_left(number: int) -> None:
    with demo("--incident", "database-down") as (started, temporary):
        started.wait_for_line(r"the page +http")
        assert processes_with(str(temporary))
        started.send(number)
        assert started.wait(60) == 0, "\n".join(started.reported())


def test_a_signal_while_it_starts_leaves_nothing() -> None:
    with demo() as (started, _):
        started.wait_for_line("starting a private MariaDB")
        started.send(signal.SIGTERM)
        assert started.wait(60) == 0, "\n".join(started.reported())


def test_an_address_that_is_taken_ends_it_with_a_clear_line_and_leaves_nothing() -> (
    None
):
    with demo() as (first, _):
        address = first.wait_for_line(r"the page +http").split("//")[1].rstrip("/")
        with demo("--listen", address) as (second, _):
            assert second.wait(60) == 1
            assert any(
                "the monitor ended with exit code" in line for line in second.said()
            ), second.lines


def test_an_unknown_incident_is_refused_with_the_names_that_there_are() -> None:
    with demo("--incident", "flood") as (started, _):
        assert started.wait(60) == 2
        assert "missing-column" in "\n".join(started.reported())
