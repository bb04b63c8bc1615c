"""`/-/healthy` and heartbeats while threads of the real daemon are frozen: no lies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, webhook, write_config
from tests.acceptance.program import Daemon, Hook, run_command, running, wait_until
from tests.acceptance.threads import frozen, waiting_in
from tests.deliver.far_end import FarEnd, status
from tests.servers import free_port

ONE = 'summary = "x"\ninterval = "500ms"\ntimeout = "400ms"\n'
RULE = """
[metrics.one]
help = "x"
value = "n"
[rules.One]
metric = "one"
above = 0
severity = "critical"
summary = "x"
"""


@pytest.fixture
def far() -> Iterator[FarEnd]:
    end = FarEnd()
    yield end
    end.close()


def config_with(
    mariadb: PrivateMariaDB,
    schema: str,
    folder: Path,
    *,
    sql: str = "SELECT 0 AS n",
    toml: str = ONE + RULE,
    extra: str = "",
) -> Path:
    two_files(folder, "one", sql=sql, toml=toml)
    config = write_config(folder, mariadb, schema, web=f"127.0.0.1:{free_port()}", extra=extra)
    return only_ours(config)


def heartbeat(far: FarEnd) -> str:
    return f'[heartbeat]\nurl = "{far.url}/ping/very-s3cret"\ninterval = "500ms"\ntimeout = "400ms"'


def healthy(daemon: Daemon) -> tuple[int, str]:
    return daemon.get("/-/healthy")


def test_a_daemon_whose_machinery_is_frozen_says_what_and_stops_its_heartbeat(
    mariadb: PrivateMariaDB, schema: str, folder: Path, far: FarEnd
) -> None:
    config = config_with(mariadb, schema, folder, extra=heartbeat(far))
    with running(config) as daemon:
        wait_until(lambda: far.requests, why="the first heartbeat")
        assert healthy(daemon) == (200, "healthy\n")
        # All threads that wait for their next piece of work: all but the web server's loop.
        with frozen(waiting_in(daemon.pid, "futex")):
            wait_until(lambda: healthy(daemon)[0] == 503, seconds=60, why="unhealthy")
            wait_until(lambda: healthy(daemon)[1].count(";") == 2, seconds=60, why="all three are said")
            beats = len(far.requests)
            told = healthy(daemon)[1]
            assert "the scheduler has hung: one on main has been due for " in told
            assert "the pipeline has done nothing for " in told
            assert "the ticker has done nothing for " in told
            checked = run_command("healthcheck", "--config", str(config))
            assert checked.returncode == 1
            assert "the pipeline has done nothing for " in checked.stderr
            assert len(far.requests) == beats
        wait_until(lambda: healthy(daemon) == (200, "healthy\n"), seconds=60, why="healthy again")
        wait_until(lambda: len(far.requests) > beats, seconds=60, why="heartbeats go on")


def thread_in_its_query(daemon: Daemon) -> int:
    found: list[int] = []

    def is_found() -> bool:
        found[:] = waiting_in(daemon.pid, "unix_stream", "poll_schedule")
        return bool(found)

    wait_until(is_found, why="a thread waits for the database")
    return found[0]


def test_a_worker_that_is_frozen_in_its_query_is_seen_and_stops_the_heartbeat(
    mariadb: PrivateMariaDB, schema: str, folder: Path, far: FarEnd
) -> None:
    slow = "SELECT COUNT(*) AS n FROM (SELECT SLEEP(0.3)) AS slept"
    config = config_with(mariadb, schema, folder, sql=slow, extra=heartbeat(far))
    config.write_text(config.read_text().replace("[targets.main]", "[targets.main]\nmax_connections = 1"))
    with running(config) as daemon:
        wait_until(lambda: far.requests, why="the first heartbeat")
        with frozen([thread_in_its_query(daemon)]):
            withheld = daemon.wait_for("heartbeat.withheld", seconds=60)
            assert withheld["reason"] in ("late", "unhealthy")
            beats = len(far.requests)
            wait_until(lambda: healthy(daemon)[0] == 503, seconds=90, why="unhealthy")
            assert healthy(daemon)[1].startswith("all workers of main have hung for up to ")
            assert healthy(daemon)[1].endswith(" s, in one\n")
            assert len(far.requests) == beats
        wait_until(lambda: healthy(daemon)[0] == 200, seconds=60, why="healthy again")
        daemon.wait_for("heartbeat.resumed", seconds=60)
        wait_until(lambda: len(far.requests) > beats, seconds=60, why="heartbeats go on")
        assert "s3cret" not in "\n".join(daemon.raw)


def test_a_receiver_that_answers_nothing_and_a_lost_database_leave_it_healthy(
    mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook
) -> None:
    toml = (ONE + RULE).replace("above = 0", "above = -1")
    config = config_with(mariadb, schema, folder, toml=toml, extra=webhook(hook.url) + '\ntimeout = "500ms"')
    gone = {"unix_socket": "/nowhere.sock", "user": "root", "database": "app"}
    lost = "[targets.gone]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in gone.items())
    config.write_text(config.read_text() + lost)
    with hook.slow(), running(config) as daemon:
        daemon.wait_for("target.lost", target="gone")
        daemon.wait_for("delivery.failed", reason="timeout", seconds=60)
        assert healthy(daemon) == (200, "healthy\n")


def test_a_heartbeat_is_sent_while_all_runs_and_withheld_while_a_column_is_missing(
    mariadb: PrivateMariaDB, schema: str, folder: Path, far: FarEnd
) -> None:
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (n INT)")
    config = config_with(mariadb, schema, folder, sql="SELECT COUNT(n) AS n FROM t", extra=heartbeat(far))
    with running(config) as daemon:
        wait_until(lambda: len(far.requests) >= 3, why="three heartbeats")
        assert {(one.method, one.path) for one in far.requests} == {("GET", "/ping/very-s3cret")}
        assert daemon.series("token_monitor_heartbeats_total")["token_monitor_heartbeats_total"] >= 3
        with mariadb.connect(schema) as connection, connection.cursor() as cursor:
            cursor.execute("ALTER TABLE t RENAME COLUMN n TO m")
        withheld = daemon.wait_for("heartbeat.withheld", seconds=30)
        assert withheld["reason"] == "late"
        assert withheld["message"].startswith("not in time: one on main (no data since ")
        beats = len(far.requests)
        failures = len(daemon.seen("run.failed"))
        with mariadb.connect(schema) as connection, connection.cursor() as cursor:
            cursor.execute("ALTER TABLE t RENAME COLUMN m TO n")
        daemon.wait_for("heartbeat.resumed", seconds=30)
        wait_until(lambda: len(far.requests) > beats, why="heartbeats go on")
        assert failures >= 1
        assert len(daemon.seen("heartbeat.withheld")) == 1
        before = daemon.series("token_monitor_heartbeat_")
        at = before["token_monitor_heartbeat_last_success_timestamp_seconds"]
        far.answers = [status(500)] * 3
        daemon.wait_for("heartbeat.failed", seconds=30, reason="http_500")
        daemon.wait_for("heartbeat.succeeded", seconds=30, last_reason="http_500", repeated=3)
        after = daemon.series("token_monitor_heartbeat_")
        assert after['token_monitor_heartbeat_failures_total{reason="http_500"}'] == 3
        assert after["token_monitor_heartbeat_last_success_timestamp_seconds"] > at
    shown = "\n".join(daemon.raw)
    assert "s3cret" not in shown
    assert "heartbeat.withheld" not in shown.partition("monitor.stopped")[2]
