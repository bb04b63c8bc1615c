from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from monitor.model.alerts import AlertState
from monitor.notify.webhook.body import webhook_body
from tests.notify.delivering import notification
from tests.notify.far_end import START, alert

EVIDENCE = ({"user_id": 7, "plan": "pró", "balance": None},)


def test_the_webhooks_body_is_alertmanagers_version_4() -> None:
    firing = alert("pro", evidence=EVIDENCE)
    gone = alert(
        "free", state=AlertState.RESOLVED, resolve_reason="rule_changed", peak=12.5
    )
    body = webhook_body(
        notification("hook", firing, gone), external_url="https://monitor/"
    )
    assert json.loads(json.dumps(body)) == {
        "version": "4",
        "groupKey": '{}:{alertname="Low", target="main"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "hook",
        "groupLabels": {"alertname": "Low", "target": "main"},
        "commonLabels": {"alertname": "Low", "severity": "warning", "target": "main"},
        "commonAnnotations": {},
        "externalURL": "https://monitor/",
        "alerts": [
            {
                "status": "firing",
                "labels": {
                    "alertname": "Low",
                    "plan": "pro",
                    "severity": "warning",
                    "target": "main",
                },
                "annotations": {
                    "summary": "pro is low",
                    "evidence": '[{"user_id": 7, "plan": "pró", "balance": null}]',
                },
                "startsAt": "2026-11-22T14:00:00.000Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": f"https://monitor/alerts/{firing.fingerprint}",
                "fingerprint": firing.fingerprint,
            },
            {
                "status": "resolved",
                "labels": {
                    "alertname": "Low",
                    "plan": "free",
                    "severity": "warning",
                    "target": "main",
                },
                "annotations": {
                    "summary": "No longer judged (rule changed), after 1m: free is low",
                    "resolve_reason": "rule_changed",
                    "fired_for": "1m",
                    "peak": "12.5",
                },
                "startsAt": "2026-11-22T14:00:00.000Z",
                "endsAt": "2026-11-22T14:01:00.000Z",
                "generatorURL": f"https://monitor/alerts/{gone.fingerprint}",
                "fingerprint": gone.fingerprint,
            },
        ],
    }


def test_a_webhook_of_resolved_alerts_alone_is_resolved_and_shares_what_is_common() -> (
    None
):
    gone = alert(state=AlertState.RESOLVED)
    body = webhook_body(notification("hook", gone), external_url="")
    shared = {"summary": "Over after 1m: pro is low", "fired_for": "1m"}
    assert (body["status"], body["commonAnnotations"]) == ("resolved", shared)
    assert body["alerts"][0]["generatorURL"] == ""


def test_what_still_fires_says_since_how_long() -> None:
    again = replace(
        notification("hook", alert()),
        created_at=START + timedelta(hours=3, milliseconds=400),
        is_repeat=True,
    )
    body = webhook_body(again, external_url="")
    assert body["alerts"][0]["annotations"] == {
        "summary": "pro is low",
        "firing_for": "3h",
    }
