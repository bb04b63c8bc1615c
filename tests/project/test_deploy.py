"""The files of deploy/ and the example config.toml: right by their tools, and in step with the queries."""

from __future__ import annotations

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

from monitor.alerting.severity import loudest
from monitor.config import load
from monitor.config.schema import (
    DeploysSchema,
    HeartbeatSchema,
    HttpSdSchema,
    LogSchema,
    RootSchema,
    StateSchema,
    TargetSchema,
    TargetsDefaultsSchema,
    TlsSchema,
    WebSchema,
)
from monitor.config.toml.validation import Schema
from monitor.config.web_and_state import LISTEN_VARIABLE, STATE_VARIABLE
from monitor.daemon.start import DEFAULT_START_SECONDS
from monitor.model.conditions import CONDITIONS
from monitor.model.settings import Config
from monitor.notify.alertmanager.settings import AlertmanagerSettings
from monitor.notify.kinds import KINDS

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "token-monitor.rules.yml"
EXAMPLE = ROOT / "config.toml"
OWN_RULES = tomllib.loads(
    (ROOT / "monitor" / "config" / "queries" / "own_rules.toml").read_text()
)


def checked(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def shipped(folder: Path) -> Config:
    """Load all shipped queries."""
    path = folder / "config.toml"
    path.write_text(
        '[targets.main]\nunix_socket = "/s"\nuser = "u"\ndatabase = "app"\n'
        '[contract]\napp_sql = ["app"]\n',
        encoding="utf-8",
    )
    return load(path, {}, KINDS)


# Prometheus and Alertmanager


def test_prometheus_accepts_its_example_configuration_and_rules() -> None:
    said = checked(
        "promtool",
        "check",
        "config",
        "--lint=all",
        "--lint-fatal",
        DEPLOY / "prometheus" / "prometheus.yml",
    )
    assert "SUCCESS" in said
    assert (
        f"{len(yaml.safe_load(RULES.read_text())['groups'][0]['rules'])} rules found"
        in said
    )


def test_alertmanager_accepts_its_example_configuration() -> None:
    checked("amtool", "check-config", DEPLOY / "alertmanager" / "alertmanager.yml")


def test_no_rule_of_prometheus_has_the_name_of_one_that_the_monitor_sends_itself(
    tmp_path: Path,
) -> None:
    config = shipped(tmp_path)
    ours = {rule.name for job in config.jobs for rule in job.query.rules} | {
        r.name for r in config.own_rules
    }
    theirs = {
        rule["alert"]
        for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    }
    assert not ours & theirs


OF_MONITOR = "job='token-monitor', instance='a'"
OF_TARGET = f"{OF_MONITOR}, target='main'"
OF_QUERY = f"{OF_TARGET}, query='balances'"
UP = f"up{{{OF_MONITOR}}}"
STARTED = f"process_start_time_seconds{{{OF_MONITOR}}}"
WATCHDOG = f"token_monitor_alerts{{{OF_MONITOR}, alertname='TokenMonitorWatchdog', severity='info', state='firing'}}"
TARGET_UP = f"token_monitor_up{{{OF_TARGET}}}"
OK, FAILED, BLOCKED = (
    f"token_monitor_query_status{{{OF_QUERY}, status='{status}'}}"
    for status in ("ok", "failed", "blocked")
)
INTERVAL = f"token_monitor_query_interval_seconds{{{OF_QUERY}}}"
LAST_SUCCESS = f"token_monitor_query_last_success_timestamp_seconds{{{OF_QUERY}}}"
MISSED = f"token_monitor_query_missed_total{{{OF_QUERY}}}"
NOT_DELIVERED = f"token_monitor_delivery_failures_total{{{OF_MONITOR}, receiver='oncall', reason='http_500'}}"
OLDEST = (
    f"token_monitor_outbox_oldest_timestamp_seconds{{{OF_MONITOR}, receiver='oncall'}}"
)
REFUSED = f'token_monitor_outbox_refused_total{{receiver="oncall", {OF_MONITOR}}}'
NOT_BEATEN = (
    f"token_monitor_heartbeat_failures_total{{{OF_MONITOR}, reason='http_500'}}"
)
NOT_LISTED = f"token_monitor_http_sd_failures_total{{{OF_MONITOR}, reason='timeout'}}"
LOST = f"token_monitor_pipeline_failures_total{{{OF_MONITOR}}}"
UNJUDGED = f"token_monitor_rule_failures_total{{{OF_QUERY}}}"
DURABLE = f"token_monitor_state_durable{{{OF_MONITOR}}}"
NOT_KILLED, GONE = (
    f"token_monitor_kill_failures_total{{{OF_TARGET}, reason='{reason}'}}"
    for reason in ("denied", "no_such_thread")
)
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
    NOT_BEATEN: ZERO,
    NOT_LISTED: ZERO,
    REFUSED: ZERO,
    LOST: ZERO,
    UNJUDGED: ZERO,
    DURABLE: ONE,
    NOT_KILLED: ZERO,
    GONE: GROWS,  # it had ended by itself
    LEFT_OUT: ZERO,
    LOG_DROPPED: ZERO,
}
QUERY = {"target": "main", "query": "balances"}
BROKEN: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "TokenMonitorDown": ({UP: ZERO}, {"severity": "critical"}),
    "TokenMonitorRestarting": ({STARTED: "5+1x90"}, {"severity": "warning"}),
    "TokenMonitorJudgesNothing": (
        {WATCHDOG: ZERO},
        {"severity": "critical", "state": "firing"},
    ),
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
    "TokenMonitorQueryOverdue": (
        {LAST_SUCCESS: ZERO},
        {**QUERY, "severity": "warning"},
    ),
    "TokenMonitorRunsMissed": ({MISSED: GROWS}, {**QUERY, "severity": "warning"}),
    "TokenMonitorDeliveriesFail": (
        {NOT_DELIVERED: GROWS},
        {"severity": "warning", "receiver": "oncall", "reason": "http_500"},
    ),
    "TokenMonitorOutboxOld": (
        {OLDEST: ONE},
        {"severity": "critical", "receiver": "oncall"},
    ),
    "TokenMonitorOutboxFull": (
        {REFUSED: GROWS},
        {"severity": "critical", "receiver": "oncall"},
    ),
    "TokenMonitorHeartbeatsFail": (
        {NOT_BEATEN: GROWS},
        {"severity": "warning", "reason": "http_500"},
    ),
    "TokenMonitorDiscoveryFails": (
        {NOT_LISTED: GROWS},
        {"severity": "warning", "reason": "timeout"},
    ),
    "TokenMonitorLosesResults": ({LOST: GROWS}, {"severity": "warning"}),
    "TokenMonitorRuleFails": ({UNJUDGED: GROWS}, {**QUERY, "severity": "warning"}),
    "TokenMonitorStateInMemory": ({DURABLE: ZERO}, {"severity": "warning"}),
    "TokenMonitorKillsFail": (
        {NOT_KILLED: GROWS},
        {"severity": "warning", "target": "main", "reason": "denied"},
    ),
    "TokenMonitorSeriesLeftOut": ({LEFT_OUT: GROWS}, {"severity": "warning"}),
    "TokenMonitorLogDropped": ({LOG_DROPPED: GROWS}, {"severity": "warning"}),
}


def test_a_blocked_query_is_no_trouble_of_the_monitor(tmp_path: Path) -> None:
    firing(tmp_path, {**HEALTHY, OK: ZERO, BLOCKED: ONE, LAST_SUCCESS: ZERO})


def firing(
    folder: Path, series: Mapping[str, str], *expected: Mapping[str, str]
) -> None:
    """Let promtool compare what fires after an hour of these series, one value a minute, with `expected`."""
    samples = [
        {
            "labels": "".join(
                [
                    "ALERTS{alertstate='firing'",
                    *(f", {key}='{value}'" for key, value in labels.items()),
                    "}",
                ]
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
                "input_series": [
                    {"series": name, "values": values}
                    for name, values in series.items()
                ],
                "promql_expr_test": [
                    {
                        "eval_time": "1h",
                        "expr": 'ALERTS{alertstate="firing"}',
                        "exp_samples": samples,
                    }
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
def test_each_rule_of_prometheus_fires_on_its_trouble_and_no_other_does(
    name: str, tmp_path: Path
) -> None:
    series, labels = BROKEN[name]
    firing(
        tmp_path,
        {**HEALTHY, **series},
        {"alertname": name, "job": "token-monitor", "instance": "a", **labels},
    )


@pytest.mark.parametrize(
    ("series", "labels"),
    [
        (LOST, {"alertname": "TokenMonitorLosesResults"}),
        (UNJUDGED, {"alertname": "TokenMonitorRuleFails", **QUERY}),
    ],
)
def test_what_went_wrong_before_the_first_scrape_is_reported(
    series: str, labels: dict[str, str], tmp_path: Path
) -> None:
    common = {"job": "token-monitor", "instance": "a", "severity": "warning"}
    firing(tmp_path, {**HEALTHY, series: ONE}, {**common, **labels})
    firing(tmp_path, {**HEALTHY, STARTED: "-60x90", series: ONE})


def test_a_statement_that_cannot_be_stopped_on_a_lost_target_is_no_alert_more(
    tmp_path: Path,
) -> None:
    lost = {TARGET_UP: ZERO, FAILED: ONE, LAST_SUCCESS: ZERO}
    _, labels = BROKEN["TokenMonitorTargetLost"]
    common = {
        "alertname": "TokenMonitorTargetLost",
        "job": "token-monitor",
        "instance": "a",
    }
    firing(tmp_path, {**HEALTHY, **lost, NOT_KILLED: GROWS}, {**common, **labels})


def test_a_monitor_that_is_not_scraped_at_all_is_reported(tmp_path: Path) -> None:
    firing(
        tmp_path,
        {},
        {
            "alertname": "TokenMonitorAbsent",
            "job": "token-monitor",
            "severity": "critical",
        },
    )


def test_every_rule_of_prometheus_has_been_seen_firing() -> None:
    names = [
        rule["alert"]
        for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    ]
    assert sorted(names) == sorted([*BROKEN, "TokenMonitorAbsent"])


# What is muted by us is inhibited by Alertmanager


def dependants(config: Config) -> dict[tuple[str, str], tuple[set[str], set[str]]]:
    """Return the rules and the queries that have no data without a column, or without a whole table: `""`."""
    found: dict[tuple[str, str], tuple[set[str], set[str]]] = defaultdict(
        lambda: (set(), set())
    )
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
    """Yield what Alertmanager needs to do as the monitor does; columns with equal dependants together."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (table, column), (alerts, blocked) in sorted(dependants(config).items()):
        groups[table, "|".join(sorted(alerts)), "|".join(sorted(blocked))].append(
            column
        )
    for (table, rules, queries), columns in groups.items():
        source = [
            'alertname="TokenColumnMissing"',
            f'table="{table}"',
            f'column=~"{"|".join(columns)}"',
        ]
        about_queries = [
            'alertname=~"TokenMonitorQuery(Failing|Stale)"',
            f'query=~"{queries}"',
        ]
        for names, matchers in (
            (rules, [f'alertname=~"{rules}"']),
            (queries, about_queries),
        ):
            if names:
                yield {
                    "source_matchers": source,
                    "target_matchers": matchers,
                    "equal": ["target"],
                }


def labels_of_alerts(config: Config) -> dict[str, frozenset[str]]:
    """Return the labels that tell the alerts of each rule apart."""
    found: dict[str, frozenset[str]] = {}
    for query in {job.query.name: job.query for job in config.jobs}.values():
        names = {metric.name: metric.label_names for metric in query.metrics}
        for rule in query.rules:
            own = () if rule.is_of_total else names[rule.metric]
            found[rule.name] = frozenset((*own, *rule.labels))
    for name, rule_table in OWN_RULES["rules"].items():
        metric = OWN_RULES["metrics"][rule_table["metric"]]
        found[name] = frozenset(metric.get("labels", ()))
    return found


def inhibit_rules_of_causes(config: Config) -> Iterator[dict[str, Any]]:
    """Yield what Alertmanager needs to inhibit what the files say that a rule explains."""
    labels = labels_of_alerts(config)
    for explained, causes in sorted(config.causes.causes.items()):
        for cause in causes:
            common = sorted(labels[cause.name] & labels[explained])
            claimed = [
                f'{name}=~"{"|".join(values)}"'
                for name, values in cause.claims
                if name in labels[explained]
            ]
            yield {
                "source_matchers": [f'alertname="{cause.name}"'],
                "target_matchers": [f'alertname="{explained}"', *claimed],
                "equal": ["target", *common],
            }


def test_what_the_shipped_rules_explain_is_there() -> None:
    config = load(EXAMPLE, {}, KINDS)
    names = labels_of_alerts(config)
    rules = {rule.name: rule for job in config.jobs for rule in job.query.rules}
    rules |= {rule.name: rule for rule in config.own_rules}
    for explained, causes in config.causes.causes.items():
        assert explained in names, f"{causes} explain it"
        for cause in causes:
            # An Alertmanager inhibits whatever its routes say: a quiet cause would hide what wakes somebody.
            louder = loudest([rules[cause.name].severity, rules[explained].severity])
            assert louder is rules[cause.name].severity, (cause, explained)


def test_alertmanager_inhibits_exactly_what_the_monitor_mutes_under_a_missing_column(
    tmp_path: Path,
) -> None:
    given = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())[
        "inhibit_rules"
    ]
    assert given[0]["source_matchers"] == ['alertname="TokenMonitorTargetDown"']
    assert given[1]["source_matchers"] == ['alertname="TokenMonitorReplicaLagging"']
    assert given[0]["equal"] == given[1]["equal"] == ["target"]
    config = shipped(tmp_path)
    expected = [*inhibit_rules(config), *inhibit_rules_of_causes(config)]
    paste = "\n".join(
        f"  - source_matchers: [{', '.join(rule['source_matchers'])}]\n"
        f"    target_matchers: [{', '.join(rule['target_matchers'])}]\n"
        f"    equal: [{', '.join(rule['equal'])}]"
        for rule in expected
    )
    assert given[2:] == expected, (
        f"deploy/alertmanager/alertmanager.yml must have:\n{paste}"
    )


# The example config.toml


def keys_of(*shapes: type[Schema]) -> set[str]:
    return {
        field.alias or name
        for shape in shapes
        for name, field in shape.model_fields.items()
    }


def test_the_example_configuration_is_valid_as_it_stands() -> None:
    config = load(EXAMPLE, {}, KINDS)
    assert [target.name for target in config.targets] == ["main"]
    assert (config.web.port, config.state.directory) == (8917, ROOT / "state")
    assert config.notices == ()


def test_the_example_configuration_is_valid_with_every_example_in_it_uncommented(
    tmp_path: Path,
) -> None:
    text = re.sub(
        r"^#(?=[^\s#])", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    (tmp_path / "my-queries").mkdir()
    (tmp_path / "targets").mkdir()
    listed = "- targets: [db1]\n  labels: {__secret__: db1}\n"
    (tmp_path / "targets" / "one.yml").write_text(listed)
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    config = load(path, {}, KINDS)
    assert [target.name for target in config.targets] == ["main", "db1"]
    assert [receiver.kind for receiver in config.receivers] == [
        *("alertmanager", "webhook", "slack", "teams", "discord", "mattermost"),
        *("google_chat", "telegram", "ntfy", "pagerduty", "opsgenie", "jira"),
        *("apprise", "email"),
    ]


def test_the_example_configuration_speaks_of_every_key() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    shapes: tuple[type[Schema], ...] = (
        *(
            RootSchema,
            TargetSchema,
            TlsSchema,
            WebSchema,
            StateSchema,
            DeploysSchema,
            HeartbeatSchema,
            HttpSdSchema,
            LogSchema,
            TargetsDefaultsSchema,
        ),
        *(kind.schema for kind in KINDS.values()),
    )
    refused = {"password", "routing_key", "hmac_secret", "bot_token", "api_key"}
    keys = keys_of(*shapes) - refused | {
        *(
            "interval",
            "cron",
            "time_zone",
            "timeout",
            "max_rows",
            "enabled",
            "parameters",
        ),
        *(
            *CONDITIONS,
            "for",
            "keep_firing_for",
            "severity",
            "summary",
        ),
        *(
            "description",
            "runbook",
            "labels",
            "annotations",
            LISTEN_VARIABLE,
            STATE_VARIABLE,
        ),
    }
    assert {key for key in keys if not re.search(rf"\b{key}\b", text)} == set()


# systemd, compose, the image


UNIT = DEPLOY / "systemd" / "token-monitor.service"


CREDENTIALS = DEPLOY / "systemd" / "credentials.conf"
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="no systemd-analyze is installed here",
)


def runnable_unit(folder: Path) -> Path:
    """Write the unit with a program that exists, in place of the one that is not installed here."""
    unit = folder / UNIT.name
    text = UNIT.read_text(encoding="utf-8").replace(
        "/opt/token-monitor/bin/token-monitor", "/bin/true"
    )
    unit.write_text(text, encoding="utf-8")
    return unit


@needs_systemd
def test_systemd_accepts_the_credentials_beside_the_unit(tmp_path: Path) -> None:
    unit = runnable_unit(tmp_path)
    drop_in = tmp_path / f"{UNIT.name}.d" / CREDENTIALS.name
    drop_in.parent.mkdir()
    text = CREDENTIALS.read_text(encoding="utf-8")
    drop_in.write_text(text, encoding="utf-8")
    assert checked("systemd-analyze", "verify", "--man=no", unit) == ""
    (credential,) = re.findall(r"^LoadCredential=([a-z-]+):/", text, re.MULTILINE)
    assert f"/run/credentials/{UNIT.name}/{credential}" in text
    # It is read at all.
    drop_in.write_text(text.replace("LoadCredential=", "LoadSecret="), encoding="utf-8")
    assert "LoadSecret" in checked("systemd-analyze", "verify", "--man=no", unit)


@needs_systemd
def test_systemd_accepts_the_unit_and_finds_it_hardened(tmp_path: Path) -> None:
    unit = runnable_unit(tmp_path)
    assert checked("systemd-analyze", "verify", "--man=no", unit) == ""
    # what is left is that it may talk to any address: 1.2 in all
    checked("systemd-analyze", "security", "--offline=true", "--threshold=15", unit)


def test_the_unit_says_what_the_program_needs() -> None:
    text = UNIT.read_text(encoding="utf-8")
    assert "Environment=TOKEN_MONITOR_STATE_DIRECTORY=/var/lib/token-monitor\n" in text
    for line in (
        *(
            "User=token-monitor",
            "Type=notify",
            "StateDirectory=token-monitor",
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
        ),
        *(
            "PrivateTmp=yes",
            "PrivateDevices=yes",
            "MemoryDenyWriteExecute=yes",
            "CapabilityBoundingSet=",
        ),
        *(
            "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
            "SystemCallFilter=@system-service",
        ),
    ):
        assert f"\n{line}\n" in text
    for line in (
        *(
            "RequiresMountsFor=/var/lib/token-monitor",
            "Restart=always",
            "RestartPreventExitStatus=2 3",
        ),
        *("MemoryMax=", "TasksMax="),
    ):
        assert f"\n{line}" in text


def test_compose_takes_every_right_away_and_mounts_what_is_there() -> None:
    folder = DEPLOY / "compose"
    compose = yaml.safe_load((folder / "compose.yml").read_text(encoding="utf-8"))
    monitor = compose["services"]["token-monitor"]
    assert (monitor["read_only"], monitor["cap_drop"]) == (True, ["ALL"])
    assert monitor["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in monitor["ports"])
    assert (folder / monitor["build"] / "Dockerfile").is_file()
    for service in compose["services"].values():
        sources = [volume.split(":")[0] for volume in service["volumes"]]
        assert all((folder / one).exists() for one in sources if one.startswith("."))
        assert {one for one in sources if not one.startswith(".")} <= set(
            compose["volumes"]
        )


def test_the_unit_gives_a_start_more_time_than_it_takes_to_give_up() -> None:
    found = re.search(
        r"^TimeoutStartSec=(\d+)s$", UNIT.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert found is not None
    assert int(found[1]) > DEFAULT_START_SECONDS + 30


def test_in_compose_each_has_its_own_network_and_speaks_only_to_who_is_there(
    tmp_path: Path,
) -> None:
    folder = DEPLOY / "compose"
    services = yaml.safe_load((folder / "compose.yml").read_text(encoding="utf-8"))[
        "services"
    ]
    assert [name for name, one in services.items() if "network_mode" in one] == []
    published = {
        f"{name}:{port.rpartition(':')[2]}"
        for name, one in services.items()
        for port in one["ports"]
    }
    prometheus = yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))
    spoken_to = {
        target
        for job in (
            *prometheus["scrape_configs"],
            *prometheus["alerting"]["alertmanagers"],
        )
        for one in job["static_configs"]
        for target in one["targets"]
    }
    config = load(folder / "config.toml", {}, KINDS)
    (receiver,) = config.receivers
    assert isinstance(receiver.settings, AlertmanagerSettings)
    spoken_to |= {url.removeprefix("http://") for url in receiver.settings.urls}
    grafana = yaml.safe_load(
        (folder / "grafana" / "datasources" / "prometheus.yml").read_text("utf-8")
    )
    spoken_to |= {
        source["url"].removeprefix("http://") for source in grafana["datasources"]
    }
    expected = {"token-monitor:8917", "alertmanager:9093", "prometheus:9090"}
    assert spoken_to == expected <= published
    for path in (folder / "prometheus.yml", RULES):
        shutil.copy(path, tmp_path)
    assert "SUCCESS" in checked(
        "promtool", "check", "config", tmp_path / "prometheus.yml"
    )


def test_grafana_finds_the_dashboard_where_the_steps_have_it_printed() -> None:
    folder = DEPLOY / "compose"
    text = (folder / "compose.yml").read_text(encoding="utf-8")
    steps = text.partition("name: token-monitor")[0]
    printed = re.search(r"token-monitor dashboard > (\S+)", steps)
    assert printed is not None
    grafana = yaml.safe_load(text)["services"]["grafana"]
    (mounted,) = (one for one in grafana["volumes"] if one.startswith("./"))
    here, there, _ = mounted.split(":")
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert f"./{printed[1]}".replace(here, there, 1) == home
    provider = yaml.safe_load(
        (folder / "grafana" / "dashboards" / "provider.yml").read_text("utf-8")
    )
    (options,) = (one["options"] for one in provider["providers"])
    assert options["path"] == str(Path(home).parent)
    assert (ROOT / ".gitignore").read_text("utf-8").count(
        "/deploy/compose/grafana/dashboards/*.json"
    ) == 1


def test_the_alertmanager_as_shipped_posts_to_nobody() -> None:
    document = yaml.safe_load(
        (DEPLOY / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
    )
    assert document["receivers"] == [{"name": "oncall"}, {"name": "dead-mans-switch"}]


def test_the_configuration_for_compose_is_valid() -> None:
    config = load(DEPLOY / "compose" / "config.toml", {}, KINDS)
    assert config.targets[0].tls.mode == "verify_identity"


def test_the_image_installs_only_what_is_locked_and_runs_as_nobody_in_particular() -> (
    None
):
    lines = [
        line
        for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert bases == ["python:3.11-slim-bookworm"] * 2
    text = " ".join(line for line in lines if not line.startswith("#")).replace(
        "\\", ""
    )
    installs = re.findall(r"install\s+--no-deps.*?(?=&&|COPY|RUN|FROM)", text)
    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)
    assert "://" not in text
    assert [line for line in lines if line.startswith("USER ")] == ["USER 65532:65532"]
    commands = re.findall(r"(?:ENTRYPOINT|CMD) +(\S)", text)
    assert commands == ["["] * 3, (
        "HEALTHCHECK, ENTRYPOINT and CMD have the form that needs no shell"
    )


def test_the_image_is_built_from_the_program_alone() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*"
    kept = {line[1:] for line in rules if line.startswith("!")}
    copied = set()
    for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            copied |= set(line.split()[1:-1])
    assert kept == copied
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["packages"], *wheel["force-include"]} <= copied
