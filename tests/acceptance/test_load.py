"""The daemon on a real server: a query that became dear is run more rarely, a busy server is left alone; both end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateServer
from tests.acceptance.configs import only_ours, two_files, write_config
from tests.acceptance.program import Daemon, running, wait_until
from tests.database.test_deferral import busy

INTERVAL = 0.4
DEAR_SECONDS = 0.25
# On a slow machine the cheapest statement takes some milliseconds: the budget has room for that at these intervals.
BUDGET_SECONDS = 30
LOAD = """
[load]
share = 0.05
threads_running = 8
"""
INTERVALS = "token_monitor_query_interval_seconds{"
STATUS = "token_monitor_query_status{"


def a_query(folder: Path, name: str, sql: str, severity: str) -> None:
    two_files(
        folder,
        name,
        sql=sql,
        toml=f"""summary = "A number"
            interval = "400ms"
            timeout = "390ms"
            [metrics.app_{name}]
            help = "A number"
            value = "n"
            [rules.Rule{name}]
            metric = "app_{name}"
            above = 100
            severity = "{severity}"
            summary = "{{value}}"
            """,
    )


@pytest.fixture
def config(tmp_path: Path, server: PrivateServer, server_schema: str) -> Path:
    """Configure a query that may wait, as dear as the table `knob` says, and a critical one."""
    with server.connect(server_schema) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE knob (n DOUBLE)")
        cursor.execute("INSERT INTO knob VALUES (0)")
    a_query(tmp_path, "dear", "SELECT SLEEP(n) AS n FROM knob", "warning")
    a_query(tmp_path, "vital", "SELECT 1 AS n", "critical")
    return only_ours(write_config(tmp_path, server, server_schema, extra=LOAD))


def turn(server: PrivateServer, schema: str, seconds: float) -> None:
    with server.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE knob SET n = {seconds}")


def interval_of(daemon: Daemon, query: str) -> float:
    series = daemon.series(INTERVALS)
    return next(value for name, value in series.items() if query in name)


def status_of(daemon: Daemon, query: str) -> str:
    series = daemon.series(STATUS)
    (name,) = [name for name, value in series.items() if query in name and value]
    return name.partition('status="')[2].partition('"')[0]


@pytest.mark.timeout(400)
def test_a_query_that_became_dear_is_run_more_rarely_until_it_is_cheap_again(
    config: Path, server: PrivateServer, server_schema: str
) -> None:
    with running(config) as daemon:
        wait_until(lambda: status_of(daemon, "dear") == "ok", why="it runs")
        assert interval_of(daemon, "dear") == INTERVAL
        turn(server, server_schema, DEAR_SECONDS)
        stretched = daemon.wait_for("load.stretched", seconds=120)
        assert stretched["target"] == "main"
        assert stretched["stretch"] > 1
        assert (
            stretched["spent_seconds"] >= stretched["budget_seconds"] == BUDGET_SECONDS
        )
        wait_until(lambda: interval_of(daemon, "dear") > INTERVAL, why="it is shown")
        assert interval_of(daemon, "vital") == INTERVAL
        page = daemon.get("/")[1]
        assert " instead of " in page
        ran_at = "token_monitor_query_runs_total{"
        before = {k: v for k, v in daemon.series(ran_at).items() if "vital" in k}
        wait_until(
            lambda: any(
                daemon.series(ran_at)[name] >= value + 4
                for name, value in before.items()
            ),
            why="what is critical runs as ever",
        )
        assert status_of(daemon, "dear") == "ok"
        turn(server, server_schema, 0)
        # Two cheap runs at the longer interval show it.
        daemon.wait_for("load.restored", seconds=120)
        wait_until(lambda: interval_of(daemon, "dear") == INTERVAL, why="as before")
        # A machine that stands still for a moment costs a slot of 400 ms; a query that is stretched misses none.
        missed = [one["count"] for one in daemon.seen("run.missed", query="dear")]
        assert sum(missed) <= 3


@pytest.mark.timeout(400)
def test_a_busy_server_is_left_alone_but_for_what_is_critical(
    config: Path, server: PrivateServer
) -> None:
    with running(config) as daemon:
        wait_until(lambda: status_of(daemon, "dear") == "ok", why="it runs")
        with busy(server, threads=12):
            deferred = daemon.wait_for("run.deferred", query="dear", seconds=60)
            assert deferred["reason"] == "deferred"
            assert "more than 8 threads run" in str(deferred["message"])
            wait_until(
                lambda: status_of(daemon, "dear") == "deferred", why="it is shown"
            )
            assert status_of(daemon, "vital") == "ok"
            daemon.wait_for(
                "alert.fired", alertname="TokenMonitorQueryStale", seconds=90
            )
            assert not daemon.seen("run.deferred", query="vital")
            assert daemon.series("app_vital{")
            assert daemon.series("app_dear{") == {}
        began = time.monotonic()
        wait_until(
            lambda: status_of(daemon, "dear") == "ok", why="it runs again", seconds=60
        )
        assert time.monotonic() - began < 30
        daemon.wait_for("alert.resolved", alertname="TokenMonitorQueryStale")
