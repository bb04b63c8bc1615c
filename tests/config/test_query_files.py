"""Query files: what becomes of them, what overrides them, and which of two counts."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.config import load, shipped_queries_directory
from monitor.config.queries.folders import Folder as QueryFolder
from monitor.config.queries.library import find_all
from monitor.config.toml.document import read_document
from monitor.config.toml.problems import Problems
from monitor.model.conditions import Condition
from monitor.model.errors import ConfigError
from monitor.model.schedules import Cron, Every
from monitor.model.settings import (
    ColumnName,
    Flavor,
    Metric,
    Query,
    Rule,
    Severity,
    Statement,
)
from monitor.notify.kinds import KINDS
from monitor.timing.durations import parse_duration
from tests.config.folder import (
    BALANCES,
    BALANCES_SQL,
    TARGET,
    Folder,
    query_of,
    rule_of,
)


def test_a_query_becomes_one_whole_value(folder: Folder) -> None:
    folder.query("balances", BALANCES, BALANCES_SQL)
    (folder.path / "q" / "balances.mysql.sql").write_text(
        "SELECT 'a' AS plan, 1 AS low, 2 AS ok"
    )
    query = query_of(folder.load(TARGET))
    assert query == Query(
        name="balances",
        summary="Subscribers by plan and state",
        statement=Statement(
            "SELECT plan, SUM(b < %(low_balance)s) AS low, SUM(b * %(share)s) AS ok"
            " FROM `users` GROUP BY plan\n",
            ("low_balance", "share"),
        ),
        schedule=Every(timedelta(minutes=1)),
        timeout=timedelta(seconds=10),
        max_rows=1000,
        source=folder.path / "q" / "balances.toml",
        variants={Flavor.MYSQL: Statement("SELECT 'a' AS plan, 1 AS low, 2 AS ok")},
        parameters={"low_balance": 1000, "share": 0.5, "users": "users"},
        needs=(ColumnName("users", "tokens_remaining"),),
        metrics=(
            Metric(
                name="token_subscribers",
                help="Subscribers",
                labels=("plan",),
                values_label="status",
                values=("low", "ok"),
            ),
        ),
        rules=(
            Rule(
                name="TokenBalancesLow",
                metric="token_subscribers",
                condition=Condition("above", 10.0),
                severity=Severity.WARNING,
                summary="{value} {plan} subscribers on {target} are below {low_balance}",
                where=(("status", "low"),),
                hold=timedelta(minutes=2),
                evidence=Statement(
                    "SELECT id FROM `users` WHERE plan = %(plan)s AND balance < %(low_balance)s LIMIT 10",
                    ("plan", "low_balance"),
                ),
            ),
        ),
    )
    assert query.statement_for(Flavor.MARIADB) == query.statement


def test_a_query_is_overridden_deep_and_lists_replace(folder: Folder) -> None:
    folder.query("balances", BALANCES, BALANCES_SQL)
    config = folder.load(
        TARGET
        + """
[queries.balances]
interval = "30s"
timeout = "5s"
needs = ["a.b"]
[queries.balances.metrics.token_subscribers]
values = { status = ["ok"] }
null = "skip"
[queries.balances.rules.TokenBalancesLow]
where = { status = "ok" }
severity = "critical"
[rules.TokenBalancesLow]
for = "10m"
labels = { team = "billing" }
"""
    )
    query = query_of(config)
    assert (query.schedule, query.timeout) == (
        Every(timedelta(seconds=30)),
        timedelta(seconds=5),
    )
    assert query.needs == (ColumnName("a", "b"),)
    assert (
        query.metrics[0].values,
        query.metrics[0].null,
        query.metrics[0].labels,
    ) == (
        ("ok",),
        "skip",
        ("plan",),
    )
    rule = query.rules[0]
    assert (rule.where, rule.severity, rule.hold) == (
        (("status", "ok"),),
        Severity.CRITICAL,
        timedelta(minutes=10),
    )
    assert rule.labels == {"team": "billing"}
    assert rule.condition == Condition("above", 10.0)


@pytest.mark.parametrize(
    ("override", "condition"),
    [
        ("below = 5", Condition("below", 5.0)),
        ("absent = true", Condition("absent")),
        ("above = 5", Condition("above", 5.0)),
        ("not_equals = 0.5", Condition("not_equals", 0.5)),
    ],
)
def test_a_condition_in_an_override_replaces_any_other(
    folder: Folder, override: str, condition: Condition
) -> None:
    folder.query("balances", BALANCES, BALANCES_SQL)
    config = folder.load(
        f"{TARGET}[rules.TokenBalancesLow]\n{override}\n[rules.TokenMonitorWatchdog]\n{override}\n"
    )
    assert rule_of(config, "TokenBalancesLow").condition == condition
    assert rule_of(config, "TokenMonitorWatchdog").condition == condition


def test_a_schedule_in_an_override_replaces_the_other_kind(folder: Folder) -> None:
    folder.query(
        "balances", 'interval = "5s"\ntimeout = "1s"\n' + BALANCES, BALANCES_SQL
    )
    folder.query(
        "nightly", 'summary = "x"\ncron = "0 3 * * *"\ntime_zone = "Europe/Berlin"\n'
    )
    assert query_of(folder.load(TARGET), "nightly").schedule == Cron(
        "0 3 * * *", "Europe/Berlin"
    )
    config = folder.load(
        TARGET
        + '[queries.balances]\ncron = "*/5 * * * *"\n[queries.nightly]\ninterval = "1h"\n'
    )
    assert query_of(config).schedule == Cron("*/5 * * * *", "UTC")
    assert query_of(config, "nightly").schedule == Every(timedelta(hours=1))


@pytest.mark.parametrize(
    ("query", "override", "timeout", "notice"),
    [
        ('interval = "5s"', "", "4s", ()),
        ('interval = "10s"', "", "8s", ()),
        ('interval = "1m"', "", "10s", ()),
        ('interval = "1m"\ntimeout = "9s"', 'interval = "5s"', "4s", ("9s", "4s")),
        ('interval = "1m"\ntimeout = "3s"', 'interval = "5s"', "3s", ()),
    ],
)
def test_a_timeout_that_was_not_chosen_for_an_interval_follows_it(
    folder: Folder,
    query: str,
    override: str,
    timeout: str,
    notice: tuple[str, str] | tuple[()],
) -> None:
    folder.query("balances", f'summary = "s"\n{query}\n')
    config = folder.load(f"{TARGET}[queries.balances]\n{override}")
    assert query_of(config).timeout == parse_duration(timeout)
    reported = (
        [
            f'query "balances": its timeout, {notice[0]}, does not fit its interval; now {notice[1]}'
        ]
        if notice
        else []
    )
    assert list(config.notices) == reported


def test_a_timeout_that_is_chosen_must_fit(folder: Folder) -> None:
    folder.query("balances", 'summary = "s"\ninterval = "5s"\n')
    expected = [
        "config.toml:9: queries.balances.timeout: the timeout, 5s, must be shorter than the interval, 5s"
    ]
    assert folder.problems(f'{TARGET}[queries.balances]\ntimeout = "5s"') == expected


def test_a_query_and_a_rule_can_be_switched_off(folder: Folder) -> None:
    folder.query("balances", BALANCES, BALANCES_SQL)
    folder.query("other", 'summary = "x"')
    config = folder.load(
        TARGET
        + "[queries.other]\nenabled = false\n[rules.TokenBalancesLow]\nenabled = false\n"
        + "[rules.TokenMonitorWatchdog]\nenabled = false\n"
    )
    assert [job.query.name for job in config.jobs] == ["balances"]
    assert query_of(config).rules == ()
    assert "TokenMonitorWatchdog" not in [rule.name for rule in config.own_rules]


def test_a_query_that_is_off_does_not_take_names_from_one_that_is_on(
    folder: Folder,
) -> None:
    folder.query("balances", BALANCES, BALANCES_SQL)
    folder.query("mine", BALANCES, BALANCES_SQL)
    assert len(folder.problems(TARGET)) == 2
    config = folder.load(TARGET + "[queries.balances]\nenabled = false\n")
    assert [job.query.name for job in config.jobs] == ["mine"]


def test_a_query_of_a_later_folder_replaces_an_earlier_one_and_says_so(
    folder: Folder,
) -> None:
    folder.query("balances", 'summary = "first"', folder="q")
    folder.query("balances", 'summary = "second"', folder="mine")
    config = folder.load(TARGET, head='query_dirs = ["q", "mine"]\n')
    assert query_of(config).summary == "second"
    assert config.notices == ('query "balances" of mine replaces that of q',)


def test_a_users_query_replaces_the_shipped_one_and_says_so(tmp_path: Path) -> None:
    # A copy of the package with queries of its own: what a wheel looks like, whatever is shipped now.
    program = tmp_path / "program"
    (program / "monitor" / "queries").mkdir(parents=True)
    for source in Path(load.__code__.co_filename).parents[1].rglob("*"):
        part = source.relative_to(Path(load.__code__.co_filename).parents[2])
        if source.suffix in (".py", ".toml") and part.parts[1] in (
            "__init__.py", "model", "timing", "config", "alerting",
        ):  # fmt: skip
            (program / part).parent.mkdir(parents=True, exist_ok=True)
            (program / part).write_text(source.read_text())
    for name in ("plain", "other"):
        (program / "monitor" / "queries" / f"{name}.toml").write_text(
            'summary = "shipped"'
        )
        (program / "monitor" / "queries" / f"{name}.sql").write_text("SELECT 1 AS x")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "plain.toml").write_text('summary = "mine"')
    (tmp_path / "mine" / "plain.sql").write_text("SELECT 1 AS x")
    (tmp_path / "config.toml").write_text('query_dirs = ["mine"]\n' + TARGET)
    script = (
        "from pathlib import Path; from monitor.config import load; c = load(Path('config.toml'), {}, {});"
        "print(*c.notices, *((j.query.name, j.query.summary, j.query.shipped) for j in c.jobs), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(program)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        'query "plain" of mine replaces the shipped one',
        "('other', 'shipped', True)",
        "('plain', 'mine', False)",
    ]


def test_a_query_named_as_a_shipped_one_replaces_it_and_says_so(tmp_path: Path) -> None:
    name = "last_rows"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / f"{name}.toml").write_text('summary = "mine"')
    (tmp_path / "mine" / f"{name}.sql").write_text("SELECT 1 AS x")
    (tmp_path / "config.toml").write_text(
        f'query_dirs = ["mine"]\n{TARGET}queries = ["{name}"]\n'
    )
    config = load(tmp_path / "config.toml", {}, KINDS)
    assert config.notices == (f'query "{name}" of mine replaces the shipped one',)
    assert [(job.query.name, job.query.summary) for job in config.jobs] == [
        (name, "mine")
    ]


def test_a_folder_of_the_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    problems = Problems()
    section = read_document(tmp_path / "config.toml", "config.toml", problems)
    assert section is not None
    find_all(
        section, [QueryFolder(tmp_path / "gone", "the program")], tmp_path, problems
    )
    assert [str(problem) for problem in problems.in_order()] == [
        'the program: folder "the program" cannot be read: No such file or directory'
    ]


def test_a_folder_that_no_path_can_name_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'query_dirs = ["a\\u0000"]\n{TARGET}')
    with pytest.raises(ConfigError, match=r"cannot be read: (\w+: )?embedded null"):
        load(tmp_path / "config.toml", {}, KINDS)


def test_the_shipped_queries_load(tmp_path: Path) -> None:
    shipped = sorted(path.stem for path in shipped_queries_directory().glob("*.toml"))
    if not shipped:
        pytest.skip("no query is shipped yet")
    (tmp_path / "config.toml").write_text(TARGET + '[contract]\napp_sql = ["app"]\n')
    config = load(tmp_path / "config.toml", {}, KINDS)
    assert sorted(job.query.name for job in config.jobs) == shipped
    assert all(job.query.shipped for job in config.jobs)


def test_queries_may_stand_in_folders_below_and_hidden_ones_are_left_alone(
    folder: Folder,
) -> None:
    folder.query("balances", BALANCES, BALANCES_SQL)
    for below in ("billing/eu", "..2026_11_29", ".git"):
        (folder.path / "q" / below).mkdir(parents=True)
        (folder.path / "q" / below / "orders.toml").write_text('summary = "Orders"')
        (folder.path / "q" / below / "orders.sql").write_text("SELECT 1 AS x")

    config = folder.load(TARGET)

    by_name = {job.query.name: job.query.source for job in config.jobs}
    assert by_name == {
        "balances": folder.path / "q/balances.toml",
        "orders": folder.path / "q/billing/eu/orders.toml",
    }


def test_a_query_that_two_folders_below_have_is_a_problem(folder: Folder) -> None:
    for below in ("a", "b"):
        (folder.path / "q" / below).mkdir(parents=True)
        (folder.path / "q" / below / "orders.toml").write_text('summary = "Orders"')
        (folder.path / "q" / below / "orders.sql").write_text("SELECT 1 AS x")

    assert folder.problems(TARGET) == [
        "q/b/orders.toml: is there already: q/a/orders.toml"
    ]


def test_each_kind_of_server_may_have_a_statement_of_its_own_and_none_for_both(
    folder: Folder,
) -> None:
    queries = folder.path / "q"
    queries.mkdir()
    (queries / "lag.toml").write_text('summary = "Lag"')
    (queries / "lag.mysql.sql").write_text("SELECT 1 AS mysql")

    assert folder.problems(TARGET) == [
        "q/lag.toml: has a statement for mysql only; add that for the other kind of server, or lag.sql"
    ]

    (queries / "lag.mariadb.sql").write_text("SELECT 1 AS mariadb")
    query = query_of(folder.load(TARGET), "lag")
    assert query.statement_for(Flavor.MYSQL).text == "SELECT 1 AS mysql"
    assert query.statement_for(Flavor.MARIADB).text == "SELECT 1 AS mariadb"
