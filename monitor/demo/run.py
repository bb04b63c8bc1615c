"""The demo as a whole: starts every part, tells what happens, breaks and mends, and leaves nothing behind."""

from __future__ import annotations

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
    configuration,
    create_account,
    shipped_documents,
)
from monitor.demo.incidents import INCIDENTS, Incident
from monitor.demo.mariadb import PrivateMariaDB
from monitor.demo.output import Console, MonitorLog, StopRequest
from monitor.demo.program import Program
from monitor.demo.timeline import ExpectedAlert, Timeline, plan
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
    stop = StopRequest()
    lines = Console(out, stop)
    if incident is not None and incident not in INCIDENTS:
        lines.say(f'unknown incident "{incident}"; allowed: {", ".join(INCIDENTS)}')
        return 2
    with _signals_set(stop), ExitStack() as parts:
        try:
            demo = _Demo(lines, stop, incident, plan(for_seconds), log_format)
            demo.start(parts, listen)
            return demo.watch()
        except (MonitorError, pymysql.MySQLError, OSError) as error:
            lines.say(f"failed: {error}", mood="bad")
            return 1
        finally:
            lines.say("stopping and cleaning up")


class _Demo:
    def __init__(
        self,
        lines: Console,
        stop: StopRequest,
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
        self._verdict = ExpectedAlert(self._kind.alert) if self._kind else None
        self._started_at = time.monotonic()
        self._queries: frozenset[str] = frozenset()
        self._application = _Application(lines)

    def start(self, parts: ExitStack, listen: str) -> None:
        """Start every part; `parts` stops them in the opposite order."""
        directory = Path(tempfile.mkdtemp(prefix="tm-demo-"))
        parts.callback(shutil.rmtree, directory, ignore_errors=True)
        self._lines.say("starting a private MariaDB with the token system in it")
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
                socket=server.socket,
                database=DATABASE,
                password_file=directory / "password",
                webhook_url=receiver.url,
                listen=listen,
                state=directory / "state",
            ),
            encoding="utf-8",
        )
        self._log = MonitorLog(
            directory / "monitor.telemetry.log", self._lines, self._log_format
        )
        parts.callback(self._log.close)
        self._program = Program(
            config, log_format=self._log.format, on_line=self._log.add
        )
        parts.callback(self._program.stop)
        self._program.start()

    def watch(self) -> int:
        """Go through the timeline; gives the exit code."""
        if not self._wait(_START_SECONDS, lambda: self._program.address is not None):
            if not self._stop.is_set:
                self._log.show_end()
                raise MonitorError(
                    f"the monitor did not start within {_START_SECONDS:g} s"
                )
            return 0
        self._started_at = time.monotonic()
        self._tell()
        if self._incident is not None and self._verdict is not None:
            self._break_and_mend(self._incident, self._verdict)
        end_at = self._timeline.end_at
        self._wait(None if end_at is None else end_at - self._now(), lambda: False)
        if self._verdict is None or (
            self._stop.is_set and not self._verdict.is_complete
        ):
            return 0
        self._lines.say(
            self._verdict.sentence(),
            mood="good" if self._verdict.is_complete else "bad",
        )
        return 0 if self._verdict.is_complete else 1

    def _break_and_mend(self, incident: Incident, verdict: ExpectedAlert) -> None:
        self._wait(self._timeline.break_at - self._now(), lambda: False)
        latest = self._timeline.mend_at - 0.1 * (
            self._timeline.mend_at - self._timeline.break_at
        )
        if (
            not self._wait(latest - self._now(), self._is_every_query_done)
            and not self._stop.is_set
        ):
            self._lines.say(
                f"no success yet of: {', '.join(sorted(self._queries - self._succeeded()))}"
            )
        if self._stop.is_set:
            return
        verdict.broken_at = self._now()
        self._lines.say(f"BREAKING: {incident.broken}", mood="bad")
        incident.break_it()
        self._wait(self._timeline.mend_at - self._now(), lambda: False)
        if self._stop.is_set:
            return
        verdict.mended_at = self._now()
        self._lines.say("MENDING")
        incident.mend_it()
        self._lines.say(f"MENDED: {incident.mended}", mood="good")

    def _tell(self) -> None:
        address = self._program.address
        self._lines.say(f"the page      http://{address}/")
        self._lines.say(f"the metrics   http://{address}/metrics")
        self._lines.say(
            f"the log       {self._log.path} (of the monitor; gone when the demo ends)"
        )
        self._lines.say(
            f"every query runs every {INTERVAL} here; in earnest every minute or five"
        )
        if self._incident is not None:
            times = self._timeline
            self._lines.say(
                f"after {times.break_at:.0f} s: {self._incident.broken}; expect {self._incident.alert};"
                f" mended {times.mend_at - times.break_at:.0f} s later"
            )
        else:
            self._lines.say(
                f"nothing breaks; to see an alert: --incident {'|'.join(INCIDENTS)}"
            )
        end_at = self._timeline.end_at
        self._lines.say(
            "^C ends it"
            if end_at is None
            else f"ends by itself after {end_at:g} s, or by ^C"
        )

    def _wait(self, seconds: float | None, until: Callable[[], bool]) -> bool:
        """Wait for a condition, at most `seconds`; gives whether it came. Ends early when the demo does."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self._stop.is_set:
            code = self._program.exit_code
            if code is not None:
                self._log.show_end()
                raise MonitorError(f"the monitor ended with exit code {code}")
            if until():
                return True
            self._application.look(
                self._traffic, self._now(), is_broken=self._is_broken
            )
            rest = (
                _STEP_SECONDS
                if deadline is None
                else min(_STEP_SECONDS, deadline - time.monotonic())
            )
            if rest <= 0:
                return False
            self._stop.wait(rest)
        return False

    @property
    def _is_broken(self) -> bool:
        verdict = self._verdict
        return (
            verdict is not None
            and verdict.broken_at is not None
            and verdict.mended_at is None
        )

    def _now(self) -> float:
        return time.monotonic() - self._started_at

    def _on_alert(self, alert: Received) -> None:
        now, verdict = self._now(), self._verdict
        if verdict is not None:
            verdict.saw(alert.status, alert.alertname, now)
        is_firing = alert.status == "firing"
        look = f"where to look: http://{self._program.address}/"
        runbook = f", docs/runbooks/{alert.runbook}.md" if alert.runbook else ""
        self._lines.say(
            f"webhook received: {alert.status} {alert.alertname}{_since(verdict, now)}",
            alert.summary,
            *([f"{look}{runbook}"] if is_firing else ()),
            mood="bad" if is_firing else "good",
        )

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


def _since(verdict: ExpectedAlert | None, now: float) -> str:
    """Say how long after the break or the mending it is."""
    if verdict is None or verdict.broken_at is None:
        return ""
    if verdict.mended_at is None:
        return f", {now - verdict.broken_at:.1f} s after the break"
    return f", {now - verdict.mended_at:.1f} s after the mending"


class _Application:
    """Tells when the application's users begin and cease to be refused."""

    def __init__(self, lines: Console) -> None:
        self._lines = lines
        self._refused = 0
        self._refused_at: float | None = None

    def look(self, traffic: Traffic, now: float, *, is_broken: bool) -> None:
        """Compare with the last look; while something is broken, a lull is no recovery."""
        counts = traffic.counts
        if counts[CallOutcome.PAYMENT_REQUIRED] > self._refused:
            if self._refused_at is None:
                self._lines.say("application: users get HTTP 402")
            self._refused, self._refused_at = counts[CallOutcome.PAYMENT_REQUIRED], now
        elif (
            self._refused_at is not None
            and not is_broken
            and now - self._refused_at > _CALM_SECONDS
        ):
            self._lines.say("application: users are served again")
            self._refused_at = None


@contextmanager
def _signals_set(stop: StopRequest) -> Iterator[None]:
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
