"""Measure the monitor on a private MariaDB with the demo's data: start, memory, latency of a delivery.

Numbers of one machine and one moment: compare ratios. With --query-exporter, the same for query-exporter
on the same server, as far as it has the thing.
"""

from __future__ import annotations

import argparse
import bisect
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from monitor.demo.configuration import (
    ACCOUNT,
    ConfigParts,
    configuration,
    create_account,
)
from monitor.demo.mariadb import PrivateMariaDB
from monitor.demo.tokens import DATABASE, create_tables, populate
from monitor.demo.webhook import Received, WebhookReceiver

TOGGLE_SQL = "SELECT CAST(FLOOR(UNIX_TIMESTAMP(NOW(6))) % 2 AS SIGNED) AS finding\n"
TOGGLE_TOML = """summary = "Found in every second run"
interval = "1s"
timeout = "500ms"
[rules.BenchToggle]
column = "finding"
above = 0
severity = "warning"
summary = "found on {target}"
"""
EXPORTER_CONFIG = """databases:
  db:
    dsn: "mysql+pymysql://{user}:{password}@localhost/{database}?unix_socket={socket}"
metrics:
  token_subscribers:
    type: gauge
    labels: [plan]
queries:
  subscribers:
    interval: 60
    databases: [db]
    metrics: [token_subscribers]
    sql: >
      SELECT us.plan_type AS plan, COUNT(*) AS token_subscribers FROM users u
      JOIN user_subscriptions us ON us.user_id = u.id AND us.is_active = 1 GROUP BY us.plan_type
"""


@dataclass
class Row:
    """One line of the table; numbers are None where a program has no such thing."""

    measure: str
    ours: float
    theirs: float | None = None

    def cells(self) -> tuple[str, str, str, str]:
        theirs = "–" if self.theirs is None else number(self.theirs)
        ratio = "–" if not self.theirs else f"{self.ours / self.theirs:.2f}"
        return self.measure, number(self.ours), theirs, ratio


class Bench:
    """A server with the demo's data, and the programs on it."""

    def __init__(self, server: PrivateMariaDB, directory: Path) -> None:
        self.server = server
        self.directory = directory
        self.password_file = directory / "password"
        with server.connect() as connection:
            create_tables(connection)
            populate(connection, now=datetime.now(UTC))
            create_account(connection, DATABASE, self.password_file)

    def our_command(
        self,
        port: int,
        *,
        webhook_url: str = "http://127.0.0.1:9/",
        toggle: bool = False,
    ) -> list[str]:
        folder = Path(tempfile.mkdtemp(dir=self.directory))
        head = ""
        if toggle:
            (folder / "queries").mkdir()
            (folder / "queries" / "bench_toggle.sql").write_text(TOGGLE_SQL)
            (folder / "queries" / "bench_toggle.toml").write_text(TOGGLE_TOML)
            head = 'query_dirs = ["queries"]\n'
        parts = ConfigParts(
            socket=self.server.socket,
            database=DATABASE,
            password_file=self.password_file,
            webhook_url=webhook_url,
            listen=f"127.0.0.1:{port}",
            state=folder / "state",
        )
        text = configuration({}, parts)
        (folder / "config.toml").write_text(head + text)
        config = str(folder / "config.toml")
        return [
            sys.executable,
            "-m",
            "monitor",
            "run",
            "--config",
            config,
            "--log-level",
            "debug",
        ]

    def their_command(self, venv: Path, port: int) -> list[str]:
        config = self.directory / "exporter.yaml"
        config.write_text(
            EXPORTER_CONFIG.format(
                user=ACCOUNT,
                password=self.password_file.read_text().strip(),
                database=DATABASE,
                socket=self.server.socket,
            )
        )
        program = str(venv / "bin" / "query-exporter")
        return [
            program,
            "--config",
            str(config),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], log: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    reader = threading.Thread(target=log.extend, args=(process.stdout,))
    reader.start()
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
        process.stdout.close()


def wait_for_metrics(port: int, process: subprocess.Popen[str], log: list[str]) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError, urllib.error.URLError):
            with urllib.request.urlopen(
                f"http://127.0.0.1:{port}/metrics", timeout=5
            ) as response:
                response.read()
            return
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit("bench: the program does not answer:\n" + "".join(log[-30:]))
        time.sleep(0.002)


def start_seconds(command: Sequence[str], port: int) -> float:
    log: list[str] = []
    began = time.monotonic()
    with running(command, log) as process:
        wait_for_metrics(port, process, log)
        return time.monotonic() - began


def resident_mb(command: Sequence[str], port: int, after_seconds: float) -> float:
    log: list[str] = []
    with running(command, log) as process:
        wait_for_metrics(port, process, log)
        time.sleep(after_seconds)
        status = Path(f"/proc/{process.pid}/status").read_text()
    kilobytes = next(
        int(line.split()[1])
        for line in status.splitlines()
        if line.startswith("VmRSS:")
    )
    return kilobytes * 1024 / 1_000_000


def delivery_milliseconds(
    bench: Bench, transitions: int
) -> tuple[list[float], list[float]]:
    """Give for each transition: from the run's end, and from its scheduled instant, to the POST received."""
    arrived: list[float] = []

    def note(alert: Received) -> None:
        if alert.alertname == "BenchToggle":
            arrived.append(time.time())

    log: list[str] = []
    port = free_port()
    with WebhookReceiver(note) as receiver:
        command = bench.our_command(port, webhook_url=receiver.url, toggle=True)
        with running(command, log) as process:
            deadline = time.monotonic() + 4 * transitions + 30
            while len(arrived) < transitions + 1:
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(
                        f"bench: {len(arrived)} of {transitions} deliveries:\n"
                        + "".join(log[-30:])
                    )
                time.sleep(0.05)
    runs = []
    for line in log:
        event = json.loads(line) if line.startswith("{") else {}
        if (
            event.get("event") == "run.finished"
            and event.get("query") == "bench_toggle"
        ):
            runs.append(
                (seconds_of(event["timestamp"]), seconds_of(event["scheduled_at"]))
            )
    ends = [end for end, _ in runs]
    from_end, from_schedule = [], []
    for at in arrived[1:]:  # the first is of the start, when everything happens at once
        end, scheduled = runs[bisect.bisect_right(ends, at) - 1]
        from_end.append((at - end) * 1000)
        from_schedule.append((at - scheduled) * 1000)
    return from_end, from_schedule


def seconds_of(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def measure(bench: Bench, options: argparse.Namespace) -> list[Row]:
    venv = options.query_exporter
    starts, after = (3, 10.0) if options.quick else (7, 60.0)
    port = free_port()

    def medians(command: Sequence[str]) -> float:
        return (
            statistics.median(start_seconds(command, port) for _ in range(starts))
            * 1000
        )

    say(f"start, {starts} times")
    rows = [
        Row("start to first /metrics, ms (median)", medians(bench.our_command(port)))
    ]
    if venv:
        rows[-1].theirs = medians(bench.their_command(venv, port))
    say(f"memory after {after:.0f} s")
    rows.append(
        Row(
            f"resident memory after {after:.0f} s, MB",
            resident_mb(bench.our_command(port), port, after),
        )
    )
    if venv:
        rows[-1].theirs = resident_mb(bench.their_command(venv, port), port, after)
    say(f"latency of {options.transitions} deliveries")
    from_end, from_schedule = delivery_milliseconds(bench, options.transitions)
    rows.append(
        Row("run's end to POST received, ms (median)", statistics.median(from_end))
    )
    rows.append(Row("run's end to POST received, ms (max)", max(from_end)))
    rows.append(
        Row(
            "scheduled instant to POST received, ms (median)",
            statistics.median(from_schedule),
        )
    )
    rows.append(Row("scheduled instant to POST received, ms (max)", max(from_schedule)))
    return rows


def show(rows: Sequence[Row], *, with_theirs: bool) -> None:
    columns = 4 if with_theirs else 2
    table = [
        ("measure", "token-monitor", "query-exporter", "ratio"),
        *(row.cells() for row in rows),
    ]
    widths = [max(len(line[column]) for line in table) for column in range(columns)]
    for line in table:
        print(
            "  ".join(
                line[column].ljust(widths[column]) for column in range(columns)
            ).rstrip()
        )


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer starts, memory after 10 s instead of 60 s",
    )
    parser.add_argument(
        "--transitions",
        type=int,
        default=50,
        metavar="N",
        help="deliveries to time (default 50)",
    )
    parser.add_argument(
        "--query-exporter",
        type=Path,
        metavar="VENV",
        help="compare with the one in this venv",
    )
    options = parser.parse_args()
    os.environ.pop("TOKEN_MONITOR_LISTEN", None)
    os.environ.pop("TOKEN_MONITOR_STATE_DIRECTORY", None)
    with tempfile.TemporaryDirectory(prefix="tm-") as name:
        directory = Path(name)
        with PrivateMariaDB(
            directory / "db", options=("--default-time-zone=+00:00",)
        ) as server:
            show(
                measure(Bench(server, directory), options),
                with_theirs=options.query_exporter is not None,
            )


if __name__ == "__main__":
    main()
