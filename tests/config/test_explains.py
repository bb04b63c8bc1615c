"""`explains`: the cause graph of all files, checked as a whole."""

from __future__ import annotations

import pytest

from monitor.model.cause_graph import CauseRule
from tests.config.folder import TARGET, Folder, rule_of

QUERY = """summary = "x"
[metrics.token_{name}]
help = "x"
labels = ["plan"]
value = "users"
"""
RULE = """
[rules.{name}]
metric = "token_{query}"
above = 0
severity = "warning"
summary = "x"
explains = {explains}
"""


def add_query(folder: Folder, name: str, **rules: list[str]) -> None:
    """Write a query whose rules explain others."""
    written = [
        RULE.format(name=rule, query=name, explains=explains)
        for rule, explains in rules.items()
    ]
    folder.query(name, QUERY.format(name=name) + "".join(written))


def test_a_rule_knows_what_it_explains_and_the_configuration_what_explains_it(
    folder: Folder,
) -> None:
    add_query(folder, "one", Cause=["Effect", "Other", "Effect"], Other=[])
    add_query(folder, "two", Effect=[], Reason=["Cause"])
    config = folder.load(TARGET)
    assert rule_of(config, "Cause").explains == ("Effect", "Other")
    graph = config.causes
    assert graph.causes_of("Effect") == (CauseRule("Cause", "one"),)
    assert graph.causes_of("Reason") == ()
    ranks = [graph.rank(name) for name in ("Reason", "Cause", "Effect")]
    assert ranks == sorted(ranks)
    assert graph.rank("Nothing") < min(ranks)


@pytest.mark.parametrize(
    ("where", "fault"),
    [
        ("{ code = [] }", "code: has no value: nothing would be explained"),
        (
            '{ target = ["main"] }',
            "target: is a label of every alert, which explains says already",
        ),
    ],
)
def test_what_can_be_no_choice_of_what_is_explained_is_refused(
    folder: Folder, where: str, fault: str
) -> None:
    add_query(folder, "one", Cause=["Effect"], Effect=[])
    override = f"[rules.Cause]\nexplains_where = {where}\n"
    (problem,) = folder.problems(TARGET + override)
    assert problem.endswith(f"rules.Cause.explains_where.{fault}")


def test_what_no_rule_is_called_is_refused_with_its_place(folder: Folder) -> None:
    add_query(folder, "one", Cause=["Efect"])
    add_query(folder, "two", Effect=[])
    assert folder.problems(TARGET) == [
        'q/one.toml:12: rules.Cause.explains[0]: there is no rule "Efect" of a query; did you mean "Effect"?'
    ]


def test_rules_about_the_monitor_itself_can_explain_and_are_not_explained(
    folder: Folder,
) -> None:
    add_query(folder, "one", Effect=[])
    changed = f'{TARGET}[rules.TokenMonitorTargetDown]\nexplains = ["Effect"]\n'
    graph = folder.load(changed).causes
    assert graph.causes_of("Effect") == (CauseRule("TokenMonitorTargetDown", ""),)
    add_query(folder, "two", Cause=["TokenMonitorTargetDown"])
    own, dangling = sorted(folder.problems(changed.replace("Effect", "Efect")))
    assert 'rules.TokenMonitorTargetDown.explains[0]: there is no rule "Efect"' in own
    assert 'there is no rule "TokenMonitorTargetDown" of a query' in dangling


def test_a_circle_is_refused_with_all_its_rules(folder: Folder) -> None:
    add_query(folder, "one", Alpha=["Beta"], Gamma=["Alpha"])
    add_query(folder, "two", Beta=["Gamma"])
    assert folder.problems(TARGET) == [
        "q/one.toml:12: rules.Alpha.explains: is a circle: Alpha explains Beta explains Gamma explains Alpha"
    ]


def test_a_rule_that_is_switched_off_closes_no_circle_and_can_be_named(
    folder: Folder,
) -> None:
    add_query(folder, "one", Alpha=["Beta"], Beta=["Alpha"])
    config = folder.load(f"{TARGET}[rules.Beta]\nenabled = false\n")
    assert rule_of(config, "Alpha").explains == ("Beta",)


def test_config_toml_can_say_that_a_rule_explains_something_else(
    folder: Folder,
) -> None:
    add_query(folder, "one", Alpha=["Beta"], Beta=[], Gamma=[])
    config = folder.load(f'{TARGET}[rules.Alpha]\nexplains = ["Gamma"]\n')
    assert rule_of(config, "Alpha").explains == ("Gamma",)


def test_a_population_that_no_query_counts_and_a_share_of_nothing_are_refused(
    folder: Folder,
) -> None:
    add_query(folder, "one", Alpha=[])
    changed = f'{TARGET}[rules.Alpha]\npopulation = "token_ones"\n'
    (dangling,) = folder.problems(changed)
    assert 'unknown metric "token_ones"; did you mean "token_one"?' in dangling
    (lonely,) = folder.problems(f"{TARGET}[rules.Alpha]\nabove_share = 0.5\n")
    assert 'goes with "above" and "population" only' in lonely
    changed = f'{TARGET}[rules.Alpha]\npopulation = "token_one"\nabove_share = 50\n'
    (too_much,) = folder.problems(changed)
    assert "is a share from 0 to below 1" in too_much


def test_a_share_of_a_metric_that_no_query_has_is_refused(folder: Folder) -> None:
    change = '{ by = 1.0, over = "1h", share_of = "token_ones" }'
    add_query(folder, "one", Alpha=[])
    (dangling,) = folder.problems(f"{TARGET}[rules.Alpha]\nchange = {change}\n")
    assert (
        'share_of: unknown metric "token_ones"; did you mean "token_one"?' in dangling
    )


def _muted(folder: Folder, query: str, name: str, *by: str) -> None:
    """Write a query with one rule that others mute."""
    rule = RULE.format(name=name, query=query, explains=[])
    rule = rule.replace("explains = []", f"muted_by = {list(by)}")
    folder.query(query, QUERY.format(name=query) + rule)


def test_what_mutes_a_rule_is_what_would_explain_it(folder: Folder) -> None:
    add_query(folder, "one", Cause=[])
    _muted(folder, "two", "Effect", "Cause", "TokenMonitorTargetDown")
    config = folder.load(TARGET)
    assert config.causes.causes_of("Effect") == (
        CauseRule("Cause", "one"),
        CauseRule("TokenMonitorTargetDown", ""),
    )
    assert rule_of(config, "Cause").explains == ()


def test_both_ends_may_say_it(folder: Folder) -> None:
    add_query(folder, "one", Cause=["Effect"])
    _muted(folder, "two", "Effect", "Cause")
    graph = folder.load(TARGET).causes
    assert graph.causes_of("Effect") == (CauseRule("Cause", "one"),)


def test_a_rule_that_is_switched_off_mutes_nothing(folder: Folder) -> None:
    add_query(folder, "one", Cause=[])
    _muted(folder, "two", "Effect", "Cause")
    config = folder.load(f"{TARGET}[rules.Cause]\nenabled = false\n")
    assert config.causes.causes_of("Effect") == ()


def test_what_would_mute_and_is_not_there_is_refused(folder: Folder) -> None:
    add_query(folder, "one", Cause=[])
    _muted(folder, "two", "Effect", "Caus")
    (problem,) = folder.problems(TARGET)
    assert problem == (
        'q/two.toml:12: rules.Effect.muted_by[0]: there is no rule "Caus" of a query; did you mean "Cause"?'
    )


def test_a_circle_is_one_by_whichever_end_says_it(folder: Folder) -> None:
    add_query(folder, "one", Cause=["Effect"])
    folder.query(
        "three",
        QUERY.format(name="three")
        + RULE.format(name="Effect", query="three", explains=[]),
    )
    _muted(folder, "two", "Other", "Effect")
    changed = f'{TARGET}[rules.Cause]\nmuted_by = ["Other"]\n'
    assert folder.problems(changed) == [
        "q/one.toml:12: rules.Cause.explains: is a circle: Cause explains Effect explains Other explains Cause"
    ]


def test_a_rule_cannot_mute_itself(folder: Folder) -> None:
    _muted(folder, "two", "Effect", "Effect")
    (problem,) = folder.problems(TARGET)
    assert problem.endswith("muted_by: is a circle: Effect explains Effect")
