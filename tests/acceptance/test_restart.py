"""What outlives the process: alerts, their clocks, what is owed to receivers; and what a bad disk does."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, webhook, write_config
from tests.acceptance.program import Daemon, Hook, run_command, running


@pytest.fixture
def config(mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook) -> Path:
    """Watch one number; the alert fires while it is above 0."""
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE things (n INT)")
        cursor.execute("INSERT INTO things VALUES (1)")
    two_files(
        folder,
        "things",
        sql="-- the number\nSELECT n AS n FROM things",
        toml="""summary = "The number"
            interval = "1s"
            timeout = "900ms"
            [metrics.app_things]
            help = "The number"
            value = "n"
            [rules.Things]
            metric = "app_things"
            above = 0
            severity = "critical"
            summary = "{value} things"
            """,
    )
    return only_ours(write_config(folder, mariadb, schema, extra=webhook(hook.url)))


def set_number(server: PrivateMariaDB, schema: str, number: int) -> None:
    with server.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE things SET n = %s", (number,))


def test_a_kill_and_a_restart_announce_nothing_again(config: Path, hook: Hook) -> None:
    first = Daemon(config)
    # not only posted: until the answer is recorded a kill means that it is posted again, with its key
    first.wait_for("delivery.succeeded", receiver="hook")
    first.kill()
    with running(config) as again:
        again.wait_for("run.finished")
        assert again.series("token_monitor_alerts{")[FIRING] == 1
        assert again.seen("alert.fired", alertname="Things") == []
    assert hook.alerts() == [("firing", "Things")]


FIRING = 'token_monitor_alerts{alertname="Things",severity="critical",state="firing"}'


def test_what_cleared_while_it_was_down_is_resolved_and_posted(
    config: Path, hook: Hook, mariadb: PrivateMariaDB, schema: str
) -> None:
    first = Daemon(config)
    # not only posted: until the answer is recorded a kill means that it is posted again, with its key
    first.wait_for("delivery.succeeded", receiver="hook")
    first.kill()
    set_number(mariadb, schema, 0)
    with running(config):
        hook.wait_for("resolved", "Things")
    assert hook.alerts() == [("firing", "Things"), ("resolved", "Things")]


def test_what_is_owed_to_a_receiver_is_posted_after_a_kill(
    config: Path, hook: Hook
) -> None:
    hook.status = 500
    first = Daemon(config)
    first.wait_for("delivery.failed", receiver="hook")
    first.kill()
    refused = len(hook.bodies)
    hook.status = 200
    with running(config) as again:
        again.wait_for("delivery.succeeded", receiver="hook")
        assert again.seen("alert.fired", alertname="Things") == []
    bodies = hook.bodies[: refused + 1]
    assert len(bodies) == refused + 1
    assert all(body["alerts"] == bodies[0]["alerts"] for body in bodies)


def test_a_second_daemon_on_the_same_state_is_refused_with_exit_3(config: Path) -> None:
    with running(config) as first:
        first.wait_for("monitor.started")
        second = run_command("run", "--config", str(config))
        assert second.returncode == 3
        assert "is in use by another token-monitor" in second.stderr
        assert first.get("/-/healthy")[0] == 200


def test_state_of_a_newer_version_is_refused_with_exit_3(
    config: Path, folder: Path
) -> None:
    (folder / "state").mkdir()
    with sqlite3.connect(folder / "state" / "state.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    done = run_command("run", "--config", str(config))
    assert done.returncode == 3
    assert "version 99" in done.stderr


def test_a_damaged_state_is_kept_aside_and_watching_goes_on(
    config: Path, folder: Path, hook: Hook
) -> None:
    (folder / "state").mkdir()
    (folder / "state" / "state.sqlite").write_bytes(b"this is no database" * 1000)
    with running(config) as daemon:
        warning = daemon.wait_for("state.degraded")
        assert "is damaged" in warning["message"]
        hook.wait_for("firing", "Things")
    (aside,) = (folder / "state").glob("state.sqlite.damaged-*")
    assert aside.read_bytes().startswith(b"this is no database")


def test_a_state_directory_that_cannot_be_used_is_said_and_watching_goes_on(
    config: Path, folder: Path, hook: Hook
) -> None:
    (folder / "state").write_text("a file where the folder should be")
    with running(config) as daemon:
        assert "is in memory" in daemon.wait_for("state.degraded")["message"]
        hook.wait_for("firing", "Things")
