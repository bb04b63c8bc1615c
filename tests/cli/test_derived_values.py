"""Derived values without a daemon: in tests of rules, and in a check that takes its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli.checked import Checked
from monitor.cli.derived_check import check_derived
from monitor.cli.test import command
from monitor.model import results
from monitor.model.results import Sample, Success
from monitor.model.settings import Config, labels_of
from tests.config.folder import Folder

TARGETS = """
[targets.primary]
unix_socket = "/run/primary.sock"
user = "m"
database = "app"
[targets.replica]
unix_socket = "/run/replica.sock"
user = "m"
database = "app"
"""
BEHIND = """
[derived.rows_behind]
help = "Rows of the primary that the replica lacks"
value = "primary - replica"
targets = ["replica"]
inputs = { primary = { metric = "orders_rows", target = "primary" }, replica = "orders_rows" }
max_age = "2m"
[derived.rows_behind.rules.RowsMissing]
above = 0
for = "2m"
severity = "critical"
summary = "{value} rows of {plan} are missing on {target}: {primary} there, {replica} here"
"""
ORDERS = """
summary = "Orders by plan"
interval = "1m"
[metrics.orders_rows]
help = "Orders"
labels = ["plan"]
value = "n"
"""
SQL = "SELECT plan, COUNT(*) AS n FROM orders GROUP BY plan"
HEAD = """
[[tests]]
name = "one"
query = "rows_behind"
[[tests.results]]
"""
BOTH = """
inputs = [
  { query = "orders", target = "primary", rows = [{ plan = "pro", n = 5 }] },
  { query = "orders", target = "replica", rows = [{ plan = "pro", n = 3 }] },
]
"""
FIRES = """
fires = [{ alert = "RowsMissing", plan = "pro", summary = "2 rows of pro are missing on replica: 5 there, 3 here" }]
"""


def config_in(path: Path) -> Config:
    folder = Folder(path)
    folder.query("orders", ORDERS, SQL)
    return folder.load(TARGETS + BEHIND)


def run_test(path: Path, text: str) -> Result:
    config_in(path)
    file = path / "tests.toml"
    file.write_text(HEAD + text, encoding="utf-8")
    arguments = ["--config", str(path / "config.toml"), str(file)]
    return CliRunner().invoke(command, arguments, standalone_mode=False)


def test_a_rule_of_a_derived_value_is_tested_by_the_rows_of_its_inputs(
    tmp_path: Path,
) -> None:
    pending = 'pending = [{ alert = "RowsMissing", plan = "pro" }]\n'
    equal = 'inputs = [{ query = "orders", target = "replica", rows = [{ plan = "pro", n = 5 }] }]\n'
    result = run_test(
        tmp_path,
        # The other one gives what it gave before.
        f"times = 2\n{BOTH}{pending}[[tests.results]]\n{BOTH}{FIRES}"
        f"[[tests.results]]\n{equal}fires = []\n",
    )
    assert result.return_value == 0, result.output


def test_an_input_without_data_ends_no_alert(tmp_path: Path) -> None:
    lost = 'inputs = [{ query = "orders", target = "replica", no_data = true }]\n'
    text = f"times = 3\n{BOTH}[[tests.results]]\n{lost}{FIRES}"
    assert run_test(tmp_path, text).return_value == 0
    # Had the replica no rows, there would be no value, and so no alert.
    none = lost.replace("no_data = true", "rows = []")
    result = run_test(tmp_path, text.replace(lost, none))
    assert "tests.toml:15: fires nothing; expected RowsMissing" in result.output


def test_an_input_that_is_given_no_more_is_too_old_by_max_age(tmp_path: Path) -> None:
    of_primary = 'inputs = [{ query = "orders", target = "primary", rows = [{ plan = "pro", n = %d }] }]\n'
    once = f"[[tests.results]]\n{of_primary % 5}{FIRES}"
    # By what the replica said last both would be alike, and the alert over.
    later = f"[[tests.results]]\ntimes = 9\n{of_primary % 3}{FIRES}"
    result = run_test(tmp_path, f"times = 3\n{BOTH}{once}{later}")
    assert result.return_value == 0, result.output


def test_there_is_no_value_before_all_inputs_gave_something(tmp_path: Path) -> None:
    of_primary = 'inputs = [{ query = "orders", target = "primary", rows = [{ plan = "pro", n = 3 }] }]\n'
    text = f"times = 9\n{of_primary}fires = []\npending = []\n"
    assert run_test(tmp_path, text).return_value == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "rows = []",
            "tests.toml:5: rows_behind is a derived value: give its inputs, and nothing else",
        ),
        (
            f"no_data = true{BOTH}",
            "tests.toml:5: rows_behind is a derived value: give its inputs, and nothing else",
        ),
        (
            "inputs = []",
            "tests.toml:5: rows_behind is a derived value: give its inputs, and nothing else",
        ),
        (
            'inputs = [{ query = "orders", rows = [] }]',
            'tests.toml:5: several inputs of rows_behind are of query "orders" on "*": primary, replica',
        ),
        (
            'inputs = [{ query = "order", target = "primary", rows = [] }]',
            'tests.toml:5: no input of rows_behind is of query "order" on "primary"',
        ),
        (
            'inputs = [{ query = "orders", target = "replica", rows = [{ m = 1 }] }]',
            "tests.toml:5: no metric or rule names column m",
        ),
    ],
)
def test_what_gives_no_input_is_told_with_its_line(
    tmp_path: Path, given: str, message: str
) -> None:
    result = run_test(tmp_path, f"{given}\n")
    assert (result.return_value, message in result.output) == (1, True), result.output


def test_a_query_has_no_inputs(tmp_path: Path) -> None:
    config_in(tmp_path)
    file = tmp_path / "tests.toml"
    text = HEAD.replace("rows_behind", "orders") + BOTH
    file.write_text(text, encoding="utf-8")
    arguments = ["--config", str(tmp_path / "config.toml"), str(file)]
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert "orders is not derived from others: give rows" in result.output


def test_what_a_long_check_gave_first_is_not_too_old_at_its_end(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    began_at = datetime(2026, 1, 5, 8, tzinfo=UTC)
    checked = []
    for number, job in enumerate(config.jobs):
        # By max_age, and by its interval, the first would say nothing any more.
        at = began_at + number * timedelta(hours=1)
        sample = Sample("orders_rows", labels_of({"plan": "pro"}), 5.0 - 2 * number)
        outcome = Success((sample,), 1)
        checked.append(Checked(results.Result(job, at, at, at, 0.1, outcome)))
    (value,) = check_derived(config.derived, checked, began_at, "")
    assert [one.summary for one in value.findings] == [
        "2 rows of pro are missing on replica: 5 there, 3 here"
    ]
