"""Who would be notified of an alert: nobody is said loudly, and never where somebody would be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from monitor.alerting.reach import why_nobody_is_notified
from monitor.model.settings import Receiver, Severity, labels_of
from monitor.notify.webhook.settings import WebhookSettings
from tests.web.picture import BALANCES, OWN, a_config, a_target

WATCHDOG = replace(OWN, name="TokenMonitorWatchdog", severity=Severity.INFO)
CONFIG = replace(
    a_config(a_target("main", region="eu"), queries=(BALANCES,)), own_rules=(WATCHDOG,)
)


def why(*receivers: Receiver) -> str:
    return why_nobody_is_notified(replace(CONFIG, receivers=receivers))


def a_receiver(
    name: str = "oncall",
    match: Mapping[str, str] | None = None,
    least: Severity = Severity.INFO,
) -> Receiver:
    return Receiver(
        name, WebhookSettings(), min_severity=least, match=labels_of(match or {})
    )


def test_without_a_receiver_nobody_is_notified() -> None:
    assert why() == (
        "no receiver is configured (add [receivers.NAME]); alerts are only on the page and in the log"
    )


@pytest.mark.parametrize(
    "match",
    [
        {},
        {"target": "main"},
        {"region": "eu"},
        {"severity": "critical"},
        {"alertname": "TokenBalancesUninitialized"},
        {"plan": "any plan that the data may have"},
        {"status": "needs_init"},
    ],
)
def test_a_receiver_that_some_alert_may_fit_is_reached(match: dict[str, str]) -> None:
    assert why(a_receiver("oncall", match, Severity.CRITICAL)) == ""


@pytest.mark.parametrize(
    "match",
    [
        {"target": "other"},
        {"region": "us"},
        {"severity": "warning"},
        {"alertname": "TokenMonitorWatchdog"},
        {"status": "ok"},
        {"nothing": "x"},
    ],
)
def test_a_receiver_that_no_alert_can_fit_reaches_nobody(match: dict[str, str]) -> None:
    assert why(a_receiver("a", match), a_receiver("b", match)) == (
        "no alert can reach a, b (see min_severity and match); alerts are only on the page and in the log"
    )


def test_one_receiver_that_is_reached_is_enough() -> None:
    assert why(a_receiver("a", {"target": "other"}), a_receiver("b")) == ""


def test_a_severity_that_no_rule_has_reaches_nobody() -> None:
    quiet = replace(
        BALANCES,
        rules=tuple(replace(r, severity=Severity.WARNING) for r in BALANCES.rules),
    )
    config = replace(a_config(queries=(quiet,)), own_rules=(WATCHDOG,))
    assert why_nobody_is_notified(
        replace(config, receivers=(a_receiver(least=Severity.CRITICAL),))
    )
