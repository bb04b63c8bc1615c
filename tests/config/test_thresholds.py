"""Thresholds that are parameters: each target has its own, and what cannot be one is told at load."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.model.conditions import Condition
from monitor.model.populations import Population
from monitor.model.rules import SeverityLevel
from monitor.model.settings import Rule, Severity
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
        (
            'above = 1\nactive = "Mon-Fri 8-19"',
            '.active: "Mon-Fri 8-19" is not a part of the week; allowed:'
            ' "Mon-Fri 08:00-19:00 Europe/Berlin", several with commas before the zone',
        ),
        (
            "above = 1\nactive = 7",
            '.active: 7 is an integer; allowed: hours such as "Mon-Fri 08:00-19:00 Europe/Berlin"',
        ),
        (
            'above = 1\nactive = "08:00-09:00 UTC"\nfor = "1h"',
            ".for: 1h begins anew at each opening, and the rule is active for 1h at a stretch,"
            " so that it never fires; allowed: below 1h, or longer hours in active",
        ),
        (
            'above = 1\nactive = "Fri 22:00-06:00, Sat 06:00-07:00 UTC"\nkeep_firing_for = "12h"',
            ".keep_firing_for: 12h begins anew at each opening, and the rule is active for 9h at a stretch,"
            " so that it never resolves; allowed: below 9h, or longer hours in active",
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
    assert found["main"].promql_of_going_on("m") == "m >= 50"


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


def _leveled(folder: Folder, lines: str, config: str = TARGET) -> Rule:
    """Return a rule whose thresholds say its severities."""
    text = _rule(lines).replace('severity = "warning"\n', "")
    folder.query("jobs", text, SQL)
    return rule_of(folder.load(config), "JobsWaiting")


def test_each_severity_has_its_threshold_and_its_for(folder: Folder) -> None:
    judged = _leveled(
        folder,
        'above = { critical = ":limit", warning = 7 }\nfor = { warning = "9m", critical = "1m" }',
    )
    minute = timedelta(minutes=1)
    assert judged.levels == (
        SeverityLevel(Severity.WARNING, Condition("above", 7), 9 * minute),
        SeverityLevel(Severity.CRITICAL, Condition("above", 50), minute),
    )
    assert (judged.severity, judged.hold) == (Severity.WARNING, 9 * minute)
    assert judged.loudest is Severity.CRITICAL


def test_one_for_is_that_of_every_severity(folder: Folder) -> None:
    judged = _leveled(folder, 'below = { info = 9, critical = 1 }\nfor = "2m"')
    assert [level.hold for level in judged.levels] == [timedelta(minutes=2)] * 2


def test_an_override_changes_one_threshold_of_several(folder: Folder) -> None:
    own = "[rules.JobsWaiting]\nabove = { critical = 9 }\n"
    judged = _leveled(folder, "above = { warning = 1, critical = 5 }", own + TARGET)
    thresholds = [level.condition.threshold for level in judged.levels]
    assert thresholds == [1, 9]


def test_an_override_makes_several_severities_of_one_and_back(folder: Folder) -> None:
    folder.query("jobs", _rule("above = 5"), SQL)
    several = "[rules.JobsWaiting]\nabove = { warning = 5, critical = 9 }\n"
    one = '[targets.other.rules.JobsWaiting]\nabove = 5\nseverity = "info"\n'
    config = folder.load(several + TARGET + OTHER + one)
    rules = {job.target.name: job.query.rules[0] for job in config.jobs}
    assert rules["main"].severities == (Severity.WARNING, Severity.CRITICAL)
    assert rules["other"].severities == (Severity.INFO,)


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        ("above = { warning = 1 }", ["16: {}.above: give at least two of info, warning, critical"]),
        (
            "above = { warnin = 1, critical = 5 }",
            ['16: {}.above.warnin: unknown key; did you mean "warning"?'],
        ),
        ("above = { warning = 5, critical = 5 }", ["16: {}.above.critical: is not louder: warning is above 5"]),
        ("below = { warning = 5, critical = 6 }", ["16: {}.below.critical: is not louder: warning is below 5"]),
        (
            'above = { warning = 5, critical = "9" }',
            ['16: {}.above: "9" is a string; allowed: a number, or a parameter such as ":limit"'],
        ),
        (
            'above = { warning = 5, critical = ":lim" }',
            ['16: {}.above.critical: the query declares no parameter "lim"; did you mean "limit"?'],
        ),
        (
            'above = { warning = 5, critical = 9 }\nseverity = "info"',
            ['17: {}.severity: is said by each threshold in "above"; leave it out'],
        ),
        (
            'above = { warning = 5, critical = 9 }\nfor = { warning = "1m" }',
            ['17: {}.for: "critical" is missing'],
        ),
        (
            'above = { warning = 5, critical = 9 }\nfor = { warning = "1m", critical = "2m", loud = "3m" }',
            ['17: {}.for.loud: unknown key; allowed: info, warning, critical'],
        ),
        (
            'above = { warning = 5, critical = 9 }\nfor = { warning = "1m", critical = 2 }',
            ["17: {}.for: 2 is an integer; allowed: a duration such as 500ms, 30s, 5m, 1h30m, 1d"],
        ),
        (
            'above = 5\nseverity = "info"\nfor = { warning = "1m" }',
            ["18: {}.for: found a table; allowed: a duration, or one for each severity of above or below"],
        ),
        (
            "above = { warning = 5, critical = 9 }\nclear_below = 6",
            ["17: {}.clear_below: would never be: the rule is above 5, until below 6"],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_severities_is_told_with_its_place(
    folder: Folder, lines: str, problems: list[str]
) -> None:
    text = _rule(lines).replace('severity = "warning"\n', "")
    folder.query("jobs", text, SQL)
    expected = [f"q/jobs.toml:{one}".format("rules.JobsWaiting") for one in problems]
    assert folder.problems(TARGET) == expected


def test_a_rule_of_the_monitor_itself_has_one_threshold(folder: Folder) -> None:
    own = "[rules.TokenMonitorClockSkew]\nabove = { warning = 30, critical = 90 }\n"
    assert folder.problems(TARGET + own) == [
        "config.toml:9: rules.TokenMonitorClockSkew.above: a rule of the monitor itself has one threshold"
    ]
