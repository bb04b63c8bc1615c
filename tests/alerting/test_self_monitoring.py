"""Rules about the monitor itself, the clock driven: late replicas, clocks that are off, a lost right."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.alerting.denials import denied_table
from monitor.alerting.query_view import QueryStatus
from monitor.alerting.self_monitoring import TARGET_CHECKS
from monitor.alerting.self_status import SELF_CHECKS
from monitor.alerting.severity import loudest
from monitor.config.queries import own_rules
from monitor.model.alerts import Alert, AlertState
from monitor.model.conditions import Condition
from monitor.model.errors import Reason
from monitor.model.own_alerts import (
    ACCESS_DENIED,
    ALERTS_LIMITED,
    QUERY_FAILING,
    QUERY_STALE,
)
from monitor.model.populations import Population
from monitor.model.results import (
    ALTERED_SESSION,
    ClockOffset,
    Failure,
    Replication,
    Sample,
    Server,
    Success,
)
from monitor.model.settings import Metric, Severity
from monitor.telemetry.own_families import TARGET_METRICS
from tests.support.harness import (
    BALANCES,
    COLUMNS,
    LOST,
    MINUTE,
    OWN_RULES,
    SECOND,
    SERVER,
    TIMEOUT,
    USAGE,
    Harness,
    a_config,
    a_query,
    a_rule,
    balances,
    columns,
    usage,
)

RULES = (
    *OWN_RULES,
    a_rule(
        "TokenMonitorReplicaLagging",
        "replica_lagging",
        hold=MINUTE,
        severity=Severity.WARNING,
    ),
    a_rule(
        "TokenMonitorClockSkew",
        "clock_skew_seconds",
        hold=5 * MINUTE,
        condition=Condition("above", 30.0),
        severity=Severity.WARNING,
    ),
)
LATE = replace(SERVER, replication=Replication(312.0), knows_replication=True)
STANDING = replace(
    SERVER,
    replication=Replication(None, "IO thread: Yes, SQL thread: No"),
    knows_replication=True,
)
CLOSE = replace(SERVER, replication=Replication(2.0), knows_replication=True)
LAGGING = Failure(
    Reason.REPLICA_LAGGING, "the replica is more than 1m behind (max_replica_lag)"
)
REFUSED = "SELECT command denied to user 'm'@'localhost' for table "


def denied(table: str, code: int = 1142) -> Failure:
    return Failure(Reason.ACCESS_DENIED, REFUSED + table, code, "privilege")


class Servers(Harness):
    """A harness in which it matters which server answers."""

    def __init__(self) -> None:
        super().__init__(a_config(COLUMNS, BALANCES, USAGE, own_rules=RULES))

    def after(self, passed: timedelta) -> Servers:
        super().after(passed)
        return self

    def well(self) -> None:
        self.runs(columns(), balances(pro=7), usage(3))

    def late(self) -> None:
        self.runs(LAGGING, LAGGING, LAGGING)

    def families(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for metric in TARGET_METRICS:
            if not metric.name.startswith("token_monitor_target_"):
                continue
            if metric.name.endswith(("_stretch", "_contact_timestamp_seconds")):
                continue
            for view in self.pipeline.snapshot.targets.values():
                for _labels, value in metric.read(view):
                    found.setdefault(metric.name, []).append(value)
        return found


@pytest.mark.parametrize("late", [LATE, STANDING], ids=["late", "standing"])
def test_a_late_replica_is_one_alert_and_everything_else_is_held_and_muted_under_it(
    late: Server,
) -> None:
    harness = Servers()
    harness.server = CLOSE
    harness.well()
    harness.after(2 * MINUTE).well()
    assert harness.reported() == [
        "TokenBalances pending",
        "TokenUsageStopped fired",
        "TokenBalances fired",
    ]
    harness.server = late
    harness.after(MINUTE).late()
    view = harness.pipeline.snapshot.queries["main", "balances"]
    assert (view.status, view.samples, view.consecutive_failures) == (
        QueryStatus.FAILED,
        (),
        0,
    )
    assert harness.pipeline.snapshot.targets["main"].up is True
    for _ in range(10):
        harness.after(MINUTE).late()
    assert harness.reported() == [
        "TokenMonitorReplicaLagging pending",
        "TokenMonitorReplicaLagging fired",
    ]
    assert harness.shown() == {
        "TokenBalances": "firing held muted",
        "TokenUsageStopped": "firing held muted",
        "TokenMonitorReplicaLagging": "firing",
    }


def test_a_replica_that_has_caught_up_resolves_it_and_what_was_refused_runs_at_once() -> (
    None
):
    harness = Servers()
    harness.server = LATE
    harness.late()
    harness.after(2 * MINUTE).late()
    harness.wanted.clear()
    harness.server = CLOSE
    harness.after(SECOND).run("missing_columns", columns())
    assert harness.reported()[-1] == "TokenMonitorReplicaLagging resolved"
    assert harness.wanted == ["balances", "usage"]
    harness.run("balances", balances())
    assert harness.reported() == []


def test_a_replica_that_is_late_for_less_than_a_minute_pages_nobody() -> None:
    harness = Servers()
    harness.server = LATE
    harness.late()
    harness.server = CLOSE
    harness.after(30 * SECOND).well()
    assert "TokenMonitorReplicaLagging fired" not in harness.reported()


def test_a_lost_server_is_not_said_to_be_late() -> None:
    harness = Servers()
    harness.server = LATE
    harness.late()
    harness.after(2 * MINUTE).late()
    harness.runs(LOST, LOST, LOST)
    harness.after(MINUTE)
    shown = harness.shown()
    assert shown["TokenMonitorTargetDown"] == "firing"
    assert shown["TokenMonitorReplicaLagging"] == "firing held muted"


def test_a_clock_that_is_off_for_five_minutes_is_reported_with_its_side() -> None:
    harness = Servers()
    harness.server = replace(SERVER, clock=ClockOffset(-95.0, 0.5))
    for _ in range(6):
        harness.well()
        harness.after(MINUTE)
    logged = [line for line in harness.reported() if "Clock" in line]
    assert logged == ["TokenMonitorClockSkew pending", "TokenMonitorClockSkew fired"]
    (alert,) = [
        one
        for one in harness.pipeline.snapshot.alerts
        if one.name == "TokenMonitorClockSkew"
    ]
    assert alert.value == 94.5
    harness.server = replace(SERVER, clock=ClockOffset(-2.0, 0.5))
    harness.well()
    assert [line for line in harness.reported() if "Clock" in line] == [
        "TokenMonitorClockSkew resolved"
    ]


@pytest.mark.parametrize(
    "clock", [ClockOffset(30.2, 0.5), ClockOffset(-29.0, 0.0), None]
)
def test_a_clock_that_may_be_right_is_not_reported(clock: ClockOffset | None) -> None:
    harness = Servers()
    harness.server = replace(SERVER, clock=clock)
    harness.well()
    harness.after(10 * MINUTE)
    assert not [line for line in harness.reported() if "Clock" in line]


def test_what_servers_say_of_themselves_is_in_the_metrics_while_it_is_known() -> None:
    harness = Servers()
    assert harness.families() == {}
    harness.server = replace(
        LATE,
        clock=ClockOffset(-1.5, 0.1),
        read_only=True,
        surplus_rights=("INSERT on `app`.*", "FILE on *.*"),
    )
    harness.late()
    assert harness.families() == {
        "token_monitor_target_clock_offset_seconds": [-1.5],
        "token_monitor_target_read_only": [1.0],
        "token_monitor_target_replica_lag_seconds": [312.0],
        "token_monitor_target_surplus_rights": [2],
    }
    harness.server = replace(STANDING, read_only=False)
    harness.late()
    assert harness.families() == {"token_monitor_target_read_only": [0.0]}
    harness.runs(LOST, LOST, LOST)
    assert harness.families() == {}


def test_a_right_that_is_gone_has_one_voice_for_each_table() -> None:
    harness = Servers()
    harness.well()
    harness.reported()
    for _ in range(5):
        harness.after(MINUTE).runs(
            denied("`app`.`users`"), denied("'users'"), denied("'usage'")
        )
    assert events(harness) == ["TokenMonitorAccessDenied fired"] * 2
    logged = {
        dict(one.labels)["table"]: dict(one.annotations)
        for one in firing(harness, "AccessDenied")
    }
    assert logged["users"] == {
        "summary": "GRANT SELECT ON `app`.`users` TO 'm'@'localhost'; balances, missing_columns"
    }
    assert logged["usage"] == {
        "summary": "GRANT SELECT ON `app`.`usage` TO 'm'@'localhost'; usage"
    }


def test_of_a_right_that_comes_back_nobody_is_notified_of_more_than_that() -> None:
    harness = Servers()
    harness.well()
    harness.reported()
    for _ in range(5):
        harness.after(MINUTE).runs(*[denied("'users'")] * 3)
    assert events(harness) == ["TokenMonitorAccessDenied fired"]
    harness.after(MINUTE).wanted.clear()
    harness.run("missing_columns", columns())
    assert events(harness) == ["TokenMonitorAccessDenied resolved"]
    assert sorted(harness.wanted) == ["balances", "usage"], (
        "the others are tried at once"
    )
    harness.after(20 * SECOND).tick()
    assert events(harness) == []
    harness.run("balances", balances(pro=7))
    harness.run("usage", denied("'users'"))
    harness.after(2 * MINUTE).tick()
    assert events(harness) == ["TokenMonitorAccessDenied fired"], (
        "what is still refused is told again"
    )


def test_after_a_restart_a_lost_right_is_not_over_before_who_needs_it_has_run() -> None:
    harness = Servers()
    harness.well()
    harness.reported()
    for _ in range(3):
        harness.after(MINUTE).runs(columns(), balances(pro=7), denied("'usage'"))
    assert events(harness) == ["TokenMonitorAccessDenied fired"]
    again = harness.restarted(MINUTE)
    again.run("missing_columns", columns())
    again.run("balances", balances(pro=7))
    again.tick()
    assert events(again) == [], "usage has not run yet: nobody knows"
    again.run("usage", denied("'usage'"))
    again.after(2 * MINUTE).tick()
    assert events(again) == []
    again.run("usage", usage(3))
    again.tick()
    assert events(again) == ["TokenMonitorAccessDenied resolved"]


def test_that_a_target_is_back_does_not_say_that_a_right_is() -> None:
    harness = Servers()
    harness.well()
    for _ in range(3):
        harness.after(MINUTE).runs(columns(), balances(pro=7), denied("'usage'"))
    harness.after(30 * SECOND).run("balances", LOST)
    harness.after(MINUTE).reported()
    harness.run("balances", balances(pro=7))
    harness.after(20 * SECOND).run("usage", denied("'usage'"))
    harness.after(MINUTE).runs(columns(), balances(pro=7), denied("'usage'"))
    assert events(harness) == ["TokenMonitorTargetDown resolved"]


def test_a_right_that_is_back_within_a_minute_pages_nobody() -> None:
    harness = Servers()
    harness.well()
    harness.reported()
    harness.after(MINUTE).runs(*[denied("'users'")] * 3)
    harness.after(40 * SECOND).well()
    for _ in range(5):
        harness.after(MINUTE).well()
    assert [line for line in harness.reported() if "Monitor" in line] == [
        "TokenMonitorAccessDenied pending"
    ]


def events(harness: Harness) -> list[str]:
    return [
        line
        for line in harness.reported()
        if "Monitor" in line and "pending" not in line
    ]


def firing(harness: Harness, name: str) -> list[Alert]:
    alerts = harness.pipeline.snapshot.alerts
    return [
        one for one in alerts if name in one.name and one.state is AlertState.FIRING
    ]


def test_a_session_that_cannot_be_believed_has_one_voice() -> None:
    harness = Servers()
    harness.well()
    altered = Failure(Reason.BAD_RESULT, "sql_select_limit is 1", None, ALTERED_SESSION)
    for _ in range(5):
        harness.after(MINUTE).runs(altered, altered, altered)
    failing = [
        alert
        for alert in harness.pipeline.snapshot.alerts
        if "QueryFailing" in alert.name
    ]
    assert [alert.scope.subject for alert in failing] == ["missing_columns"]
    # a bad row is each query's own
    rows = replace(altered, detail="")
    for _ in range(5):
        harness.after(MINUTE).runs(rows, rows, rows)
    active = [
        alert for alert in harness.pipeline.snapshot.alerts if alert.resolved_at is None
    ]
    assert len([alert for alert in active if "QueryFailing" in alert.name]) == 3


def test_a_refused_column_is_of_its_table() -> None:
    words = "SELECT command denied to user 'm'@'%' for column 'tokens_remaining' in table 'users'"
    assert denied_table(Failure(Reason.ACCESS_DENIED, words, 1143)) == "users"
    assert denied_table(denied("`app`.`users`")) == "users"
    assert (
        denied_table(
            Failure(Reason.ACCESS_DENIED, "Access denied; you need PROCESS", 1227)
        )
        == ""
    )


def test_a_query_that_failed_before_the_restart_is_not_said_to_fail_only_since_it() -> (
    None
):
    logged = replace(
        next(rule for rule in OWN_RULES if "Failing" in rule.name),
        summary="since {failing_since}",
    )
    harness = Harness(a_config(USAGE, own_rules=(logged,)))
    harness.run("usage", usage(5))
    harness.after(MINUTE)
    began = f"{harness.at:%H:%M:%S}"
    for _ in range(4):
        harness.run("usage", TIMEOUT)
        harness.after(MINUTE)
    (alert,) = firing(harness, "QueryFailing")
    assert f"{began} UTC" in (said := dict(alert.annotations)["summary"])
    assert "at least" not in said
    again = harness.restarted(MINUTE)
    for _ in range(4):
        again.run("usage", TIMEOUT)
        again.after(MINUTE)
    (alert,) = firing(again, "QueryFailing")
    assert "since at least " in dict(alert.annotations)["summary"]


def test_a_query_that_fails_is_as_loud_as_the_loudest_rule_that_it_leaves_without_a_verdict() -> (
    None
):
    quiet = replace(
        next(rule for rule in OWN_RULES if "Failing" in rule.name),
        severity=Severity.WARNING,
    )
    for severity in Severity:
        query = replace(USAGE, rules=(replace(USAGE.rules[0], severity=severity),))
        harness = Harness(a_config(query, own_rules=(quiet,)))
        harness.run("usage", usage(5))
        for _ in range(4):
            harness.after(MINUTE).run("usage", TIMEOUT)
        (alert,) = firing(harness, "QueryFailing")
        assert alert.severity is loudest([severity, Severity.WARNING])


def test_it_is_as_loud_as_a_rule_of_another_query_that_finds_nothing_without_it() -> (
    None
):
    quiet = replace(
        next(rule for rule in OWN_RULES if "Failing" in rule.name),
        severity=Severity.WARNING,
    )
    counts = a_query("counts", metrics=(Metric("all_users", "", (), value="n"),))
    share = Population("all_users", above_share=0.1)
    rule = a_rule(
        "Locked", "locked_users", population=share, severity=Severity.CRITICAL
    )
    metric = Metric("locked_users", "", (), value="n")
    locked = a_query("locked", metrics=(metric,), rules=(rule,))
    harness = Harness(a_config(locked, counts, own_rules=(quiet,)))
    harness.run("counts", Success((Sample("all_users", (), 100.0),), 1))
    for _ in range(4):
        harness.after(MINUTE).run("counts", TIMEOUT)
    (alert,) = firing(harness, "QueryFailing")
    assert alert.severity is Severity.CRITICAL


def test_every_rule_about_the_monitor_has_a_check_that_it_is_evaluated_over() -> None:
    of_queries = {ACCESS_DENIED, QUERY_FAILING, QUERY_STALE, ALERTS_LIMITED}
    checked = of_queries | TARGET_CHECKS.keys() | SELF_CHECKS.keys()
    file = Path(own_rules.__file__).with_name("own_rules.toml")
    rules = tomllib.loads(file.read_text())["rules"].keys()
    assert rules - checked == set(), "without a check in alerting/: never evaluated"
    assert checked - rules == set(), "checked, and no rule in own_rules.toml"


# How the server is at each minute, and what becomes of the alert: pending, firing, still firing, resolved.
WRITABLE = replace(SERVER, read_only=False)
REFUSES = replace(SERVER, read_only=True)
PRIMARY = replace(REFUSES, knows_replication=True)
SERVERS_BY_LETTER = {
    "w": WRITABLE,
    "r": REFUSES,
    "p": PRIMARY,
    "s": replace(CLOSE, read_only=True),
    "?": replace(SERVER, read_only=None),
}


@pytest.mark.parametrize(
    ("servers", "course"),
    [
        pytest.param("w r r r w", "- P F - R", id="one that took writes"),
        pytest.param("p p w", "P F R", id="one that is not a replica, from the start"),
        pytest.param("s s s", "- - -", id="a replica"),
        pytest.param("w s s", "- - -", id="a primary that became a replica"),
        pytest.param("w r s s", "- P - -", id="a failover"),
        pytest.param("r r r", "- - -", id="perhaps a replica"),
        pytest.param("w r ? r", "- P - F", id="nothing said in between"),
    ],
)
def test_a_server_that_is_to_take_writes_and_takes_none_is_one_alert(
    servers: str, course: str
) -> None:
    rule = a_rule("TokenMonitorReadOnly", "read_only", hold=MINUTE)
    harness = Harness(a_config(COLUMNS, BALANCES, USAGE, own_rules=(*OWN_RULES, rule)))
    found = []
    for letter in servers.split():
        harness.server = SERVERS_BY_LETTER[letter]
        harness.runs(columns(), balances(pro=0), usage(0))
        changes = [line for line in harness.reported() if "ReadOnly" in line]
        found.append(changes[-1].rpartition(" ")[2][0].upper() if changes else "-")
        harness.after(MINUTE)
    assert " ".join(found) == course


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (LOST, "main cannot be reached"),
        (
            Failure(Reason.ACCESS_DENIED, "Access denied", 1045, lost=True),
            "main refuses the monitor's account",
        ),
    ],
)
def test_who_is_woken_is_told_to_look_at_the_server_or_at_the_account(
    failure: Failure, said: str
) -> None:
    own = {rule.name: rule for rule in OWN_RULES}
    down = replace(own["TokenMonitorTargetDown"], summary="{target} {trouble}")
    harness = Harness(a_config(COLUMNS, BALANCES, USAGE, own_rules=(down,)))
    harness.runs(columns(), balances(pro=7), usage(3))
    harness.after(MINUTE).runs(failure, failure, failure)
    harness.after(MINUTE).runs(failure, failure, failure)
    texts = [
        dict(one.annotations)["summary"] for one in harness.pipeline.snapshot.alerts
    ]
    assert said in texts
