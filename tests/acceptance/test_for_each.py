"""One query for many schemas, as a person sees it: by hand, in a pipeline, before the start, and in the daemon."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateServer
from tests.acceptance.configs import only_ours, two_files, write_config
from tests.acceptance.program import run_command, running

WIDE = {"COLUMNS": "300"}
_numbers = itertools.count()
_QUERY = """
summary = "Late orders by shop"
interval = "300ms"
timeout = "250ms"
[for_each]
sql = "SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name LIKE '{prefix}%' ORDER BY 1"
label = "shop"
[metrics.shop_orders_late]
help = "Orders that are late"
value = "late"
[rules.ShopOrdersLate]
metric = "shop_orders_late"
above = 0
severity = "warning"
summary = "{{value}} orders of {{shop}} are late"
evidence = "SELECT id FROM {{name}}.orders WHERE state = 'late'"
"""
_SQL = "SELECT COUNT(*) AS late FROM {name}.orders WHERE state = 'late'\n"


def execute(server: PrivateServer, *statements: str) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def prefix(server: PrivateServer) -> Iterator[str]:
    """Make two shops, of which one has a late order; gives what their schemas begin with."""
    prefix = f"sho`p{next(_numbers)}-".replace("`", "``")
    for shop in ("eu", "us"):
        execute(
            server,
            f"CREATE DATABASE `{prefix}{shop}`",
            f"CREATE TABLE `{prefix}{shop}`.orders (id INT, state VARCHAR(9))",
        )
    execute(server, f"INSERT INTO `{prefix}eu`.orders VALUES (7, 'late')")
    yield prefix.replace("``", "`")
    for shop in ("eu", "us"):
        execute(server, f"DROP DATABASE IF EXISTS `{prefix}{shop}`")


@pytest.fixture
def config(folder: Path, server: PrivateServer, server_schema: str, prefix: str) -> str:
    toml = _QUERY.format(prefix=prefix)
    two_files(folder, "late", sql=_SQL, toml=toml)
    return str(only_ours(write_config(folder, server, server_schema)))


def test_query_shows_the_rows_of_each_and_who_failed(
    server: PrivateServer, config: str, prefix: str
) -> None:
    done = run_command("query", "late", "--config", config, environ=WIDE)
    assert (done.returncode, done.stderr) == (0, "")
    _, rows, samples, rules, evidence = done.stdout.split("\n\n")
    assert [line.split() for line in rows.splitlines()[1:]] == [
        ["shop", "late"],
        [f"{prefix}eu", "1"],
        [f"{prefix}us", "0"],
    ]
    assert f'shop_orders_late{{shop="{prefix}us"}} 0' in samples
    assert f'shop="{prefix}eu"' in rules
    assert evidence.splitlines()[-1].strip() == "7"
    quoted = prefix.replace("`", "``")
    execute(server, f"DROP TABLE `{quoted}eu`.orders")
    done = run_command("query", "late", "--config", config, environ=WIDE)
    assert done.returncode == 1
    assert f"item failed: {prefix}eu: schema_missing: " in done.stderr
    assert f"{prefix}us" in done.stdout


def test_the_sql_is_that_of_the_items_and_of_one_of_them(config: str) -> None:
    done = run_command("query", "late", "--sql", "--config", config)
    first, second = done.stdout.split("-- late on main, for <name>\n")
    assert first.startswith("-- the items of late on main\nSELECT schema_name AS name")
    assert second.startswith("SELECT COUNT(*) AS late FROM `<name>`.orders")


def test_check_says_what_is_found_and_that_it_could_not_tell_of_all(
    server: PrivateServer, config: str, prefix: str
) -> None:
    done = run_command("check", "--config", config, environ=WIDE)
    assert done.returncode == 1
    assert f"1 orders of {prefix}eu are late" in done.stdout
    quoted = prefix.replace("`", "``")
    execute(server, f"DROP TABLE `{quoted}us`.orders")
    done = run_command("check", "--config", config, environ=WIDE)
    assert done.returncode == 3
    assert f"1 of 2 items failed: {prefix}us: schema_missing: " in done.stdout


def test_validate_plans_it_for_the_first_and_says_what_would_not_run(
    server: PrivateServer, config: str, prefix: str
) -> None:
    done = run_command("validate", "--connect", "--config", config, environ=WIDE)
    assert done.returncode == 0, done.stdout
    assert "  late: ok\n" in done.stdout
    assert "orders" in done.stdout
    done = run_command("check", "--schema", "--config", config, environ=WIDE)
    assert done.returncode == 0, done.stdout
    quoted = prefix.replace("`", "``")
    for shop in ("eu", "us"):
        execute(server, f"DROP DATABASE `{quoted}{shop}`")
    done = run_command("validate", "--connect", "--config", config, environ=WIDE)
    assert done.returncode == 0, done.stdout


def test_grants_has_what_the_statement_of_the_items_reads(
    config: str, folder: Path
) -> None:
    toml = folder / "queries" / "late.toml"
    items = "SELECT object_schema AS name FROM performance_schema.accounts"
    lines = [
        f'sql = "{items}"' if line.startswith("sql = ") else line
        for line in toml.read_text(encoding="utf-8").splitlines()
    ]
    toml.write_text("\n".join(lines), encoding="utf-8")
    done = run_command("grants", "--config", config)
    assert done.returncode == 0
    assert "GRANT SELECT ON `performance_schema`" in done.stdout


def test_in_the_daemon_the_alert_of_a_shop_that_cannot_be_read_stays(
    server: PrivateServer, config: str, prefix: str
) -> None:
    quoted = prefix.replace("`", "``")
    failing = 'token_monitor_query_items{query="late",state="failed",target="main"}'
    item = f"{prefix}eu"
    with running(Path(config)) as program:
        program.wait_for("alert.fired", alertname="ShopOrdersLate")
        execute(server, f"RENAME TABLE `{quoted}eu`.orders TO `{quoted}eu`.o")
        failed = program.wait_for("item.failed", item=item)
        assert failed["reason"] == "schema_missing"
        told = program.wait_for("alert.fired", alertname="TokenMonitorQueryFailing")
        assert f"late gives no data for {item} on main" in str(told["annotations"])
        assert program.series(failing) == {failing: 1.0}
        execute(server, f"RENAME TABLE `{quoted}eu`.o TO `{quoted}eu`.orders")
        program.wait_for("item.recovered", item=item)
        program.wait_for("alert.resolved", alertname="TokenMonitorQueryFailing")
        assert program.seen("alert.resolved", alertname="ShopOrdersLate") == []
        execute(server, f"DROP DATABASE `{quoted}eu`")
        program.wait_for("alert.resolved", alertname="ShopOrdersLate")
