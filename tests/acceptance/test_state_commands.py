"""`alerts`, `history`, `explain`, `notify`: beside a running daemon, and after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import in_seconds, token_system, webhook, write_config
from tests.acceptance.program import Daemon, Hook, run_command, running, wait_until


@pytest.fixture
def config(mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook) -> Path:
    token_system(mariadb, schema)
    return write_config(folder, mariadb, schema, extra=f"{in_seconds()}\n{webhook(hook.url)}")


def run(command: str, config: Path, *arguments: str) -> str:
    done = run_command(command, *arguments, "--config", str(config))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def execute(server: PrivateMariaDB, schema: str, sql: str) -> None:
    with server.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute(sql)


def broken(daemon: Daemon, server: PrivateMariaDB, schema: str) -> None:
    """Let balances be NULL, then lose the column."""
    daemon.wait_for("run.finished", query="uninitialized")
    execute(server, schema, "UPDATE users SET tokens_remaining = NULL")
    daemon.wait_for("alert.fired", alertname="TokenBalancesUninitialized")
    execute(server, schema, "ALTER TABLE users DROP COLUMN tokens_remaining")
    daemon.wait_for("alert.fired", alertname="TokenColumnMissing")


def test_alerts_history_and_explain_say_what_the_daemon_knows(
    config: Path, mariadb: PrivateMariaDB, schema: str
) -> None:
    with running(config) as daemon:
        broken(daemon, mariadb, schema)
        alerts = {one["alertname"]: one for one in json.loads(run("alerts", config, "--format", "json"))}
        assert alerts["TokenColumnMissing"]["state"] == "firing"
        muted = alerts["TokenBalancesUninitialized"]
        assert (muted["state"], muted["held"]) == ("firing", True)
        assert muted["muted_by"] == alerts["TokenColumnMissing"]["fingerprint"]
        assert "firing, muted" in run("alerts", config)
        # what the last runs gave is written every ten seconds
        wait_until(lambda: "no data: blocked" in run("explain", config, "TokenBalancesUninitialized"))
        explained = run("explain", config, "TokenBalancesUninitialized")
        assert "muted under TokenColumnMissing" in explained
        history = json.loads(run("history", config, "--alert", "TokenColumnMissing", "--format", "json"))
        assert [one["change"] for one in history] == ["fired"]
        assert "fired" in run("history", config, "--limit", "5")
    assert "TokenColumnMissing" in run("alerts", config), "the state is there without the daemon too"


def test_explain_says_the_value_that_keeps_an_alert_from_firing(config: Path) -> None:
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        wait_until(lambda: "is 0" in run("explain", config, "TokenColumnMissing"))
        assert "not pending and not firing" in run("explain", config, "TokenColumnMissing")


def test_without_a_state_they_say_so_and_exit_1(config: Path) -> None:
    for command in (("alerts",), ("history",), ("explain", "TokenColumnMissing")):
        done = run_command(*command, "--config", str(config))
        assert done.returncode == 1
        assert "there is no state in" in done.stderr


def test_an_unknown_rule_is_bad_usage(config: Path) -> None:
    done = run_command("explain", "TokenColumnMising", "--config", str(config))
    assert done.returncode == 1
    assert 'did you mean "TokenColumnMissing"?' in done.stderr


def test_a_test_alert_goes_through_the_receiver(config: Path, hook: Hook) -> None:
    assert run("notify", config, "--test", "hook").startswith("hook took it in")
    assert hook.alerts() == [("firing", "TokenMonitorTest")]


def test_a_receiver_that_refuses_the_test_alert_is_exit_1_with_the_reason(config: Path, hook: Hook) -> None:
    hook.status = 403
    done = run_command("notify", "--test", "hook", "--config", str(config))
    assert done.returncode == 1
    assert "hook did not take it: http_403" in done.stderr
