"""The shipped configuration, nothing of it shortened, on a healthy database in use: minutes without a word.

`TOKEN_MONITOR_TEST_HEALTHY_SECONDS` gives another length; scripts/healthy-hour takes an hour.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from monitor.demo.traffic import Traffic
from tests.acceptance.configs import token_system
from tests.acceptance.program import Daemon, running, wait_until
from tests.notify.far_end import FarEnd

LENGTH = float(os.environ.get("TOKEN_MONITOR_TEST_HEALTHY_SECONDS", "180"))
PASSWORD = "a long password"
SHIPPED = Path(__file__).parent.parent.parent / "config.toml"


@pytest.fixture
def far() -> Iterator[FarEnd]:
    end = FarEnd()
    yield end
    end.close()


@pytest.fixture
def account(mariadb: PrivateMariaDB, schema: str) -> Iterator[str]:
    """Make the account that README has the operator make; gives its name."""
    name = f"monitor_{schema}"
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"CREATE USER {name}@localhost IDENTIFIED BY '{PASSWORD}' WITH MAX_USER_CONNECTIONS 8"
        )
        cursor.execute(f"GRANT SELECT ON {schema}.* TO {name}@localhost")
    yield name
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP USER {name}@localhost")


def shipped_config(
    folder: Path, server: PrivateMariaDB, schema: str, account: str, heartbeat_url: str
) -> Path:
    """Copy the shipped file, but for where the database is, who we are there, and where we listen."""
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o600)
    changes = {
        'host = "127.0.0.1"': f'unix_socket = "{server.socket}"',
        "port = 3306": "",
        'user = "token_monitor"': f'user = "{account}"',
        'password_file = "secrets/main"': 'password_file = "password"',
        'database = "app"': f'database = "{schema}"',
        'listen = "127.0.0.1:8917"': 'listen = "127.0.0.1:0"',
    }
    text = SHIPPED.read_text(encoding="utf-8")
    for said, ours in changes.items():
        assert text.count(f"\n{said}") == 1, said
        text = text.replace(f"\n{said}", f"\n{ours} #", 1)
    path = folder / "config.toml"
    path.write_text(
        f'{text}\n[heartbeat]\nurl = "{heartbeat_url}/ping"\n', encoding="utf-8"
    )
    return path


@dataclass
class Seen:
    """What was seen of the daemon, a look a second."""

    looks: int = 0
    wrong: list[str] = field(default_factory=list)

    def look(self, daemon: Daemon, *, at_page: bool) -> None:
        self.looks += 1
        code, body = daemon.get("/-/healthy")
        if code != 200:
            self.wrong.append(f"look {self.looks}: {code} {body.strip()}")
        if at_page:
            page = daemon.get("/")[1]
            if '"verdict ok"' not in page:
                self.wrong.append(
                    f"look {self.looks}: the page says {page.partition('<h1>')[2][:80]}"
                )


@pytest.mark.timeout(LENGTH + 180)
def test_a_healthy_database_at_the_shipped_settings_is_healthy_at_every_look(
    mariadb: PrivateMariaDB, schema: str, account: str, folder: Path, far: FarEnd
) -> None:
    token_system(mariadb, schema)
    traffic = Traffic(lambda: mariadb.connect(schema))
    traffic.start()
    seen = Seen()
    try:
        with running(
            shipped_config(folder, mariadb, schema, account, far.url)
        ) as daemon:
            wait_until(lambda: daemon.get("/-/ready")[0] == 200, why="ready")
            wait_until(
                lambda: '"verdict ok"' in daemon.get("/")[1],
                seconds=60,
                why="a full picture",
            )
            began, passed = time.monotonic(), 0.0
            while (passed := time.monotonic() - began) < LENGTH:
                seen.look(daemon, at_page=seen.looks % 10 == 0)
                wait_until(lambda: time.monotonic() >= began + seen.looks)
            reported = Counter(
                f"{one['event']} {one.get('alertname', '')}".strip()
                for one in daemon.events
                if one["event"].startswith(
                    ("alert.", "heartbeat.", "run.failed", "target.lost")
                )
            )
            total = daemon.series("token_monitor_heartbeats_total")[
                "token_monitor_heartbeats_total"
            ]
    finally:
        traffic.stop()
    print(  # noqa: T201
        f"\n{passed:.0f} s: {seen.looks} looks, {len(seen.wrong)} of them not healthy; {len(far.requests)}"
        f" heartbeats came; {sum(traffic.counts.values())} uses; reported: {dict(reported)}"
    )
    assert seen.wrong == []
    assert seen.looks >= 0.95 * LENGTH
    assert set(reported) <= {"alert.fired TokenMonitorWatchdog", "heartbeat.succeeded"}
    # Whether one is due is looked at once a second.
    assert min(len(far.requests), total) >= LENGTH // 61
