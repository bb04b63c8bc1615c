"""Measure what a fleet costs: N targets of 8 queries a minute on a stub of MySQL, which has its own CPU.

    .venv/bin/python scripts/bench_fleet.py --targets 1000 --minutes 3 [--silent 500] [--root OTHER_CHECKOUT]

One JSON object: CPU a second as a share of one core, beside that of a bare PyMySQL loop of the same queries,
and of all statements that were sent; memory, threads, sessions; lateness against the plan; missed runs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUERIES = 8
INTERVAL_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
SQL = (
    "SELECT plan, COUNT(*) AS subscribers FROM subscribers_{0} GROUP BY plan /* q{0} */"
)
TOML = """summary = "Subscribers by plan"
interval = "1m"
timeout = "10s"
[metrics.fleet_subscribers_{0}]
help = "Subscribers"
labels = ["plan"]
value = "subscribers"
[rules.FleetTooMany{0}]
metric = "fleet_subscribers_{0}"
above = 1000000
for = "2m"
severity = "warning"
summary = "{{value}} {{plan}} subscribers on {{target}}"
"""


class Stub:
    """The stub in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.mysql_stub"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.port = int(self._read()["port"])

    def ask(self, *words: str) -> dict[str, object]:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, object]:
        assert self._process.stdout is not None
        told: dict[str, object] = json.loads(self._process.stdout.readline())
        return told

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


@dataclass(frozen=True)
class Usage:
    """What a process has used so far."""

    cpu_seconds: float
    rss_mb: float
    threads: int
    at: float

    def core_share_since(self, before: Usage) -> float:
        """Return which part of one core it took."""
        return (self.cpu_seconds - before.cpu_seconds) / (self.at - before.at)


def usage_of(pid: int) -> Usage:
    """Read it from /proc."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu_seconds = (int(stat[11]) + int(stat[12])) / _TICKS
    return Usage(cpu_seconds, int(stat[21]) * _PAGE / 1e6, int(stat[17]), time.time())


def write_config(folder: Path, targets: Sequence[str], port: int) -> Path:
    """Write a configuration of so many targets on one port, told apart by their accounts."""
    queries = folder / "queries"
    queries.mkdir()
    for number in range(1, QUERIES + 1):
        (queries / f"fleet_{number}.sql").write_text(SQL.format(number) + "\n")
        (queries / f"fleet_{number}.toml").write_text(TOML.format(number))
    lines = ['query_dirs = ["queries"]', "shipped_queries = false"]
    lines += ["[web]", 'listen = "127.0.0.1:0"', "[state]", 'directory = "state"']
    for name in targets:
        lines += [f"[targets.{name}]", 'host = "127.0.0.1"', f"port = {port}"]
        lines += [
            f'user = "{name}"',
            'password_env = "FLEET_PASSWORD"',
            'database = "app"',
        ]
    path = folder / "config.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


@contextmanager
def daemon(root: Path, config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon of a checkout."""
    program = "import sys; from monitor.__main__ import main; sys.exit(main())"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "run", "--config", str(config)],
            cwd=root,
            env={**os.environ, "FLEET_PASSWORD": "x", "PYTHONPATH": str(root)},
            stdout=out,
            stderr=out,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for_start(log: Path, process: subprocess.Popen[bytes]) -> tuple[float, str]:
    """Return when it said that it had started, as Unix time, and its address."""
    while process.poll() is None:
        for line in log.read_text().splitlines():
            if "monitor.started" in line:
                event = json.loads(line)
                at = datetime.fromisoformat(event["timestamp"]).timestamp()
                return at, event["address"]
        time.sleep(0.05)
    raise SystemExit(log.read_text()[-2000:])


def scrape(address: str) -> tuple[str, float]:
    """Return the page of metrics, and how many seconds it took."""
    began = time.monotonic()
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    return text, time.monotonic() - began


def total(page: str, metric: str, besides: Sequence[str] = ()) -> float:
    """Return the sum of a metric's series, without those of some targets."""
    left_out = set(besides)
    series = re.findall(rf"^{metric}(\{{[^}}]*\}})? (\S+)$", page, re.MULTILINE)
    return sum(
        float(value)
        for labels, value in series
        if not left_out.intersection(re.findall(r'target="([^"]*)"', labels))
    )


def planned_first(
    root: Path, names: Sequence[str], started_at: float
) -> Mapping[tuple[str, int], float]:
    """Return when the first look of each job is planned: asked of the checkout that runs."""
    told = subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts" / "bench_fleet_plan.py"),
            str(len(names)),
            str(started_at),
        ],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        (name, int(number)): float(at) for name, number, at in json.loads(told.stdout)
    }


def latenesses(
    arrivals: Sequence[tuple[str, int, float]],
    first: Mapping[tuple[str, int], float],
    root: Path,
) -> tuple[list[float], list[float]]:
    """Return by how much first looks, and then the others, came after their plan."""
    sys.path.insert(0, str(root))
    from monitor.collector.slots import grid_offset

    by_job: dict[tuple[str, int], list[float]] = {}
    for name, number, at in arrivals:
        by_job.setdefault((name, number), []).append(at)
    early, late = [], []
    for (name, number), ats in by_job.items():
        planned = first.get((name, number))
        if planned is not None:
            early.append(ats[0] - planned)
        key = (name, f"fleet_{number}")
        offset = grid_offset(key, timedelta(seconds=INTERVAL_SECONDS)).total_seconds()
        late += [(at - offset + 1.0) % INTERVAL_SECONDS - 1.0 for at in ats[1:]]
    return early, late


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, p99 and the largest, in milliseconds."""
    if not values:
        return {}
    ranked = sorted(values)
    p99 = ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))]
    named = {"p50": statistics.median(ranked), "p99": p99, "max": ranked[-1]}
    return {name: round(value * 1000, 1) for name, value in named.items()}


def bare_loop(
    port: int, targets: int, statements: Mapping[str, float], seconds: float
) -> float:
    """Return which part of a core a bare PyMySQL loop takes for the same statements at the same rate.

    One thread, a connection kept for each target, in a process of its own; `statements` by how many a run.
    """
    told = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "bench_fleet_bare.py")],
        input=json.dumps(
            {
                "port": port,
                "targets": targets,
                "statements": statements,
                "seconds": seconds,
            }
        ),
        stdout=subprocess.PIPE,  # what goes wrong is said on our stderr
        text=True,
        check=True,
    )
    return float(told.stdout)


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Run it all."""
    names = [f"t{number:05}" for number in range(options.targets)]
    stub = Stub()
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder), names, stub.port)
        log = Path(folder) / "log"
        silent = names[: options.silent]
        if silent and options.silent_from_start:
            stub.ask("silence", *silent)
        began = time.time()
        with daemon(options.root, config, log) as process:
            started_at, address = wait_for_start(log, process)
            result: dict[str, object] = {
                "targets": options.targets,
                "start_seconds": round(time.time() - began, 2),
                "started_rss_mb": round(usage_of(process.pid).rss_mb, 1),
            }
            at_start = usage_of(process.pid)
            time.sleep(options.warm_seconds)
            if silent and not options.silent_from_start:
                stub.ask("silence", *silent)
                time.sleep(5)
            stub.ask("stats")
            before, stub_before = usage_of(process.pid), usage_of(stub.pid)
            rss, threads, sessions = [], [], []
            until = time.time() + options.minutes * 60
            while time.time() < until:
                time.sleep(min(5.0, max(0.1, until - time.time())))
                now = usage_of(process.pid)
                rss.append(now.rss_mb)
                threads.append(now.threads)
                sessions.append(stub.ask("look")["open"])
            after, stub_after = usage_of(process.pid), usage_of(stub.pid)
            told = stub.ask("arrivals")
            statements = told["statements"]
            page, scrape_seconds = scrape(address)
            seconds = after.at - before.at
            result |= {
                "cpu_of_start": round(before.core_share_since(at_start), 4),
                "cpu": round(after.core_share_since(before), 4),
                "stub_cpu": round(stub_after.core_share_since(stub_before), 4),
                "rss_mb": round(max(rss), 1),
                "threads": max(threads),
                "sessions": max(sessions),
                "logins": told["logins"],
                "runs_a_second": round(statements.get("query", 0) / seconds, 2),
                "statements_a_second": round(sum(statements.values()) / seconds, 1),
                "statements": {
                    text[:40]: round(count / seconds, 2)
                    for text, count in statements.items()
                },
                "missed": total(
                    page, "token_monitor_query_missed_total", besides=silent
                ),
                "failed": total(page, "token_monitor_query_failures_total"),
                "page_mb": round(len(page) / 1e6, 2),
                "page_seconds": round(scrape_seconds, 2),
            }
        result["log_lines"] = len(log.read_text().splitlines())
        heard = [one for one in told["arrivals"] if one[0] not in set(silent)]
        first = planned_first(options.root, names, started_at)
        early, late = latenesses(heard, first, options.root)
        result["late_first_ms"], result["late_ms"] = spread(early), spread(late)
        result["late_all_ms"] = spread(early + late)
    runs = statements["query"]
    result["bare_cpu"] = bare_loop(
        stub.port, options.targets, {"query": 1.0}, options.bare_seconds
    )
    if not options.silent:
        # What hangs is killed: nobody else can send that.
        rates = {text: count / runs for text, count in statements.items()}
        result["bare_cpu_all_statements"] = bare_loop(
            stub.port, options.targets, rates, options.bare_seconds
        )
    stub.stop()
    return result | ratios(result, options.targets)


def ratios(found: Mapping[str, float], targets: int) -> dict[str, float]:
    """Return how many times the CPU of a bare loop it takes, for each run that was made.

    Of the queries alone; and of all statements that the daemon sends for them, where there is such a loop.
    """
    expected = targets * QUERIES / INTERVAL_SECONDS
    cpu = found["cpu"] * expected / found["runs_a_second"]
    loops = {"": "bare_cpu", "_all_statements": "bare_cpu_all_statements"}
    return {
        f"ratio_to_bare{name}": round(cpu / found[loop], 2)
        for name, loop in loops.items()
        if loop in found
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--warm-seconds", type=float, default=75.0)
    parser.add_argument(
        "--silent",
        type=int,
        default=0,
        help="how many targets fall silent after the start",
    )
    parser.add_argument("--bare-seconds", type=float, default=30.0)
    parser.add_argument("--silent-from-start", action="store_true")
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="the checkout whose daemon is measured"
    )
    print(json.dumps(measure(parser.parse_args()), indent=1, default=str))


if __name__ == "__main__":
    main()
