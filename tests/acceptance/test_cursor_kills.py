"""Killed again and again while many transactions write: each row counts exactly once."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateServer
from tests.acceptance.configs import write_config
from tests.acceptance.program import Daemon, wait_until

WRITERS = 20
_TABLE = """CREATE TABLE token_usage_history (
    id BIGINT AUTO_INCREMENT PRIMARY KEY, user_id INT, article_id INT, tokens_used INT, action VARCHAR(50),
    created_at DATETIME)"""
_INSERT = (
    "INSERT INTO token_usage_history (user_id, article_id, tokens_used, action, created_at)"
    " VALUES (%s, 1, 1, %s, UTC_TIMESTAMP())"
)


@dataclass
class Writers:
    """Transactions of up to `longest_seconds`, some rolled back; rows with the action `gone` may be deleted."""

    server: PrivateServer
    schema: str
    longest_seconds: float
    committed: Counter[str] = field(default_factory=Counter)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Write until the end of the block, and then end every transaction."""
        threads = [
            threading.Thread(target=self._write, args=(number,))
            for number in range(WRITERS)
        ]
        threads.append(threading.Thread(target=self._delete))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _write(self, seed: int) -> None:
        chance = random.Random(seed)
        with self.server.connect(self.schema) as connection:
            while not self._over.is_set():
                connection.begin()
                actions = chance.choices(["keep", "gone"], k=chance.randint(1, 3))
                with connection.cursor() as cursor:
                    for action in actions:
                        cursor.execute(_INSERT, (seed, action))
                self._over.wait(
                    chance.choice([0.0, chance.uniform(0, self.longest_seconds)])
                )
                if chance.random() < 0.2:
                    connection.rollback()
                else:
                    connection.commit()
                    with self._lock:
                        self.committed.update(actions)
                self._over.wait(chance.uniform(0, 0.3))

    def _delete(self) -> None:
        with (
            self.server.connect(self.schema) as connection,
            connection.cursor() as cursor,
        ):
            while not self._over.wait(0.5):
                cursor.execute(
                    "SELECT id FROM token_usage_history WHERE action = 'gone' ORDER BY RAND() LIMIT 1"
                )
                for (one,) in cursor.fetchall():
                    cursor.execute(
                        "DELETE FROM token_usage_history WHERE id = %s", (one,)
                    )


def counted(daemon: Daemon) -> dict[str, float]:
    """Return what the daemon has counted, by action."""
    found = daemon.series("token_usage_events_total{")
    return {
        action: sum(
            value for name, value in found.items() if f'action="{action}"' in name
        )
        for action in ("keep", "gone")
    }


_LONG = [pytest.mark.long, pytest.mark.timeout(3000)]


@pytest.mark.parametrize(
    ("server", "kills", "settle_seconds"),
    [
        pytest.param("mariadb", 10, 3, marks=pytest.mark.timeout(300)),
        pytest.param("mariadb", 200, 30, marks=_LONG),
        pytest.param("mysql", 200, 30, marks=[*_LONG, pytest.mark.mysql]),
    ],
    indirect=["server"],
)
def test_killed_while_transactions_write_it_counts_each_row_once(
    kills: int,
    settle_seconds: int,
    server: PrivateServer,
    server_schema: str,
    folder: Path,
) -> None:
    kills = int(os.environ.get("TOKEN_MONITOR_TEST_KILLS", kills))
    chance = random.Random(kills)
    with server.connect(server_schema) as connection, connection.cursor() as cursor:
        cursor.execute(_TABLE)
    extra = (
        '[queries.recent_usage]\ninterval = "200ms"\ntimeout = "190ms"\n'
        f'[queries.recent_usage.cursor]\nsettle = "{settle_seconds}s"'
    )
    config = write_config(
        folder,
        server,
        server_schema,
        extra=extra,
        target={"queries": ["recent_usage"]},
    )
    first = Daemon(config)
    first.wait_for("run.finished", query="recent_usage", seconds=60)
    assert first.stop() == 0
    writers = Writers(server, server_schema, settle_seconds * 2 / 3)
    with writers.at_work():
        for _ in range(kills):
            daemon = Daemon(config)
            daemon.wait_for("monitor.started", seconds=60)
            until = time.monotonic() + chance.uniform(0.0, 1.5)
            wait_until(lambda until=until: time.monotonic() >= until, seconds=60)  # type: ignore[misc]
            daemon.kill()
    last = Daemon(config)
    try:
        last.wait_for("run.finished", query="recent_usage", seconds=60)
        wait_until(
            lambda: (
                last.series("token_usage_behind_seconds")
                == {'token_usage_behind_seconds{target="main"}': 0.0}
            ),
            seconds=120,
            why="all is counted",
        )
        found = counted(last)
        assert found["keep"] == writers.committed["keep"]
        # what was deleted before it was settled does not count
        assert 0 < found["gone"] <= writers.committed["gone"]
        assert set(last.series("token_usage_late_rows_total").values()) == {0.0}
    finally:
        last.kill()
