"""A counter of a real server, judged by how fast it counts: through a kill of the monitor, and until it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, webhook, write_config
from tests.acceptance.program import Daemon, Hook, running


@pytest.fixture
def config(mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook) -> Path:
    """Watch a table that counts; the alert fires while it rises, and not because it is high."""
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE counted (n BIGINT)")
        cursor.execute("INSERT INTO counted VALUES (1000000)")
    two_files(
        folder,
        "counted",
        sql="-- all that was counted\nSELECT n FROM counted",
        toml="""summary = "What was counted"
            interval = "500ms"
            timeout = "490ms"
            [metrics.app_counted_total]
            help = "What was counted"
            type = "counter"
            value = "n"
            [rules.CountedMuch]
            metric = "app_counted_total"
            rate = "increase"
            over = "10s"
            above = 50
            severity = "critical"
            summary = "{value:.0f} more, above {threshold}"
            """,
    )
    return only_ours(write_config(folder, mariadb, schema, extra=webhook(hook.url)))


def count(server: PrivateMariaDB, schema: str, more: int) -> None:
    with server.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE counted SET n = n + %s", (more,))


def test_it_fires_while_the_counter_rises_and_resolves_after_a_kill_when_it_stands(
    config: Path, hook: Hook, mariadb: PrivateMariaDB, schema: str
) -> None:
    first = Daemon(config)
    for _ in range(2):
        first.wait_for("run.finished", query="counted")
    count(mariadb, schema, 100)
    # Not only posted: until the answer is recorded a kill means that it is posted again, with its key.
    first.wait_for("delivery.succeeded", receiver="hook")
    first.kill()
    with running(config) as again:
        hook.wait_for("resolved", "CountedMuch")
        assert again.seen("alert.fired", alertname="CountedMuch") == []
    assert hook.alerts() == [("firing", "CountedMuch"), ("resolved", "CountedMuch")]
