"""A folder with a configuration and queries, and what tests put into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import Outside, load
from monitor.config.sources import AskInDirectory
from monitor.model.errors import ConfigError
from monitor.model.settings import (
    Config,
    Query,
    Rule,
)
from monitor.notify.kinds import KINDS

TARGET = """
[targets.main]
unix_socket = "/run/mysqld/mysqld.sock"
user = "token_monitor"
database = "app"
"""


BALANCES = """
summary = "Subscribers by plan and state"
needs = ["{users}.tokens_remaining"]
[parameters]
low_balance = 1000
share = 0.5
users = "users"
[metrics.token_subscribers]
help = "Subscribers"
labels = ["plan"]
values = { status = ["low", "ok"] }
[evidence]
sql = "SELECT id FROM {users} WHERE plan = :plan AND balance < :low_balance LIMIT 10"
[rules.TokenBalancesLow]
metric = "token_subscribers"
where = { status = "low" }
above = 10
for = "2m"
severity = "warning"
summary = "{value} {plan} subscribers on {target} are below {low_balance}"
"""


BALANCES_SQL = "SELECT plan, SUM(b < :low_balance) AS low, SUM(b * :share) AS ok FROM {users} GROUP BY plan\n"


MISSING = """
summary = "Missing columns"
[schema]
table = "table_name"
column = "column_name"
missing = "is_missing"
[metrics.token_schema_column_missing]
help = "1 missing, 0 present"
labels = ["table", "column"]
value = "is_missing"
"""


class Folder:
    """A folder with a configuration; queries are put into `q` unless said otherwise."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def query(
        self, name: str, toml: str, sql: str = "SELECT 1 AS x\n", folder: str = "q"
    ) -> None:
        """Write the two files of a query."""
        directory = self.path / folder
        directory.mkdir(exist_ok=True)
        (directory / f"{name}.toml").write_text(toml)
        (directory / f"{name}.sql").write_text(sql)

    def load(
        self,
        text: str,
        head: str = 'query_dirs = ["q"]\n',
        ask: AskInDirectory | None = None,
        **environ: str,
    ) -> Config:
        """Load config.toml with this text, and without the shipped queries."""
        (self.path / "q").mkdir(exist_ok=True)
        path = self.path / "config.toml"
        path.write_text(f"shipped_queries = false\n{head}{text}")
        return load(path, environ, KINDS, Outside(ask))

    def problems(self, text: str, head: str = 'query_dirs = ["q"]\n') -> list[str]:
        """Return the problems of a configuration that cannot be loaded."""
        with pytest.raises(ConfigError) as caught:
            self.load(text, head)
        return [str(problem) for problem in caught.value.problems]


def query_of(config: Config, name: str = "balances", target: str = "main") -> Query:
    """Return a query as it is on one target."""
    return next(job.query for job in config.jobs if job.key == (target, name))


def rule_of(config: Config, name: str) -> Rule:
    """Return a rule of some query, or one of the monitor's own."""
    rules = [rule for job in config.jobs for rule in job.query.rules]
    rules += config.own_rules
    return next(rule for rule in rules if rule.name == name)
