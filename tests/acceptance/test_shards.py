"""Three daemons that share the targets of one list, and one of them killed: who watches, and how soon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.model.shards import owners
from tests.acceptance.fleet import (
    LISTED,
    Fleet,
    a_fleet,
    environ_of,
    wait_for_runs,
    watched_by,
)
from tests.acceptance.program import Daemon, wait_until

SHARDS = 3
NAMES = [f"db{number}" for number in range(9)]
INTERVAL_SECONDS = 0.5
INFO = "token_monitor_shard_info"


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with a_fleet() as one:
        one.write(*NAMES)
        yield one


def owned_by(shard: int, replicas: int) -> set[str]:
    return {name for name in NAMES if shard in owners(name, SHARDS, replicas)}


@contextmanager
def three_daemons(fleet: Fleet, replicas: int) -> Iterator[list[Daemon]]:
    config = fleet.config(f'shard = "auto/{SHARDS}"\nreplicas = {replicas}\n{LISTED}')
    with ExitStack() as stack:
        daemons = []
        for shard in range(SHARDS):
            pod = environ_of(
                fleet.folder / f"state-{shard}", HOSTNAME=f"token-monitor-{shard}"
            )
            daemon = Daemon(config, environ=pod)
            stack.callback(daemon.stop)
            daemons.append(daemon)
        yield daemons


def test_a_shard_is_killed_and_the_second_owner_has_watched_all_the_time(
    fleet: Fleet,
) -> None:
    with three_daemons(fleet, replicas=2) as daemons:
        for shard, daemon in enumerate(daemons):
            wait_for_runs(daemon, sorted(owned_by(shard, 2)))
            assert daemon.series(INFO) == {
                f'{INFO}{{shard="{shard}",shards="{SHARDS}"}}': 1.0
            }
            assert daemon.wait_for("monitor.started")["shard"] == f"{shard}/{SHARDS}"
        counts = Counter(name for one in daemons for name in watched_by(one))
        assert counts == dict.fromkeys(NAMES, 2)

        killed_at = time.time()
        daemons[0].kill()
        orphans = owned_by(0, 2)
        others = daemons[1:]
        seen = [len(one.events) for one in others]
        for one, number in zip(others, seen, strict=True):
            wait_for_runs(one, sorted(watched_by(one)), after=number)
        now_watched = set().union(
            *(
                watched_by(one, after=number)
                for one, number in zip(others, seen, strict=True)
            )
        )
        assert now_watched == set(NAMES)
        # From before the kill until after it no run is missing where the targets have their other owner.
        for name in sorted(orphans):
            times = run_times(others, name)
            assert times[0] < killed_at < times[-1], name
            gaps = [after - before for before, after in pairwise(times)]
            assert max(gaps) < 4 * INTERVAL_SECONDS, (name, gaps)


def run_times(daemons: list[Daemon], target: str) -> list[float]:
    """Return when runs on a target were due, of whichever daemon."""
    return sorted(
        datetime.fromisoformat(str(one["scheduled_at"])).timestamp()
        for daemon in daemons
        for one in daemon.seen("run.finished", target=target)
    )


def test_with_one_owner_what_restarts_it_has_its_targets_watched_within_15_seconds(
    fleet: Fleet,
) -> None:
    config = fleet.config(f'shard = "auto/{SHARDS}"\n{LISTED}')
    log, pid_file = fleet.folder / "log", fleet.folder / "pid"
    pod = environ_of(fleet.folder / "state-0", HOSTNAME="token-monitor-0")
    orphans = owned_by(0, 1)
    assert orphans
    with restarting(config, log, pid_file, pod):
        wait_until(lambda: runs_in(log) >= orphans, why="its targets are watched")
        size = log.stat().st_size
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        killed = time.monotonic()
        wait_until(
            lambda: runs_in(log, from_byte=size) >= orphans,
            seconds=40,
            why="its targets are watched again",
        )
        took_seconds = time.monotonic() - killed
    assert took_seconds < 15, took_seconds


@contextmanager
def restarting(
    config: Path, log: Path, pid_file: Path, environ: dict[str, str]
) -> Iterator[None]:
    """Run the daemon, and again whenever it ends, as a StatefulSet or a service manager does."""
    script = (
        'while [ ! -e "$3.stop" ]; do\n'
        '  "$0" -m monitor run --log-level debug --config "$1" >>"$2" 2>&1 &\n'
        '  echo $! >"$3"\n'
        "  wait $!\n"
        "  sleep 1\n"
        "done\n"
    )
    process = subprocess.Popen(
        ["/bin/sh", "-c", script, sys.executable, config, log, pid_file],
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        pid_file.with_name("pid.stop").touch()
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
        process.wait(40)


def runs_in(log: Path, *, from_byte: int = 0) -> set[str]:
    """Return the targets on which a run ended, by what was logged from a byte on."""
    if not log.exists():
        return set()
    found = set()
    for line in log.read_bytes()[from_byte:].split(b"\n")[:-1]:
        event = json.loads(line) if line.startswith(b"{") else {}
        if event.get("event") == "run.finished":
            found.add(event["target"])
    return found


def test_a_shard_without_targets_is_ready_and_healthy_and_takes_those_that_come(
    fleet: Fleet,
) -> None:
    mine = min(owned_by(0, 1))
    strangers = [name for name in NAMES if name not in owned_by(0, 1)]
    fleet.write(*strangers)
    config = fleet.config(f'shard = "0/{SHARDS}"\n{LISTED}')
    daemon = Daemon(config)
    try:
        assert daemon.get("/-/ready")[0] == 200
        assert daemon.get("/-/healthy")[0] == 200
        assert daemon.get("/")[0] == 200
        assert daemon.seen("run.finished") == []
        fleet.write(*strangers, mine)
        wait_for_runs(daemon, [mine])
    finally:
        assert daemon.stop() == 0
