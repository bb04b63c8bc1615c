"""A silence with a pattern holds back what a maintenance window does, of whatever labels an alert has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting.quieting import quieting_at
from monitor.model.alerts import Alert
from monitor.model.label_matchers import parse_matcher
from monitor.model.label_patterns import LabelPatterns
from monitor.model.settings import Rule, labels_of
from monitor.model.silences import MaintenanceWindow, Quieted, Silence
from tests.web.picture import OWN, UNINITIALIZED, an_alert

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TARGETS = st.sampled_from(["db-1", "db-", "xdb-1", "db-1.x", "staging", "DB-1"])
RULES = st.sampled_from([UNINITIALIZED, replace(UNINITIALIZED, name="Low"), OWN])
ALIKE = {
    "one": ([], {"target": "staging"}, ["target=staging"]),
    "pattern": ([("target", "db-*")], {}, ['target=~"db-.*"']),
    "two": (
        [("target", "db-*")],
        {"plan": "pro"},
        ['target=~"db-.*"', "plan=pro"],
    ),
    "all": ([], {}, ['target=~".+"']),
}


def held_by(one: Silence | MaintenanceWindow, alert: Alert) -> Quieted | None:
    """Return what it marks an alert with, apart from who says so."""
    if isinstance(one, Silence):
        found = quieting_at({one.id: one}, (), NOW).over(alert)
    else:
        found = quieting_at({}, [one], NOW).over(alert)
    return None if found is None else replace(found, by=(), who="")


@pytest.mark.parametrize("name", ALIKE)
@given(TARGETS, RULES, st.sampled_from(["pro", "team"]))
def test_a_silence_with_a_pattern_is_a_maintenance_window_by_api(
    name: str, target: str, rule: Rule, plan: str
) -> None:
    patterns, labels, matchers = ALIKE[name]
    match = tuple(LabelPatterns(label, (value,)) for label, value in patterns)
    window = MaintenanceWindow("w", labels_of(labels), match, until_at=NOW + HOUR)
    parsed = tuple(map(parse_matcher, matchers))
    silence = Silence("a1", parsed, NOW - HOUR, NOW + HOUR, NOW, "ci", "")
    alert = an_alert(rule, target=target, plan=plan)
    held = held_by(silence, alert)
    assert held == held_by(window, alert)
    is_meant = rule is not OWN and target == "db-1" and plan == "pro"
    assert name == "one" or not is_meant or held == Quieted((), until=NOW + HOUR)
