"""Two databases that ought to have the same rows, watched by one daemon: the comparison, and who cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, webhook, write_config
from tests.acceptance.program import (
    Hook,
    run_command,
    running,
    short_directory,
    wait_until,
)

_QUERY = """
summary = "Orders by shop"
interval = "300ms"
timeout = "250ms"
[metrics.orders_rows]
help = "Orders"
labels = ["shop"]
value = "n"
"""
_SQL = "SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop"
_DERIVED = """
[derived.rows_behind]
help = "Rows of the primary that the replica does not have"
value = "primary - replica"
targets = ["replica"]
inputs.primary = { metric = "orders_rows", target = "main" }
inputs.replica = { metric = "orders_rows", absent = 0 }
[derived.rows_behind.rules.RowsMissing]
above = 0
for = "1s"
severity = "critical"
summary = "{value} orders of {shop} are missing on {target}: {primary} there, {replica} here"
[derived.orders_total]
help = "Orders of all shops"
value = "orders"
inputs = { orders = "orders_rows" }
labels = []
aggregate = "sum"
[rules.TokenMonitorTargetDown]
for = "0s"
"""


@pytest.fixture(scope="module")
def replica() -> Iterator[PrivateMariaDB]:
    """Run a second server, which a test may stop."""
    with PrivateMariaDB(short_directory()) as server:
        yield server


def execute(server: PrivateMariaDB, schema: str, *statements: str) -> None:
    with server.connect(schema) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def config(
    folder: Path,
    mariadb: PrivateMariaDB,
    schema: str,
    replica: PrivateMariaDB,
    hook: Hook,
) -> Iterator[Path]:
    """Make the same orders in both, and a configuration that compares them."""
    execute(replica, "mysql", f"CREATE DATABASE {schema}")
    for server in (mariadb, replica):
        execute(
            server,
            schema,
            "CREATE TABLE orders (id INT PRIMARY KEY, shop VARCHAR(9))",
            "INSERT INTO orders VALUES (1, 'eu'), (2, 'eu'), (3, 'us')",
        )
    two_files(folder, "orders", sql=_SQL, toml=_QUERY)
    second = f'[targets.replica]\nunix_socket = "{replica.socket}"\nuser = "root"\ndatabase = "{schema}"\n'
    extra = second + _DERIVED + webhook(hook.url)
    yield only_ours(write_config(folder, mariadb, schema, extra=extra))
    execute(replica, "mysql", f"DROP DATABASE {schema}")


def test_a_row_that_is_missing_fires_and_an_input_that_is_lost_ends_nothing(
    config: Path, schema: str, replica: PrivateMariaDB, hook: Hook
) -> None:
    behind = 'rows_behind{shop="%s",target="replica"}'
    with running(config) as daemon:
        wait_until(
            lambda: (
                daemon.series("rows_behind{") == {behind % "eu": 0, behind % "us": 0}
            ),
            why="both are alike",
        )
        assert set(daemon.series("orders_total{").values()) == {3}
        execute(replica, schema, "DELETE FROM orders WHERE shop = 'us'")
        fired = daemon.wait_for("alert.fired", alertname="RowsMissing")
        assert fired["labels"]["shop"] == "us"
        assert (
            fired["annotations"]["summary"]
            == "1 orders of us are missing on replica: 1 there, 0 here"
        )
        hook.wait_for("firing", "RowsMissing")
        replica.stop()
        failed = daemon.wait_for("run.failed", query="rows_behind", target="replica")
        assert failed["reason"] == "input_missing"
        assert failed["message"].startswith(
            "replica (orders_rows on replica): target_down: "
        )
        assert daemon.series("rows_behind{") == {}
        daemon.wait_for("alert.fired", alertname="TokenMonitorTargetDown")
        wait_until(
            lambda: '"held":true' in daemon.get("/api/v1/alerts")[1],
            why="it is held",
        )
        shown = json.loads(daemon.get("/api/v1/queries")[1])["data"]["queries"]
        (value,) = [one for one in shown if one["query"] == "rows_behind"]
        assert (value["status"], value["reason"]) == ("failed", "input_missing")
        assert "input_missing: replica (orders_rows on replica)" in daemon.get("/")[1]
        page = daemon.get("/queries/rows_behind")[1]
        assert "primary - replica" in page
        assert "primary (orders_rows on main), replica (orders_rows on replica)" in page
        assert "rows_behind" in daemon.get("/targets/replica")[1]
        assert not daemon.seen("alert.resolved", alertname="RowsMissing")
        replica.start()
        daemon.wait_for("alert.resolved", alertname="TokenMonitorTargetDown")
        assert not daemon.seen("alert.resolved", alertname="RowsMissing")
        execute(replica, schema, "INSERT INTO orders VALUES (3, 'us')")
        daemon.wait_for("alert.resolved", alertname="RowsMissing")
        hook.wait_for("resolved", "RowsMissing")
        assert {one["query"] for one in daemon.seen("run.finished")} >= {"rows_behind"}
        # Of what is wrong the inputs speak, and nobody else.
        about = {one["labels"].get("query") for one in daemon.seen("alert.fired")}
        assert "rows_behind" not in about


def test_commands_about_databases_leave_it_out_and_validate_checks_it(
    config: Path,
) -> None:
    done = run_command("check", "--config", str(config))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rows_behind" not in done.stdout
    done = run_command("validate", "--connect", "--config", str(config))
    assert (done.returncode, "rows_behind" in done.stdout) == (0, False), done.stdout
    config.write_text(
        config.read_text().replace('"primary - replica"', '"primary - repilca"')
    )
    done = run_command("validate", "--config", str(config))
    assert done.returncode == 2
    assert (
        'derived.rows_behind.value: "repilca" is no input; did you mean "replica"?'
        in done.stderr
    )


def test_explain_tells_of_its_last_value(config: Path) -> None:
    with running(config) as daemon:
        wait_until(lambda: daemon.series("rows_behind{"), why="its value")
    done = run_command("explain", "RowsMissing", "--config", str(config))
    assert (
        "RowsMissing on replica: rows_behind above 0 for 1s, of query rows_behind"
        in done.stdout
    )
