"""`rate` and `over` of a rule: what they mean, what cannot be, and the warning of what has no end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.config import load
from monitor.model.detectors import RateDetector, RateUnit
from monitor.notify.kinds import KINDS
from tests.config.folder import TARGET, Folder, query_of, rule_of

HEAD = """summary = "Jobs"
[metrics.jobs_total]
help = "Jobs that failed"
labels = ["queue"]
value = "x"
type = "{type}"
"""
RULE = """[rules.JobsFailing]
metric = "jobs_total"
{condition}
severity = "warning"
summary = "{{value}} more in {{queue}}"
"""
SQL = "SELECT 1 AS x, 'mail' AS queue"
CONFIG_TOML = Path(__file__).parent.parent.parent / "config.toml"


def write(folder: Folder, condition: str, kind: str = "counter") -> None:
    rule = RULE.format(condition=condition)
    folder.query("jobs", HEAD.format(type=kind) + rule, SQL)


@pytest.mark.parametrize("unit", [unit.value for unit in RateUnit])
@pytest.mark.parametrize("kind", ["counter", "gauge"])
@pytest.mark.parametrize(
    "condition",
    ["above = 5", "below = 5", "equals = 0", "not_equals = 0", "between = [1, 2]"],
)
def test_every_comparison_may_be_about_a_rate(
    folder: Folder, unit: str, kind: str, condition: str
) -> None:
    write(folder, f'{condition}\nrate = "{unit}"\nover = "5m"', kind)
    config = folder.load(TARGET)
    rule = rule_of(config, "JobsFailing")
    assert rule.detector == RateDetector(RateUnit(unit), timedelta(minutes=5))
    assert rule.condition.words == condition.replace(" =", "").replace(
        "_", " "
    ).replace("[1, 2]", "1 and 2")
    assert config.warnings == ()


def test_the_threshold_of_a_rate_may_be_a_parameter(folder: Folder) -> None:
    parameters = "[parameters]\nlimit = 3\n"
    rule = RULE.format(condition='above = ":limit"\nrate = "increase"\nover = "1h"')
    toml = HEAD.format(type="counter") + parameters + rule
    folder.query("jobs", toml, SQL)
    config = folder.load(TARGET + "[parameters]\nlimit = 9\n")
    assert rule_of(config, "JobsFailing").condition.threshold == 9


COMPARISONS = "above, below, equals, not_equals, between, not_between"
WITH_OVER = 'rate = "increase"\nover = "5m"'


@pytest.mark.parametrize(
    ("condition", "line", "problem"),
    [
        (
            'above = 5\nover = "5m"',
            10,
            'over: goes with "rate" only; allowed: rate = "per_second", "increase", "resets"',
        ),
        (
            'above = 5\nrate = "increase"',
            10,
            'rate: "over" is missing: the while that is looked at, such as "5m"',
        ),
        (
            'above = 5\nrate = "per_minute"\nover = "5m"',
            10,
            'rate: "per_minute" is unknown; allowed: per_second, increase, resets',
        ),
        (f"new = true\n{WITH_OVER}", 10, f"rate: goes with {COMPARISONS} only"),
        (f"absent = true\n{WITH_OVER}", 10, f"rate: goes with {COMPARISONS} only"),
        (
            f'above = 5\n{WITH_OVER}\npopulation = "jobs_total"',
            12,
            'population: does not go with "rate": how fast something counts is no part of it',
        ),
        (
            'above = 5\nrate = "increase"\nover = "90s"',
            11,
            "over: has no two runs of the query in it; at least 2m, better 4m",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_place(
    folder: Folder, condition: str, line: int, problem: str
) -> None:
    write(folder, condition)
    found = folder.problems(TARGET)
    assert found == [f"q/jobs.toml:{line}: rules.JobsFailing.{problem}"]


def test_a_longer_interval_that_does_not_fit_is_told(folder: Folder) -> None:
    write(folder, 'above = 5\nrate = "increase"\nover = "5m"')
    (problem,) = folder.problems(TARGET + '[queries.jobs]\ninterval = "10m"\n')
    assert problem.startswith("q/jobs.toml:11: rules.JobsFailing.over: has no two runs")


def test_a_stateset_counts_nothing(folder: Folder) -> None:
    states = HEAD.format(type="stateset") + 'states = ["ON", "OFF"]\n'
    rule = RULE.format(condition='above = 0\nrate = "increase"\nover = "5m"')
    folder.query("jobs", states + rule, SQL)
    assert folder.problems(TARGET) == [
        "q/jobs.toml:11: rules.JobsFailing.rate: jobs_total is of type stateset, and counts nothing"
    ]


def test_a_counter_that_is_compared_as_it_stands_is_a_warning_once(
    folder: Folder,
) -> None:
    write(folder, "above = 5")
    other = TARGET.replace("main", "other")
    config = folder.load(TARGET + other)
    assert config.warnings == (
        "q/jobs.toml:9: rules.JobsFailing.above: jobs_total is a counter, so that this fires for ever once it was"
        ' reached; add rate = "increase" and over = "1h" for how much it rose in an hour,'
        ' or rate = "per_second" and over = "5m"',
    )


@pytest.mark.parametrize(
    ("condition", "kind"), [("above = 5", "gauge"), ("below = 5", "counter")]
)
def test_what_ends_by_itself_is_no_warning(
    folder: Folder, condition: str, kind: str
) -> None:
    write(folder, condition, kind)
    assert folder.load(TARGET).warnings == ()


def test_a_rule_that_is_off_is_no_warning(folder: Folder) -> None:
    write(folder, "above = 5")
    config = folder.load(TARGET + "[rules.JobsFailing]\nenabled = false\n")
    assert query_of(config, "jobs").rules == ()
    assert config.warnings == ()


def test_no_shipped_rule_compares_a_counter_as_it_stands() -> None:
    assert load(CONFIG_TOML, {}, KINDS).warnings == ()
