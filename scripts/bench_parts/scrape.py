"""Measure scrapes: how many a second, beside others; how long while queries run; a fleet's page.

Results are made up and served by the real web server, but for "while 1,000 queries run": that is the daemon, on
a private MariaDB. The client and the server have a processor each; what is compared takes turns.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from monitor.demo.mariadb import PrivateMariaDB
from scripts.bench_parts.options import Options, say
from scripts.bench_parts.programs import (
    ROOT,
    Target,
    cpu_ms,
    create_account,
    free_port,
    get,
    our_command,
    our_environment,
    running,
    wait_for_metrics,
)
from scripts.bench_parts.rows import Row
from scripts.bench_parts.scrape_client import (
    PLAIN,
    PROMETHEUS,
    answers_a_second,
    milliseconds,
)

_SERVER = "scripts.bench_parts.scrape_server"
_SERIES = 10_000
_EXPORTER = """databases:
  db:
    dsn: "sqlite://"
metrics:
  token_balances:
    type: gauge
    labels: [plan]
queries:
  balances:
    interval: 60
    databases: [db]
    metrics: [token_balances]
    sql: >
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
      SELECT i AS token_balances, 'plan-' || i AS plan FROM n
"""
_Measured = TypeVar("_Measured")
_TARGETS = 125
_QUERIES = 8
_BUSY = "7500ms"
"""A thousand queries so often are 133 a second, as 8,000 of a minute."""


@dataclass(frozen=True, slots=True)
class _Server:
    """A server of `scrape_server`."""

    port: int
    process: subprocess.Popen[bytes]


def run(options: Options) -> list[Row]:
    """Measure all of it."""
    seconds = 0.5 if options.is_quick else 2.0
    rounds = 1 if options.is_quick else max(5, options.repeats)
    rows: list[Row] = []
    for found in (
        _beside_query_exporter(options, rounds, seconds),
        _beside_a_constant(rounds, seconds),
        _small(rounds, seconds),
        _fleet(rounds, seconds),
        _while_queries_run(options, rounds, seconds),
    ):
        for row in found:
            say(row.line())
            rows.append(row)
    return rows


def _beside_query_exporter(
    options: Options, rounds: int, seconds: float
) -> Iterator[Row]:
    program = (options.peers or Path()) / "query-exporter" / "bin" / "query-exporter"
    with ExitStack() as stack:
        ours = stack.enter_context(_served("series"))
        theirs: int | None = None
        if options.peers is not None and program.exists():
            theirs = stack.enter_context(_exporter(program))
        for what, headers in (("gzip", PROMETHEUS), ("plain", PLAIN)):
            found = _in_turn(
                rounds,
                _rate(ours.port, "/metrics", headers, seconds),
                _rate(theirs, "/metrics", headers, 2 * seconds),
            )
            against = "query-exporter" if theirs else ""
            measure = f"scrapes of 10,000 series a second, {what}"
            yield _row(measure, "1/s", *found, against, "50 ×")


@contextmanager
def _exporter(program: Path) -> Iterator[int]:
    with tempfile.TemporaryDirectory(prefix="tm-") as name:
        config = Path(name) / "config.yaml"
        config.write_text(_EXPORTER)
        port = free_port()
        log: list[str] = []
        address = ("--host", "127.0.0.1", "--port", str(port))
        command = [str(program), "--config", str(config), *address]
        with running(command, log) as process:
            wait_for_metrics(port, process, log)
            while get(port, "/metrics").count(b"\ntoken_balances{") < _SERIES:
                time.sleep(0.1)
            yield port


def _beside_a_constant(rounds: int, seconds: float) -> Iterator[Row]:
    with _served("series") as ours:
        for what, headers in (("plain", PLAIN), ("gzip", PROMETHEUS)):
            _, size = milliseconds(ours.port, "/metrics", headers, seconds=0.2)
            measure = f"scrapes of 10,000 series a second, {what}, beside a constant"
            against = f"constant answer of the same {size:,} bytes"
            with _served("constant", size) as constant:
                yield from _beside(
                    rounds, seconds, (ours, constant), headers, (measure, against)
                )


def _small(rounds: int, seconds: float) -> Iterator[Row]:
    with (
        _served("small") as ours,
        _served("constant", 6) as constant,
        _served("bare", 6) as bare,
    ):
        for what, server in (
            ("constant answer of 6 bytes of the same server", constant),
            ("the same without time limit, headers, Host and password", bare),
        ):
            names = (f"small scrapes a second, beside a {what}", what)
            yield from _beside(rounds, seconds, (ours, server), PROMETHEUS, names)


def _beside(
    rounds: int,
    seconds: float,
    servers: tuple[_Server, _Server],
    headers: Mapping[str, str],
    names: tuple[str, str],
) -> Iterator[Row]:
    """Yield answers a second, and how much processor time they take, of our scrapes and of another server's."""
    ours, other = servers
    measure, against = names
    found = _in_turn(
        rounds,
        _rate_and_cost(ours, "/metrics", headers, seconds),
        _rate_and_cost(other, "/", headers, seconds),
    )
    for place, (kind, unit, goal) in enumerate(
        (("", "1/s", "0.8 ×"), (": processor time an answer", "µs", "1.25 ×"))
    ):
        ours_found, others = ([one[place] for one in side] for side in found)
        yield _row(measure + kind, unit, ours_found, others, against, goal)


def _rate_and_cost(
    server: _Server, path: str, headers: Mapping[str, str], seconds: float
) -> Callable[[], tuple[float, float]]:
    """Return what measures answers a second, and the microseconds of the server's processor time of each."""

    def measured() -> tuple[float, float]:
        before = cpu_ms(server.process)
        rate = answers_a_second(server.port, path, headers, seconds=seconds)
        return rate, 1000 * (cpu_ms(server.process) - before) / (rate * seconds)

    return measured


def _fleet(rounds: int, seconds: float) -> Iterator[Row]:
    with _served("fleet") as server:
        for what, path, headers in (
            ("gzip", "/metrics", PROMETHEUS),
            ("plain", "/metrics", PLAIN),
            ("one target", "/metrics?target=db-0500", PROMETHEUS),
        ):
            # At any moment of the seconds in which 133 results come.
            took, size = milliseconds(
                server.port, path, headers, seconds=seconds * rounds, pause=0.237
            )
            goal = "" if path != "/metrics" else "300 ms"
            yield _row(f"page of 1,000 targets × 8, {what}", "ms", took, (), "", goal)
            bound = "10 MB" if what == "plain" else ""
            measure = f"bytes of the page of 1,000 targets × 8, {what}"
            yield _row(measure, "MB", [size / 1e6], (), "", bound)


def _while_queries_run(options: Options, rounds: int, seconds: float) -> Iterator[Row]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tm-")))
        bounds = ("--max-connections=1500", "--default-time-zone=+00:00")
        server = stack.enter_context(PrivateMariaDB(folder / "db", options=bounds))
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE app")
            create_account(connection, "bench", "app", folder / "password")
        target = Target("main", server, "app", "bench", folder / "password")
        found: dict[str, dict[str, list[float]]] = {"idle": {}, "busy": {}}
        for name, interval in (("idle", "1h"), ("busy", _BUSY)):
            with _daemon(options, target, folder / name, interval) as port:
                for path in ("/metrics?target=t000", "/metrics"):
                    found[name][path] = [
                        _p99(port, path, 2 * seconds) for _ in range(rounds)
                    ]
    for path in found["busy"]:
        busy, idle = found["busy"][path], found["idle"][path]
        measure = f"p99 of GET {path} while 1,000 queries run"
        yield _row(measure, "ms", busy, idle, "idle", "3 ×, 50 ms")


@contextmanager
def _daemon(
    options: Options, target: Target, folder: Path, interval: str
) -> Iterator[int]:
    """Run the daemon on 125 targets, all of one server, with eight queries each, until all have run once."""
    queries = folder / "queries"
    queries.mkdir(parents=True)
    for number in range(_QUERIES):
        (queries / f"q{number}.sql").write_text(f"SELECT {number} AS n\n")
        (queries / f"q{number}.toml").write_text(
            f'summary = "q"\ninterval = "{interval}"\ntimeout = "5s"\n'
            f'[metrics.token_q{number}]\nhelp = "q"\nvalue = "n"\n'
        )
    port = free_port()
    tables = [
        target.table().replace("[targets.main]", f"[targets.t{number:03}]")
        for number in range(_TARGETS)
    ]
    config = folder / "config.toml"
    config.write_text(
        'query_dirs = ["queries"]\nshipped_queries = false\n'
        + "\n".join(tables)
        + f'\n[web]\nlisten = "127.0.0.1:{port}"\n[state]\ndirectory = "state"\n'
    )
    log: list[str] = []
    command = our_command("run", "--config", str(config), "--log-level", "warning")
    with running(command, log, our_environment(options.checkout)) as process:
        wait_for_metrics(port, process, log)
        deadline = time.monotonic() + 120
        while get(port, "/metrics").count(b'status="ok"') < _TARGETS * _QUERIES:
            if time.monotonic() > deadline:
                sys.exit("bench: not all queries have run:\n" + "".join(log[-30:]))
            time.sleep(0.5)
        yield port


def _p99(port: int, path: str, seconds: float) -> float:
    # As a Prometheus would: not as fast as it goes.
    took, _ = milliseconds(port, path, PROMETHEUS, seconds=seconds, pause=0.005)
    return statistics.quantiles(took, n=100)[98]


@contextmanager
def _served(kind: str, size: int | None = None) -> Iterator[_Server]:
    """Run a server of `scrape_server`."""
    arguments = [kind] if size is None else [kind, str(size)]
    with subprocess.Popen(
        [sys.executable, "-m", _SERVER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        try:
            yield _Server(int(process.stdout.readline()), process)
        finally:
            process.kill()


def _rate(
    port: int | None, path: str, headers: Mapping[str, str], seconds: float
) -> Callable[[], float] | None:
    """Return what measures answers a second; None without a server."""
    if port is None:
        return None
    return lambda: answers_a_second(port, path, headers, seconds=seconds)


def _in_turn(
    rounds: int,
    ours: Callable[[], _Measured] | None,
    theirs: Callable[[], _Measured] | None,
) -> tuple[list[_Measured], list[_Measured]]:
    """Measure both, one after the other, so often."""
    found: tuple[list[_Measured], list[_Measured]] = ([], [])
    for _ in range(rounds):
        for samples, measure in zip(found, (ours, theirs), strict=True):
            if measure is not None:
                samples.append(measure())
    return found


def _row(
    measure: str,
    unit: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    against: str,
    goal: str,
) -> Row:
    return Row("scrape", measure, unit, tuple(ours), tuple(theirs), against, goal)
