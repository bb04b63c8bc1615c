from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.model.alerts import AlertState, Change
from monitor.model.results import Blocked
from monitor.model.settings import Condition, Cron, Labels
from monitor.store import Snapshot, empty_snapshot, with_alerts, with_next_run
from monitor.web import api
from tests.web.picture import (
    BALANCES,
    COLUMNS,
    FAILURE,
    GONE,
    MISSING,
    NOW,
    UNINITIALIZED,
    WELL,
    a_config,
    a_query,
    a_snapshot,
    a_target,
    a_transition,
    an_alert,
    seconds,
    the_incident,
)

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


def test_alerts_read_as_prometheuss_own() -> None:
    config = a_config()
    alerts = (an_alert(plan="pro"), an_alert(state=AlertState.RESOLVED, plan="free"))
    assert api.alerts(with_alerts(a_snapshot(config), alerts)) == {"alerts": [ALERT_JSON]}


def test_held_and_muted_alerts_say_so() -> None:
    root, muted = the_incident(a_config()).alerts
    held = replace(muted, keep_since=NOW)
    assert api.alerts(Snapshot(alerts=(held,))) == {
        "alerts": [
            {
                **ALERT_JSON,
                "keepFiringSince": "2026-11-22T12:00:00.000Z",
                "held": True,
                "mutedBy": root.fingerprint,
            }
        ]
    }


def test_a_rule_has_its_condition_its_health_and_its_alerts() -> None:
    config = a_config(queries=(BALANCES,))
    config = replace(config, own_rules=())
    assert api.rules(with_alerts(a_snapshot(config), [an_alert(plan="pro")]), config) == {
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
                        "alerts": [ALERT_JSON],
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
        ]
    }


def rules_of(data: api.Json) -> list[dict[str, object]]:
    """Flatten the groups."""
    assert isinstance(data, dict)
    return [rule for group in data["groups"] for rule in group["rules"]]


def test_a_rule_that_reads_the_same_on_several_targets_is_there_once() -> None:
    config = a_config(a_target("eu"), a_target("us"), queries=(BALANCES,))
    alerts = [an_alert(target="eu", state=AlertState.PENDING), an_alert(target="us")]
    rules = rules_of(api.rules(with_alerts(a_snapshot(config), alerts), config))
    assert [(rule["name"], rule["state"], len(rule["alerts"])) for rule in rules] == [  # type: ignore[arg-type]
        ("TokenBalancesUninitialized", "firing", 2),
        ("TokenMonitorTargetDown", "inactive", 0),
    ]


def test_a_rule_that_a_target_changed_is_there_twice() -> None:
    eu, us = a_target("eu"), a_target("us")
    stricter = replace(BALANCES, rules=(replace(UNINITIALIZED, condition=Condition("above", 50)),))
    config = a_config(eu, queries=(BALANCES,))
    other = a_config(us, queries=(stricter,))
    config = replace(config, targets=(eu, us), jobs=(*config.jobs, *other.jobs), own_rules=())
    alerts = [an_alert(target="us")]
    rules = rules_of(api.rules(with_alerts(a_snapshot(config), alerts), config))
    assert [(rule["query"], rule["state"]) for rule in rules] == [
        ('token_subscribers{status="needs_init"} > 0', "inactive"),
        ('token_subscribers{status="needs_init"} > 50', "firing"),
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
def test_a_rules_health_is_that_of_its_query(balances: object, health: str, error: str) -> None:
    config = replace(a_config(queries=(BALANCES,)), own_rules=())
    outcomes = {} if balances is None else {"balances": balances}
    snapshot = a_snapshot(config, outcomes)  # type: ignore[arg-type]  # outcomes
    [rule] = rules_of(api.rules(snapshot, config))
    assert (rule["health"], rule["lastError"]) == (health, error)
    is_never = rule["lastEvaluation"] == "0001-01-01T00:00:00Z"
    assert is_never is (balances is None or isinstance(balances, Blocked))


@pytest.mark.parametrize(
    ("condition", "where", "text"),
    [
        (Condition("above", 0), (), "m > 0"),
        (Condition("below", 0.5), (("a", "b"), ("c", 'd"\\')), 'm{a="b",c="d\\"\\\\"} < 0.5'),
        (Condition("equals", 1e12), (), "m == 1e+12"),
        (Condition("not_equals", -1), (), "m != -1"),
        (Condition("absent"), (("a", "b"),), 'absent(m{a="b"})'),
    ],
)
def test_conditions_read_as_promql(condition: Condition, where: Labels, text: str) -> None:
    assert api.expression(replace(GONE, metric="m", condition=condition, where=where)) == text


def test_queries_say_how_they_do() -> None:
    daily = replace(a_query("daily"), schedule=Cron("0 3 * * *"))
    config = a_config(queries=(COLUMNS, BALANCES, daily))
    snapshot = a_snapshot(config, {"missing_columns": FAILURE, "balances": WELL["balances"]})
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
    }
    assert api.queries(snapshot, NOW) == {
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
            },
            {
                **nothing,
                "query": "daily",
                "summary": "What daily finds",
                "interval": None,
                "cron": "0 3 * * *",
            },
        ]
    }


def test_the_history_has_what_changed_when_and_no_evidence() -> None:
    transition = a_transition(Change.RESOLVED)
    reason = replace(transition.alert, resolve_reason="rule_removed")
    data = api.history([replace(transition, alert=reason)])
    assert data == {
        "history": [
            {
                **ALERT_JSON,
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
    config = replace(a_config(queries=()), own_rules=())
    snapshot = empty_snapshot(config)
    assert [api.alerts(snapshot), api.rules(snapshot, config), api.queries(snapshot, NOW)] == [
        {"alerts": []},
        {"groups": []},
        {"queries": []},
    ]
