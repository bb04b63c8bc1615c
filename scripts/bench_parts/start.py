"""Measure the start to the first /metrics, and the memory with one target: ours, and query-exporter's.

On a private MariaDB with the demo's data. query-exporter is taken from the venv `query-exporter` in the folder of
the peers; without it there are only our own figures.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from monitor.demo.mariadb import PrivateMariaDB
from monitor.demo.tokens import create_tables, populate
from scripts.bench_parts.options import Options, say
from scripts.bench_parts.programs import (
    Target,
    cpu_ms,
    create_account,
    free_port,
    our_command,
    our_environment,
    running,
    wait_for_metrics,
)
from scripts.bench_parts.rows import Row

_EXPORTER = """databases:
  db:
    dsn: "mysql+pymysql://{user}:{password}@localhost/app?unix_socket={socket}"
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


def run(options: Options) -> list[Row]:
    """Measure starts, one of ours and one of theirs in turn, then memory."""
    starts, after = (3, 10.0) if options.is_quick else (max(7, options.repeats), 60.0)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tm-")))
        server = stack.enter_context(
            PrivateMariaDB(folder / "db", options=("--default-time-zone=+00:00",))
        )
        target = _data(server, folder)
        port = free_port()
        programs = _Programs(options, target, folder, port)
        # What the first one compiles the others find.
        programs.start_ms(programs.ours())
        ours: list[tuple[float, float]] = []
        theirs: list[tuple[float, float]] = []
        for _ in range(starts):
            ours.append(programs.start_ms(programs.ours()))
            if programs.theirs:
                theirs.append(programs.start_ms(programs.theirs))
        our_memory = [programs.resident_mb(programs.ours(), after)]
        their_memory: list[float] = []
        if programs.theirs:
            their_memory = [programs.resident_mb(programs.theirs, after)]
    rows = [
        _row("start to first /metrics", "ms", *_of_both(0, ours, theirs)),
        _row("the same, processor time", "ms", *_of_both(1, ours, theirs)),
        _row(f"resident memory after {after:.0f} s, one target", "MB", our_memory, their_memory),
    ]  # fmt: skip
    for row in rows:
        say(row.line())
    return rows


def _row(
    measure: str, unit: str, ours: Sequence[float], theirs: Sequence[float]
) -> Row:
    against = "query-exporter" if theirs else ""
    goal = "< 1 of theirs"
    return Row("start", measure, unit, tuple(ours), tuple(theirs), against, goal)


def _of_both(
    place: int, ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]
) -> tuple[list[float], list[float]]:
    """Return one of the figures of each start."""
    return [one[place] for one in ours], [one[place] for one in theirs]


def _data(server: PrivateMariaDB, folder: Path) -> Target:
    with server.connect() as connection:
        create_tables(connection, "app")
        populate(connection, now=datetime.now(UTC))
        create_account(connection, "bench", "app", folder / "password")
    return Target("main", server, "app", "bench", folder / "password")


class _Programs:
    """The commands of both programs, on one port."""

    def __init__(
        self, options: Options, target: Target, folder: Path, port: int
    ) -> None:
        self._environment = our_environment(options.checkout)
        self._target = target
        self._folder = folder
        self._port = port
        self.theirs = _their_command(options, target, folder, port)

    def ours(self) -> list[str]:
        """Return a command with a state of its own: a first start."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        config = folder / "config.toml"
        config.write_text(
            self._target.table()
            + f'[web]\nlisten = "127.0.0.1:{self._port}"\n[state]\ndirectory = "{folder / "state"}"\n'
        )
        return our_command("run", "--config", str(config))

    def start_ms(self, command: Sequence[str]) -> tuple[float, float]:
        """Return the time from the program's start to its first answer of /metrics, and what the processor took."""
        log: list[str] = []
        began = time.monotonic()
        with running(command, log, self._environment) as process:
            wait_for_metrics(self._port, process, log)
            return 1000 * (time.monotonic() - began), cpu_ms(process)

    def resident_mb(self, command: Sequence[str], after_seconds: float) -> float:
        """Return the memory that the program has in use after a while."""
        log: list[str] = []
        with running(command, log, self._environment) as process:
            wait_for_metrics(self._port, process, log)
            time.sleep(after_seconds)
            status = Path(f"/proc/{process.pid}/status").read_text()
        kilobytes = next(
            int(line.split()[1])
            for line in status.splitlines()
            if line.startswith("VmRSS:")
        )
        return kilobytes * 1024 / 1_000_000


def _their_command(
    options: Options, target: Target, folder: Path, port: int
) -> list[str]:
    program = (options.peers or Path()) / "query-exporter" / "bin" / "query-exporter"
    if options.peers is None or not program.exists():
        return []
    config = folder / "exporter.yaml"
    config.write_text(
        _EXPORTER.format(
            user=target.account,
            password=target.password_file.read_text().strip(),
            socket=target.server.socket,
        )
    )
    return [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]  # fmt: skip
