"""Measure from a fault in the database to the POST that tells of it: ours beside sql_exporter and Prometheus.

Both watch one table of a private MariaDB at the same interval and get the same faults, each with a label of its
own, at moments that do not depend on anybody's interval. Theirs is told without waiting (group_wait 0 s) and with
Alertmanager's default of 30 s.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import statistics
import tempfile
import threading
import time
import urllib.error
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from monitor.demo.mariadb import PrivateMariaDB
from scripts.bench_parts.options import Options, say
from scripts.bench_parts.plots import bars
from scripts.bench_parts.programs import (
    Target,
    create_account,
    free_port,
    get,
    our_command,
    our_environment,
    running,
    wait_for_metrics,
)
from scripts.bench_parts.rows import Row

_INTERVAL_SECONDS = 5
_SQL = "SELECT fault, 1 AS finding FROM faults"
_TOML = f"""summary = "The bench's faults"
interval = "{_INTERVAL_SECONDS}s"
timeout = "2s"
[metrics.bench_fault]
help = "A fault"
labels = ["fault"]
value = "finding"
[rules.BenchFault]
metric = "bench_fault"
above = 0
severity = "warning"
summary = "fault {{fault}} on {{target}}"
"""
_SQL_EXPORTER = """jobs:
- name: bench
  interval: '{seconds}s'
  connections: ['mysql://{user}:{password}@tcp(127.0.0.1:{port})/app']
  queries:
  - name: fault
    help: "A fault"
    labels: [fault]
    values: [finding]
    query: "{sql}"
"""
_PROMETHEUS = """global: {{scrape_interval: {seconds}s, evaluation_interval: {seconds}s}}
rule_files: ['{folder}/rules.yml']
alerting:
  alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]
scrape_configs:
- job_name: bench
  static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]
"""
_RULES = """groups:
- name: bench
  rules:
  - alert: BenchFault
    expr: sql_fault{col="finding"} > 0
"""
_ALERTMANAGER = """route:
  receiver: default
  group_by: [fault]
  repeat_interval: 1h
  routes:
  - {{receiver: at_once, group_wait: 0s, continue: true}}
  - {{receiver: default, group_wait: 30s}}
receivers:
- name: at_once
  webhook_configs: [{{url: '{url}at_once'}}]
- name: default
  webhook_configs: [{{url: '{url}default'}}]
"""


@dataclass(slots=True)
class Arrivals:
    """When which fault was told of first, by the path of the POST; wall time."""

    at: dict[str, dict[int, float]] = field(default_factory=dict)

    def note(self, path: str, body: bytes) -> None:
        """Note the alerts of a webhook."""
        now = time.time()
        for alert in json.loads(body)["alerts"]:
            if alert["labels"].get("alertname") == "BenchFault":
                number = int(alert["labels"]["fault"])
                self.at.setdefault(path, {}).setdefault(number, now)


def run(options: Options) -> list[Row]:
    """Measure in rounds: with each of them the others' clocks begin anew, so that no phase between them is chosen."""
    rounds, faults = (1, 5) if options.is_quick else (6, 5)
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        for path, seconds in _round(options, faults, seed=number).items():
            found.setdefault(path, []).extend(seconds)
    return _rows(found)


def _round(options: Options, faults: int, seed: int) -> dict[str, list[float]]:
    """Return the seconds from each fault to its POST, by the path of the POST."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tm-")))
        server = PrivateMariaDB(
            folder / "db", port=free_port(), options=("--default-time-zone=+00:00",)
        )
        stack.enter_context(server)
        target = _table(server, folder)
        arrivals = Arrivals()
        url = stack.enter_context(_receiver(arrivals))
        stack.enter_context(_ours(options, target, folder, url))
        paths = ["/ours"]
        if shutil.which("prometheus-sql-exporter") is not None:
            stack.enter_context(_theirs(target, folder, url))
            paths += ["/at_once", "/default"]
        began = _faults(server, faults, seed)
        _wait_for_all(arrivals, paths, began)
    return {
        path: [arrivals.at[path][fault] - at for fault, at in began.items()]
        for path in paths
    }


def plots(rows: Sequence[Row]) -> dict[str, str]:
    """Return the plot of the medians."""
    values = {"token-monitor": rows[1].median} if len(rows) > 1 else {}
    for row in rows[1:]:
        name = f"the others, {row.against.rpartition('with ')[2]}"
        values[name] = statistics.median(row.reference)
    return {"latency": bars("From a fault to its POST, median", "s", values)}


def _table(server: PrivateMariaDB, folder: Path) -> Target:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE app")
        cursor.execute("CREATE TABLE app.faults (fault INT PRIMARY KEY)")
        create_account(connection, "bench", "app", folder / "password")
        # sql_exporter comes by TCP, where a server without a resolver knows no localhost
        password = (folder / "password").read_text().strip()
        cursor.execute("CREATE USER bench@'127.0.0.1' IDENTIFIED BY %s", (password,))
        cursor.execute("GRANT SELECT ON app.* TO bench@'127.0.0.1'")
    return Target("main", server, "app", "bench", folder / "password")


@contextmanager
def _receiver(arrivals: Arrivals) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            arrivals.note(self.path, self.rfile.read(length))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the inherited name
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _ours(options: Options, target: Target, folder: Path, url: str) -> Iterator[None]:
    (folder / "queries").mkdir()
    (folder / "queries" / "bench_fault.sql").write_text(_SQL)
    (folder / "queries" / "bench_fault.toml").write_text(_TOML)
    port = free_port()
    config = folder / "config.toml"
    config.write_text(
        'query_dirs = ["queries"]\nshipped_queries = false\n'
        + target.table()
        + f'[receivers.bench]\nkind = "webhook"\nurl = "{url}ours"\n'
        + f'[web]\nlisten = "127.0.0.1:{port}"\n[state]\ndirectory = "{folder / "state"}"\n'
    )
    log: list[str] = []
    command = our_command("run", "--config", str(config))
    with running(command, log, our_environment(options.checkout)) as process:
        wait_for_metrics(port, process, log)
        yield


@contextmanager
def _theirs(target: Target, folder: Path, url: str) -> Iterator[None]:
    exporter, prometheus, alertmanager = free_port(), free_port(), free_port()
    password = target.password_file.read_text().strip()
    (folder / "exporter.yml").write_text(
        _SQL_EXPORTER.format(
            seconds=_INTERVAL_SECONDS,
            user=target.account,
            password=password,
            port=target.server.port,
            sql=_SQL,
        )
    )
    (folder / "rules.yml").write_text(_RULES)
    (folder / "prometheus.yml").write_text(
        _PROMETHEUS.format(
            seconds=_INTERVAL_SECONDS,
            folder=folder,
            alertmanager=alertmanager,
            exporter=exporter,
        )
    )
    (folder / "alertmanager.yml").write_text(_ALERTMANAGER.format(url=url))
    here = "127.0.0.1"
    commands = {
        exporter: [
            "prometheus-sql-exporter",
            f"-config.file={folder}/exporter.yml",
            f"-web.listen-address={here}:{exporter}",
        ],
        alertmanager: [
            "prometheus-alertmanager",
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/alertmanager",
            f"--web.listen-address={here}:{alertmanager}",
            "--cluster.listen-address=",
        ],
        prometheus: [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/prometheus",
            f"--web.listen-address={here}:{prometheus}",
        ],
    }
    with ExitStack() as stack:
        for port, command in commands.items():
            log: list[str] = []
            process = stack.enter_context(running(command, log))
            wait_for_metrics(port, process, log)
        _wait_for_a_scrape(prometheus)
        yield


def _wait_for_a_scrape(prometheus: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        # while it starts it answers 503
        with contextlib.suppress(urllib.error.HTTPError):
            if b'"health":"up"' in get(prometheus, "/api/v1/targets"):
                return
        time.sleep(0.2)
    raise SystemExit("bench: Prometheus does not scrape sql_exporter")


def _faults(server: PrivateMariaDB, faults: int, seed: int) -> dict[int, float]:
    """Make the faults, one after the other; return when each was committed."""
    draw = random.Random(seed)
    began: dict[int, float] = {}
    with server.connect("app") as connection, connection.cursor() as cursor:
        for number in range(1, faults + 1):
            time.sleep(draw.uniform(0.5, 1.5) * _INTERVAL_SECONDS)
            cursor.execute("INSERT INTO faults VALUES (%s)", (number,))
            began[number] = time.time()
    return began


def _wait_for_all(
    arrivals: Arrivals, paths: Sequence[str], began: Mapping[int, float]
) -> None:
    deadline = time.monotonic() + 90
    for path in paths:
        while len(arrivals.at.get(path, {})) < len(began):
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: not all faults were told to {path}")
            time.sleep(0.1)


def _rows(found: Mapping[str, Sequence[float]]) -> list[Row]:
    ours = tuple(found["/ours"])
    beyond = 1000 * (max(ours) - _INTERVAL_SECONDS)
    measure = f"from a fault to its POST (intervals of {_INTERVAL_SECONDS} s)"
    rows = [
        Row("latency", f"{measure}, longest, less the interval", "ms", (beyond,), goal="≤ 100"),
    ]  # fmt: skip
    for path, wait in (("/at_once", "0 s"), ("/default", "30 s")):
        if path in found:
            against = f"sql_exporter, Prometheus, Alertmanager with group_wait {wait}"
            title = f"{measure}; theirs: group_wait {wait}"
            rows.append(
                Row("latency", title, "s", ours, tuple(found[path]), against, "≤ 0.20 of theirs")
            )  # fmt: skip
    for row in rows:
        say(row.line())
    return rows
