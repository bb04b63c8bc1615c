"""Minutes of faults from all sides on a real daemon: it stays small, healthy and true, and loses nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.collector.slots import grid_offset, slot_at, slot_index
from monitor.demo.mariadb import PrivateMariaDB
from monitor.demo.traffic import Traffic
from tests.acceptance.changing_table import (
    ChangingTable,
    Life,
    faults_of_log,
    faults_of_truth,
    query_of_things,
)
from tests.acceptance.configs import in_seconds, token_system, two_files, write_config
from tests.acceptance.ledger import Ledger, Taker, duplicates
from tests.acceptance.program import Daemon, short_directory, wait_until
from tests.database.proxy import Proxy
from tests.support.servers import free_port

LENGTH = float(os.environ.get("TOKEN_MONITOR_TEST_SOAK_SECONDS", "600"))
SEED = int(os.environ.get("TOKEN_MONITOR_TEST_SEED", "1"))
INTERVAL = timedelta(seconds=1)
SETTLES = 3.0
"""How long after a fault's end a run may still have no data: its connections are new by then."""
WEBHOOKS = ("steady", "moody", "slow")


class Misfortune:
    """One fault after another between daemon and database, in a thread; remembers when."""

    def __init__(self, proxy: Proxy, config: Path, daemon: Daemon) -> None:
        self.broken: list[tuple[float, float]] = []
        self.done: Counter[str] = Counter()
        self._proxy = proxy
        self._config = config
        self._text = config.read_text()
        self._daemon = daemon
        self._choose = random.Random(SEED)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._config.write_text(self._text)

    def is_whole(self, at: float) -> bool:
        """Return whether nothing stood between daemon and database around this time."""
        return all(not begin - 1.0 <= at <= end + SETTLES for begin, end in self.broken)

    def _go(self) -> None:
        kinds = [
            self._freeze,
            self._reset,
            self._hang_up,
            self._trickle,
            self._refuse,
            self._reload,
        ]
        while not self._stopped.wait(self._choose.uniform(4, 14)):
            kind = self._choose.choice(kinds)
            self.done[kind.__name__.strip("_")] += 1
            kind()

    def _for_a_while(self, least: float, most: float, undo: Callable[[], None]) -> None:
        begun_at = time.time()
        self._stopped.wait(self._choose.uniform(least, most))
        undo()
        self.broken.append((begun_at, time.time()))

    def _freeze(self) -> None:
        self._proxy.freeze()
        self._for_a_while(0.2, 3, self._proxy.thaw)

    def _reset(self) -> None:
        self._proxy.listener.drop_all(with_reset=True)
        self._for_a_while(0, 0, lambda: None)

    def _hang_up(self) -> None:
        self._proxy.listener.drop_all()
        self._for_a_while(0, 0, lambda: None)

    def _trickle(self) -> None:
        self._proxy.trickle_seconds = 0.01
        self._for_a_while(0.5, 2, lambda: setattr(self._proxy, "trickle_seconds", 0.0))

    def _refuse(self) -> None:
        self._proxy.listener.refuse()
        self._proxy.listener.drop_all()
        self._for_a_while(0.2, 2, self._proxy.listener.listen)

    def _reload(self) -> None:
        """Load another configuration, the same, or one that is refused."""
        texts = (
            self._text,
            self._text
            + '[receivers.extra]\nkind = "webhook"\nurl = "http://127.0.0.1:1/"\nmatch = { x = "y" }\n',
            self._text + "[rules.NoSuchRule]\nabove = 1\n",
            self._text.replace(
                "[rules.ThingVeryWrong]\n",
                "[rules.ThingVeryWrong]\ndescription = 'more'\n",
            ),
        )
        self._config.write_text(self._choose.choice(texts))
        self._daemon.signal(signal.SIGHUP)


class Watch:
    """Scrapes each second, in a thread, and measures the process as it does."""

    def __init__(self, daemon: Daemon) -> None:
        self.sizes: list[dict[str, float]] = []
        self.troubles: list[str] = []
        self._daemon = daemon
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def median(self, name: str, begin: float, end: float) -> float:
        """Return the median of a size between two shares of the time."""
        count = len(self.sizes)
        return statistics.median(
            one[name] for one in self.sizes[int(begin * count) : int(end * count)]
        )

    def _go(self) -> None:
        while not self._stopped.wait(1.0):
            begun = time.monotonic()
            status, _ = self._daemon.get("/metrics")
            seconds = time.monotonic() - begun
            health, words = self._daemon.get("/-/healthy")
            if (status, health) != (200, 200) or seconds > 5:
                self.troubles.append(
                    f"{datetime.now(UTC):%H:%M:%S} {status} in {seconds:.1f} s, {health} {words}"
                )
            self.sizes.append(
                {
                    "rss": self._daemon.resident_bytes() / 1e6,
                    "descriptors": self._daemon.descriptors(),
                    "threads": self._daemon.threads(),
                    "scrape": seconds,
                }
            )


@pytest.fixture
def database() -> Iterator[PrivateMariaDB]:
    """Run a server that answers on TCP too, with the token system in it and an account for the daemon."""
    with PrivateMariaDB(short_directory(), port=free_port()) as server:
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE app CHARACTER SET utf8mb4")
            cursor.execute(
                "CREATE USER watcher@'%' IDENTIFIED BY 's3cret' WITH MAX_USER_CONNECTIONS 5"
            )
            cursor.execute("GRANT SELECT ON app.* TO watcher@'%'")
        token_system(server, "app")
        yield server


@pytest.fixture
def proxy(database: PrivateMariaDB) -> Iterator[Proxy]:
    assert database.port is not None
    with Proxy(database.port) as one:
        yield one


@pytest.fixture
def config(
    folder: Path, database: PrivateMariaDB, proxy: Proxy, takers: dict[str, Taker]
) -> Path:
    two_files(
        folder, "things", sql="SELECT name, n FROM things", toml=query_of_things("1s")
    )
    (folder / "password").write_text("s3cret")
    receivers = [
        f'[receivers.{name}]\nkind = "webhook"\nurl = "{takers[name].url}/alerts"'
        for name in WEBHOOKS
    ]
    address = takers["alertmanager"].url
    receivers.append(
        f'[receivers.alertmanager]\nkind = "alertmanager"\nurls = ["{address}"]\nresend_delay = "10s"'
    )
    own = '[rules.ThingVeryWrong]\nlabels = {}\n[queries.things]\ntimeout = "400ms"'
    path = write_config(
        folder,
        database,
        "app",
        extra="\n".join([in_seconds("1s"), own, *receivers]),
        target={
            "host": "127.0.0.1",
            "port": proxy.port,
            "user": "watcher",
            "password_file": "password",
            "unix_socket": None,
        },
    )
    text = path.read_text().replace("unix_socket = null\n", "")
    path.write_text('query_dirs = ["queries"]\n' + text)
    return path


@pytest.mark.long
@pytest.mark.timeout(LENGTH + 300)
def test_minutes_of_faults_leave_it_small_healthy_and_true(
    config: Path, database: PrivateMariaDB, proxy: Proxy, takers: dict[str, Taker]
) -> None:
    traffic = Traffic(lambda: database.connect("app"), per_second=20)
    begun_at = time.time()
    with database.connect("app") as connection:
        changing = ChangingTable(connection, SEED, pauses=(0.1, 0.9))
        daemon = Daemon(config)
        try:
            daemon.wait_for("monitor.started", seconds=60)
            watch, misfortune = Watch(daemon), Misfortune(proxy, config, daemon)
            parts = (traffic, changing, watch, misfortune)
            for part in parts:
                part.start()
            whole_from = time.time() + 5
            end = time.monotonic() + LENGTH
            wait_until(lambda: time.monotonic() > end, seconds=LENGTH + 60)
            whole_to = time.time() - 2
            watch.stop()
            misfortune.stop()
            traffic.stop()
            changing.end({"a": 0, "b": 1, "c": 9})
            for taker in takers.values():
                taker.answer = lambda: (200, 0.0)
            directory = config.parent / "state"
            wait_until(
                lambda: not outbox_of(directory),
                seconds=120,
                why="the outboxes are empty",
            )
            wait_until(
                lambda: (
                    not Ledger(directory).faults_of_alertmanager(
                        takers["alertmanager"].arrivals[-1:]
                    )
                ),
                seconds=60,
            )
            our = connections(database)
        finally:
            assert daemon.stop() == 0
    ended_at = time.time()

    ledger = Ledger(directory)
    ran = slots_that_ran(daemon, misfortune, whole_from, whole_to)
    changes = Counter(one.change for one in ledger.announced)
    report = {
        "seconds": LENGTH,
        "faults": dict(misfortune.done),
        "transitions": dict(changes),
        "again": {name: duplicates(takers[name].arrivals) for name in WEBHOOKS},
        "slots": sum(total for _, total in ran.values()),
        "ran": f"{min(done / total for done, total in ran.values()):.1%} at least",
        **{
            name: [
                round(watch.median(name, 0.2, 0.3), 2),
                round(watch.median(name, 0.9, 1), 2),
            ]
            for name in watch.sizes[0]
        },
        "largest": {
            name: round(max(one[name] for one in watch.sizes), 2)
            for name in watch.sizes[0]
        },
        "connections": our,
        "calls": dict(traffic.counts),
        "events": dict(
            Counter(str(event["event"]) for event in daemon.events).most_common(12)
        ),
    }
    print("\n" + json.dumps(report, indent=2))  # noqa: T201
    lives = [Life("soak", begun_at, ended_at, list(daemon.events))]
    assert ledger.faults() == []
    for name in WEBHOOKS:
        assert ledger.faults_of_webhook(takers[name].arrivals) == [], name
    assert ledger.faults_of_alertmanager(takers["alertmanager"].arrivals) == []
    assert faults_of_truth(ledger, lives, changing, interval_seconds=1) == []
    assert faults_of_log(ledger, lives) == []
    assert watch.troubles == []
    assert {
        query: share for query, share in ran.items() if share[0] < 0.95 * share[1]
    } == {}
    assert changes["fired"] > LENGTH / 10
    assert changes["resolved"] > LENGTH / 10
    assert our <= 3
    wait_until(lambda: connections(database) == 0, why="the processlist is clean")
    for name in ("descriptors", "threads"):
        assert abs(watch.median(name, 0.9, 1) - watch.median(name, 0.2, 0.3)) <= 4, name
    if LENGTH >= 300:
        assert watch.median("rss", 0.9, 1) - watch.median("rss", 0.2, 0.3) < 3


def outbox_of(directory: Path) -> int:
    """Count what waits for the receivers that are always there."""
    return sum(
        count for name, count in Ledger(directory).outbox.items() if name in WEBHOOKS
    )


def connections(database: PrivateMariaDB) -> int:
    """Count the daemon's connections on the server."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'watcher'"
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def slots_that_ran(
    daemon: Daemon, misfortune: Misfortune, begin: float, end: float
) -> dict[str, tuple[int, int]]:
    """Count for each query the slots in which the database was reachable, and those that gave data."""
    finished: dict[str, set[int]] = defaultdict(set)
    for event in daemon.seen("run.finished"):
        query = str(event["query"])
        at = datetime.fromisoformat(str(event["scheduled_at"]))
        finished[query].add(
            slot_index(
                at + INTERVAL / 2, INTERVAL, grid_offset(("main", query), INTERVAL)
            )
        )
    counted = {}
    for query, indexes in finished.items():
        offset = grid_offset(("main", query), INTERVAL)
        first, last = (
            slot_index(datetime.fromtimestamp(at, UTC), INTERVAL, offset)
            for at in (begin, end)
        )
        whole = [
            index
            for index in range(first + 1, last)
            if misfortune.is_whole(slot_at(index, INTERVAL, offset).timestamp())
        ]
        counted[query] = (len(indexes.intersection(whole)), len(whole))
    return counted
