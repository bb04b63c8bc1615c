"""The files of deploy/ and the example config.toml: right by their tools, and in step with the queries."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.config import load
from monitor.config.shapes import ReceiverShape, RootShape, StateShape, TargetShape, TlsShape, WebShape
from monitor.model.settings import Config

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "token-monitor.rules.yml"
EXAMPLE = ROOT / "config.toml"


def checked(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def shipped(folder: Path) -> Config:
    """Load all shipped queries."""
    path = folder / "config.toml"
    path.write_text('[targets.main]\nunix_socket = "/s"\nuser = "u"\ndatabase = "app"\n', encoding="utf-8")
    return load(path, {})


# Prometheus and Alertmanager


def test_prometheus_accepts_its_example_configuration_and_rules() -> None:
    said = checked(
        "promtool", "check", "config", "--lint=all", "--lint-fatal", DEPLOY / "prometheus" / "prometheus.yml"
    )
    assert "SUCCESS" in said
    assert f"{len(yaml.safe_load(RULES.read_text())['groups'][0]['rules'])} rules found" in said


def test_alertmanager_accepts_its_example_configuration() -> None:
    checked("amtool", "check-config", DEPLOY / "alertmanager" / "alertmanager.yml")


def test_no_rule_of_prometheus_has_the_name_of_one_that_the_monitor_sends_itself(tmp_path: Path) -> None:
    config = shipped(tmp_path)
    ours = {rule.name for job in config.jobs for rule in job.query.rules} | {r.name for r in config.own_rules}
    theirs = {rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}
    assert not ours & theirs


OF_MONITOR = "job='token-monitor', instance='a'"
OF_TARGET = f"{OF_MONITOR}, target='main'"
OF_QUERY = f"{OF_TARGET}, query='balances'"
UP = f"up{{{OF_MONITOR}}}"
STARTED = f"process_start_time_seconds{{{OF_MONITOR}}}"
WATCHDOG = (
    f"token_monitor_alerts{{{OF_MONITOR}, alertname='TokenMonitorWatchdog', severity='info', state='firing'}}"
)
TARGET_UP = f"token_monitor_up{{{OF_TARGET}}}"
OK, FAILED, BLOCKED = (
    f"token_monitor_query_status{{{OF_QUERY}, status='{status}'}}" for status in ("ok", "failed", "blocked")
)
INTERVAL = f"token_monitor_query_interval_seconds{{{OF_QUERY}}}"
LAST_SUCCESS = f"token_monitor_query_last_success_timestamp_seconds{{{OF_QUERY}}}"
MISSED = f"token_monitor_query_missed_total{{{OF_QUERY}}}"
NOT_DELIVERED = f"token_monitor_delivery_failures_total{{{OF_MONITOR}, receiver='oncall', reason='http_500'}}"
OLDEST = f"token_monitor_outbox_oldest_timestamp_seconds{{{OF_MONITOR}, receiver='oncall'}}"
RELOADED = f"token_monitor_config_last_reload_successful{{{OF_MONITOR}}}"
LEFT_OUT = f"token_monitor_exposition_skipped_total{{{OF_MONITOR}}}"
LOG_DROPPED = f"token_monitor_log_events_dropped_total{{{OF_MONITOR}}}"

GROWS, ONE, ZERO = "0+1x90", "1x90", "0x90"
HEALTHY = {
    UP: ONE,
    STARTED: "5x90",
    WATCHDOG: ONE,
    TARGET_UP: ONE,
    OK: ONE,
    FAILED: ZERO,
    BLOCKED: ZERO,
    INTERVAL: "300x90",
    LAST_SUCCESS: "0+60x90",
    MISSED: ZERO,
    NOT_DELIVERED: ZERO,
    RELOADED: ONE,
    LEFT_OUT: ZERO,
    LOG_DROPPED: ZERO,
}
QUERY = {"target": "main", "query": "balances"}
BROKEN: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "TokenMonitorDown": ({UP: ZERO}, {"severity": "critical"}),
    "TokenMonitorRestarting": ({STARTED: "5+1x90"}, {"severity": "warning"}),
    "TokenMonitorJudgesNothing": ({WATCHDOG: ZERO}, {"severity": "critical", "state": "firing"}),
    # what failed with the target is no second alert
    "TokenMonitorTargetLost": (
        {TARGET_UP: ZERO, FAILED: ONE, LAST_SUCCESS: ZERO},
        {"severity": "critical", "target": "main"},
    ),
    # and a failing query is not overdue as well
    "TokenMonitorQueryFails": (
        {FAILED: ONE, LAST_SUCCESS: ZERO},
        {**QUERY, "severity": "warning", "status": "failed"},
    ),
    "TokenMonitorQueryOverdue": ({LAST_SUCCESS: ZERO}, {**QUERY, "severity": "warning"}),
    "TokenMonitorRunsMissed": ({MISSED: GROWS}, {**QUERY, "severity": "warning"}),
    "TokenMonitorDeliveriesFail": (
        {NOT_DELIVERED: GROWS},
        {"severity": "warning", "receiver": "oncall", "reason": "http_500"},
    ),
    "TokenMonitorOutboxOld": ({OLDEST: ONE}, {"severity": "critical", "receiver": "oncall"}),
    "TokenMonitorConfigRejected": ({RELOADED: ZERO}, {"severity": "warning"}),
    "TokenMonitorSeriesLeftOut": ({LEFT_OUT: GROWS}, {"severity": "warning"}),
    "TokenMonitorLogDropped": ({LOG_DROPPED: GROWS}, {"severity": "warning"}),
}


def test_a_blocked_query_is_no_trouble_of_the_monitor(tmp_path: Path) -> None:
    firing(tmp_path, {**HEALTHY, OK: ZERO, BLOCKED: ONE, LAST_SUCCESS: ZERO})


def firing(folder: Path, series: Mapping[str, str], *expected: Mapping[str, str]) -> None:
    """Let promtool compare what fires after an hour of these series, one value a minute, with `expected`."""
    samples = [
        {
            "labels": "".join(
                ["ALERTS{alertstate='firing'", *(f", {key}='{value}'" for key, value in labels.items()), "}"]
            ),
            "value": 1,
        }
        for labels in expected
    ]
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {"eval_time": "1h", "expr": 'ALERTS{alertstate="firing"}', "exp_samples": samples}
                ],
            }
        ],
    }
    path = folder / "test.yml"
    path.write_text(json.dumps(test), encoding="utf-8")
    checked("promtool", "test", "rules", path)


def test_no_rule_of_prometheus_fires_while_all_is_well(tmp_path: Path) -> None:
    firing(tmp_path, HEALTHY)


@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_of_prometheus_fires_on_its_trouble_and_no_other_does(name: str, tmp_path: Path) -> None:
    series, labels = BROKEN[name]
    firing(
        tmp_path,
        {**HEALTHY, **series},
        {"alertname": name, "job": "token-monitor", "instance": "a", **labels},
    )


def test_a_monitor_that_is_not_scraped_at_all_is_told(tmp_path: Path) -> None:
    firing(tmp_path, {}, {"alertname": "TokenMonitorAbsent", "job": "token-monitor", "severity": "critical"})


def test_every_rule_of_prometheus_has_been_seen_firing() -> None:
    names = [rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]]
    assert sorted(names) == sorted([*BROKEN, "TokenMonitorAbsent"])


# What is muted by us is inhibited by Alertmanager


def dependants(config: Config) -> dict[tuple[str, str], tuple[set[str], set[str]]]:
    """Give the rules and the queries that have no data without a column, or without a whole table: `""`."""
    found: dict[tuple[str, str], tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for query in {job.query.name: job.query for job in config.jobs}.values():
        for rule in query.rules:
            for needed in {*query.needs, *rule.needs}:
                found[needed.table, needed.column][0].add(rule.name)
                found[needed.table, ""][0].add(rule.name)
        for needed in query.needs:
            found[needed.table, needed.column][1].add(query.name)
            found[needed.table, ""][1].add(query.name)
    return found


def inhibit_rules(config: Config) -> Iterator[dict[str, Any]]:
    """Give what Alertmanager needs to do as the monitor does; columns with the same dependants go together."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (table, column), (alerts, blocked) in sorted(dependants(config).items()):
        groups[table, "|".join(sorted(alerts)), "|".join(sorted(blocked))].append(column)
    for (table, rules, queries), columns in groups.items():
        source = [
            'alertname="TokenColumnMissing"',
            f'table="{table}"',
            f'column=~"{"|".join(columns)}"',
        ]
        for matchers in (
            *([about] if about else []),
            ['alertname=~"TokenMonitorQuery(Failing|Stale)"', f'query=~"{"|".join(queries)}"'],
        ):
            yield {"source_matchers": source, "target_matchers": matchers, "equal": ["target"]}


def test_alertmanager_inhibits_exactly_what_the_monitor_mutes_under_a_missing_column(tmp_path: Path) -> None:
    given = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())["inhibit_rules"]
    assert given[0]["source_matchers"] == ['alertname="TokenMonitorTargetDown"']
    assert given[0]["equal"] == ["target"]
    expected = list(inhibit_rules(shipped(tmp_path)))
    paste = "\n".join(
        f"  - source_matchers: [{', '.join(rule['source_matchers'])}]\n"
        f"    target_matchers: [{', '.join(rule['target_matchers'])}]\n"
        f"    equal: [target]"
        for rule in expected
    )
    assert given[1:] == expected, f"deploy/alertmanager/alertmanager.yml must have:\n{paste}"
