"""Severity by share and number: of how many a finding is a part, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.alerting.populations import NO_POPULATION, counts_in
from monitor.model.conditions import Condition
from monitor.model.populations import Population, share_text
from monitor.model.results import Sample, Success
from monitor.model.rules import SeverityLevel
from monitor.model.settings import Config, Metric, Severity, labels_of
from tests.support.harness import (
    MINUTE,
    TIMEOUT,
    Harness,
    a_config,
    a_query,
    a_rule,
    samples,
)

LOW = a_rule(
    "TokenLow",
    "low_users",
    condition=Condition("above", 5.0),
    summary="{value} {plan} ({share} of {population})",
    population=Population("token_subscribers", 0.5),
)


def low_config(population: Population | None = LOW.population) -> Config:
    """Make a configuration of a query that finds low balances, and of one that counts subscribers."""
    rule = replace(LOW, population=population)
    low = Metric("low_users", "", ("plan",), value="low")
    subscribers = Metric("token_subscribers", "", ("plan",), values_label="status")
    return a_config(
        a_query("low", metrics=(low,), rules=(rule,)),
        a_query("balances", metrics=(subscribers,)),
        own_rules=(),
    )


def subscribers(**plans: tuple[float, float]) -> Success:
    """Make a result that counts subscribers by plan and state of their balance."""
    found = [
        Sample("token_subscribers", labels_of({"plan": plan, "status": status}), value)
        for plan, values in plans.items()
        for status, value in zip(("low", "ok"), values, strict=True)
    ]
    return Success(tuple(found), len(plans))


def low(**plans: float) -> Success:
    return Success(samples("low_users", plans), len(plans))


def firing(harness: Harness) -> dict[str, str]:
    return {
        alert.label("plan"): dict(alert.annotations)["summary"]
        for alert in harness.pipeline.active_alerts()
    }


def test_a_plan_of_90_is_found_as_one_of_90_000_and_a_handful_never() -> None:
    harness = Harness(low_config())
    harness.run("balances", subscribers(small=(50, 40), big=(9000, 81000), tiny=(4, 0)))
    harness.run("low", low(small=50, big=9000, tiny=4))
    assert firing(harness) == {"small": "50 small (55.6 % of 90)"}
    harness.run("low", low(small=45, big=45001, tiny=4))
    assert firing(harness) == {"big": "45,001 big (50 % of 90,000)"}


def test_as_long_as_the_population_is_unknown_the_rule_has_no_data() -> None:
    harness = Harness(low_config())
    harness.run("low", low(pro=50))
    assert firing(harness) == {}
    harness.run("balances", subscribers(pro=(50, 40)))
    harness.run("low", low(pro=50))
    assert firing(harness) == {"pro": "50 pro (55.6 % of 90)"}
    harness.after(MINUTE).run("balances", TIMEOUT)
    harness.run("low", low(pro=1))
    assert harness.shown() == {"TokenLow": "firing held"}


def test_what_fires_is_held_while_nobody_counts_of_what_it_is_a_part() -> None:
    harness = Harness(low_config())
    harness.run("balances", subscribers(pro=(50, 40), max=(50, 40)))
    harness.run("low", low(pro=50, max=50))
    harness.after(MINUTE).run("balances", subscribers(max=(50, 40)))
    harness.run("low", low(pro=50, max=50))
    held = {one.label("plan"): one.held for one in harness.pipeline.active_alerts()}
    assert held == {"pro": True, "max": False}
    # What is too few, of whatever it is a part, is over.
    harness.after(MINUTE).run("low", low(pro=5, max=50))
    assert list(firing(harness)) == ["max"]


def test_so_is_what_got_louder_and_what_is_not_clear_yet() -> None:
    critical = SeverityLevel(Severity.CRITICAL, Condition("above", 20.0))
    loud = replace(LOW, severity=Severity.WARNING, louder=(critical,))
    lingering = replace(LOW, condition=replace(LOW.condition, clear=3.0))
    for rule, value in ((loud, 50), (lingering, 4)):
        config = low_config()
        jobs = [
            replace(job, query=replace(job.query, rules=(rule,)))
            if job.query.name == "low"
            else job
            for job in config.jobs
        ]
        harness = Harness(replace(config, jobs=tuple(jobs)))
        harness.run("balances", subscribers(pro=(50, 40), max=(50, 40)))
        harness.run("low", low(pro=50))
        harness.after(MINUTE).run("balances", subscribers(max=(50, 40)))
        harness.run("low", low(pro=value))
        assert harness.shown() == {"TokenLow": "firing held"}


def test_without_a_share_the_population_is_for_texts_alone() -> None:
    harness = Harness(low_config(Population("token_subscribers")))
    harness.run("low", low(pro=6))
    assert firing(harness) == {"pro": "6 pro (unknown of unknown)"}
    harness.run("balances", subscribers(pro=(6, 594)))
    harness.run("low", low(pro=6))
    assert firing(harness) == {"pro": "6 pro (1 % of 600)"}


def test_a_plan_that_nobody_counted_is_no_finding() -> None:
    harness = Harness(low_config())
    harness.run("balances", subscribers(pro=(9, 0)))
    harness.run("low", low(team=9))
    assert firing(harness) == {}


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.12345, "12.3 %"), (1.0, "100 %"), (0.0004, "0.04 %"), (0.01, "1 %")],
)
def test_a_share_is_said_in_percent(share: float, text: str) -> None:
    assert share_text(share) == text


def test_a_finding_without_labels_is_a_part_of_all() -> None:
    counts = counts_in(LOW.population, subscribers(pro=(1, 2), team=(3, 4)).samples)
    assert counts.size_of(()) == 10
    assert NO_POPULATION.size_of(()) == 0
