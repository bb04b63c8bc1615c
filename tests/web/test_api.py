"""The JSON of /api/v1, whole values: alerts, rules, queries, history."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pytest

from monitor.alerting.configured import empty_snapshot
from monitor.alerting.snapshot import Snapshot, with_alerts, with_next_run
from monitor.model.alerts import AlertState, Change
from monitor.model.conditions import Condition
from monitor.model.results import Blocked
from monitor.model.rules import SeverityLevel
from monitor.model.schedules import Cron
from monitor.model.settings import Config, Labels, Severity
from monitor.timing.active_hours import read_active_hours
from monitor.web import api, api_rules
from tests.support.snapshots import with_result
from tests.web.picture import (
    BALANCES,
    COLUMN_GONE,
    COLUMNS,
    FAILURE,
    GONE,
    MISSING,
    NOW,
    OWN,
    UNINITIALIZED,
    WELL,
    a_config,
    a_query,
    a_result,
    a_scene,
    a_snapshot,
    a_target,
    a_transition,
    an_alert,
    seconds,
    the_incident,
)

AGO = NOW - seconds(12)

ALERT_JSON = {
    "labels": {
        "alertname": "TokenBalancesUninitialized",
        "plan": "pro",
        "severity": "critical",
        "target": "main",
    },
    "annotations": {
        "description": "Set the balance to the plan's limit.",
        "summary": "summary of TokenBalancesUninitialized",
    },
    "state": "firing",
    "activeAt": "2026-11-22T11:55:00.000Z",
    "value": "3.000000e+00",
}
FINGERPRINT = an_alert(plan="pro").fingerprint


def test_alerts_read_as_prometheuss_own() -> None:
    config = a_config()
    alerts = (an_alert(plan="pro"), an_alert(state=AlertState.RESOLVED, plan="free"))
    assert api.alerts(a_scene(with_alerts(a_snapshot(config, at=AGO), alerts))) == {
        "asOf": "2026-11-22T12:00:00.000Z",
        "alerts": [
            {
                **ALERT_JSON,
                "fingerprint": FINGERPRINT,
                "ageSeconds": 300.0,
                "confirmedAt": "2026-11-22T11:59:48.000Z",
            }
        ],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3.000000e+00"),
        (12345678.0, "1.2345678e+07"),
        (1795356123.25, "1.79535612325e+09"),
        (0.1, "1.000000e-01"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_no_value_is_rounded(value: float, text: str) -> None:
    one = replace(an_alert(plan="pro"), value=value)
    scene = a_scene(with_alerts(a_snapshot(a_config()), [one]))
    (found,) = json.loads(json.dumps(api.alerts(scene)))["alerts"]
    assert found["value"] == text


def test_held_and_muted_alerts_say_so() -> None:
    root, muted = the_incident(a_config()).alerts
    held = replace(muted, keep_since=NOW)
    assert api.alerts(a_scene(Snapshot(alerts=(held,)))) == {
        "asOf": "2026-11-22T12:00:00.000Z",
        "alerts": [
            {
                **ALERT_JSON,
                "fingerprint": FINGERPRINT,
                "ageSeconds": 300.0,
                "confirmedAt": None,
                "noDataSince": None,
                "keepFiringSince": "2026-11-22T12:00:00.000Z",
                "held": True,
                "mutedBy": root.fingerprint,
            }
        ],
    }


def test_a_rule_has_its_condition_its_health_and_its_alerts() -> None:
    config = a_config(queries=(BALANCES,), own_rules=())
    assert api_rules.rules(
        a_scene(with_alerts(a_snapshot(config), [an_alert(plan="pro")])), config
    ) == {
        "asOf": "2026-11-22T12:00:00.000Z",
        "groups": [
            {
                "name": "balances",
                "file": "queries/balances.toml",
                "interval": 60.0,
                "limit": 0,
                "rules": [
                    {
                        "type": "alerting",
                        "name": "TokenBalancesUninitialized",
                        "query": 'token_subscribers{status="needs_init"} > 0',
                        "duration": 120.0,
                        "keepFiringFor": 0.0,
                        "labels": {"severity": "critical"},
                        "annotations": {
                            "summary": "{value} active {plan} subscribers on {target} have no balance",
                            "description": "Set the balance to the plan's limit.",
                        },
                        "alerts": [
                            {
                                **ALERT_JSON,
                                "fingerprint": FINGERPRINT,
                                "ageSeconds": 300.0,
                                "confirmedAt": "2026-11-22T12:00:00.000Z",
                            }
                        ],
                        "state": "firing",
                        "health": "ok",
                        "lastError": "",
                        "evaluationTime": 0.025,
                        "lastEvaluation": "2026-11-22T12:00:00.025Z",
                    }
                ],
                "evaluationTime": 0.025,
                "lastEvaluation": "2026-11-22T12:00:00.025Z",
            }
        ],
    }


def rules_of(
    snapshot: Snapshot,
    config: Config,
    now: datetime = NOW,
    evaluated_at: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return the rules that the API shows, of all groups."""
    data = api_rules.rules(a_scene(snapshot, now, evaluated_at), config)
    assert isinstance(data, dict)
    return [rule for group in data["groups"] for rule in group["rules"]]


def test_a_rule_that_reads_the_same_on_several_targets_is_there_once() -> None:
    config = a_config(a_target("eu"), a_target("us"), queries=(BALANCES,))
    alerts = [an_alert(target="eu", state=AlertState.PENDING), an_alert(target="us")]
    rules = rules_of(with_alerts(a_snapshot(config), alerts), config)
    assert [(rule["name"], rule["state"], len(rule["alerts"])) for rule in rules] == [
        ("TokenBalancesUninitialized", "firing", 2),
        ("TokenMonitorTargetDown", "inactive", 0),
    ]


def test_a_rule_that_a_target_changed_is_there_twice() -> None:
    eu, us = a_target("eu"), a_target("us")
    stricter = replace(
        BALANCES, rules=(replace(UNINITIALIZED, condition=Condition("above", 50)),)
    )
    config = a_config(eu, queries=(BALANCES,))
    other = a_config(us, queries=(stricter,))
    config = replace(
        config, targets=(eu, us), jobs=(*config.jobs, *other.jobs), own_rules=()
    )
    alerts = [an_alert(target="us")]
    rules = rules_of(with_alerts(a_snapshot(config), alerts), config)
    assert [(rule["query"], rule["state"]) for rule in rules] == [
        ('token_subscribers{status="needs_init"} > 0', "inactive"),
        ('token_subscribers{status="needs_init"} > 50', "firing"),
    ]


def test_a_rule_of_several_severities_is_there_once_for_each() -> None:
    critical = SeverityLevel(Severity.CRITICAL, Condition("above", 9), seconds(30))
    several = replace(UNINITIALIZED, severity=Severity.WARNING, louder=(critical,))
    config = a_config(queries=(replace(BALANCES, rules=(several,)),), own_rules=())
    loud = an_alert(plan="pro")
    quiet = replace(an_alert(plan="free"), severity=Severity.WARNING)
    rules = rules_of(with_alerts(a_snapshot(config), [loud, quiet]), config)
    assert [
        (
            rule["query"],
            rule["duration"],
            rule["labels"]["severity"],
            [alert["labels"]["plan"] for alert in rule["alerts"]],
        )
        for rule in rules
    ] == [
        ('token_subscribers{status="needs_init"} > 0', 120.0, "warning", ["free"]),
        ('token_subscribers{status="needs_init"} > 9', 30.0, "critical", ["pro"]),
    ]


@pytest.mark.parametrize(
    ("balances", "health", "error"),
    [
        (None, "unknown", ""),
        (WELL["balances"], "ok", ""),
        (FAILURE, "err", "main: query_error: Table is marked as crashed"),
        (Blocked((MISSING,)), "err", "main: blocked: missing: users.tokens_remaining"),
    ],
)
def test_a_rules_health_is_that_of_its_query(
    balances: object, health: str, error: str
) -> None:
    config = a_config(queries=(BALANCES,), own_rules=())
    outcomes = {} if balances is None else {"balances": balances}
    snapshot = a_snapshot(config, outcomes)  # type: ignore[arg-type]  # outcomes
    [rule] = rules_of(snapshot, config)
    assert (rule["health"], rule["lastError"]) == (health, error)
    is_never = rule["lastEvaluation"] == "0001-01-01T00:00:00Z"
    assert is_never is (balances is None or isinstance(balances, Blocked))


@pytest.mark.parametrize(
    ("condition", "where", "text"),
    [
        (Condition("above", 0), (), "m > 0"),
        (
            Condition("below", 0.5),
            (("a", "b"), ("c", 'd"\\')),
            'm{a="b",c="d\\"\\\\"} < 0.5',
        ),
        (Condition("equals", 1e12), (), "m == 1000000000000"),
        (Condition("above", 12345678901), (), "m > 12345678901"),
        (Condition("above", 5, clear=3), (), "m > 5 # until below 3"),
        (Condition("not_equals", -1), (), "m != -1"),
        (Condition("absent"), (("a", "b"),), 'absent(m{a="b"})'),
    ],
)
def test_conditions_read_as_promql(
    condition: Condition, where: Labels, text: str
) -> None:
    assert (
        api_rules.expression(
            replace(GONE, metric="m", condition=condition, where=where)
        )
        == text
    )


def test_what_promql_has_no_word_for_is_a_comment() -> None:
    active = read_active_hours("08:00-19:00 UTC")
    judged = replace(GONE, metric="m", condition=Condition("above", 5), active=active)
    assert api_rules.expression(judged) == "m > 5 # active 08:00-19:00 UTC"


def test_queries_say_how_they_do() -> None:
    daily = replace(a_query("daily"), schedule=Cron("0 3 * * *"))
    config = a_config(queries=(COLUMNS, BALANCES, daily))
    snapshot = a_snapshot(
        config, {"missing_columns": FAILURE, "balances": WELL["balances"]}
    )
    snapshot = with_next_run(snapshot, ("main", "balances"), NOW + seconds(60))
    nothing = {
        "target": "main",
        "status": "waiting",
        "reason": "",
        "message": "",
        "interval": 60.0,
        "cron": None,
        "lastRun": None,
        "lastSuccess": None,
        "firstFailure": None,
        "nextRun": None,
        "durationSeconds": None,
        "consecutiveFailures": 0,
        "missed": 0,
        "samples": 0,
        "dataAt": None,
        "dataAgeSeconds": None,
        "isCurrent": False,
    }
    assert api.queries(snapshot, NOW + seconds(12)) == {
        "asOf": "2026-11-22T12:00:12.000Z",
        "queries": [
            {
                **nothing,
                "query": "missing_columns",
                "summary": "What missing_columns finds",
                "status": "failed",
                "reason": "query_error",
                "message": "Table is marked as crashed",
                "lastRun": "2026-11-22T12:00:00.025Z",
                "firstFailure": "2026-11-22T12:00:00.000Z",
                "durationSeconds": 0.025,
                "consecutiveFailures": 1,
            },
            {
                **nothing,
                "query": "balances",
                "summary": "What balances finds",
                "status": "ok",
                "lastRun": "2026-11-22T12:00:00.025Z",
                "lastSuccess": "2026-11-22T12:00:00.025Z",
                "nextRun": "2026-11-22T12:01:00.000Z",
                "durationSeconds": 0.025,
                "samples": 2,
                "dataAt": "2026-11-22T12:00:00.000Z",
                "dataAgeSeconds": 12.0,
                "isCurrent": True,
            },
            {
                **nothing,
                "query": "daily",
                "summary": "What daily finds",
                "interval": None,
                "cron": "0 3 * * *",
            },
        ],
    }


def test_the_history_has_what_changed_when_and_no_evidence() -> None:
    transition = a_transition(Change.RESOLVED)
    reason = replace(transition.alert, resolve_reason="rule_removed")
    data = api.history([replace(transition, alert=reason)])
    assert data == {
        "history": [
            {
                **ALERT_JSON,
                # Nobody knows that it is over; and what to do is left out.
                "annotations": {
                    "summary": "No longer judged (rule removed), after 2m30s: "
                    "summary of TokenBalancesUninitialized"
                },
                "at": "2026-11-22T12:00:00.000Z",
                "change": "resolved",
                "state": "resolved",
                "fingerprint": transition.alert.fingerprint,
                "resolvedAt": "2026-11-22T11:59:30.000Z",
                "resolveReason": "rule_removed",
            }
        ]
    }


def test_an_empty_installation_has_empty_lists() -> None:
    config = a_config(queries=(), own_rules=())
    snapshot = empty_snapshot(config)
    as_of = {"asOf": "2026-11-22T12:00:00.000Z"}
    assert api.alerts(a_scene(snapshot)) == {**as_of, "alerts": []}
    assert api_rules.rules(a_scene(snapshot), config) == {**as_of, "groups": []}
    assert api.queries(snapshot, NOW) == {**as_of, "queries": []}


# Ages: what is shown says since when it is known to hold.


def ages(snapshot: Snapshot, name: str, *, after: float = 30) -> tuple[object, object]:
    """Return when data last confirmed an alert, and since when it has none if it is held."""
    data = api.alerts(a_scene(snapshot, NOW + seconds(after), NOW + seconds(after - 1)))
    assert isinstance(data, dict)
    [alert] = [one for one in data["alerts"] if one["labels"]["alertname"] == name]
    return alert["confirmedAt"], alert.get("noDataSince", "-")


def test_an_alert_was_last_confirmed_by_its_querys_last_data() -> None:
    snapshot = with_alerts(a_snapshot(a_config()), [an_alert(plan="pro")])
    assert ages(snapshot, "TokenBalancesUninitialized") == (
        "2026-11-22T12:00:00.000Z",
        "-",
    )
    later = with_result(
        snapshot, a_result(a_config().jobs[1], WELL["balances"], NOW + seconds(20))
    )
    assert ages(later, "TokenBalancesUninitialized")[0] == "2026-11-22T12:00:20.000Z"


def test_a_held_alert_says_since_when_it_has_no_data() -> None:
    held = replace(an_alert(plan="pro"), held=True)
    failed = with_result(
        a_snapshot(a_config()), a_result(a_config().jobs[1], FAILURE, NOW + seconds(20))
    )
    noon = "2026-11-22T12:00:00.000Z"
    assert ages(with_alerts(failed, [held]), "TokenBalancesUninitialized") == (
        noon,
        noon,
    )
    # since a restart nothing has confirmed it
    assert ages(with_alerts(empty_snapshot(a_config()), [held]), held.name) == (
        None,
        None,
    )


def test_an_alert_that_is_held_for_its_rules_column_is_not_confirmed_by_its_querys_data() -> (
    None
):
    config = a_config()
    root = an_alert(GONE, subject="missing_columns", since=NOW - seconds(45))
    held = replace(an_alert(plan="pro"), held=True, muted_by=root.fingerprint)
    snapshot = with_alerts(a_snapshot(config), [root, held])
    since = "2026-11-22T11:59:15.000Z"
    assert ages(snapshot, "TokenBalancesUninitialized") == (since, since)


def test_an_alert_about_the_monitor_itself_is_as_old_as_the_last_look() -> None:
    own = an_alert(OWN, subject="")
    assert ages(with_alerts(a_snapshot(a_config()), [own]), own.name) == (
        "2026-11-22T12:00:29.000Z",
        "-",
    )


@pytest.mark.parametrize(
    ("after", "health", "error"),
    [
        (189, "ok", ""),
        (190, "err", "main: stale: no data since 2026-11-22T12:00:00.000Z"),
    ],
)
def test_a_rule_whose_data_is_too_old_is_not_well(
    after: float, health: str, error: str
) -> None:
    config = a_config(queries=(BALANCES,), own_rules=())
    [rule] = rules_of(a_snapshot(config), config, NOW + seconds(after), NOW)
    assert (rule["health"], rule["lastError"]) == (health, error)


def test_a_rule_that_lacks_a_column_of_its_own_is_not_well() -> None:
    picky = replace(BALANCES, rules=(replace(UNINITIALIZED, needs=(MISSING,)),))
    config = a_config(queries=(COLUMNS, picky), own_rules=())
    snapshot = a_snapshot(config, {**COLUMN_GONE, "balances": WELL["balances"]})
    rules = rules_of(snapshot, config)
    assert [(rule["health"], rule["lastError"]) for rule in rules] == [
        ("ok", ""),
        ("err", "main: blocked: missing: users.tokens_remaining"),
    ]


def test_a_rule_is_as_old_as_on_the_target_where_it_was_judged_least_recently() -> None:
    config = a_config(a_target("eu"), a_target("us"), queries=(BALANCES,), own_rules=())
    snapshot = with_result(
        a_snapshot(config),
        a_result(config.jobs[0], WELL["balances"], NOW + seconds(60)),
    )
    [rule] = rules_of(snapshot, config, NOW + seconds(60), NOW)
    assert rule["lastEvaluation"] == "2026-11-22T12:00:00.025Z"


def test_the_rules_about_the_monitor_itself_were_judged_at_the_last_look() -> None:
    config = a_config(queries=())
    [rule] = rules_of(a_snapshot(config), config, NOW, NOW - seconds(1))
    assert (rule["health"], rule["lastEvaluation"]) == (
        "ok",
        "2026-11-22T11:59:59.000Z",
    )


def test_a_rule_that_cannot_be_written_takes_no_other_with_it() -> None:
    half = replace(UNINITIALIZED, name="Half", condition=Condition("unknown", 5))  # type: ignore[arg-type]
    config = a_config(queries=(replace(BALANCES, rules=(half, UNINITIALIZED)),))
    rules = rules_of(a_snapshot(config), config)
    assert [(rule["name"], rule["health"]) for rule in rules] == [
        ("Half", "err"),
        ("TokenBalancesUninitialized", "ok"),
        ("TokenMonitorTargetDown", "ok"),
    ]
    assert str(rules[0]["lastError"]).startswith("cannot be shown: ")


def test_evidence_is_reported_only_where_it_is_asked_for() -> None:
    snapshot = with_alerts(a_snapshot(a_config()), [an_alert(plan="pro")])
    scene = a_scene(snapshot)
    plain, reported = (
        json.loads(json.dumps(api.alerts(one)))["alerts"][0]
        for one in (scene, replace(scene, shows_evidence=True))
    )
    assert "evidence" not in plain
    assert reported["evidence"] == [{"user_id": 4711}]


def test_a_number_that_json_has_no_room_for_is_a_text() -> None:
    row = {"user_id": -(2**63), "balance": 10**20, "limit": 2**64 - 1, "is_new": True}
    alert = replace(an_alert(plan="pro"), evidence=(row,))
    scene = a_scene(with_alerts(a_snapshot(a_config()), [alert]))
    found = orjson.loads(orjson.dumps(api.alerts(replace(scene, shows_evidence=True))))
    assert found["alerts"][0]["evidence"] == [{**row, "balance": str(10**20)}]
