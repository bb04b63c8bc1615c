"""`[targets.NAME.queries.X]` and `[targets.NAME.rules.X]`: what one target has otherwise than all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.model.conditions import Condition
from monitor.model.settings import Config, Job, Rule, Severity
from tests.config.folder import BALANCES, BALANCES_SQL, TARGET, Folder, query_of

OTHER = TARGET.replace("main", "other")
BOTH = TARGET + OTHER
LOW = "TokenBalancesLow"


@pytest.fixture
def folder(folder: Folder) -> Folder:
    folder.query("balances", BALANCES, BALANCES_SQL)
    return folder


def _rules(config: Config) -> dict[str, Rule]:
    return {job.target.name: rule for job in config.jobs for rule in job.query.rules}


def _job(config: Config, target: str) -> Job:
    return next(job for job in config.jobs if job.target.name == target)


def test_a_rule_is_another_one_on_one_target_alone(folder: Folder) -> None:
    own = f'[targets.other.rules.{LOW}]\nabove = 3\nfor = "9m"\nlabels = {{ team = "b" }}\n'
    rules = _rules(folder.load(BOTH + own))
    assert rules["main"].condition == Condition("above", 10)
    assert rules["other"].condition == Condition("above", 3)
    assert (rules["main"].hold, rules["other"].hold) == (
        timedelta(minutes=2),
        timedelta(minutes=9),
    )
    assert (rules["main"].labels, rules["other"].labels) == ({}, {"team": "b"})


def test_what_a_target_says_goes_over_what_all_have(folder: Folder) -> None:
    of_all = (
        f'[rules.{LOW}]\nabove = 5\nseverity = "critical"\nlabels = {{ a = "1" }}\n'
    )
    own = f'[targets.other.rules.{LOW}]\nlabels = {{ b = "2" }}\nbelow = 7\n'
    rules = _rules(folder.load(of_all + BOTH + own))
    assert rules["main"].condition == Condition("above", 5)
    assert rules["other"].condition == Condition("below", 7)
    assert rules["other"].labels == {"a": "1", "b": "2"}
    assert rules["other"].severity is Severity.CRITICAL


def test_a_query_has_another_interval_and_parameter_on_one_target(
    folder: Folder,
) -> None:
    own = (
        '[targets.other.queries.balances]\ninterval = "9m"\n'
        "[targets.other.queries.balances.parameters]\nlow_balance = 4\n"
        "[targets.other.parameters]\nlow_balance = 3\nshare = 0.25\n"
    )
    config = folder.load(BOTH + own)
    seconds = [job.query.schedule.interval_seconds for job in config.jobs]
    assert seconds == [60, 540]
    values = query_of(config, target="other").parameters
    assert (values["low_balance"], values["share"]) == (4, 0.25)
    assert query_of(config).parameters["low_balance"] == 1000


@pytest.mark.parametrize(
    "switch", ["", "enabled = true\n"], ids=["by default", "by its own file"]
)
def test_a_rule_is_switched_off_on_one_target(folder: Folder, switch: str) -> None:
    folder.query("balances", BALANCES + switch, BALANCES_SQL)
    config = folder.load(BOTH + f"[targets.other.rules.{LOW}]\nenabled = false\n")
    assert list(_rules(config)) == ["main"]
    assert {job.target.name for job in config.jobs} == {"main", "other"}


def test_a_query_is_switched_off_or_on_on_one_target(folder: Folder) -> None:
    off = "[targets.other.queries.balances]\nenabled = false\n"
    on = "[queries.balances]\nenabled = false\n" + off.replace("false", "true")
    assert [job.target.name for job in folder.load(BOTH + off).jobs] == ["main"]
    assert [job.target.name for job in folder.load(BOTH + on).jobs] == ["other"]


def test_a_rule_below_a_query_is_as_good_as_one_by_its_name(folder: Folder) -> None:
    one = f"[targets.other.rules.{LOW}]\nabove = 3\n"
    two = f"[targets.other.queries.balances.rules.{LOW}]\nabove = 3\n"
    by_name = _rules(folder.load(BOTH + one))
    assert by_name == _rules(folder.load(BOTH + two))


def test_targets_that_say_the_same_share_their_query(folder: Folder) -> None:
    third = TARGET.replace("main", "third")
    own = f"[targets.NAME.rules.{LOW}]\nabove = 3\n"
    config = folder.load(
        BOTH + third + own.replace("NAME", "other") + own.replace("NAME", "third")
    )
    queries = {job.target.name: job.query for job in config.jobs}
    assert queries["other"] is queries["third"]
    assert queries["main"] is not queries["other"]


def test_a_run_of_another_threshold_is_as_good(folder: Folder) -> None:
    before = _job(folder.load(BOTH), "other")
    own = f"[targets.other.rules.{LOW}]\nabove = 3\n"
    assert before.runs_as(_job(folder.load(BOTH + own), "other"))


def test_targets_of_a_list_have_it_from_their_defaults(folder: Folder) -> None:
    (folder.path / "list.json").write_text('[{"targets": ["127.0.0.1:1"]}]')
    defaults = (
        'targets_file = "list.json"\n[targets_defaults]\nuser = "u"\ndatabase = "d"\n'
        f"[targets_defaults.rules.{LOW}]\nabove = 3\n"
        '[targets_defaults.queries.balances]\ninterval = "9m"\n'
    )
    config = folder.load(defaults + TARGET)
    listed = _job(config, "127.0.0.1:1")
    assert listed.query.rules[0].condition == Condition("above", 3)
    assert listed.query.schedule.interval_seconds == 540
    assert query_of(config).schedule.interval_seconds == 60


def test_beside_tables_of_queries_a_list_says_which_run(folder: Folder) -> None:
    folder.query("second", 'summary = "s"', "SELECT 1 AS x")
    own = 'only = ["bal*"]\n[targets.main.queries.balances]\ninterval = "9m"\n'
    config = folder.load(TARGET + own)
    assert [job.query.name for job in config.jobs] == ["balances"]


_TOKENS = f"[targets.main.rules.{LOW}]\n"
_QUERY = "[targets.main.queries.balances]\n"


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        (_TOKENS + 'abov = 3', [f'config.toml:8: targets.main.rules.{LOW}.abov: unknown key; did you mean "above"?']),
        (_TOKENS + 'above = ":lo"', [
            f'config.toml:8: targets.main.rules.{LOW}.above: the query declares no parameter "lo";'
            " allowed: low_balance, share, users"
        ]),
        (_QUERY + 'interval = "x"', [
            "config.toml:8: targets.main.queries.balances.interval:"
            ' "x" is not a duration; allowed: 500ms, 30s, 5m, 1h30m, 1d'
        ]),
        ("[targets.main.rules.TokenBalanceLow]", [
            f'config.toml:7: targets.main.rules.TokenBalanceLow: there is no such rule; did you mean "{LOW}"?'
        ]),
        ("[targets.main.queries.balance]", [
            'config.toml:7: targets.main.queries.balance: there is no such query; did you mean "balances"?'
        ]),
        ('except = ["*"]\n' + _TOKENS, [
            f"config.toml:8: targets.main.rules.{LOW}: its query does not run on this target"
        ]),
        ('except = ["*"]\n' + _QUERY, [
            "config.toml:8: targets.main.queries.balances: does not run on this target"
        ]),
        ("[targets.main.rules.TokenMonitorTargetDown]\nfor = '9m'", [
            "config.toml:7: targets.main.rules.TokenMonitorTargetDown: is about the monitor itself,"
            " and is the same on all targets; write it in [rules.TokenMonitorTargetDown]"
        ]),
        (_TOKENS + f'explains = ["{LOW}"]', [
            f"config.toml:8: targets.main.rules.{LOW}.explains:"
            f" is the same on all targets; write it in [rules.{LOW}]"
        ]),
        (_QUERY + 'metrics = { token_subscribers = { help = "h" } }', [
            "config.toml:8: targets.main.queries.balances.metrics:"
            " is the same on all targets; write it in [queries.balances]"
        ]),
        (_QUERY + "parameters = 7", [
            "config.toml:8: targets.main.queries.balances.parameters: 7 is an integer; allowed: a table"
        ]),
        (_QUERY + "parameters = { shar = 7 }", [
            "config.toml:8: targets.main.queries.balances.parameters.shar:"
            ' the query does not declare this parameter; did you mean "share"?'
        ]),
        ("rules = 7", ["config.toml:7: targets.main.rules: 7 is an integer; allowed: tables [rules.NAME]"]),
        ("queries = 7", ["config.toml:7: targets.main.queries: 7 is an integer; allowed: a list"]),
        ('queries = ["*"]\nonly = ["*"]', ['config.toml:8: targets.main.only: give either "queries" or "only"']),
        ('only = ["x*"]', [
            'config.toml:7: targets.main.only[0]: "x*" matches no query;'
            ' allowed: balances, auto_initialized, subscriptions'
        ]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(
    folder: Folder, given: str, problems: list[str]
) -> None:
    head = 'query_dirs = ["q"]\n'
    assert folder.problems(TARGET.lstrip() + given + "\n", head) == problems


def test_a_rule_that_another_query_has_too_can_be_on_once_only(folder: Folder) -> None:
    second = BALANCES.replace("token_subscribers", "token_others")
    folder.query("second", second + "enabled = false\n", BALANCES_SQL)
    given = f"[targets.main.queries.second.rules.{LOW}]\nenabled = true\n"
    assert folder.problems(TARGET + given) == [
        f'q/second.toml:14: rules.{LOW}: the name is taken by a rule of query "balances"'
    ]
