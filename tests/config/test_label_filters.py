"""`where` of a rule with patterns: what is wrong with them, and what they choose."""

from __future__ import annotations

import pytest

from monitor.alerting.evaluate import matching
from monitor.model.results import Sample
from monitor.model.settings import labels_of
from monitor.web.api_rules import expression
from tests.config.folder import TARGET, Folder, rule_of

QUERY = """summary = "x"
[metrics.jobs]
help = "x"
labels = ["queue"]
values = { state = ["waiting", "failed"] }
[rules.JobsWaiting]
metric = "jobs"
above = 0
severity = "info"
summary = "{queue}"
"""


def test_a_rule_judges_what_its_patterns_choose(folder: Folder) -> None:
    where = 'where = { state = "waiting", queue = ["a*", "mail", "!audit"] }\n'
    folder.query("jobs", QUERY + where)
    judged = rule_of(folder.load(TARGET), "JobsWaiting")
    samples = [
        Sample("jobs", labels_of({"queue": queue, "state": state}), 1.0)
        for queue in ("a", "audit", "mail", "other")
        for state in ("waiting", "failed")
    ]
    found = [dict(sample.labels) for sample in matching(judged, samples)]
    assert found == [
        {"queue": "a", "state": "waiting"},
        {"queue": "mail", "state": "waiting"},
    ]
    assert expression(judged) == (
        'jobs{state="waiting",queue=~"a.*|mail",queue!~"audit"} > 0'
    )


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("{ queue = [] }", '.queue: is empty; allowed: patterns, such as ["a*", "!b"]'),
        ('{ queue = ["!"] }', ".queue: is empty, and an empty label is no label"),
        ('{ queu = ["a"] }', '.queu: is not a label of jobs; did you mean "queue"?'),
        ('{ state = ["wait*", "done"] }', '.state: "done" fits no value of state; allowed: waiting, failed'),
        ('{ state = ["!faile"] }', '.state: "!faile" fits no value of state; did you mean "failed"?'),
        ('{ queue = [["a"]] }', ".queue: found a list; allowed: a string, an integer, a float or a boolean"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_patterns_is_told(
    folder: Folder, where: str, problem: str
) -> None:
    folder.query("jobs", f"{QUERY}where = {where}\n")
    assert folder.problems(TARGET) == [
        f"q/jobs.toml:11: rules.JobsWaiting.where{problem}"
    ]


def test_a_reserved_label_comes_with_what_to_write(folder: Folder) -> None:
    folder.query(
        "jobs",
        QUERY.replace('labels = ["queue"]', 'labels = ["target"]').replace(
            "{queue}", ""
        ),
    )
    problems = folder.problems(TARGET)
    assert problems[0] == (
        'q/jobs.toml:4: metrics.jobs.labels[0]: label "target" is reserved;'
        ' write AS in the statement to call it something else, such as "own_target"'
    )
