"""Thresholds that are parameters: each target has its own, and what cannot be one is told at load."""

from __future__ import annotations

import pytest

from monitor.model.conditions import Condition
from monitor.model.populations import Population
from tests.config.folder import TARGET, Folder, query_of, rule_of

HEAD = """summary = "Jobs that wait"
[parameters]
limit = 50
low = 1.5
high = 9.5
share = 0.2
word = "x"
"""
METRIC = """
[metrics.jobs]
help = "Jobs"
labels = ["queue"]
value = "x"
"""
SQL = "SELECT :limit + :low + :high + :share AS x, :word AS queue"
OTHER = TARGET.replace("main", "other")


def _rule(condition: str) -> str:
    return f"""{HEAD}{METRIC}
[rules.JobsWaiting]
metric = "jobs"
{condition}
severity = "warning"
summary = "{{value}} is over {{threshold}}"
"""


def _conditions(folder: Folder, condition: str, config: str) -> dict[str, Condition]:
    """Return the rule's condition on each target."""
    folder.query("jobs", _rule(condition), SQL)
    loaded = folder.load(config)
    return {
        job.target.name: rule.condition
        for job in loaded.jobs
        for rule in job.query.rules
    }


@pytest.mark.parametrize("kind", ["above", "below", "equals", "not_equals"])
def test_a_threshold_is_what_its_parameter_is_on_the_target(
    folder: Folder, kind: str
) -> None:
    own = "[targets.other.parameters]\nlimit = 7\n"
    found = _conditions(folder, f'{kind} = ":limit"', TARGET + OTHER + own)
    assert {name: one.words for name, one in found.items()} == {
        "main": f"{kind.replace('_', ' ')} 50",
        "other": f"{kind.replace('_', ' ')} 7",
    }


@pytest.mark.parametrize("kind", ["between", "not_between"])
def test_the_ends_of_a_range_are_parameters_of_the_target(
    folder: Folder, kind: str
) -> None:
    own = "[queries.jobs.parameters]\nhigh = 20\n[targets.other.parameters]\nlow = -3\n"
    found = _conditions(folder, f'{kind} = [":low", ":high"]', TARGET + OTHER + own)
    assert (found["main"].threshold, found["main"].upper) == (1.5, 20)
    assert (found["other"].threshold, found["other"].upper) == (-3, 20)
    assert found["other"].threshold_text == "-3 and 20"


def test_a_range_may_have_one_end_of_its_own(folder: Folder) -> None:
    found = _conditions(folder, 'between = [0, ":high"]', TARGET)
    assert found["main"] == Condition("between", 0, 9.5, "0 and 9.5")


def test_a_share_of_a_population_may_be_a_parameter(folder: Folder) -> None:
    folder.query(
        "jobs", _rule('above = 0\npopulation = "jobs"\nabove_share = ":share"'), SQL
    )
    config = folder.load(TARGET + "[parameters]\nshare = 0.5\n")
    assert rule_of(config, "JobsWaiting").population == Population("jobs", 0.5)


def test_an_override_may_name_a_parameter(folder: Folder) -> None:
    found = _conditions(
        folder, "below = 3", TARGET + '[rules.JobsWaiting]\nabove = ":limit"\n'
    )
    assert found["main"] == Condition("above", 50)


def test_a_parameter_that_is_a_threshold_alone_is_used(folder: Folder) -> None:
    rule = _rule('above = ":limit"')
    folder.query("jobs", rule, SQL.replace(":limit", "1"))
    assert query_of(folder.load(TARGET), "jobs").rules


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ('above = ":limt"', '.above: the query declares no parameter "limt"; did you mean "limit"?'),
        ('above = ":word"', '.above: the parameter "word" is not a number: "x" is a string'),
        ('above = "limit"', '.above: "limit" is a string; allowed: a number, or a parameter such as ":limit"'),
        ('above = ":a b"', '.above: ":a b" is a string; allowed: a number, or a parameter such as ":limit"'),
        ("above = true", '.above: true is a boolean; allowed: a number, or a parameter such as ":limit"'),
        ("above = nan", ".above: nan is not a finite number"),
        ('between = [1, ":hi"]', '.between[1]: the query declares no parameter "hi"; did you mean "high"?'),
        ('between = [1, "5"]', '.between[1]: "5" is a string; allowed: a number, or a parameter such as ":limit"'),
        ('between = [":high", ":low"]', ".between: is not a range; allowed: [lowest, highest]"),
        ("between = [2, 1]", ".between: is not a range; allowed: [lowest, highest]"),
        ("above = 5\nclear_below = 6", ".clear_below: would never be: the rule is above 5, until below 6"),
        ("below = 5\nclear_above = 4", ".clear_above: would never be: the rule is below 5, until above 4"),
        ("below = 5\nclear_below = 4", '.clear_below: goes with "above" only'),
        ("absent = true\nclear_above = 4", '.clear_above: goes with "below" only'),
        (
            'population = "jobs"\nabove_share = 0.2\nabove = 5\nclear_below = 4',
            '.clear_below: goes without "above_share": a share has no other end',
        ),
        ("between = [2]", ".between: is not a range; allowed: [lowest, highest]"),
        (
            'above = 0\npopulation = "jobs"\nabove_share = ":limit"',
            ".above_share: is a share from 0 to below 1, such as 0.2",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_a_threshold_is_told_with_its_place(
    folder: Folder, condition: str, problem: str
) -> None:
    folder.query("jobs", _rule(condition), SQL)
    found = folder.problems(TARGET)
    line = 16 + condition.count("\n")
    assert found == [f"q/jobs.toml:{line}: rules.JobsWaiting{problem}"]


def test_where_it_is_over_may_be_a_parameter(folder: Folder) -> None:
    found = _conditions(folder, 'above = 60\nclear_below = ":limit"', TARGET)
    assert found["main"] == Condition("above", 60, clear=50)
    assert found["main"].words == "above 60, until below 50"
    assert found["main"].promql("m") == "m > 60 # until below 50"


def test_another_condition_takes_along_what_goes_with_the_old_one(
    folder: Folder,
) -> None:
    found = _conditions(
        folder,
        "above = 60\nclear_below = 50",
        TARGET + OTHER + "[targets.other.rules.JobsWaiting]\nbelow = 3\n"
        "[rules.JobsWaiting]\nabove = 70\n",
    )
    assert found["main"] == Condition("above", 70, clear=50)
    assert found["other"] == Condition("below", 3)


def test_what_cannot_be_on_one_target_names_it(folder: Folder) -> None:
    folder.query("jobs", _rule('between = [":low", ":high"]'), SQL)
    own = "[targets.other.parameters]\nlow = 100\n"
    assert folder.problems(TARGET + OTHER + own) == [
        "q/jobs.toml:16: rules.JobsWaiting.between: is not a range; allowed: [lowest, highest];"
        ' with the parameters of target "other"'
    ]
