"""Good configurations: defaults, precedence of parameters, overrides, and what each target gets."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

import monitor
from monitor.config import load, shipped_queries_directory
from monitor.config.queries.files import Folder as QueryFolder
from monitor.config.queries.library import read_library
from monitor.config.toml.document import read_document
from monitor.config.toml.problems import Problems
from monitor.config.web_and_state import parse_listen
from monitor.model.conditions import Condition
from monitor.model.errors import ConfigError
from monitor.model.process_settings import HeartbeatSettings, StateSettings, Web
from monitor.model.settings import (
    ColumnName,
    Config,
    Cron,
    Every,
    Flavor,
    Metric,
    Query,
    Receiver,
    Rule,
    SchemaColumns,
    Severity,
    Statement,
)
from monitor.model.targets import PasswordSource, Target, Tls
from monitor.notify.alertmanager.settings import AlertmanagerSettings
from monitor.notify.kinds import KINDS
from monitor.notify.webhook.settings import WebhookSettings
from monitor.timing.durations import parse_duration

PACKAGE = Path(monitor.__file__).parent
_TARGET = """
[targets.main]
unix_socket = "/run/mysqld/mysqld.sock"
user = "token_monitor"
database = "app"
"""
_BALANCES = """
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
_BALANCES_SQL = "SELECT plan, SUM(b < :low_balance) AS low, SUM(b * :share) AS ok FROM {users} GROUP BY plan\n"
_MISSING = """
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
        directory = self.path / folder
        directory.mkdir(exist_ok=True)
        (directory / f"{name}.toml").write_text(toml)
        (directory / f"{name}.sql").write_text(sql)

    def load(
        self, text: str, head: str = 'query_dirs = ["q"]\n', **environ: str
    ) -> Config:
        (self.path / "q").mkdir(exist_ok=True)
        path = self.path / "config.toml"
        path.write_text(f"shipped_queries = false\n{head}{text}")
        return load(path, environ, KINDS)

    def problems(self, text: str, head: str = 'query_dirs = ["q"]\n') -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, head)
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def _query(config: Config, name: str = "balances", target: str = "main") -> Query:
    return next(job.query for job in config.jobs if job.key == (target, name))


def _rule(config: Config, name: str) -> Rule:
    rules = [rule for job in config.jobs for rule in job.query.rules] + list(
        config.own_rules
    )
    return next(rule for rule in rules if rule.name == name)


def test_the_least_configuration_has_all_defaults(folder: Folder) -> None:
    config = folder.load(_TARGET)
    assert config.path == folder.path / "config.toml"
    assert config.targets == (
        Target(
            name="main",
            user="token_monitor",
            database="app",
            tls=Tls("disabled"),
            unix_socket=Path("/run/mysqld/mysqld.sock"),
        ),
    )
    assert config.jobs == ()
    assert config.receivers == ()
    assert config.web == Web("127.0.0.1", 8917, None)
    assert config.state == StateSettings(folder.path / "state", timedelta(days=30))
    assert config.notices == (
        'folder "q" holds no query',
        'no query runs on target "main"',
    )
    own = tomllib.loads(
        (PACKAGE / "config" / "queries" / "own_rules.toml").read_text()
    )["rules"]
    assert [rule.name for rule in config.own_rules] == list(own)


def test_everything_that_can_be_said_of_a_target_and_a_receiver_is_kept(
    folder: Folder,
) -> None:
    config = folder.load("""
external_url = "https://monitor.example.com/X/"
runbook_base_url = "https://wiki.example.com/runbooks/"
[targets.main]
host = "db.example.com"
port = 3307
user = "token_monitor"
password_file = "secrets/main"
database = "app"
max_connections = 4
max_replica_lag = "5m"
labels = { region = "eu", shard = "3" }
tls = { mode = "verify_ca", ca_file = "ca.pem", cert_file = "/etc/c.pem", key_file = "k.pem" }
[receivers.oncall]
kind = "alertmanager"
urls = ["http://127.0.0.1:9093", "https://user:s3cret@am.example.com/x"]
min_severity = "warning"
match = { target = "main", shard = 3 }
send_resolved = false
watchdog = true
timeout = "5s"
resend_delay = "30s"
[receivers.chat]
kind = "webhook"
url_file = "secrets/chat"
headers = { X-Token = "s3cret" }
[web]
listen = "[::1]:0"
config_file = "web.yml"
[state]
directory = "/var/lib/token-monitor"
retention = "7d"
""")
    base = folder.path
    assert config.external_url == "https://monitor.example.com/X"
    assert config.runbook_base_url == "https://wiki.example.com/runbooks"
    assert (
        config.runbook_base_for("usage-stopped") == "https://wiki.example.com/runbooks"
    )
    assert config.targets == (
        Target(
            name="main",
            user="token_monitor",
            database="app",
            tls=Tls("verify_ca", base / "ca.pem", Path("/etc/c.pem"), base / "k.pem"),
            host="db.example.com",
            port=3307,
            password=PasswordSource(file=base / "secrets/main"),
            max_connections=4,
            labels={"region": "eu", "shard": "3"},
            max_replica_lag=timedelta(minutes=5),
        ),
    )
    assert config.receivers == (
        Receiver(
            name="oncall",
            settings=AlertmanagerSettings(
                ("http://127.0.0.1:9093", "https://user:s3cret@am.example.com/x"),
                resend_delay=timedelta(seconds=30),
            ),
            min_severity=Severity.WARNING,
            match=(("shard", "3"), ("target", "main")),
            send_resolved=False,
            watchdog=True,
            timeout=timedelta(seconds=5),
        ),
        Receiver(
            name="chat",
            settings=WebhookSettings(
                url_file=base / "secrets/chat", headers={"X-Token": "s3cret"}
            ),
        ),
    )
    assert config.web == Web("::1", 0, base / "web.yml")
    assert config.state == StateSettings(
        Path("/var/lib/token-monitor"), timedelta(days=7)
    )


@pytest.mark.parametrize(
    ("address", "mode"),
    [
        ('host = "localhost"', "disabled"),
        ('host = "127.8.8.8"', "disabled"),
        ('host = "::1"', "disabled"),
        ('unix_socket = "/s"', "disabled"),
        ('host = "10.0.0.1"', "verify_identity"),
        ('host = "localhost.example.com"', "verify_identity"),
        ('host = "localhost"\ntls = { mode = "required" }', "required"),
        ('host = "db.example.com"\ntls = { mode = "disabled" }', "disabled"),
    ],
)
def test_tls_is_on_beyond_this_machine(folder: Folder, address: str, mode: str) -> None:
    config = folder.load(
        f'[targets.t]\nuser = "u"\ndatabase = "d"\npassword_env = "P"\n{address}\n'
    )
    assert config.targets[0].tls.mode == mode
    assert config.targets[0].password == PasswordSource(env="P")


def test_the_key_of_a_server_without_tls_is_kept(folder: Folder) -> None:
    config = folder.load(
        _TARGET + 'tls = { mode = "disabled", public_key_file = "server.pem" }\n'
    )
    assert config.targets[0].tls == Tls(
        "disabled", public_key_file=folder.path / "server.pem"
    )


def test_a_replica_may_lag_as_it_likes_and_what_is_over_be_forgotten_at_once(
    folder: Folder,
) -> None:
    config = folder.load(
        _TARGET + 'max_replica_lag = "0s"\n[state]\nretention = "0s"\n'
    )
    assert config.targets[0].max_replica_lag == timedelta(0)
    assert config.state.retention == timedelta(0)


def test_the_environment_overrides_the_file(folder: Folder) -> None:
    text = (
        _TARGET
        + '[web]\nlisten = "127.0.0.1:1"\nconfig_file = "web.yml"\n[state]\ndirectory = "a"\n'
    )
    config = folder.load(
        text, TOKEN_MONITOR_LISTEN="0.0.0.0:9000", TOKEN_MONITOR_STATE_DIRECTORY="/data"
    )
    assert config.web == Web("0.0.0.0", 9000, folder.path / "web.yml")
    assert config.state.directory == Path("/data")


def test_a_query_becomes_one_whole_value(folder: Folder) -> None:
    folder.query("balances", _BALANCES, _BALANCES_SQL)
    (folder.path / "q" / "balances.mysql.sql").write_text(
        "SELECT 'a' AS plan, 1 AS low, 2 AS ok"
    )
    query = _query(folder.load(_TARGET))
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


def test_a_parameter_is_decided_by_the_nearest_to_the_target(folder: Folder) -> None:
    folder.query("balances", _BALANCES, _BALANCES_SQL)
    other = _TARGET.replace("main", "other")
    layers = [
        "[parameters]\nlow_balance = 1\n",
        "[queries.balances.parameters]\nlow_balance = 2\n",
    ]
    own = "[targets.main.parameters]\nlow_balance = 3\n"

    def values(text: str) -> tuple[object, object]:
        config = folder.load(text)
        return tuple(
            _query(config, target=name).parameters["low_balance"]
            for name in ("main", "other")
        )  # type: ignore[return-value]  # two names, two values

    assert values(_TARGET + other) == (1000, 1000)
    assert values(layers[0] + _TARGET + other) == (1, 1)
    assert values(layers[0] + layers[1] + _TARGET + other) == (2, 2)
    assert values(layers[0] + layers[1] + _TARGET + own + other) == (3, 2)


def test_an_integer_is_taken_for_a_float_parameter(folder: Folder) -> None:
    folder.query("balances", _BALANCES, _BALANCES_SQL)
    value = _query(folder.load("[parameters]\nshare = 1\n" + _TARGET)).parameters[
        "share"
    ]
    assert (value, type(value)) == (1.0, float)


def test_each_target_has_its_own_table_names_and_equal_ones_share_the_query(
    folder: Folder,
) -> None:
    folder.query("balances", _BALANCES, _BALANCES_SQL)
    folder.query(
        "missing",
        _MISSING,
        "SELECT :needs AS table_name, 1 AS column_name, 0 AS is_missing\n",
    )
    config = folder.load(
        _TARGET
        + _TARGET.replace("main", "twin")
        + _TARGET.replace("main", "other")
        + '[targets.other.parameters]\nusers = "people"\n'
    )
    assert [job.key for job in config.jobs] == [
        (target, query)
        for target in ("main", "twin", "other")
        for query in ("missing", "balances")
    ]
    other = _query(config, target="other")
    assert other.statement.text.endswith("FROM `people` GROUP BY plan\n")
    assert other.needs == (ColumnName("people", "tokens_remaining"),)
    assert other.rules[0].evidence is not None
    assert "FROM `people` WHERE" in other.rules[0].evidence.text
    for name in ("balances", "missing"):
        assert _query(config, name) is _query(config, name, "twin")
        assert _query(config, name) is not _query(config, name, "other")


def test_a_schema_query_is_told_every_needed_column_of_its_target(
    folder: Folder,
) -> None:
    folder.query(
        "missing",
        _MISSING,
        "SELECT :needs AS table_name, 1 AS column_name, 0 AS is_missing\n",
    )
    folder.query(
        "balances",
        _BALANCES.replace('needs = ["', 'needs = ["a.z", "a.z", "') + 'needs = ["a.b"]',
        _BALANCES_SQL,
    )
    folder.query("off", 'summary = "x"\nneeds = ["off.off"]\nenabled = false\n')
    folder.query("elsewhere", 'summary = "x"\nneeds = ["else.where"]\n')
    config = folder.load(_TARGET + 'except = ["else*"]\n')
    query = _query(config, "missing")
    assert query.schema == SchemaColumns("table_name", "column_name", "is_missing")
    assert query.statement.parameters == ("needs",)
    assert json.loads(str(query.parameters["needs"])) == [
        {"table": "a", "column": "b", "queries": "balances"},
        {"table": "a", "column": "z", "queries": "balances"},
        {"table": "users", "column": "tokens_remaining", "queries": "balances"},
    ]
    assert _query(config).rules[0].needs == (ColumnName("a", "b"),)
    silent = folder.load(
        _TARGET + 'except = ["else*"]\n[rules.TokenBalancesLow]\nenabled = false\n'
    )
    assert "b" not in [
        need["column"]
        for need in json.loads(str(_query(silent, "missing").parameters["needs"]))
    ]


def test_queries_are_chosen_by_patterns(folder: Folder) -> None:
    for name in ("usage_hour", "usage_day", "balances", "schema"):
        folder.query(name, 'summary = "x"')
    config = folder.load(
        _TARGET + 'queries = ["usage_*", "schema"]\nexcept = ["*_day"]\n'
    )
    assert [job.query.name for job in config.jobs] == ["schema", "usage_hour"]


def test_a_query_is_overridden_deep_and_lists_replace(folder: Folder) -> None:
    folder.query("balances", _BALANCES, _BALANCES_SQL)
    config = folder.load(
        _TARGET
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
    query = _query(config)
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
    folder.query("balances", _BALANCES, _BALANCES_SQL)
    config = folder.load(
        f"{_TARGET}[rules.TokenBalancesLow]\n{override}\n[rules.TokenMonitorWatchdog]\n{override}\n"
    )
    assert _rule(config, "TokenBalancesLow").condition == condition
    assert _rule(config, "TokenMonitorWatchdog").condition == condition


def test_a_schedule_in_an_override_replaces_the_other_kind(folder: Folder) -> None:
    folder.query(
        "balances", 'interval = "5s"\ntimeout = "1s"\n' + _BALANCES, _BALANCES_SQL
    )
    folder.query(
        "nightly", 'summary = "x"\ncron = "0 3 * * *"\ntime_zone = "Europe/Berlin"\n'
    )
    assert _query(folder.load(_TARGET), "nightly").schedule == Cron(
        "0 3 * * *", "Europe/Berlin"
    )
    config = folder.load(
        _TARGET
        + '[queries.balances]\ncron = "*/5 * * * *"\n[queries.nightly]\ninterval = "1h"\n'
    )
    assert _query(config).schedule == Cron("*/5 * * * *", "UTC")
    assert _query(config, "nightly").schedule == Every(timedelta(hours=1))


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
    config = folder.load(f"{_TARGET}[queries.balances]\n{override}")
    assert _query(config).timeout == parse_duration(timeout)
    told = (
        [
            f'query "balances": its timeout, {notice[0]}, does not fit its interval; now {notice[1]}'
        ]
        if notice
        else []
    )
    assert list(config.notices) == told


def test_a_timeout_that_is_chosen_must_fit(folder: Folder) -> None:
    folder.query("balances", 'summary = "s"\ninterval = "5s"\n')
    expected = [
        "config.toml:9: queries.balances.timeout: the timeout, 5s, must be shorter than the interval, 5s"
    ]
    assert folder.problems(f'{_TARGET}[queries.balances]\ntimeout = "5s"') == expected


def test_a_query_and_a_rule_can_be_switched_off(folder: Folder) -> None:
    folder.query("balances", _BALANCES, _BALANCES_SQL)
    folder.query("other", 'summary = "x"')
    config = folder.load(
        _TARGET
        + "[queries.other]\nenabled = false\n[rules.TokenBalancesLow]\nenabled = false\n"
        + "[rules.TokenMonitorWatchdog]\nenabled = false\n"
    )
    assert [job.query.name for job in config.jobs] == ["balances"]
    assert _query(config).rules == ()
    assert "TokenMonitorWatchdog" not in [rule.name for rule in config.own_rules]


def test_a_query_that_is_off_does_not_take_names_from_one_that_is_on(
    folder: Folder,
) -> None:
    folder.query("balances", _BALANCES, _BALANCES_SQL)
    folder.query("mine", _BALANCES, _BALANCES_SQL)
    assert len(folder.problems(_TARGET)) == 2
    config = folder.load(_TARGET + "[queries.balances]\nenabled = false\n")
    assert [job.query.name for job in config.jobs] == ["mine"]


def test_a_query_of_a_later_folder_replaces_an_earlier_one_and_says_so(
    folder: Folder,
) -> None:
    folder.query("balances", 'summary = "first"', folder="q")
    folder.query("balances", 'summary = "second"', folder="mine")
    config = folder.load(_TARGET, head='query_dirs = ["q", "mine"]\n')
    assert _query(config).summary == "second"
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
    for name in ("balances", "other"):
        (program / "monitor" / "queries" / f"{name}.toml").write_text(
            'summary = "shipped"'
        )
        (program / "monitor" / "queries" / f"{name}.sql").write_text("SELECT 1 AS x")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "balances.toml").write_text('summary = "mine"')
    (tmp_path / "mine" / "balances.sql").write_text("SELECT 1 AS x")
    (tmp_path / "config.toml").write_text('query_dirs = ["mine"]\n' + _TARGET)
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
        'query "balances" of mine replaces the shipped one',
        "('balances', 'mine', False)",
        "('other', 'shipped', True)",
    ]


def test_a_query_named_as_a_shipped_one_replaces_it_and_says_so(tmp_path: Path) -> None:
    name = min(path.stem for path in shipped_queries_directory().glob("*.toml"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / f"{name}.toml").write_text('summary = "mine"')
    (tmp_path / "mine" / f"{name}.sql").write_text("SELECT 1 AS x")
    (tmp_path / "config.toml").write_text(
        f'query_dirs = ["mine"]\n{_TARGET}queries = ["{name}"]\n'
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
    read_library(
        section, [QueryFolder(tmp_path / "gone", "the program")], tmp_path, problems
    )
    assert [str(problem) for problem in problems.in_order()] == [
        'the program: folder "the program" cannot be read: No such file or directory'
    ]


def test_a_folder_that_no_path_can_name_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'query_dirs = ["a\\u0000"]\n{_TARGET}')
    with pytest.raises(ConfigError, match=r"cannot be read: (scandir: )?embedded null"):
        load(tmp_path / "config.toml", {}, KINDS)


def test_a_heartbeat_with_all_it_can_have(folder: Folder) -> None:
    folder.query("balances", _BALANCES, _BALANCES_SQL)
    found = folder.load(
        _TARGET
        + '[heartbeat]\nurl = "http://h/"\ninterval = "30s"\ntimeout = "2s"\nqueries = ["bal*"]\n'
    ).heartbeat
    assert found == HeartbeatSettings(
        queries=("balances",),
        url="http://h/",
        interval=timedelta(seconds=30),
        timeout=timedelta(seconds=2),
    )


def test_a_heartbeat_needs_something_critical_or_names(folder: Folder) -> None:
    folder.query("balances", _BALANCES, _BALANCES_SQL)
    assert folder.problems(_TARGET + '[heartbeat]\nurl = "http://h/"\n') == [
        'config.toml:8: heartbeat: no query has a critical rule; name some in "queries"'
    ]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("a_b.example:65535", ("a_b.example", 65535)),
        ("[::1]:8917", ("::1", 8917)),
    ],
)
def test_where_to_listen_is_a_host_and_a_port(
    text: str, address: tuple[str, int]
) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "8917",
        ":8917",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:٣",
        "[::1::2::3]:1",
        "-a:1",
        "a-:1",
        "a b:1",
    ],
)
def test_where_to_listen_is_nothing_else(text: str) -> None:
    with pytest.raises(
        ValueError, match="is not an address to listen on; allowed: host:port, such as"
    ):
        parse_listen(text)


def test_a_port_to_listen_on_has_two_bytes() -> None:
    with pytest.raises(
        ValueError, match="port 65536 is out of range; allowed: 0 to 65535"
    ):
        parse_listen("127.0.0.1:65536")


def test_rules_on_columns_share_a_hidden_metric_with_the_details_of_all(
    folder: Folder,
) -> None:
    rule = """
[rules.{name}]
column = "age_seconds"
{more}
above = 60
severity = "warning"
summary = "{{value}} {{last_action}}"
details = ["last_action"]
"""
    folder.query(
        "usage",
        'summary = "x"\n[metrics.token_events]\nhelp = "x"\nlabels = ["action", "window"]\nvalue = "events"\n'
        + rule.format(name="One", more="")
        + rule.format(name="Two", more='by = ["action", "window"]').replace(
            "last_action", "last_user"
        )
        + rule.format(name="Three", more="by = []")
        + rule.format(name="Four", more="").replace(
            'column = "age_seconds"', 'metric = "token_events"'
        ),
    )
    query = _query(folder.load(_TARGET), "usage")
    hidden = Metric("age_seconds", "", value="age_seconds", null="skip", exported=False)
    assert query.metrics == (
        Metric(
            "token_events",
            "x",
            ("action", "window"),
            "events",
            details=("last_action",),
        ),
        Metric(
            name="age_seconds",
            help="",
            labels=("action", "window"),
            value="age_seconds",
            null="skip",
            details=("last_action", "last_user"),
            exported=False,
        ),
        Metric(
            "age_seconds by nothing",
            "",
            value=hidden.value,
            null="skip",
            details=("last_action",),
            exported=False,
        ),
    )
    assert [rule.metric for rule in query.rules] == [
        "age_seconds", "age_seconds", "age_seconds by nothing", "token_events",
    ]  # fmt: skip


def test_a_rule_that_is_off_asks_for_no_details(folder: Folder) -> None:
    toml = _BALANCES + 'details = ["oldest"]\nenabled = {}\n'
    details = []
    for enabled in ("true", "false"):
        folder.query("balances", toml.replace("{}", enabled), _BALANCES_SQL)
        details.append(_query(folder.load(_TARGET)).metrics[0].details)
    assert details == [("oldest",), ()]


def test_evidence_goes_to_the_rules_whose_labels_it_asks_for(folder: Folder) -> None:
    rule = '\n[rules.{0}]\ncolumn = "age"\nby = {1}\nabove = 1\nseverity = "info"\nsummary = "x"\n{2}\n'
    folder.query(
        "balances",
        _BALANCES
        + rule.format("NoPlan", "[]", "")
        + rule.format("Own", "[]", 'evidence = "SELECT 7 AS id"'),
        _BALANCES_SQL,
    )
    evidence = {rule.name: rule.evidence for rule in _query(folder.load(_TARGET)).rules}
    assert evidence["TokenBalancesLow"] is not None
    assert evidence["NoPlan"] is None
    assert evidence["Own"] == Statement("SELECT 7 AS id")


def test_scalars_in_where_are_texts(folder: Folder) -> None:
    folder.query(
        "a",
        'summary = "x"\n[metrics.m]\nhelp = "x"\nlabels = ["a", "b", "c"]\nvalue = "v"\n[rules.R]\n'
        'metric = "m"\nwhere = { a = 1, b = true, c = "x" }\nequals = 1\nseverity = "info"\nsummary = "x"\n',
    )
    assert _rule(folder.load(_TARGET), "R").where == (
        ("a", "1"),
        ("b", "1"),
        ("c", "x"),
    )


def test_a_missing_password_file_or_variable_is_no_problem_of_the_files(
    folder: Folder,
) -> None:
    folder.load(_TARGET + 'password_file = "nowhere/at/all"\n')
    folder.load(_TARGET + 'password_env = "NOT_SET_ANYWHERE"\n')


def test_the_shipped_queries_load(tmp_path: Path) -> None:
    shipped = sorted(path.stem for path in shipped_queries_directory().glob("*.toml"))
    if not shipped:
        pytest.skip("no query is shipped yet")
    (tmp_path / "config.toml").write_text(_TARGET)
    config = load(tmp_path / "config.toml", {}, KINDS)
    assert sorted(job.query.name for job in config.jobs) == shipped
    assert all(job.query.shipped for job in config.jobs)


def test_loading_imports_neither_driver_nor_scheduler_nor_parser(
    tmp_path: Path,
) -> None:
    script = (
        "import sys; from monitor.config import load; from monitor.notify.kinds import KINDS;"
        "print([n for n in ('pymysql', 'apscheduler', 'sqlglot', 'urllib3', 'jinja2') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_what_alerts_say_together_names_no_value_of_one(folder: Folder) -> None:
    rule = '[rules.Low]\ncolumn = "x"\nabove = 0\nseverity = "warning"\nsummary = "{value}"\n'
    folder.query(
        "low",
        f'summary = "s"\ninterval = "1m"\n{rule}group_summary = "{{total}} of {{value}} {{"\n',
    )
    assert folder.problems(_TARGET) == [
        'q/low.toml:8: rules.Low.group_summary: lone "{" at character 20; write "{{"'
    ]
    folder.query(
        "low",
        f'summary = "s"\ninterval = "1m"\n{rule}group_summary = "{{total}} of {{value}}"\n',
    )
    (problem,) = folder.problems(_TARGET)
    assert problem.startswith(
        "q/low.toml:8: rules.Low.group_summary: unknown name {value}"
    )


def test_a_shipped_runbook_is_linked_where_the_page_is_known_and_others_are_named(
    folder: Folder,
) -> None:
    here = 'external_url = "https://monitor.example.com"\n'
    wiki = 'runbook_base_url = "https://wiki.example.com"\n'
    found = {
        (name, root): folder.load(root + _TARGET).runbook_base_for(name)
        for name in ("usage-stopped", "our-own")
        for root in ("", here, here + wiki)
    }
    assert found == {
        ("usage-stopped", ""): "",
        ("usage-stopped", here): "https://monitor.example.com/runbooks",
        ("usage-stopped", here + wiki): "https://wiki.example.com",
        ("our-own", ""): "",
        ("our-own", here): "",
        ("our-own", here + wiki): "https://wiki.example.com",
    }


def test_own_queries_run_in_the_targets_time_zone_and_shipped_ones_in_utc(
    folder: Folder,
) -> None:
    metric = 'summary = "s"\n[metrics.own_x]\nhelp = "h"\nvalue = "x"\n'
    folder.query(
        "own", metric, sql="SELECT COUNT(*) AS x FROM users WHERE at < NOW()\n"
    )
    path = folder.path / "config.toml"
    path.write_text('query_dirs = ["q"]\n' + _TARGET + 'time_zone = "+5:30"\n')
    config = load(path, {}, KINDS)
    own = _query(config, "own")
    assert (own.time_zone, own.local_time) == ("+05:30", ("NOW()",))
    assert {job.query.time_zone for job in config.jobs if job.query.shipped} == {
        "+00:00"
    }
    assert config.targets[0].time_zone == "+05:30"


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("server", "server"),
        ("SYSTEM", "server"),
        ("UTC", "+00:00"),
        ("Europe/Oslo", "Europe/Oslo"),
    ],
)
def test_a_time_zone_is_kept_as_the_servers_take_it(
    folder: Folder, text: str, zone: str
) -> None:
    assert folder.load(_TARGET + f'time_zone = "{text}"\n').targets[0].time_zone == zone
