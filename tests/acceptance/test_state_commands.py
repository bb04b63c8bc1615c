"""`alerts`, `history`, `explain`, `notify`: beside a running daemon, and after it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from monitor.model.alerts import AlertState
from monitor.model.results import Sample
from monitor.model.settings import Severity
from monitor.storage import LastResult, State, open_directory
from tests.acceptance.configs import in_seconds, token_system, webhook, write_config
from tests.acceptance.program import Daemon, Hook, run_command, running, wait_until
from tests.web.picture import UNINITIALIZED, an_alert

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture
def config(mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook) -> Path:
    token_system(mariadb, schema)
    return write_config(
        folder,
        mariadb,
        schema,
        extra=f"{in_seconds('1s', '900ms')}\n{webhook(hook.url)}",
        # It would tell of the balances that these tests overwrite, before or after the alert that they are about.
        target={"except": ["ledger"]},
    )


def run(command: str, config: Path, *arguments: str) -> str:
    done = run_command(command, *arguments, "--config", str(config))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def active(config: Path) -> dict[str, dict[str, Any]]:
    return {
        one["alertname"]: one
        for one in json.loads(run("alerts", config, "--format", "json"))
    }


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
        # a run that began before the column went may yet end well
        wait_until(
            lambda: active(config)["TokenBalancesUninitialized"]["held"],
            why="it is held",
        )
        alerts = active(config)
        assert alerts["TokenColumnMissing"]["state"] == "firing"
        muted = alerts["TokenBalancesUninitialized"]
        assert (muted["state"], muted["held"]) == ("firing", True)
        assert muted["muted_by"] == alerts["TokenColumnMissing"]["fingerprint"]
        assert "firing, muted" in run("alerts", config)
        # what the last runs gave is written every ten seconds
        wait_until(
            lambda: (
                "no data: blocked"
                in run("explain", config, "TokenBalancesUninitialized")
            ),
            seconds=60,
        )
        explained = run("explain", config, "TokenBalancesUninitialized")
        assert "muted under TokenColumnMissing" in explained
        history = json.loads(
            run("history", config, "--alert", "TokenColumnMissing", "--format", "json")
        )
        assert [one["change"] for one in history] == ["fired"]
        assert "fired" in run("history", config, "--limit", "5")
    assert "TokenColumnMissing" in run("alerts", config), (
        "the state is there without the daemon too"
    )


def test_explain_says_the_value_that_keeps_an_alert_from_firing(config: Path) -> None:
    with running(config) as daemon:
        daemon.wait_for("monitor.started")
        wait_until(
            lambda: "is 0" in run("explain", config, "TokenColumnMissing"), seconds=60
        )
        assert "not pending and not firing" in run(
            "explain", config, "TokenColumnMissing"
        )


def state_of(config: Path) -> Path:
    return config.parent / "state"


@contextmanager
def written(config: Path) -> Iterator[State]:
    """Write what a daemon of this configuration would have written."""
    lost: list[str] = []
    opened = open_directory(state_of(config), now=TEN, on_lost_disk=lost.append)
    try:
        yield opened.state
    finally:
        opened.state.close()
        opened.lock.release()
    assert lost == []


def test_alerts_come_the_worst_first_and_what_is_muted_after_what_speaks_for_itself(
    config: Path,
) -> None:
    low = replace(UNINITIALIZED, name="A", severity=Severity.WARNING)
    alerts = [
        an_alert(replace(UNINITIALIZED, name="Pending"), AlertState.PENDING),
        replace(
            an_alert(replace(UNINITIALIZED, name="Muted"), subject="x"),
            held=True,
            muted_by="f" * 16,
        ),
        an_alert(low, plan="young", since=TEN),
        an_alert(low, plan="old", since=TEN - timedelta(hours=1)),
        an_alert(replace(UNINITIALIZED, name="Worst")),
    ]
    scopes = {
        alert.scope: {a.labels: a for a in alerts if a.scope == alert.scope}
        for alert in alerts
    }
    with written(config) as state:
        state.record(scopes, (), ())
    found = json.loads(run("alerts", config, "--format", "json"))
    shown = [(one["alertname"], one["labels"].get("plan")) for one in found]
    assert shown == [
        ("Worst", None),
        ("A", "old"),
        ("A", "young"),
        ("Muted", None),
        ("Pending", None),
    ]
    assert "5 alerts, the worst first; the daemon was last known to run" in run(
        "alerts", config
    )


def test_explain_says_so_where_not_all_samples_are_kept(config: Path) -> None:
    others = tuple(
        Sample("others", (("n", str(number)),), 1.0) for number in range(300)
    )
    result = LastResult("main", "missing_columns", TEN, TEN, "ok", samples=others)
    with written(config) as state:
        state.save_results([result])
    explained = run("explain", config, "TokenColumnMissing")
    assert (
        "only the first 200 of 300 samples are kept; others may be of this rule"
        in explained
    )
    assert "gave no sample" not in explained
    with written(config) as state:
        state.save_results([replace(result, samples=others[:200])])
    assert "the run gave no sample for it" in run(
        "explain", config, "TokenColumnMissing"
    )


@pytest.mark.parametrize(
    ("success_at", "line"),
    [
        (TEN, "  blocked; last run 2026-11-22 10:00:00 UTC"),
        (None, "  blocked; it has not run yet"),
    ],
)
def test_explain_does_not_pass_an_earlier_run_off_as_the_one_that_was_blocked(
    config: Path, success_at: datetime | None, line: str
) -> None:
    with written(config) as state:
        state.save_results(
            [
                LastResult(
                    "main", "uninitialized", TEN, success_at, "blocked", "blocked", "x"
                )
            ]
        )
    lines = run("explain", config, "TokenBalancesUninitialized").splitlines()
    assert line in lines
    assert "  no data: blocked: x; alerts of this rule are held as they were" in lines


def test_the_history_of_deliveries_says_what_was_taken_and_what_was_given_up(
    config: Path, mariadb: PrivateMariaDB, schema: str, hook: Hook
) -> None:
    with running(config) as daemon:
        daemon.wait_for("run.finished", query="uninitialized")
        execute(mariadb, schema, "UPDATE users SET tokens_remaining = NULL")
        daemon.wait_for("delivery.succeeded", receiver="hook")
        hook.status = 422
        execute(mariadb, schema, "ALTER TABLE users DROP COLUMN tokens_remaining")
        daemon.wait_for("delivery.failed", receiver="hook", reason="http_422")
        given_up, *_, taken = json.loads(
            run("history", config, "--deliveries", "--format", "json")
        )
        assert (taken["outcome"], taken["receiver"], taken["attempts"]) == (
            "taken",
            "hook",
            1,
        )
        assert "TokenBalancesUninitialized on main: " in taken["told"]
        assert (given_up["outcome"], given_up["reason"], given_up["attempts"]) == (
            "given_up",
            "http_422",
            1,
        )
        assert given_up["message"].startswith("HTTP 422")
        assert [one["alertname"] for one in given_up["alerts"]] == [
            "TokenColumnMissing"
        ]
        newest = run("history", config, "--deliveries", "--limit", "1").splitlines()
        assert newest[0].split() == [
            "AT",
            "(UTC)",
            "RECEIVER",
            "OUTCOME",
            "REASON",
            "ATTEMPTS",
            "ALERTS",
        ]
        assert newest[1].endswith(
            "given up  http_422         1  TokenColumnMissing on main: 1 firing"
        )


def test_the_history_of_deliveries_is_not_narrowed_by_alerts(config: Path) -> None:
    done = run_command(
        "history",
        "--deliveries",
        "--alert",
        "TokenColumnMissing",
        "--config",
        str(config),
    )
    assert done.returncode == 2
    assert "it goes with --limit and --format only" in done.stderr


def test_without_a_state_they_say_so_and_exit_1(config: Path) -> None:
    for command in (("alerts",), ("history",), ("explain", "TokenColumnMissing")):
        done = run_command(*command, "--config", str(config))
        assert done.returncode == 1
        assert "there is no state in" in done.stderr


def test_an_unknown_rule_is_bad_usage(config: Path) -> None:
    done = run_command("explain", "TokenColumnMising", "--config", str(config))
    assert done.returncode == 2
    assert 'did you mean "TokenColumnMissing"?' in done.stderr


def test_a_test_alert_goes_through_the_receiver(config: Path, hook: Hook) -> None:
    assert run("notify", config, "--test", "hook").startswith("hook took it in")
    assert hook.alerts() == [("firing", "TokenMonitorTest")]


def test_a_receiver_that_refuses_the_test_alert_is_exit_1_with_the_reason(
    config: Path, hook: Hook
) -> None:
    hook.status = 403
    done = run_command("notify", "--test", "hook", "--config", str(config))
    assert done.returncode == 1
    assert "hook did not take it: http_403" in done.stderr


def test_a_backup_is_made_beside_the_daemon_and_not_over_another(
    config: Path, mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    path = folder / "saved.sqlite"
    with running(config) as daemon:
        broken(daemon, mariadb, schema)
        assert f"{path}: " in run("backup", config, str(path))
        again = run_command("backup", str(path), "--config", str(config))
        assert (again.returncode, again.stdout) == (1, "")
        assert "is there already" in again.stderr
        assert "state.degraded" not in [event["event"] for event in daemon.events]
    with closing(State(str(path))) as state:
        assert "TokenColumnMissing" in {one.name for one in state.active_alerts()}
