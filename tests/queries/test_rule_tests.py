"""Shipped rules over results in files, with time and without a database: every file of tests/queries/rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli.rule_tests import read_rule_tests
from monitor.cli.test import command
from monitor.config import load
from monitor.notify.kinds import KINDS

RULES = Path(__file__).parent / "rules"
CONFIG = '[targets.main]\nunix_socket = "/s"\nuser = "u"\ndatabase = "app"\n[contract]\napp_sql = ["app"]\n'


def config_in(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def run(tmp_path: Path, *files: Path) -> Result:
    arguments = ["--config", str(config_in(tmp_path)), *map(str, files)]
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


def test_each_shipped_rule_is_seen_to_fire_to_say_something_and_to_end(
    tmp_path: Path,
) -> None:
    config = load(config_in(tmp_path), {}, KINDS)
    shipped = {rule.name for job in config.jobs for rule in job.query.rules}
    said, ended = set[str](), set[str]()
    for path in RULES.glob("*.toml"):
        for test in read_rule_tests(path):
            firing = set[str]()
            for one in test.given.results:
                if one.fires is None:
                    continue
                names = {alert["alert"] for alert in one.fires}
                said |= {alert["alert"] for alert in one.fires if "summary" in alert}
                ended |= firing - names
                firing = names
    assert shipped - said == set()
    assert shipped - ended == set()


def test_a_summary_that_differs_is_named_with_both_texts(tmp_path: Path) -> None:
    text = """
[[tests]]
name = "conflicts"
query = "balances"
defaults = { needs_init = 0, negative = 0, empty = 0, low = 0, below_share = 0, balance_tokens = 0, limit_tokens = 9 }
[[tests.results]]
rows = [{ plan = "pro", ok = 1, served = 1, conflicting = 3 }]
fires = [{ alert = "TokenSubscriptionsConflicting", summary = "3 users" }]
"""
    result = run(tmp_path, given(tmp_path, text))
    assert result.return_value == 1
    assert (
        'tests.toml:8: TokenSubscriptionsConflicting says "3 users on main have '
        'several active subscriptions"; expected "3 users"'
    ) in result.output


def test_a_rule_on_a_rate_is_a_picture_of_time_too(tmp_path: Path) -> None:
    queries = tmp_path / "q"
    queries.mkdir()
    (queries / "jobs.sql").write_text("SELECT 'mail' AS queue, 1 AS failed")
    (queries / "jobs.toml").write_text(
        """
summary = "Jobs"
[metrics.jobs_failed_total]
help = "Jobs that failed"
type = "counter"
labels = ["queue"]
value = "failed"
[rules.JobsFailing]
metric = "jobs_failed_total"
rate = "increase"
over = "5m"
above = 10
severity = "warning"
summary = "{value} jobs of {queue} failed"
"""
    )
    path = given(
        tmp_path,
        """
[[tests]]
name = "it rises, is held, and stands"
query = "jobs"
[[tests.results]]
times = 6
rows = [{ queue = "mail", failed = 900 }]
fires = []
[[tests.results]]
rows = [{ queue = "mail", failed = 920 }]
fires = [{ alert = "JobsFailing", queue = "mail", summary = "20 jobs of mail failed" }]
[[tests.results]]
times = 6
no_data = true
fires = [{ alert = "JobsFailing", queue = "mail" }]
[[tests.results]]
rows = [{ queue = "mail", failed = 920 }]
fires = [{ alert = "JobsFailing", queue = "mail" }]
[[tests.results]]
rows = [{ queue = "mail", failed = 920 }]
fires = []
""",
    )
    config = config_in(tmp_path)
    head = 'shipped_queries = false\nquery_dirs = ["q"]\n'
    config.write_text(head + CONFIG, encoding="utf-8")
    arguments = ["--config", str(config), str(path)]
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert result.return_value == 0, result.output
