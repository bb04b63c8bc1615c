"""Start, stop, reload: the daemon as a process, with real signals."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import (
    in_seconds,
    only_ours,
    token_system,
    two_files,
    webhook,
    write_config,
)
from tests.acceptance.program import Hook, run_command, running, wait_until

SLOW = """-- a join that takes hours
SELECT COUNT(*) AS rows_counted FROM information_schema.columns a, information_schema.columns b,
information_schema.columns c WHERE a.column_name <> b.column_name AND b.table_name <> c.table_name"""


def one_query(
    folder: Path, name: str = "answers", *, sql: str = "SELECT 42 AS answer"
) -> None:
    two_files(
        folder,
        name,
        sql=sql,
        toml=f"""summary = "{name}"
            interval = "500ms"
            timeout = "450ms"
            [metrics.app_{name}]
            help = "{name}"
            value = "answer"
            [rules.{name.title()}]
            metric = "app_{name}"
            above = 41
            severity = "warning"
            summary = "{{value}}"
            """,
    )


def test_the_shipped_queries_run_on_the_token_system_and_find_nothing_wrong(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    token_system(mariadb, schema)
    with running(
        write_config(folder, mariadb, schema, extra=in_seconds("10s", "9s"))
    ) as daemon:
        daemon.wait_for("run.finished", query="balances")
        queries = {
            one["query"]
            for one in json.loads(daemon.get("/api/v1/queries")[1])["data"]["queries"]
        }
        wait_until(
            lambda: {one["query"] for one in daemon.seen("run.finished")} == queries
        )
        missing = daemon.series("token_schema_column_missing")
        assert set(missing.values()) == {0.0}
        assert (
            'token_schema_column_missing{column="tokens_remaining",table="users",target="main"}'
            in missing
        )
        assert daemon.seen("run.failed") == []
        fired = {one["alertname"] for one in daemon.seen("alert.fired")}
        assert fired <= {"TokenMonitorWatchdog"}


def test_sigterm_stops_it_within_ten_seconds_and_leaves_no_query_on_the_server(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    config = only_ours(write_config(folder, mariadb, schema))
    two_files(
        folder,
        "slow",
        sql=SLOW,
        toml='summary = "slow"\ninterval = "10m"\ntimeout = "5m"',
    )
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        wait_until(lambda: _running_queries(mariadb, schema))
        asked_at = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - asked_at < 10
        # Of one that was killed the server may still have to notice it.
        wait_until(lambda: not _running_queries(mariadb, schema))
    assert daemon.events[-1]["event"] == "monitor.stopped"
    assert daemon.events[-1]["reason"] == "SIGTERM"


def test_a_reload_takes_a_new_query_and_leaves_the_clock_of_the_others(
    mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook
) -> None:
    config = only_ours(write_config(folder, mariadb, schema, extra=webhook(hook.url)))
    one_query(folder)
    with running(config) as daemon:
        hook.wait_for("firing", "Answers")
        one_query(folder, "more", sql="SELECT 43 AS answer")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("config.reloaded")
        hook.wait_for("firing", "More")
        assert daemon.series("token_monitor_config_last_reload_successful") == {
            "token_monitor_config_last_reload_successful": 1.0
        }
        (folder / "queries" / "more.sql").unlink()
        (folder / "queries" / "more.toml").unlink()
        assert daemon.get("/-/reload", method="POST")[0] == 200
        hook.wait_for("resolved", "More")
        assert (
            daemon.wait_for("alert.resolved", alertname="More")["resolve_reason"]
            == "rule_removed"
        )
    # the alert of the query that did not change was announced once
    assert hook.alerts().count(("firing", "Answers")) == 1
    assert ("resolved", "Answers") not in hook.alerts()


def test_a_bad_configuration_is_rejected_with_its_place_and_the_old_one_stays(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    config = only_ours(write_config(folder, mariadb, schema))
    one_query(folder)
    with running(config) as daemon:
        daemon.wait_for("run.finished")
        good = config.read_text()
        config.write_text(good + "\n[web]\nlisten = 5\n")
        daemon.signal(signal.SIGHUP)
        rejected = daemon.wait_for("config.rejected")
        assert "config.toml" in rejected["problems"][0]
        status, body = daemon.get("/-/reload", method="POST")
        assert status == 500
        assert "config.toml" in body
        assert daemon.get("/-/reload")[0] == 405
        runs = sum(daemon.series("token_monitor_query_runs_total").values())
        wait_until(
            lambda: sum(daemon.series("token_monitor_query_runs_total").values()) > runs
        )
        assert daemon.series("token_monitor_config_last_reload_successful") == {
            "token_monitor_config_last_reload_successful": 0.0
        }
        config.write_text(good)
        assert daemon.get("/-/reload", method="POST")[0] == 200
        assert set(
            daemon.series("token_monitor_config_last_reload_successful").values()
        ) == {1.0}


def test_a_bad_configuration_at_the_start_is_exit_2_with_every_problem(
    folder: Path,
) -> None:
    config = folder / "config.toml"
    config.write_text('[targets.main]\nhost = "127.0.0.1"\nuser = 5\nport = 99999\n')
    done = run_command("run", "--config", str(config))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "config.toml:3: targets.main.user" in done.stderr
    assert "config.toml:4: targets.main.port" in done.stderr


def test_it_starts_without_its_database_and_finds_it_when_it_comes(
    folder: Path, hook: Hook
) -> None:
    server = PrivateMariaDB(folder / "db")
    server.create()
    try:
        config = write_config(
            folder, server, "app", extra=f"{in_seconds()}\n{webhook(hook.url)}"
        )
        with running(config) as daemon:
            hook.wait_for("firing", "TokenMonitorTargetDown")
            assert daemon.series("token_monitor_up") == {
                'token_monitor_up{target="main"}': 0.0
            }
            assert daemon.get("/-/healthy")[0] == 200
            server.start()
            with server.connect() as connection, connection.cursor() as cursor:
                cursor.execute("CREATE DATABASE app")
            token_system(server, "app")
            hook.wait_for("resolved", "TokenMonitorTargetDown", seconds=60)
            daemon.wait_for("target.recovered", target="main")
            wait_until(lambda: daemon.series("token_subscribers{"), seconds=60)
    finally:
        server.close()


def test_no_secret_is_written_anywhere(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    secret = "s3cr3t-p4ssw0rd"
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE USER watcher@localhost IDENTIFIED BY 'other'")
    (folder / "password").write_text(secret + "\n")
    config = write_config(
        folder,
        mariadb,
        schema,
        target={"user": "watcher", "password_file": "password"},
        extra=in_seconds(),
    )
    with running(config) as daemon:
        lost = daemon.wait_for("target.lost")
        assert lost["reason"] == "access_denied"
        pages = [
            daemon.get(path)[1]
            for path in ("/", "/metrics", "/api/v1/alerts", "/api/v1/queries")
        ]
    assert secret not in "\n".join([*daemon.raw, *pages])


def _running_queries(server: PrivateMariaDB, schema: str) -> int:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE db = %s AND command = 'Query'",
            (schema,),
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0
