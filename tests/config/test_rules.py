"""Rules: their metrics, hidden ones too, their evidence and their texts."""

from __future__ import annotations

from monitor.model.settings import (
    Metric,
    Statement,
)
from tests.config.folder import (
    BALANCES,
    BALANCES_SQL,
    TARGET,
    Folder,
    query_of,
    rule_of,
)


def test_rules_on_columns_share_a_hidden_metric_with_the_details_of_all(
    folder: Folder,
) -> None:
    rule = """
[rules.{name}]
column = "age_seconds"
{more}
above = 60
severity = "warning"
summary = "{{value}} {{last_action}}"
details = ["last_action"]
"""
    folder.query(
        "usage",
        'summary = "x"\n[metrics.token_events]\nhelp = "x"\nlabels = ["action", "window"]\nvalue = "events"\n'
        + rule.format(name="One", more="")
        + rule.format(name="Two", more='by = ["action", "window"]').replace(
            "last_action", "last_user"
        )
        + rule.format(name="Three", more="by = []")
        + rule.format(name="Four", more="").replace(
            'column = "age_seconds"', 'metric = "token_events"'
        ),
    )
    query = query_of(folder.load(TARGET), "usage")
    hidden = Metric("age_seconds", "", value="age_seconds", null="skip", exported=False)
    assert query.metrics == (
        Metric(
            "token_events",
            "x",
            ("action", "window"),
            "events",
            details=("last_action",),
        ),
        Metric(
            name="age_seconds",
            help="",
            labels=("action", "window"),
            value="age_seconds",
            null="skip",
            details=("last_action", "last_user"),
            exported=False,
        ),
        Metric(
            "age_seconds by nothing",
            "",
            value=hidden.value,
            null="skip",
            details=("last_action",),
            exported=False,
        ),
    )
    assert [rule.metric for rule in query.rules] == [
        "age_seconds", "age_seconds", "age_seconds by nothing", "token_events",
    ]  # fmt: skip


def test_a_rule_that_is_off_asks_for_no_details(folder: Folder) -> None:
    toml = BALANCES + 'details = ["oldest"]\nenabled = {}\n'
    details = []
    for enabled in ("true", "false"):
        folder.query("balances", toml.replace("{}", enabled), BALANCES_SQL)
        details.append(query_of(folder.load(TARGET)).metrics[0].details)
    assert details == [("oldest",), ()]


def test_evidence_goes_to_the_rules_whose_labels_it_asks_for(folder: Folder) -> None:
    rule = '\n[rules.{0}]\ncolumn = "age"\nby = {1}\nabove = 1\nseverity = "info"\nsummary = "x"\n{2}\n'
    folder.query(
        "balances",
        BALANCES
        + rule.format("NoPlan", "[]", "")
        + rule.format("Own", "[]", 'evidence = "SELECT 7 AS id"'),
        BALANCES_SQL,
    )
    evidence = {
        rule.name: rule.evidence for rule in query_of(folder.load(TARGET)).rules
    }
    assert evidence["TokenBalancesLow"] is not None
    assert evidence["NoPlan"] is None
    assert evidence["Own"] == Statement("SELECT 7 AS id")


def test_scalars_in_where_are_texts(folder: Folder) -> None:
    folder.query(
        "a",
        'summary = "x"\n[metrics.m]\nhelp = "x"\nlabels = ["a", "b", "c"]\nvalue = "v"\n[rules.R]\n'
        'metric = "m"\nwhere = { a = 1, b = true, c = "x" }\nequals = 1\nseverity = "info"\nsummary = "x"\n',
    )
    assert rule_of(folder.load(TARGET), "R").where == (
        ("a", "1"),
        ("b", "1"),
        ("c", "x"),
    )


def test_what_alerts_say_together_names_no_value_of_one(folder: Folder) -> None:
    rule = '[rules.Low]\ncolumn = "x"\nabove = 0\nseverity = "warning"\nsummary = "{value}"\n'
    folder.query(
        "low",
        f'summary = "s"\ninterval = "1m"\n{rule}group_summary = "{{total}} of {{value}} {{"\n',
    )
    assert folder.problems(TARGET) == [
        'q/low.toml:8: rules.Low.group_summary: lone "{" at character 20; write "{{"'
    ]
    folder.query(
        "low",
        f'summary = "s"\ninterval = "1m"\n{rule}group_summary = "{{total}} of {{value}}"\n',
    )
    (problem,) = folder.problems(TARGET)
    assert problem.startswith(
        "q/low.toml:8: rules.Low.group_summary: unknown name {value}"
    )


def test_a_least_rise_below_nothing_is_refused_where_it_stands(folder: Folder) -> None:
    folder.query(
        "usage",
        'summary = "x"\n[metrics.token_events]\nhelp = "x"\nvalue = "events"\n'
        '[rules.Unusual]\nmetric = "token_events"\nseverity = "warning"\nsummary = "s"\n'
        "baseline = { least_rise = -0.5 }\n",
    )
    (problem,) = folder.problems(TARGET)
    assert problem.startswith("q/usage.toml:9: rules.Unusual.baseline.least_rise: is")
    assert "3.0 for four times what is usual" in problem
