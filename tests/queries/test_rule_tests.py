"""Shipped rules over results in files, with time and without a database: every file of tests/queries/rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli.test import command

RULES = Path(__file__).parent / "rules"
CONFIG = '[targets.main]\nunix_socket = "/s"\nuser = "u"\ndatabase = "app"\n'


def run(tmp_path: Path, *files: Path) -> Result:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG, encoding="utf-8")
    arguments = ["--config", str(path), *map(str, files)]
    return CliRunner().invoke(command, arguments, standalone_mode=False)


def given(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tests.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(RULES.glob("*.toml")), ids=lambda one: one.stem)
def test_the_shipped_rules_say_what_the_file_expects(
    tmp_path: Path, path: Path
) -> None:
    result = run(tmp_path, path)
    assert result.return_value == 0, result.output


def test_what_differs_is_named_with_its_line(tmp_path: Path) -> None:
    path = given(
        tmp_path,
        """
[[tests]]
name = "nobody"
query = "balances"
defaults = { needs_init = 0, negative = 0, empty = 0, low = 0, below_share = 0, balance_tokens = 0, limit_tokens = 9 }
[[tests.results]]
rows = [{ plan = "pro", ok = 1, served = 1, conflicting = 0 }]
fires = []
[[tests.results]]
times = 2
rows = [{ plan = "pro", ok = 1, served = 1, conflicting = 3 }]
fires = []
""",
    )
    result = run(tmp_path, path)
    assert result.return_value == 1
    expected = f"{path}:12: fires TokenSubscriptionsConflicting; expected nothing"
    assert [line.strip() for line in result.output.splitlines()] == [
        "FAILED  nobody",
        expected,
        "1 test, 1 failed",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "tests.toml: has no [[tests]]"),
        (
            '[[tests]]\nname = "a"\nquery = "balanses"\n',
            'tests[0].query: no query "balanses" runs; did you mean "balances"?',
        ),
        (
            '[[tests]]\nname = "a"\nquery = "balances"\ntarget = "other"\n',
            'tests[0].target: "balances" does not run on "other"',
        ),
        (
            '[[tests]]\nname = "a"\nquery = "balances"\nevery = "1m"\n',
            "tests[0].every: unknown key",
        ),
    ],
)
def test_a_file_with_a_problem_says_where_and_what(
    tmp_path: Path, text: str, problem: str
) -> None:
    result = run(tmp_path, given(tmp_path, text))
    error = result.exception
    assert error is not None
    assert problem in "\n".join(str(one) for one in getattr(error, "problems", ()))


def test_rows_that_no_rule_could_read_are_the_fault_of_the_test(tmp_path: Path) -> None:
    rows = json.dumps({"plann": "pro"}).replace(":", " =")
    text = f'[[tests]]\nname = "a"\nquery = "balances"\n[[tests.results]]\nrows = [{rows}]\n'
    result = run(tmp_path, given(tmp_path, text))
    assert result.return_value == 1
    assert "tests.toml:4: no metric or rule names column plann" in result.output
