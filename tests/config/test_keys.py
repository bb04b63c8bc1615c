"""Every key of the files matters, and every field of a value comes from some key.

A key is declared in a schema, read into a value, and used; where one of the three is forgotten, a test here
says which key or field it is. The samples below give each key a value that is not its default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any, get_args

import pytest

from monitor.config import load
from monitor.config.queries.derived_schemas import DerivedInputSchema, DerivedSchema
from monitor.config.queries.schema import (
    ApplicationColumnsSchema,
    CursorSchema,
    ForEachSchema,
    HistogramSchema,
    InfoSchema,
    LedgerSchema,
    MetricSchema,
    QuerySchema,
    RuleSchema,
    StatesetSchema,
    SweepSchema,
)
from monitor.config.receivers import ReceiverSchema
from monitor.config.schema import (
    ContractSchema,
    DeploysSchema,
    HeartbeatSchema,
    HttpSdSchema,
    LoadSchema,
    LogSchema,
    MaintenanceSchema,
    RootSchema,
    StateSchema,
    TargetSchema,
    TargetsDefaultsSchema,
    TlsSchema,
    WebSchema,
)
from monitor.config.toml.validation import Schema
from monitor.model.errors import ConfigError
from monitor.model.settings import Config, Metric, Query, Rule, Severity
from monitor.notify.kinds import KINDS
from tests.config.folder import TARGET, Folder

_RULE = '{ column = "x", above = 1, severity = "critical", summary = "s" }'
_METRIC = '{ help = "h", value = "x" }'
_QUERY = f"""
summary = "s"
parameters = {{ low = 1 }}
metrics = {{ m = {_METRIC} }}
rules = {{ R = {_RULE} }}
"""
_SQL = "SELECT :low AS x"
_SQL_OF_PLANS = "SELECT 'pro' AS plan, 'low' AS state, 1 AS x"
_OF_ONE = frozenset({"words", "states", "constant", "histogram", "aggregate"})
"""What a metric has only where its query is one statement."""
_WALKS = {
    "cursor": "SELECT COUNT(*) AS x FROM t WHERE id > :since AND id <= :until",
    "sweep": "SELECT COUNT(*) AS x FROM t WHERE id > :from_key AND id <= :to_key",
    "ledger": "SELECT id FROM t WHERE id > :since AND id <= :until",
}

_LEDGER = 'column = "t.id", accounts = "SELECT id FROM t WHERE id IN :user_ids"'
_ONE_STATEMENT = 'summary = "s"\nparameters = { low = 1 }\n'
_SWEEP = 'summary = "s"\n[sweep]\nkey = "t.id"\n'
_CURSOR = 'summary = "s"\n[cursor]\ncolumn = "t.id"\ntime = "at"\n'

Keys = dict[str, str]
"""The keys of a table, each with its value as TOML writes it."""


@dataclass(frozen=True)
class Table:
    """One table of a file: its schema, samples that together give all its keys, and what it becomes."""

    schema: type[Schema]
    samples: tuple[Keys, ...]
    load: Callable[[Folder, str], Config]
    """Loads a configuration in which the table has these lines."""
    values_in: Callable[[Config], Iterable[Any]]
    """The values that the table becomes."""
    derived: frozenset[str] = frozenset()
    """Fields of the value that no key of this table sets."""
    refused: frozenset[str] = frozenset()
    """Keys that are there to be refused with advice."""


def _load_root(folder: Folder, lines: str) -> Config:
    folder.query("own", _QUERY, _SQL)
    (folder.path / "list.json").write_text('[{"targets": ["h:1"]}]')
    path = folder.path / "config.toml"
    path.write_text(lines)
    return load(path, {}, KINDS)


def _load_below(before: str) -> Callable[[Folder, str], Config]:
    """Return what loads a table of config.toml that stands behind other lines."""

    def load_lines(folder: Folder, lines: str) -> Config:
        for name in ("own", "other", "third"):
            metric = _QUERY.replace("{ m =", f"{{ m_{name} =").replace(
                "R =", f"R{name} ="
            )
            folder.query(name, metric, _SQL)
        return folder.load(before + lines)

    return load_lines


def _load_derived(before: str) -> Callable[[Folder, str], Config]:
    """Return what loads a table of a derived value, beside a query whose metric has a label."""

    def load_lines(folder: Folder, lines: str) -> Config:
        metric = '{ help = "h", value = "x", labels = ["plan", "state"] }'
        folder.query(
            "by_plan", f'summary = "s"\n[metrics]\nplans = {metric}\n', _SQL_OF_PLANS
        )
        targets = TARGET + TARGET.replace("main", "second")
        return _load_below(targets + before)(folder, lines)

    return load_lines


def _load_list(before: str, labels: str) -> Callable[[Folder, str], Config]:
    """Return what loads the table of what targets of a list have; with one that has these labels."""

    def load_lines(folder: Folder, lines: str) -> Config:
        folder.query("own", _QUERY, _SQL)
        folder.query("other", 'summary = "s"', "SELECT 1 AS x")
        text = f'[{{"targets": ["127.0.0.1"], "labels": {labels}}}]'
        (folder.path / "list.json").write_text(text)
        return folder.load('targets_file = "list.json"\n' + before + lines)

    return load_lines


def _load_query(before: str) -> Callable[[Folder, str], Config]:
    """Return what loads a table of a query's file that stands behind other lines."""

    def load_lines(folder: Folder, lines: str) -> Config:
        # A walk goes with a statement of its own.
        named = [word for word in _WALKS if word in before + lines]
        sql = _WALKS[named[0]] if named else _SQL
        folder.query("own", before + lines, sql)
        return folder.load(TARGET)

    return load_lines


def _load_contract(before: str) -> Callable[[Folder, str], Config]:
    """Return what loads a table of a query's file where there is an application to compare with."""

    def load_lines(folder: Folder, lines: str) -> Config:
        folder.query("own", before + lines, _SQL)
        return folder.load(TARGET + '[contract]\napp_sql = ["app"]\n')

    return load_lines


def _queries(config: Config) -> list[Query]:
    return [job.query for job in config.jobs]


def _sampled_rules(config: Config) -> list[Rule]:
    rules = [rule for query in _queries(config) for rule in query.rules]
    return [rule for rule in rules if rule.name == "Sample"]


def _sampled_metrics(config: Config) -> list[Metric]:
    metrics = [metric for query in _queries(config) for metric in query.metrics]
    return [metric for metric in metrics if metric.name.startswith("sample_")]


_ACCOUNT = {"user": '"u"', "database": '"d"'}
_LOAD = {"share": "0.5", "threads_running": "7", "max_rows_read": "7"}
_HEADER = 'summary = "s"\nparameters = { low = 1 }\n'
_ON_COLUMN = {"column": '"x"', "severity": '"info"', "summary": '"s"'}

TABLES = {
    "config.toml": Table(
        RootSchema,
        samples=(
            {
                "query_dirs": '["q"]',
                "shipped_queries": "false",
                "recipes": '["needed_columns"]',
                "external_url": '"https://monitor.example.com"',
                "runbook_base_url": '"https://wiki.example.com"',
                "parameters": "{ low = 7 }",
                "targets": '{ main = { unix_socket = "/s", user = "u", database = "d" } }',
                "targets_file": '"list.json"',
                "targets_defaults": '{ user = "u", database = "d" }',
                "http_sd": '{ url = "http://h/" }',
                "shard": '"1/2"',
                "replicas": "2",
                "queries": "{ own = { max_rows = 7 } }",
                "rules": '{ R = { severity = "info" } }',
                "receivers": '{ r = { kind = "webhook", url = "http://h/" } }',
                "web": '{ listen = "127.0.0.1:1" }',
                "state": '{ directory = "elsewhere" }',
                "heartbeat": '{ url = "http://h/", queries = ["own"] }',
                "log": '{ level = "debug" }',
                "load": "{ share = 0.5 }",
                "contract": '{ app_sql = ["app"] }',
                "deploys": '{ max = "7m" }',
                "maintenance": '{ m = { until = "2027-01-01T00:00:00Z" } }',
                "derived": '{ d = { help = "h", value = "a", inputs = { a = "m" } } }',
            },
        ),
        load=_load_root,
        values_in=lambda config: [config],
        derived=frozenset({"served_runbooks", "notices", "warnings", "elsewhere"}),
    ),
    "targets.NAME": Table(
        TargetSchema,
        samples=(
            {
                **_ACCOUNT,
                "host": '"db.example.com"',
                "port": "3307",
                "password_file": '"p"',
                "max_connections": "7",
                "max_replica_lag": '"7m"',
                "time_zone": '"+05:30"',
                "session": "{ div_precision_increment = 9 }",
                "labels": '{ region = "eu" }',
                "tls": '{ mode = "required" }',
                "load": "{ share = 0.5 }",
                "contract": "false",
                "queries": '["o*"]',
                "except": '["other"]',
                "parameters": "{ low = 7 }",
            },
            {
                **_ACCOUNT,
                "unix_socket": '"/s"',
                "password_env": '"P"',
                "only": '["own"]',
                "rules": '{ Rown = { severity = "info" } }',
            },
        ),
        load=_load_below("[targets.main]\n"),
        values_in=lambda config: config.targets,
        refused=frozenset({"password"}),
    ),
    "targets.NAME.tls": Table(
        TlsSchema,
        samples=(
            {
                "mode": '"verify_ca"',
                "ca_file": '"ca"',
                "cert_file": '"c"',
                "key_file": '"k"',
            },
            {"mode": '"disabled"', "public_key_file": '"p"'},
        ),
        load=_load_below(
            '[targets.main]\nhost = "h"\nuser = "u"\ndatabase = "d"\n[targets.main.tls]\n'
        ),
        values_in=lambda config: [target.tls for target in config.targets],
    ),
    "targets_defaults": Table(
        TargetsDefaultsSchema,
        samples=(
            {
                **_ACCOUNT,
                "port": "1",
                "password_file": '"secret"',
                "max_connections": "7",
                "max_replica_lag": '"7m"',
                "time_zone": '"+07:00"',
                "session": "{ div_precision_increment = 9 }",
                "labels": '{ region = "eu" }',
                "tls": '{ mode = "required" }',
                "load": "{ share = 0.5 }",
                "contract": "false",
                "queries": '["own"]',
                "except": '["other"]',
                "parameters": "{ low = 7 }",
            },
            {
                **_ACCOUNT,
                "password_env": '"NAME"',
                "only": '["own"]',
                "rules": '{ R = { severity = "info" } }',
            },
        ),
        load=_load_list("[targets_defaults]\n", '{"region": ""}'),
        values_in=lambda config: config.targets,
        derived=frozenset({"host", "unix_socket"}),
        refused=frozenset({"host", "unix_socket", "password", "secrets_directory"}),
    ),
    "targets_defaults with secrets": Table(
        TargetsDefaultsSchema,
        samples=({**_ACCOUNT, "secrets_directory": '"secrets"'},),
        load=_load_list("[targets_defaults]\n", '{"__secret__": "one"}'),
        values_in=lambda config: [target.password for target in config.targets],
        derived=frozenset({"env"}),
        refused=frozenset(
            field.alias or name
            for name, field in TargetsDefaultsSchema.model_fields.items()
        ),
    ),
    "http_sd": Table(
        HttpSdSchema,
        samples=(
            {
                "url": '"http://h/"',
                "header_files": '{ Authorization = "token" }',
                "refresh": '"7m"',
                "timeout": '"7s"',
            },
            {"url_file": '"u"'},
        ),
        load=_load_below(TARGET + "[http_sd]\n"),
        values_in=lambda config: [config.http_sd],
    ),
    "targets.NAME.load": Table(
        LoadSchema,
        samples=(_LOAD,),
        load=_load_below(
            '[targets.main]\nhost = "h"\nuser = "u"\ndatabase = "d"\n[targets.main.load]\n'
        ),
        values_in=lambda config: [target.load for target in config.targets],
        # By how many monitors there are.
        derived=frozenset({"replicas"}),
    ),
    "load": Table(
        LoadSchema,
        samples=(_LOAD,),
        load=_load_below(TARGET + "[load]\n"),
        values_in=lambda config: [target.load for target in config.targets],
        derived=frozenset({"replicas"}),
    ),
    "web": Table(
        WebSchema,
        samples=(
            {
                "listen": '"0.0.0.0:1"',
                "config_file": '"web.yml"',
                "hosts": '["h"]',
                "duration_buckets": '["1s"]',
            },
        ),
        load=_load_below(TARGET + "[web]\n"),
        values_in=lambda config: [config.web],
    ),
    "state": Table(
        StateSchema,
        samples=({"directory": '"elsewhere"', "retention": '"7d"'},),
        load=_load_below(TARGET + "[state]\n"),
        values_in=lambda config: [config.state],
    ),
    "contract": Table(
        ContractSchema,
        samples=(
            {"app_sql": '["app"]', "app_ignore": '["legacy_*"]', "interval": '"7m"'},
        ),
        load=_load_below(TARGET + "[contract]\n"),
        values_in=lambda config: [config.contract.settings] if config.contract else [],
    ),
    "log": Table(
        LogSchema,
        samples=({"level": '"debug"', "format": '"json"'},),
        load=_load_below(TARGET + "[log]\n"),
        values_in=lambda config: [config.log],
    ),
    "heartbeat": Table(
        HeartbeatSchema,
        samples=(
            {
                "url": '"http://h/"',
                "interval": '"30s"',
                "timeout": '"2s"',
                "queries": '["own"]',
            },
            {"url_file": '"u"'},
        ),
        load=_load_below(TARGET + "[heartbeat]\n"),
        values_in=lambda config: [config.heartbeat],
    ),
    "deploys": Table(
        DeploysSchema,
        samples=(
            {
                "file": '"deploy.lock"',
                "metric": '"m_own"',
                "max": '"7m"',
                "rules": '["Rown"]',
            },
        ),
        load=_load_below(TARGET + "[deploys]\n"),
        values_in=lambda config: [config.deploys],
    ),
    "maintenance.NAME": Table(
        MaintenanceSchema,
        samples=(
            {
                "at": '"Sun 02:00-04:00 UTC"',
                "from": "2026-01-01T00:00:00Z",
                "until": "2027-01-01T00:00:00+01:00",
                "match": '{ plan = "pro", target = ["m*"] }',
                "comment": '"c"',
            },
        ),
        load=_load_below(TARGET + "[maintenance.x]\n"),
        values_in=lambda config: list(config.maintenance),
        derived=frozenset({"name"}),
    ),
    "derived.NAME": Table(
        DerivedSchema,
        samples=(
            {
                "help": '"h"',
                "value": '"a / 7"',
                "inputs": '{ a = "plans" }',
                "labels": "[]",
                "aggregate": '"max"',
                "targets": '["main"]',
                "max_age": '"7m"',
                "rules": '{ Q = { above = 7, severity = "info", summary = "s" } }',
            },
            {
                "help": '"h"',
                "value": '"a"',
                "inputs": '{ a = "plans" }',
                "enabled": "false",
            },
            {
                "help": '"h"',
                "value": '"a"',
                "inputs": '{ a = "plans" }',
                "labels": '["plan"]',
                "aggregate": '"min"',
            },
        ),
        load=_load_derived("[derived.sample]\n"),
        values_in=lambda config: [
            job.query.derived_by for job in config.derived if job.query.name == "sample"
        ],
    ),
    "derived.NAME.inputs.NAME": Table(
        DerivedInputSchema,
        samples=(
            {
                "metric": '"plans"',
                "target": '"main"',
                "where": '{ plan = "pro" }',
                "absent": "7",
            },
        ),
        load=_load_derived(
            '[derived.sample]\nhelp = "h"\nvalue = "a"\naggregate = "sum"\n[derived.sample.inputs.a]\n'
        ),
        values_in=lambda config: [
            one for job in config.derived for one in job.query.derived_by.inputs
        ],
    ),
    "NAME.toml": Table(
        QuerySchema,
        samples=(
            {
                "summary": '"s"',
                "interval": '"7m"',
                "timeout": '"7s"',
                "max_rows": "7",
                "needs": '["t.c"]',
                "parameters": "{ low = 7 }",
                "metrics": f"{{ m = {_METRIC} }}",
                "rules": f"{{ R = {_RULE} }}",
                "evidence": '{ sql = "SELECT 1 AS id" }',
                "schema": '{ table = "t", column = "c", missing = "m" }',
            },
            {
                "summary": '"s"',
                "parameters": "{ low = 7 }",
                "cron": '"0 3 * * *"',
                "time_zone": '"Europe/Berlin"',
            },
            {
                "summary": '"s"',
                "parameters": "{ low = 7 }",
                "off_without_right": "true",
            },
            {"summary": '"s"', "parameters": "{ low = 7 }", "enabled": "false"},
            {
                "summary": '"s"',
                "cursor": '{ column = "t.id", fallback = "SELECT 1 AS x" }',
            },
            {"summary": '"s"', "sweep": '{ key = "t.id" }'},
            {"summary": '"s"', "ledger": f"{{ {_LEDGER} }}"},
            {"summary": '"s"', "for_each": '{ items = [{ name = "a", low = 7 }] }'},
            {
                "summary": '"s"',
                "parameters": "{ low = 7 }",
                "application": '{ table = "t", column = "c", type = "k", folded = "f" }',
            },
        ),
        load=_load_query(""),
        values_in=_queries,
        # By the query's files, by its target, and by what it is to be compared with or computed from.
        derived=frozenset(
            {
                *("shipped", "variants", "time_zone", "local_time"),
                *("contract", "derivation"),
            }
        ),
    ),
    "NAME.toml: cursor": Table(
        CursorSchema,
        samples=(
            {
                "column": '"t.id"',
                "settle": '"7s"',
                "time": '"at"',
                "fallback": '"SELECT 1 AS x"',
            },
        ),
        load=_load_query('summary = "s"\n[cursor]\n'),
        values_in=lambda config: [query.walk for query in _queries(config)],
    ),
    "NAME.toml: for_each": Table(
        ForEachSchema,
        samples=(
            {
                "sql": '"SELECT 1 AS low, 2 AS days"',
                "columns": '["days"]',
                "name": '"low"',
                "label": '"where"',
                "max_items": "7",
            },
            {"items": '[{ name = "eu", low = 7 }]'},
        ),
        load=_load_query('summary = "s"\n[for_each]\n'),
        values_in=lambda config: [query.for_each for query in _queries(config)],
        derived=frozenset({"identifiers"}),  # by what the statement has in braces
    ),
    "NAME.toml: application": Table(
        ApplicationColumnsSchema,
        samples=({"table": '"t"', "column": '"c"', "type": '"k"', "folded": '"f"'},),
        load=_load_contract(_HEADER + "[application]\n"),
        values_in=lambda config: [
            query.contract for query in _queries(config) if query.name == "own"
        ],
        # By config.toml, and by the other queries of the target.
        derived=frozenset({"application", "ignored", "elsewhere"}),
    ),
    "NAME.toml: sweep": Table(
        SweepSchema,
        samples=({"key": '"t.id"', "cycle": '"7m"', "piece": '"7ms"'},),
        load=_load_query('summary = "s"\n[sweep]\n'),
        values_in=lambda config: [query.walk for query in _queries(config)],
    ),
    "NAME.toml: ledger": Table(
        LedgerSchema,
        samples=(
            {
                "column": '"t.id"',
                "accounts": '"SELECT id FROM t WHERE id IN :user_ids"',
                "settle": '"7s"',
                "users": "7",
                "loop": '"7m"',
            },
        ),
        load=_load_query('summary = "s"\n[ledger]\n'),
        values_in=lambda config: [query.walk for query in _queries(config)],
    ),
    "NAME.toml: metrics.NAME of a ledger": Table(
        MetricSchema,
        samples=({"help": '"h"', "type": '"counter"', "of_ledger": '"cancelled"'},),
        load=_load_query(
            f'summary = "s"\nledger = {{ {_LEDGER} }}\n[metrics.sample_total]\n'
        ),
        values_in=_sampled_metrics,
        derived=frozenset(field.name for field in fields(Metric)) - {"of_ledger"},
        refused=frozenset(MetricSchema.model_fields),
    ),
    "NAME.toml: metrics.NAME of a sweep": Table(
        MetricSchema,
        samples=({"help": '"h"', "value": '"x"', "per": '"other"'},),
        load=_load_query(
            _SWEEP
            + "[metrics.other]\nhelp = 'h'\nvalue = 'x'\n[metrics.sample_total]\n"
        ),
        values_in=_sampled_metrics,
        derived=frozenset(field.name for field in fields(Metric)) - {"per"},
        refused=frozenset(MetricSchema.model_fields),
    ),
    "NAME.toml: metrics.NAME": Table(
        MetricSchema,
        samples=(
            {
                "help": '"h"',
                "labels": '["plan"]',
                "value": '"x"',
                "type": '"counter"',
                "null": '"zero"',
                "at_least": '{ x = "cut" }',
            },
            {
                "help": '"h"',
                "values": '{ state = ["a", "b"] }',
                "at_least": '{ b = "cut" }',
                "positive": "true",
            },
            {
                "help": '"h"',
                "value": '"x"',
                "windows": '["5m", "24h"]',
                "distinct": '"user_id"',
            },
            {
                "help": '"h"',
                "value": '"x"',
                "window": '"24h"',
                "seen": "true",
                "null_label": '"none"',
            },
            {"help": '"h"', "value": '"x"', "future": "true"},
            {"help": '"h"', "of_cursor": '"late_rows"'},
        ),
        load=_load_query(_CURSOR + "[metrics.sample_total]\n"),
        values_in=_sampled_metrics,
        # By the rules that are about it, by a ledger, by a sweep, and by what is one statement.
        derived=frozenset({"details", "exported", "of_ledger", "per"}) | _OF_ONE,
        refused=frozenset({"of_ledger", "per", "states", "constant", "aggregate"}),
    ),
    "NAME.toml: metrics.NAME of one statement": Table(
        MetricSchema,
        samples=(
            {"help": '"h"', "value": '"x"', "states": "{ ON = 1 }"},
            {"help": '"h"', "constant": "1", "aggregate": '"sum"'},
        ),
        load=_load_query(_ONE_STATEMENT + "[metrics.sample_total]\n"),
        values_in=_sampled_metrics,
        derived=frozenset(field.name for field in fields(Metric))
        - {"words", "constant", "aggregate"},
        refused=frozenset(MetricSchema.model_fields)
        - {"states", "constant", "aggregate"},
    ),
    "NAME.toml: metrics.NAME, a stateset": Table(
        StatesetSchema,
        samples=(
            {
                "help": '"h"',
                "labels": '["plan"]',
                "null_label": '"none"',
                "type": '"stateset"',
                "value": '"x"',
                "states": '["on", "off"]',
                "null": '"skip"',
            },
        ),
        load=_load_query(_ONE_STATEMENT + "[metrics.sample_total]\n"),
        values_in=_sampled_metrics,
        derived=frozenset(field.name for field in fields(Metric))
        - {"labels", "null_label", "value", "states", "null", "kind"},
    ),
    "NAME.toml: metrics.NAME, an info": Table(
        InfoSchema,
        samples=(
            {
                "help": '"h"',
                "labels": '["plan"]',
                "null_label": '"none"',
                "type": '"info"',
            },
        ),
        load=_load_query(_ONE_STATEMENT + "[metrics.sample_info]\n"),
        values_in=_sampled_metrics,
        derived=frozenset(field.name for field in fields(Metric))
        - {"labels", "null_label", "kind"},
    ),
    "NAME.toml: metrics.NAME, a histogram": Table(
        HistogramSchema,
        samples=(
            {
                "help": '"h"',
                "labels": '["plan"]',
                "null_label": '"none"',
                "type": '"histogram"',
                "buckets": '{ "0.5" = "x" }',
                "sum": '"s"',
                "count": '"c"',
                "null": '"skip"',
            },
        ),
        load=_load_query(_ONE_STATEMENT + "[metrics.sample_total]\n"),
        values_in=_sampled_metrics,
        derived=frozenset(field.name for field in fields(Metric))
        - {"labels", "null_label", "kind", "histogram", "null"},
    ),
    "NAME.toml: rules.NAME": Table(
        RuleSchema,
        samples=(
            {
                "metric": '"m"',
                "where": '{ plan = "pro" }',
                "above": "7",
                "for": '"7m"',
                "keep_firing_for": '"7m"',
                "max_alerts": "7",
                "severity": '"critical"',
                "summary": '"s"',
                "group_summary": '"s"',
                "resolved_summary": '"s"',
                "description": '"s"',
                "runbook": '"r"',
                "labels": '{ team = "db" }',
                "annotations": '{ dashboard = "d" }',
                "needs": '["t.c"]',
                "details": '["last"]',
                "explains": '["Q"]',
                "explains_where": '{ plan = ["pro"] }',
                "muted_by": '["TokenMonitorTargetDown"]',
                "active": '"Mon-Fri 08:00-19:00 Europe/Berlin"',
                "population": '"m"',
                "above_share": "0.7",
                "repaired": '"SELECT 1 AS id FROM t WHERE id IN :last"',
                "evidence": '"SELECT 1 AS id"',
            },
            {**_ON_COLUMN, "by": "[]", "below": "7", "clear_above": "8"},
            {**_ON_COLUMN, "above": "7", "clear_below": "6"},
            {
                "column": '"x"',
                "summary": '"s"',
                "above": "{ warning = 7, critical = 9 }",
            },
            {
                "metric": '"m"',
                "where": '{ plan = ["a*", "!b"] }',
                "above": "7",
                "severity": '"info"',
                "summary": '"s"',
            },
            {**_ON_COLUMN, "equals": "7"},
            {**_ON_COLUMN, "not_equals": "7"},
            {**_ON_COLUMN, "between": "[1, 7]"},
            {**_ON_COLUMN, "not_between": "[1, 7]"},
            {**_ON_COLUMN, "baseline": '{ direction = "up" }'},
            {**_ON_COLUMN, "change": '{ by = 0.2, over = "1h" }'},
            {**_ON_COLUMN, "new": "true"},
            {**_ON_COLUMN, "slo": "{ objective = 0.7 }"},
            {**_ON_COLUMN, "above": "7", "rate": '"increase"', "over": '"7m"'},
            {**_ON_COLUMN, "absent": "true"},
            {**_ON_COLUMN, "above": "7", "enabled": "false"},
        ),
        load=_load_query(
            _HEADER
            + "[metrics.m]\nhelp = 'h'\nlabels = ['plan']\nvalue = 'x'\n"
            + "[rules.Q]\nmetric = 'm'\nabove = 0\nseverity = 'info'\nsummary = 's'\n"
            + "[rules.Sample]\n"
        ),
        values_in=_sampled_rules,
    ),
}
_KEYS = [
    pytest.param(table, sample, key, id=f"{name}: {key} of {number}")
    for name, table in TABLES.items()
    for number, sample in enumerate(table.samples, 1)
    for key in sample
]


def _lines(keys: Keys) -> str:
    return "".join(f"{key} = {value}\n" for key, value in keys.items())


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_samples_give_every_key_of_a_shape(table: Table) -> None:
    fields_of_shape = table.schema.model_fields.items()
    keys = {field.alias or name for name, field in fields_of_shape}
    missing = keys - table.refused - set().union(*table.samples)
    assert not missing, f"add to the samples of {table.schema.__name__}: {missing}"


@pytest.mark.parametrize(("table", "sample", "key"), _KEYS)
def test_without_a_key_the_configuration_is_another(
    tmp_path: Path, table: Table, sample: Keys, key: str
) -> None:
    folder = Folder(tmp_path)
    whole = table.load(folder, _lines(sample))
    rest = {name: value for name, value in sample.items() if name != key}
    try:
        without = table.load(folder, _lines(rest))
    except ConfigError:
        return  # it is required
    assert without != whole, f"{key} is in {table.schema.__name__}, and nobody reads it"


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_field_of_a_value_is_set_by_some_key(
    tmp_path: Path, table: Table
) -> None:
    folder = Folder(tmp_path)
    values: list[Any] = []
    for sample in table.samples:
        values += table.values_in(table.load(folder, _lines(sample)))
    optional = {field.name: _default(field) for field in fields(values[0])}
    unset = {
        name
        for name, default in optional.items()
        if default is not MISSING
        and all(getattr(value, name) == default for value in values)
    }
    left_out = unset - table.derived
    assert not left_out, f"no key sets these of {type(values[0]).__name__}: {left_out}"


@pytest.mark.parametrize(
    ("schema", "key"), [(RuleSchema, "severity"), (ReceiverSchema, "min_severity")]
)
def test_every_severity_can_be_given(schema: type[Schema], key: str) -> None:
    words = get_args(schema.model_fields[key].annotation)
    assert set(words) == {severity.value for severity in Severity}, schema


def _default(field: Field[Any]) -> Any:
    """Return the default of a field; MISSING where the type checker asks for a value anyway."""
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default
