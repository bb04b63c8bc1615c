"""The recipes of docs/cookbook as an operator copies them: on both servers, with something wrong in each table."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

from monitor.demo.mariadb import (
    PrivateConnection,
    PrivateMariaDB,
    PrivateServer,
)
from tests.acceptance.configs import only_ours, write_config
from tests.acceptance.cookbook import CASES
from tests.acceptance.program import run_command, running, short_directory, wait_until
from tests.database.replicas import BOTH
from tests.database.targets import run_as_root

ROOT = Path(__file__).parent.parent.parent
RECIPES = ROOT / "docs" / "cookbook" / "recipes"

PREFIXES = (
    *("mysql_", "magento_", "wordpress_", "woocommerce_", "laravel_"),
    *("mail_", "table_", "schema_"),
)
"""With which the names of the recipes' metrics begin."""

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one server gave: the series of all recipes without the target, and what `check` found by recipe."""

    series: dict[str, float]
    statuses: dict[str, str]
    alerts: dict[str, set[str]]
    is_mariadb: bool

    def value_of(self, name: str) -> float | None:
        """Return the value of a series; a name without labels stands for the first that is called so."""
        found = (
            value
            for series, value in self.series.items()
            if name in (series, series.partition("{")[0])
        )
        return next(found, None)


@pytest.fixture(
    scope="module", params=["mariadb", pytest.param("mysql", marks=pytest.mark.mysql)]
)
def seen(request: pytest.FixtureRequest) -> Iterator[Seen]:
    """Run all recipes at once on a server of the module's own, by `check` and in the daemon."""
    folder = short_directory()
    data = Path(tempfile.mkdtemp(prefix="tm-"))
    options = ("--log-bin=bin", "--server-id=7")
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        server = stack.enter_context(BOTH[request.param](data, options=options))
        prepare(server)
        shutil.copytree(RECIPES, folder / "queries")
        target = {"max_replica_lag": "0s"}
        config = only_ours(
            write_config(folder, server, "shop", target=target, extra=every_second())
        )
        with waiting_for_a_row(server):
            yield looked_at(config, is_mariadb=isinstance(server, PrivateMariaDB))


def every_second() -> str:
    """Return overrides by which each recipe runs at once, and orders may stop at any hour."""
    lines = [f'[queries.{name}]\ninterval = "1s"\ntimeout = "990ms"' for name in CASES]
    lines.append('[rules.WooCommerceOrdersStopped]\nactive = "00:00-24:00"')
    return "\n".join(lines)


def looked_at(config: Path, *, is_mariadb: bool) -> Seen:
    """Run `check`, then the daemon until each recipe has run."""
    checks = checked(str(config))
    with running(config) as daemon:
        for name in CASES:
            daemon.wait_for("run.finished", query=name)
        series = {
            without_target(name): value
            for prefix in PREFIXES
            for name, value in daemon.series(prefix).items()
        }
    return Seen(
        series=series,
        statuses={name: one["status"] for name, one in checks.items()},
        alerts={
            name: {finding["alertname"] for finding in one["findings"]}
            for name, one in checks.items()
        },
        is_mariadb=is_mariadb,
    )


def without_target(series: str) -> str:
    """Return a series without its label `target`."""
    return series.replace(',target="main"', "").replace('{target="main"}', "")


def prepare(server: PrivateServer) -> None:
    """Make the tables of all recipes, a replication whose source is not there, and one deadlock."""
    run_as_root(server, "CREATE DATABASE shop")
    is_mariadb = isinstance(server, PrivateMariaDB)
    with server.connect("shop") as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        for case in CASES.values():
            tables = case.tables
            if not is_mariadb and case.mysql_tables is not None:
                tables = case.mysql_tables
            for statement in tables:
                cursor.execute(statement)
        if is_mariadb:
            source = "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'nobody'"
        else:
            source = (
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 1,"
                " SOURCE_USER = 'nobody'"
            )
        cursor.execute(source)
        cursor.execute("START REPLICA")
    deadlock(server)


def deadlock(server: PrivateServer) -> None:
    """Have two transactions wait for each other; the server ends one of them."""
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(closing(server.connect("shop"))) for _ in range(2)
        )
        one.begin()
        other.begin()
        lock(one, 1)
        lock(other, 2)
        waiting = threading.Thread(target=lock, args=(one, 2))
        waiting.start()
        stack.callback(waiting.join)
        stack.callback(other.rollback)
        wait_until(lambda: waiting_rows(server) == 1, why="it waits for the other")
        lock(other, 1)


def lock(connection: PrivateConnection, row: int) -> None:
    """Lock a row; who is ended by a deadlock, or waits in vain, says nothing."""
    with connection.cursor() as cursor, suppress(pymysql.err.OperationalError):
        cursor.execute("SELECT id FROM locked WHERE id = %s FOR UPDATE", (row,))


def waiting_rows(server: PrivateServer) -> int:
    """Return how many statements wait for a row."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SHOW GLOBAL STATUS LIKE 'Innodb\\_row\\_lock\\_current\\_waits'"
        )
        ((_, count),) = cursor.fetchall()
        return int(count)


@contextmanager
def waiting_for_a_row(server: PrivateServer) -> Iterator[None]:
    """Hold a row, and have another session wait for it."""
    with ExitStack() as stack:
        holder, waiter = (
            stack.enter_context(closing(server.connect("shop"))) for _ in range(2)
        )
        with waiter.cursor() as cursor:
            cursor.execute("SET innodb_lock_wait_timeout = 600")
        holder.begin()
        lock(holder, 1)
        waiting = threading.Thread(target=lock, args=(waiter, 1))
        waiting.start()
        # A connection that another thread reads from cannot be closed: it goes on first.
        stack.callback(waiting.join)
        stack.callback(holder.rollback)
        wait_until(lambda: waiting_rows(server) == 1, why="it waits for the row")
        yield


def test_every_recipe_is_run() -> None:
    assert {path.stem for path in RECIPES.glob("*.toml")} == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_recipe_gives_its_series_and_finds_what_is_wrong(
    seen: Seen, name: str
) -> None:
    case = CASES[name]
    series, alerts = case.series, case.alerts
    if not seen.is_mariadb:
        series = case.series if case.mysql is None else case.mysql
        alerts = case.alerts if case.mysql_alerts is None else case.mysql_alerts
    assert seen.statuses[name] != "unknown"
    assert seen.alerts[name] == set(alerts)
    found = {name: seen.value_of(name) for name in series}
    expected = {
        name: found[name] if value is None else pytest.approx(value)
        for name, value in series.items()
    }
    assert found == expected
    assert None not in found.values()


def test_the_page_lists_each_recipe_with_its_lines_and_rules() -> None:
    page = (ROOT / "docs" / "cookbook" / "README.md").read_text(encoding="utf-8")
    listed = {}
    for line in page.splitlines():
        if line.startswith("| [`"):
            cells = line.split(" | ")
            listed[cells[0].split("`")[1]] = (int(cells[4]), cells[-1].split("`")[1::2])
    assert listed == {
        path.stem: (lines_of(path.stem), list(rules_of(path)))
        for path in RECIPES.glob("*.toml")
    }


def lines_of(name: str) -> int:
    """Count the lines of a recipe's files that are not blank and no comment."""
    lines = [
        line.strip()
        for path in RECIPES.glob(f"{name}.*")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return sum(bool(line) and not line.startswith(("--", "#")) for line in lines)


def rules_of(path: Path) -> dict[str, object]:
    """Return the rules of a recipe by their names."""
    rules: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))["rules"]
    return rules


def test_the_guard_tells_of_a_column_that_a_query_of_ones_own_reads(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    with server.connect(server_schema) as connection, connection.cursor() as cursor:
        for statement in CASES["laravel_jobs"].tables:
            cursor.execute(statement)
        queries = folder / "queries"
        queries.mkdir()
        for name in ("needed_columns", "laravel_jobs"):
            for path in RECIPES.glob(f"{name}.*"):
                shutil.copy(path, queries)
        config = str(only_ours(write_config(folder, server, server_schema)))
        healthy = checked(config)
        cursor.execute("ALTER TABLE jobs RENAME COLUMN reserved_at TO taken_at")
        broken = checked(config)
    assert {name: one["status"] for name, one in healthy.items()} == {
        "laravel_jobs": "warning",
        "needed_columns": "ok",
    }
    (finding,) = broken["needed_columns"]["findings"]
    assert finding["labels"]["table"] == "jobs"
    assert finding["labels"]["column"] == "reserved_at"
    assert "laravel_jobs cannot run" in finding["annotations"]["description"]
    assert broken["laravel_jobs"]["status"] == "blocked"


def checked(config: str) -> dict[str, Any]:
    """Run `check`; gives what it says of each query."""
    done = run_command("check", "--config", config, "--format", "json")
    return {one["query"]: one for one in json.loads(done.stdout)["checks"]}
