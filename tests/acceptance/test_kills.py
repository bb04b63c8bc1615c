"""Killed again and again at random instants: nothing recorded is lost, told twice as new, or told untrue."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.changing_table import (
    ChangingTable,
    Life,
    faults_of_log,
    faults_of_truth,
    query_of_things,
)
from tests.acceptance.configs import only_ours, two_files, write_config
from tests.acceptance.ledger import Ledger, Taker, duplicates
from tests.acceptance.program import Daemon, wait_until

QUERY = "SELECT name, n FROM things"


@dataclass
class Lives:
    """The processes one after the other, on the same state."""

    config: Path
    taker: Taker
    choose: random.Random
    lives: list[Life] = field(default_factory=list)

    def live(self, kind: str) -> None:
        begun_at = time.time()
        daemon = Daemon(self.config)
        try:
            {
                "starting": self._starting,
                "running": self._running,
                "delivering": self._delivering,
                "recording": self._recording,
                "asked": self._asked,
            }[kind](daemon)
        finally:
            daemon.kill()
        self.lives.append(Life(kind, begun_at, time.time(), list(daemon.events)))

    def end(self, condition: Callable[[], object], *, why: str) -> None:
        """Let one more live until it has come to this, and stop it."""
        begun_at = time.time()
        daemon = Daemon(self.config)
        try:
            wait_until(condition, seconds=120, why=why)
        finally:
            assert daemon.stop() == 0
        self.lives.append(Life("last", begun_at, time.time(), list(daemon.events)))

    def _starting(self, daemon: Daemon) -> None:
        _for(self.choose.uniform(0.05, 1.0))
        daemon.kill()

    def _running(self, daemon: Daemon) -> None:
        daemon.wait_for("monitor.started", seconds=60)
        _for(self.choose.uniform(0.0, 1.2))
        daemon.kill()

    def _delivering(self, daemon: Daemon) -> None:
        """Kill it when a receiver has a notification and it cannot know that."""
        daemon.wait_for("monitor.started", seconds=60)
        _for(self.choose.uniform(0.0, 0.8))
        with self.taker.silent():
            self.taker.wait_for_more(len(self.taker.arrivals), seconds=5)
            daemon.kill()

    def _recording(self, daemon: Daemon) -> None:
        """Kill it as soon as it says that something is recorded: most likely nobody was notified yet."""
        daemon.wait_for("monitor.started", seconds=60)
        _for(self.choose.uniform(0.0, 0.8))
        after = len(daemon.events)
        announced = ("alert.fired", "alert.resolved")
        wait_until(
            lambda: any(one["event"] in announced for one in daemon.events[after:])
        )
        daemon.kill()

    def _asked(self, daemon: Daemon) -> None:
        daemon.wait_for("monitor.started", seconds=60)
        _for(self.choose.uniform(0.0, 0.5))
        assert daemon.stop() == 0


def _for(seconds: float) -> None:
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, seconds=seconds + 60)


@pytest.fixture
def config(
    mariadb: PrivateMariaDB, schema: str, folder: Path, takers: dict[str, Taker]
) -> Path:
    two_files(folder, "things", sql=QUERY, toml=query_of_things("100ms"))
    receivers = [
        f'[receivers.{name}]\nkind = "alertmanager"\nurls = ["{taker.url}"]'
        if name == "alertmanager"
        else f'[receivers.{name}]\nkind = "webhook"\nurl = "{taker.url}/alerts"'
        for name, taker in takers.items()
    ]
    return only_ours(write_config(folder, mariadb, schema, extra="\n".join(receivers)))


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(20, marks=pytest.mark.timeout(600)),
        pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(1200)]),
    ],
)
def test_killed_at_random_instants_it_loses_nothing_and_never_lies(
    kills: int,
    config: Path,
    takers: dict[str, Taker],
    mariadb: PrivateMariaDB,
    schema: str,
) -> None:
    seed = int(os.environ.get("TOKEN_MONITOR_TEST_SEED", kills))
    choose = random.Random(seed)
    lives = Lives(config, takers["steady"], choose)
    kinds = ("starting", "running", "delivering", "recording")
    plan = [kinds[number % len(kinds)] for number in range(kills)] + ["asked"] * (
        kills // 10
    )
    choose.shuffle(plan)
    with mariadb.connect(schema) as connection:
        changing = ChangingTable(connection, seed)
        changing.start()
        for kind in plan:
            lives.live(kind)
        changing.end({"a": 0, "b": 1, "c": 9})
    for taker in takers.values():
        taker.answer = lambda: (200, 0.0)
    firing = {("ThingWrong", "b"), ("ThingWrong", "c"), ("ThingVeryWrong", "c")}
    # no run may take too long on a busy machine: what is reported of that last would still be on its way
    two_files(
        config.parent, "things", sql=QUERY, toml=query_of_things("1s", timeout="950ms")
    )
    directory = config.parent / "state"
    lives.end(
        lambda: _firing(Ledger(directory)) == firing and not Ledger(directory).outbox,
        why="the truth at the end, and the outbox is empty",
    )
    # One that begins sends Alertmanager all that it knows, as it does each minute.
    arrivals = takers["alertmanager"].arrivals
    before = len(arrivals)
    lives.end(
        lambda: (
            len(arrivals) > before
            and not Ledger(directory).outbox
            and not Ledger(directory).faults_of_alertmanager(arrivals[-1:])
        ),
        why="Alertmanager knows the truth",
    )

    ledger = Ledger(directory)
    assert ledger.faults() == []
    for name in ("steady", "moody", "slow"):
        assert ledger.faults_of_webhook(takers[name].arrivals) == [], name
    assert ledger.faults_of_alertmanager(takers["alertmanager"].arrivals) == []
    assert faults_of_truth(ledger, lives.lives, changing, interval_seconds=0.1) == []
    assert faults_of_log(ledger, lives.lives) == []
    assert not ledger.is_locked()
    again = {
        name: duplicates(taker.arrivals)
        for name, taker in takers.items()
        if name != "alertmanager"
    }
    changes = Counter(one.change for one in ledger.announced)
    ended = Counter(life.kind for life in lives.lives)
    print(  # noqa: T201
        f"\nseed {seed}; lives {dict(ended)}; {dict(changes)}; delivered again {again}"
    )  # pytest -s shows it
    assert sum(ended[kind] for kind in kinds) == kills
    # two of each for a life on a machine that has time for it
    assert changes["fired"] > kills
    assert changes["resolved"] > kills
    # a kill between a receiver's having it and our knowing it: told again, under the same key
    assert again["steady"] >= kills // 10
    assert all(again.values())


def _firing(ledger: Ledger) -> set[tuple[str, str]]:
    return {
        (alert["labels"]["alertname"], alert["labels"]["name"])
        for alert in ledger.active
        if alert["state"] == "firing" and "name" in alert["labels"]
    }
