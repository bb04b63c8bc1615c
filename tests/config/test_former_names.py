"""Names that queries had before go on: over what is part of another query now, each with a warning."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.alerting.rule_input import BoundRule
from monitor.config import load
from monitor.config.former_names import FORMER_QUERIES, MOVED_PARTS
from monitor.config.shipped import shipped_queries_directory
from monitor.model.alerts import Scope
from monitor.model.schedules import Every
from monitor.model.settings import Config, Job, Rule
from monitor.notify.kinds import KINDS

TARGET = '[targets.main]\nhost = "127.0.0.1"\nuser = "u"\ndatabase = "app"\n'
OWN = """
summary = "mine"
parameters = { users = "users" }
[metrics.token_subscribers_below_low_balance]
help = "mine"
value = "x"
[rules.TokenBalancesLow]
metric = "token_subscribers_below_low_balance"
above = 5
severity = "info"
summary = "mine"
"""
LOW = "token_subscribers_below_low_balance"


def loaded(folder: Path, text: str) -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path, {}, KINDS)


def job_of(config: Config, query: str = "uninitialized") -> Job:
    (job,) = [job for job in config.jobs if job.query.name == query]
    return job


def rules_of(config: Config) -> dict[str, Rule]:
    return {rule.name: rule for rule in job_of(config).query.rules}


def exported(config: Config) -> set[str]:
    return {metric.name for metric in job_of(config).query.metrics if metric.exported}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The shipped queries as they are."""
    return loaded(tmp_path_factory.mktemp("plain"), TARGET)


def test_the_table_fits_the_shipped_queries(plain: Config) -> None:
    shipped = {path.stem for path in shipped_queries_directory().glob("*.toml")}
    for former in FORMER_QUERIES:
        assert former.now in shipped
        if former.name in shipped:
            continue  # not merged yet
        query = job_of(plain, former.now).query
        assert former.parts <= {
            *(rule.name for rule in query.rules),
            *(metric.name for metric in query.metrics),
        }
        assert former.interval in (timedelta(0), _interval(plain, former.now))
    for moved in MOVED_PARTS:
        query = job_of(plain, moved.now).query
        assert moved.parts <= {
            *(rule.name for rule in query.rules),
            *(metric.name for metric in query.metrics),
        }
        assert moved.parts.isdisjoint(
            metric.name for metric in job_of(plain, moved.name).query.metrics
        )


def _interval(config: Config, query: str) -> timedelta:
    schedule = job_of(config, query).query.schedule
    assert isinstance(schedule, Every)
    return schedule.interval


def test_what_is_said_of_a_former_query_is_laid_over_the_one_that_it_is_part_of(
    tmp_path: Path,
) -> None:
    config = loaded(
        tmp_path,
        TARGET
        + '[queries.low_balances]\ntimeout = "3s"\nmax_rows = 7\n'
        + "[queries.low_balances.parameters]\nlow_balance = 2500\n"
        + "[queries.low_balances.rules.TokenBalancesLow]\nabove = 5\n"
        + f'[queries.low_balances.metrics.{LOW}]\nhelp = "mine"\n'
        + "[queries.unable_actions.parameters]\ncost_find_image = 7\n",
    )
    query = job_of(config).query
    assert query.parameters["low_balance"] == 2500
    assert query.parameters["cost_find_image"] == 7
    assert rules_of(config)["TokenBalancesLow"].condition.threshold == 5
    assert {metric.help for metric in query.metrics if metric.name == LOW} == {"mine"}
    assert (query.timeout, query.max_rows) == (timedelta(seconds=10), 1000)
    assert config.warnings == (
        'config.toml:5: queries.low_balances: is part of "uninitialized" now; write [queries.uninitialized];'
        " without effect: timeout, max_rows",
        'config.toml:14: queries.unable_actions: is part of "uninitialized" now; write [queries.uninitialized]',
    )


def test_what_is_said_of_the_query_itself_wins(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        TARGET
        + '[queries.low_balances]\ninterval = "10s"\nparameters = { low_balance = 1 }\n'
        + '[queries.uninitialized]\ninterval = "2m"\nparameters = { low_balance = 2 }\n',
    )
    assert job_of(config).query.parameters["low_balance"] == 2
    assert _interval(config, "uninitialized") == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("given", "seconds", "warned"),
    [("10s", 10, ""), ("5m", 60, "; without effect: interval")],
)
def test_a_shorter_interval_is_taken_over_and_a_longer_one_slows_down_nothing(
    tmp_path: Path, given: str, seconds: int, warned: str
) -> None:
    config = loaded(tmp_path, f'{TARGET}[queries.low_balances]\ninterval = "{given}"\n')
    assert _interval(config, "uninitialized") == timedelta(seconds=seconds)
    (warning,) = config.warnings
    assert warning.endswith(f"write [queries.uninitialized]{warned}")


def test_a_former_query_that_is_switched_off_takes_its_rules_and_metrics_with_it(
    tmp_path: Path, plain: Config
) -> None:
    config = loaded(tmp_path, f"{TARGET}[queries.low_balances]\nenabled = false\n")
    assert rules_of(plain).keys() - rules_of(config).keys() == {"TokenBalancesLow"}
    assert exported(plain) - exported(config) == {LOW}
    assert config.warnings == (
        'config.toml:5: queries.low_balances: is part of "uninitialized" now;'
        " [rules.TokenBalancesLow] enabled = false; write [queries.uninitialized]",
    )


def test_a_target_goes_on_without_what_it_excepts(
    tmp_path: Path, plain: Config
) -> None:
    config = loaded(tmp_path, TARGET + 'except = ["low_*", "unable_actions"]\n')
    assert rules_of(plain).keys() - rules_of(config).keys() == {"TokenBalancesLow"}
    assert exported(plain) - exported(config) == {LOW, "token_subscribers_unable"}
    assert config.warnings == (
        'config.toml:5: targets.main.except[1]: "unable_actions" is part of "uninitialized" now,'
        " which runs here without this part",
    )


def test_a_target_that_chooses_a_former_query_gets_that_part_alone(
    tmp_path: Path,
) -> None:
    config = loaded(
        tmp_path, TARGET + 'queries = ["missing_columns", "low_balances"]\n'
    )
    assert set(rules_of(config)) == {"TokenBalancesLow"}
    assert exported(config) == {LOW}
    assert config.warnings == (
        'config.toml:5: targets.main.queries[1]: "low_balances" is part of "uninitialized" now,'
        " and this part alone runs here; write that for all of it",
    )


def test_two_targets_may_want_different_parts(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        f'{TARGET}except = ["low_balances"]\n{TARGET.replace("main", "other")}',
    )
    rules = {
        job.target.name: {rule.name for rule in job.query.rules}
        for job in config.jobs
        if job.query.name == "uninitialized"
    }
    assert rules["other"] - rules["main"] == {"TokenBalancesLow"}


def test_a_heartbeat_may_name_a_former_query(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        TARGET
        + '[heartbeat]\nurl = "http://127.0.0.1:9/"\nqueries = ["low_balances", "last_usage"]\n',
    )
    assert config.heartbeat is not None
    assert set(config.heartbeat.queries) == {"last_usage", "uninitialized"}
    assert config.warnings == (
        'config.toml:7: heartbeat.queries[0]: "low_balances" is part of "uninitialized" now; write that',
    )


def test_a_rule_that_moved_is_still_overridden_where_it_was(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        TARGET
        + '[queries.balances.rules.TokenBalancesNegative]\nfor = "1m"\n'
        + "[queries.balances.parameters]\nlow_balance = 7\n",
    )
    assert rules_of(config)["TokenBalancesNegative"].hold == timedelta(minutes=1)
    assert job_of(config, "balances").query.parameters["low_balance"] == 7
    assert job_of(config).query.parameters["low_balance"] == 1000
    assert config.warnings == (
        'config.toml:5: queries.balances.rules.TokenBalancesNegative: is in "uninitialized" now;'
        " write [queries.uninitialized.rules.TokenBalancesNegative]",
    )


def test_alerts_of_a_rule_that_moved_have_the_labels_that_they_had(
    plain: Config,
) -> None:
    rule = rules_of(plain)["TokenBalancesNegative"]
    bound = BoundRule(rule, Scope(rule.name, "main", "uninitialized"))
    assert dict(bound.alert_labels((("plan", "pro"),))) == {
        "alertname": "TokenBalancesNegative",
        "plan": "pro",
        "severity": "warning",
        "status": "negative",
        "target": "main",
    }


def test_an_own_query_of_a_former_name_keeps_its_rules_and_metrics(
    tmp_path: Path, plain: Config
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/low_balances.toml").write_text(OWN)
    (tmp_path / "mine/low_balances.sql").write_text("SELECT COUNT(*) AS x FROM {users}")
    config = loaded(tmp_path, f'query_dirs = ["mine"]\n{TARGET}')
    (rule,) = job_of(config, "low_balances").query.rules
    assert (rule.name, rule.condition.threshold) == ("TokenBalancesLow", 5)
    assert exported(plain) - exported(config) == {LOW}
    assert rules_of(plain).keys() - rules_of(config).keys() == {"TokenBalancesLow"}
    assert config.warnings == ()


def test_who_replaced_a_query_of_which_more_has_become_is_told_what_is_lost(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/uninitialized.toml").write_text('summary = "mine"')
    (tmp_path / "mine/uninitialized.sql").write_text("SELECT 1 AS x")
    config = loaded(tmp_path, f'query_dirs = ["mine"]\n{TARGET}')
    assert (
        'query "uninitialized" replaces the shipped one, which has more in it now: nothing gives'
        " TokenBalancesLow, TokenBalancesNegative, TokenSubscribersBlocked, token_subscribers_below_low_balance,"
        " token_subscribers_blocked, token_subscribers_unable; give yours another name, and its rules and metrics too"
    ) in config.notices


def test_without_the_shipped_queries_there_is_no_former_name(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/own.toml").write_text('summary = "mine"')
    (tmp_path / "mine/own.sql").write_text("SELECT 1 AS x")
    config = loaded(
        tmp_path, f'query_dirs = ["mine"]\nshipped_queries = false\n{TARGET}'
    )
    assert [job.query.name for job in config.jobs] == ["own"]
