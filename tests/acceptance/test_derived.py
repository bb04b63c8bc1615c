"""Two databases that ought to have the same rows, watched by one daemon: the comparison, and who cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
_OTHER = """
summary = "Nothing of orders"
[metrics.other]
help = "One"
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


def checked(config: Path, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit code of a check, and what it says of each query on its target."""
    done = run_command("check", "--format", "json", "--config", str(config), *arguments)
    assert done.stdout, done.stderr
    found = {
        f"{one['query']} on {one['target']}": one
        for one in json.loads(done.stdout)["checks"]
    }
    return done.returncode, found


def test_a_check_computes_values_from_what_it_asked_and_judges_their_rules(
    config: Path, schema: str, replica: PrivateMariaDB
) -> None:
    code, found = checked(config)
    messages = {name: one["message"] for name, one in found.items()}
    assert (code, messages) == (
        0,
        {
            "orders on main": "2 rows",
            "orders on replica": "2 rows",
            "rows_behind on replica": 'shop="eu" 0, shop="us" 0',
            "orders_total on main": "3",
            "orders_total on replica": "3",
        },
    )
    execute(replica, schema, "DELETE FROM orders WHERE shop = 'us'")
    code, found = checked(config)
    (finding,) = found["rows_behind on replica"]["findings"]
    assert (code, found["rows_behind on replica"]["status"]) == (2, "critical")
    assert finding["labels"]["shop"] == "us"
    assert (
        finding["annotations"]["summary"]
        == "1 orders of us are missing on replica: 1 there, 0 here"
    )
    done = run_command("check", "--format", "nagios", "--config", str(config))
    assert "'replica/RowsMissing/us'=1;;~:0" in done.stdout
    # No server took time for it.
    assert "'replica/rows_behind'" not in done.stdout


def test_a_value_that_is_named_brings_its_inputs_and_no_other_query(
    config: Path, folder: Path
) -> None:
    two_files(folder, "other", sql="SELECT 1 AS n", toml=_OTHER)
    code, found = checked(config, "rows_*")
    assert (code, sorted(found)) == (
        0,
        ["orders on main", "orders on replica", "rows_behind on replica"],
    )


def test_a_check_cannot_tell_a_value_one_of_whose_inputs_it_did_not_get(
    config: Path, replica: PrivateMariaDB
) -> None:
    code, found = checked(config, "--target", "replica")
    value = found["rows_behind on replica"]
    assert (code, value["status"], value["reason"], value["message"]) == (
        3,
        "unknown",
        "input_missing",
        "input_missing: primary (orders_rows on main): was not checked",
    )
    assert found["orders_total on replica"]["message"] == "3"
    replica.stop()
    code, found = checked(config)
    replica.start()
    value = found["rows_behind on replica"]
    assert (code, value["status"], value["reason"]) == (3, "unknown", "input_missing")
    assert value["message"].startswith(
        "input_missing: replica (orders_rows on replica): target_down: "
    )
    assert found["orders_total on main"]["message"] == "3"


def test_a_check_of_schemas_leaves_values_out(config: Path) -> None:
    code, found = checked(config, "--schema")
    assert (code, sorted(found)) == (0, ["orders on main", "orders on replica"])


def test_commands_about_statements_leave_it_out_and_validate_checks_it(
    config: Path,
) -> None:
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
