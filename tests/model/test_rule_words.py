"""A rule in words: what it judges and when it fires."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from monitor.model.conditions import Condition
from monitor.model.rule_words import condition_words, firing_words
from monitor.model.rules import Rule, SeverityLevel
from monitor.model.settings import Severity

RULE = Rule(
    name="OrdersLate",
    metric="orders_late",
    condition=Condition("above", 0),
    severity=Severity.WARNING,
    summary="",
)


def test_what_waits_for_nothing_fires_as_soon_as_it_is_found() -> None:
    assert condition_words(RULE) == "orders_late above 0 at once"
    assert firing_words(RULE) == "as soon as orders_late above 0"


def test_what_must_last_says_for_how_long() -> None:
    lasting = replace(RULE, hold=timedelta(minutes=2))
    assert firing_words(lasting) == "when orders_late above 0 for 2m"


def test_of_several_severities_each_says_when() -> None:
    louder = (SeverityLevel(Severity.CRITICAL, Condition("above", 9), timedelta(0)),)
    several = replace(RULE, hold=timedelta(minutes=2), louder=louder)
    assert firing_words(several) == (
        "when orders_late warning above 0 for 2m, critical above 9 at once"
    )
