"""The demo as a whole: starts every part, prints what happens, breaks and fixes, and leaves nothing behind."""

from __future__ import annotations

import math
import re
import shutil
import signal
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import pymysql

from monitor.config import shipped_queries_directory
from monitor.demo.configuration import (
    INTERVAL,
    ConfigParts,
    configuration,
    create_account,
    shipped_documents,
)
from monitor.demo.incidents import INCIDENTS, ExpectedAlert, Incident
from monitor.demo.mariadb import PrivateMariaDB
from monitor.demo.output import DemoConsole, DemoStop, MonitorLog
from monitor.demo.program import Program
from monitor.demo.timeline import Timeline, plan
from monitor.demo.tokens import DATABASE, create_tables, populate
from monitor.demo.traffic import CallOutcome, Traffic
from monitor.demo.webhook import Received, WebhookReceiver
from monitor.model.errors import MonitorError

_START_SECONDS = 30.0
_STEP_SECONDS = 0.1
_CALM_SECONDS = 3.0
_SUCCEEDED = re.compile(
    r'^token_monitor_query_last_success_timestamp_seconds\{[^}]*\bquery="([^"]+)"',
    re.MULTILINE,
)


def run(
    *,
    incident: str | None,
    for_seconds: float | None,
    listen: str,
    out: TextIO,
    log_format: str | None = None,
) -> int:
    """Run the demo; 0, or 1 when a part failed or the incident's alert did not come and go.

    The monitor's log goes to a file; to `out` too where `log_format` says how.
    """
    stop = DemoStop()
    lines = DemoConsole(out, stop)
    if incident is not None and incident not in INCIDENTS:
        lines.print(f'unknown incident "{incident}"; allowed: {", ".join(INCIDENTS)}')
        return 2
    with _signals_set(stop), ExitStack() as parts:
        try:
            demo = _Demo(lines, stop, incident, plan(for_seconds), log_format)
            demo.start(parts, listen)
            return demo.watch()
        except (MonitorError, pymysql.MySQLError, OSError) as error:
            lines.print(f"failed: {error}", mood="bad")
            return 1
        finally:
            lines.print("stopping and cleaning up")


class _Demo:
    def __init__(
        self,
        lines: DemoConsole,
        stop: DemoStop,
        incident: str | None,
        timeline: Timeline,
        log_format: str | None,
    ) -> None:
        self._lines = lines
        self._log_format = log_format
        self._stop = stop
        self._timeline = timeline
        self._kind: type[Incident] | None = INCIDENTS[incident] if incident else None
        self._incident: Incident | None = None
        self._expected = ExpectedAlert(self._kind.alert) if self._kind else None
        self._started_at = time.monotonic()
        self._queries: frozenset[str] = frozenset()
        self._application = _Application(lines)

    def start(self, parts: ExitStack, listen: str) -> None:
        """Start every part; `parts` stops them in the opposite order."""
        directory = Path(tempfile.mkdtemp(prefix="tm-demo-"))
        parts.callback(shutil.rmtree, directory, ignore_errors=True)
        self._lines.print("starting a private MariaDB with the token system in it")
        server = parts.enter_context(
            PrivateMariaDB(directory / "db", options=("--default-time-zone=+00:00",))
        )
        with server.connect() as connection:
            create_tables(connection)
            populate(connection, now=datetime.now(UTC))
            create_account(connection, DATABASE, directory / "password")
        self._traffic = Traffic(lambda: server.connect(DATABASE))
        parts.callback(self._traffic.stop)
        self._traffic.start()
        receiver = parts.enter_context(WebhookReceiver(self._on_alert))
        if self._kind:
            self._incident = self._kind(server, self._traffic)
        documents = shipped_documents(shipped_queries_directory())
        self._queries = frozenset(documents)
        config = directory / "config.toml"
        config.write_text(
            configuration(
                documents,
                ConfigParts(
                    socket=server.socket,
                    database=DATABASE,
                    password_file=directory / "password",
                    webhook_url=receiver.url,
                    listen=listen,
                    state=directory / "state",
                ),
            ),
            encoding="utf-8",
        )
        self._log = MonitorLog(directory / "monitor.log", self._lines, self._log_format)
        parts.callback(self._log.close)
        self._program = Program(
            config, log_format=self._log.format, on_line=self._log.add
        )
        parts.callback(self._program.stop)
        self._program.start()

    def watch(self) -> int:
        """Go through the timeline; return the exit code."""
        if not self._wait(_START_SECONDS, lambda: self._program.address is not None):
            return self._not_started()
        self._started_at = time.monotonic()
        self._introduce()
        if self._incident is not None and self._expected is not None:
            self._break_and_fix(self._incident, self._expected)
        end_at = self._timeline.end_at
        self._wait(None if end_at is None else end_at - self._now())
        return 0 if self._expected is None else self._conclude(self._expected)

    def _not_started(self) -> int:
        if self._stop.is_set:
            return 0
        self._log.show_end()
        raise MonitorError(f"the monitor did not start within {_START_SECONDS:g} s")

    def _conclude(self, expected: ExpectedAlert) -> int:
        """Print how the incident went; who ends the demo before that has not seen it fail."""
        if expected.is_complete:
            self._lines.print(expected.sentence(), mood="good")
            return 0
        if self._stop.is_set:
            return 0
        self._lines.print(expected.sentence(), mood="bad")
        return 1

    def _break_and_fix(self, incident: Incident, expected: ExpectedAlert) -> None:
        times = self._timeline
        self._wait(times.break_at - self._now())
        self._await_queries(times.fix_at - 0.1 * (times.fix_at - times.break_at))
        if self._stop.is_set:
            return
        expected.broken_at = self._now()
        self._lines.print(f"BREAKING: {incident.broken}", mood="bad")
        incident.break_it()
        self._wait(times.fix_at - self._now())
        if self._stop.is_set:
            return
        expected.fixed_at = self._now()
        self._lines.print("MENDING")
        incident.fix_it()
        self._lines.print(f"MENDED: {incident.fixed}", mood="good")

    def _await_queries(self, latest_at: float) -> None:
        """Wait until each query has had data: what is broken before that would resolve nothing."""
        is_done = self._wait(latest_at - self._now(), self._is_every_query_done)
        if not is_done and not self._stop.is_set:
            missing = ", ".join(sorted(self._queries - self._succeeded()))
            self._lines.print(f"no success yet of: {missing}")

    def _introduce(self) -> None:
        """Print where everything is, and what will happen."""
        address, write = self._program.address, self._lines.print
        write(f"the page      http://{address}/")
        write(f"the metrics   http://{address}/metrics")
        write(
            f"the log       {self._log.path} (of the monitor; gone when the demo ends)"
        )
        write(
            f"every query runs every {INTERVAL} here; in earnest every minute or five"
        )
        write(self._plan())
        end_at = self._timeline.end_at
        if end_at is None:
            write("^C ends it")
        else:
            write(f"ends by itself after {end_at:g} s, or by ^C")

    def _plan(self) -> str:
        times, incident = self._timeline, self._incident
        if incident is None:
            return f"nothing breaks; to see an alert: --incident {'|'.join(INCIDENTS)}"
        return (
            f"after {times.break_at:.0f} s: {incident.broken}; expect {incident.alert};"
            f" mended {times.fix_at - times.break_at:.0f} s later"
        )

    def _wait(
        self, seconds: float | None, until: Callable[[], bool] = lambda: False
    ) -> bool:
        """Wait for a condition, at most `seconds`; return whether it came. Ends early when the demo does."""
        deadline = math.inf if seconds is None else time.monotonic() + seconds
        while not self._stop.is_set:
            code = self._program.exit_code
            if code is not None:
                self._log.show_end()
                raise MonitorError(f"the monitor ended with exit code {code}")
            if until():
                return True
            is_broken = self._expected is not None and self._expected.is_broken
            self._application.look(self._traffic, self._now(), is_broken=is_broken)
            rest = min(_STEP_SECONDS, deadline - time.monotonic())
            if rest <= 0:
                return False
            self._stop.wait(rest)
        return False

    def _now(self) -> float:
        return time.monotonic() - self._started_at

    def _on_alert(self, alert: Received) -> None:
        now, since = self._now(), ""
        if self._expected is not None:
            self._expected.saw(alert.status, alert.alertname, now)
            since = self._expected.since(now)
        text = f"webhook received: {alert.status} {alert.alertname}{since}"
        if alert.status != "firing":
            self._lines.print(text, alert.summary, mood="good")
            return
        runbook = f", docs/runbooks/{alert.runbook}.md" if alert.runbook else ""
        look = f"where to look: http://{self._program.address}/{runbook}"
        self._lines.print(text, alert.summary, look, mood="bad")

    def _is_every_query_done(self) -> bool:
        return self._queries <= self._succeeded()

    def _succeeded(self) -> set[str]:
        try:
            with urllib.request.urlopen(
                f"http://{self._program.address}/metrics", timeout=2
            ) as response:
                return set(_SUCCEEDED.findall(response.read().decode()))
        except (OSError, urllib.error.URLError):
            return set()


class _Application:
    """Prints when the application's users begin and cease to be refused."""

    def __init__(self, lines: DemoConsole) -> None:
        self._lines = lines
        self._refused = 0
        self._refused_at: float | None = None

    def look(self, traffic: Traffic, now: float, *, is_broken: bool) -> None:
        """Compare with the last look; while something is broken, a lull is not a recovery."""
        counts = traffic.counts
        if counts[CallOutcome.PAYMENT_REQUIRED] > self._refused:
            if self._refused_at is None:
                self._lines.print("application: users get HTTP 402")
            self._refused, self._refused_at = counts[CallOutcome.PAYMENT_REQUIRED], now
        elif (
            self._refused_at is not None
            and not is_broken
            and now - self._refused_at > _CALM_SECONDS
        ):
            self._lines.print("application: users are served again")
            self._refused_at = None


@contextmanager
def _signals_set(stop: DemoStop) -> Iterator[None]:
    """Let ^C, SIGTERM and a closed terminal end the demo in its own order."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {
        number: signal.signal(number, lambda _number, _frame: stop.set())
        for number in numbers
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
