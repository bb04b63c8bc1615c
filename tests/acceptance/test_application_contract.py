"""`[contract]`: the daemon asks by itself whether the database can serve the application that is deployed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.mariadb import PrivateServer
from tests.acceptance.configs import (
    in_seconds,
    token_system,
    webhook,
    write_config,
)
from tests.acceptance.program import Daemon, Hook, run_command, running, wait_until

CODE = """
export async function balance(id: number) {
  const [row] = await db.query(`SELECT u.tokens_remaining, s.tokens_limit
    FROM users u JOIN user_subscriptions s ON s.user_id = u.id WHERE u.id = ${id}`);
  await db.query("UPDATE users SET tokens_remaining = ? WHERE id = ?", [row.tokens_limit, id]);
}
"""
MIGRATION = (
    "ALTER TABLE users ADD COLUMN tokens_remaining INT DEFAULT NULL AFTER role;\n"
)
DROP = "ALTER TABLE users DROP COLUMN tokens_remaining"
INTERVAL_SECONDS = 1.0
ALONE = f"""
[contract]
app_sql = ["app"]
interval = "{INTERVAL_SECONDS:g}s"
"""

Execute = Callable[..., None]


@pytest.fixture
def app(folder: Path) -> Path:
    """Make the source of the application beside config.toml."""
    source = folder / "app"
    (source / "src").mkdir(parents=True)
    (source / "migrations").mkdir()
    (source / "src" / "tokens.ts").write_text(CODE)
    (source / "migrations" / "0042_tokens.sql").write_text(MIGRATION)
    return source


@pytest.fixture
def execute(server: PrivateServer, server_schema: str) -> Execute:
    """Return what executes statements in a schema that has the token system."""
    token_system(server, server_schema)

    def run(*statements: str) -> None:
        with server.connect(server_schema) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    return run


@pytest.fixture
def config(
    server: PrivateServer, server_schema: str, folder: Path, app: Path, hook: Hook
) -> Path:
    """Write a configuration that has the contract, and none of the other shipped queries."""
    path = write_config(folder, server, server_schema, extra=ALONE + webhook(hook.url))
    path.write_text(f"shipped_queries = false\n{path.read_text()}")
    return path


def runs(daemon: Daemon) -> list[dict[str, Any]]:
    return daemon.seen("run.finished", query="application_columns")


def wait_for_run(daemon: Daemon) -> None:
    """Wait for one more run that gave data."""
    known = len(runs(daemon))
    wait_until(lambda: len(runs(daemon)) > known)


def names(daemon: Daemon) -> dict[str, float]:
    """Return how many names are in each state."""
    series = daemon.series("token_contract_names{")
    return {
        name.partition('state="')[2].partition('"')[0]: value
        for name, value in series.items()
    }


def firing(daemon: Daemon) -> set[str]:
    series = daemon.series("token_monitor_alerts{")
    return {
        name.partition('alertname="')[2].partition('"')[0]
        for name, value in series.items()
        if 'state="firing"' in name and value
    }


def test_the_incident_is_seen_by_the_contract_alone_within_one_interval(
    execute: Execute, config: Path, hook: Hook
) -> None:
    with running(config) as daemon:
        read = daemon.wait_for("contract.read")
        assert (
            read["files"],
            read["statements"],
            read["migrations"],
            read["unread"],
        ) == (2, 2, 1, 0)
        daemon.wait_for("run.finished", query="application_columns")
        wait_until(lambda: names(daemon).get("missing") == 0)
        execute(DROP)
        known = len(runs(daemon))
        fired = daemon.wait_for("alert.fired", alertname="TokenContractBroken")
        # The run that was under way when the column went may have looked before.
        assert len(runs(daemon)) - known <= 2
        hook.wait_for("firing", "TokenContractBroken")
        assert fired["labels"]["column"] == "tokens_remaining"
        texts = fired["annotations"]
        assert "src/tokens.ts:3, src/tokens.ts:5" in texts["summary"]
        assert texts["repair"] == (
            "migrations/0042_tokens.sql:1 adds it: was it run?"
            " ALTER TABLE `users` ADD COLUMN `tokens_remaining` INT DEFAULT NULL;"
        )
        execute(MIGRATION)
        hook.wait_for("resolved", "TokenContractBroken")


def test_one_column_is_one_page_where_a_schema_query_expects_it_too(
    execute: Execute,
    server: PrivateServer,
    server_schema: str,
    folder: Path,
    app: Path,
    hook: Hook,
) -> None:
    (app / "src" / "more.ts").write_text("db.query('SELECT u.nickname FROM users u')")
    path = write_config(
        folder,
        server,
        server_schema,
        extra=ALONE + in_seconds("1s") + "\n" + webhook(hook.url),
    )
    with running(path) as daemon:
        daemon.wait_for("run.finished", query="application_columns")
        execute(DROP)
        told = daemon.wait_for("alert.fired", alertname="TokenColumnMissing")
        wait_until(lambda: names(daemon).get("missing") == 2)
        wait_for_run(daemon)
        broken = [
            one["labels"]["column"]
            for one in daemon.seen("alert.fired", alertname="TokenContractBroken")
        ]
    assert (
        "Statements of the application name it: src/tokens.ts:3, src/tokens.ts:5."
        in (told["annotations"]["description"])
    )
    assert broken == ["nickname"]


def test_a_new_version_of_the_source_is_read_while_it_runs(
    execute: Execute, config: Path, app: Path, folder: Path
) -> None:
    new = folder / "next"
    shutil.copytree(app, new)
    (new / "src" / "orders.py").write_text('q("SELECT o.id, o.total FROM orders o")')
    with running(config) as daemon:
        daemon.wait_for("run.finished", query="application_columns")
        # a deployment that swaps the folder
        app.rename(folder / "previous")
        new.rename(app)
        read = daemon.wait_for("contract.read", statements=3)
        assert read["files"] == 3
        fired = daemon.wait_for("alert.fired", alertname="TokenContractBroken")
        assert (fired["labels"]["table"], fired["labels"].get("column")) == (
            "orders",
            None,
        )
        execute("CREATE TABLE orders (id INT PRIMARY KEY, total INT)")
        daemon.wait_for("alert.resolved", alertname="TokenContractBroken")


def test_a_folder_that_vanishes_resolves_nothing_also_over_a_restart(
    execute: Execute, config: Path, app: Path, folder: Path
) -> None:
    execute(DROP)
    with running(config) as daemon:
        daemon.wait_for("alert.fired", alertname="TokenContractBroken")
        assert daemon.series("token_monitor_contract_last_read") == {
            "token_monitor_contract_last_read_successful": 1.0
        }
        app.rename(folder / "gone")
        failed = daemon.wait_for("contract.failed")
        assert failed["message"].startswith(f"{app}: No such file or directory")
        assert failed["statements"] == 2
        wait_until(
            lambda: (
                daemon.series("token_monitor_contract_last_read")
                == {"token_monitor_contract_last_read_successful": 0.0}
            )
        )
        assert daemon.series("token_monitor_contract_read_failures_total")
        wait_for_run(daemon)
        assert firing(daemon) >= {"TokenContractBroken"}
    with running(config) as daemon:
        daemon.wait_for("run.finished", query="application_columns")
        wait_until(lambda: names(daemon).get("missing") == 1)
        assert firing(daemon) >= {"TokenContractBroken"}
        assert daemon.seen("alert.resolved", alertname="TokenContractBroken") == []
        (folder / "gone").rename(app)
        wait_until(
            lambda: (
                daemon.series("token_monitor_contract_last_read")
                == {"token_monitor_contract_last_read_successful": 1.0}
            )
        )
        assert daemon.seen("alert.resolved", alertname="TokenContractBroken") == []


def test_what_was_never_read_is_a_failing_query_and_not_all_well(
    execute: Execute, config: Path, app: Path
) -> None:
    shutil.rmtree(app)
    with running(config) as daemon:
        failed = daemon.wait_for("run.failed", query="application_columns")
        assert (failed["reason"], failed["message"]) == (
            "bad_result",
            f"{app}: No such file or directory",
        )
        assert names(daemon) == {}


def test_what_the_account_may_not_see_is_unknown_and_no_alert(
    execute: Execute, server: PrivateServer, server_schema: str, folder: Path, app: Path
) -> None:
    account = f"reader_{server_schema}"
    execute(
        f"CREATE USER {account}@localhost",
        f"GRANT SELECT ON {server_schema}.user_subscriptions TO {account}@localhost",
    )
    path = write_config(
        folder, server, server_schema, extra=ALONE, target={"user": account}
    )
    path.write_text(f"shipped_queries = false\n{path.read_text()}")
    with running(path) as daemon:
        daemon.wait_for("run.finished", query="application_columns")
        wait_until(lambda: names(daemon).get("unknown") == 1)
        assert names(daemon)["missing"] == 0
        assert daemon.seen("alert.fired", alertname="TokenContractBroken") == []
        execute(f"GRANT SELECT ON {server_schema}.users TO {account}@localhost")
        wait_until(lambda: names(daemon).get("unknown") == 0)
    execute(f"DROP USER {account}@localhost")


def test_the_commands_go_by_it_too(execute: Execute, config: Path, app: Path) -> None:
    arguments = ("--config", str(config))
    assert run_command("check", *arguments).returncode == 0
    assert run_command("check", "--schema", *arguments).returncode == 0
    execute(DROP)
    for command in (("check",), ("check", "--schema")):
        checked = run_command(*command, *arguments)
        assert checked.returncode == 2
        assert "TokenContractBroken" in checked.stdout
    shown = run_command("query", "application_columns", *arguments)
    assert "src/tokens.ts:3, src/tokens.ts:5" in shown.stdout
    validated = run_command("validate", "--connect", *arguments)
    assert validated.returncode == 0
    assert "2 statements in 2 files, 0 not read" in validated.stdout
    shutil.rmtree(app)
    validated = run_command("validate", *arguments)
    assert f"warning: contract: {app}: No such file or directory" in validated.stdout
