"""What an alert says of itself: all of it while it lasts, in the past and without a repair after."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.alerting.shown import shown_annotations
from monitor.config import load
from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Rule, labels_of
from monitor.notify.kinds import KINDS
from tests.notify.far_end import START, alert

TEXTS = {
    "summary": "The column is missing",
    "resolved_summary": "The column was missing",
    "description": "Copy this: UPDATE users SET tokens_remaining = 1",
    "repair": "UPDATE users SET tokens_remaining = 1",
    "runbook_url": "https://wiki.example.com/column",
    "team": "billing",
}


def an_alert(state: AlertState, **changed: str) -> Alert:
    return replace(alert(state=state), annotations=labels_of({**TEXTS, **changed}))


def test_while_it_lasts_all_is_reported_but_what_is_kept_for_the_end() -> None:
    for state in (AlertState.PENDING, AlertState.FIRING):
        reported = shown_annotations(an_alert(state))
        assert reported == {
            name: text for name, text in TEXTS.items() if name != "resolved_summary"
        }


def test_what_is_over_is_reported_in_the_past_with_its_length_and_without_what_to_do() -> (
    None
):
    assert shown_annotations(an_alert(AlertState.RESOLVED)) == {
        "summary": "The column was missing, for 1m",
        "runbook_url": "https://wiki.example.com/column",
        "team": "billing",
    }


def test_a_rule_without_words_for_the_end_says_that_it_is_over() -> None:
    reported = shown_annotations(an_alert(AlertState.RESOLVED, resolved_summary=""))
    assert reported["summary"] == "Over after 1m: The column is missing"


def test_of_an_alert_whose_rule_went_nobody_says_that_it_is_over() -> None:
    gone = replace(an_alert(AlertState.RESOLVED), resolve_reason="rule_removed")
    assert shown_annotations(gone)["summary"] == (
        "No longer judged (rule removed), after 1m: The column is missing"
    )


def test_a_length_is_reported_in_whole_seconds() -> None:
    fired = an_alert(AlertState.RESOLVED)
    ended = replace(fired, resolved_at=START + timedelta(seconds=30.4))
    assert shown_annotations(ended)["summary"] == "The column was missing, for 30s"


@pytest.fixture(scope="module")
def shipped_rules(tmp_path_factory: pytest.TempPathFactory) -> list[Rule]:
    folder = tmp_path_factory.mktemp("config")
    (folder / "config.toml").write_text(
        '[targets.main]\nhost = "127.0.0.1"\nuser = "monitor"\ndatabase = "app"\npassword_env = "P"\n'
    )
    config = load(folder / "config.toml", {"P": "x"}, KINDS)
    return [
        *config.own_rules,
        *(rule for job in config.jobs for rule in job.query.rules),
    ]


def test_every_shipped_rule_has_words_for_its_end(shipped_rules: list[Rule]) -> None:
    without = [rule.name for rule in shipped_rules if not rule.resolved_summary]
    assert without == ["TokenMonitorWatchdog"]  # it never ends
    present = (" is ", " are ", " has ", " have ", " cannot ")
    still = [
        rule.name
        for rule in shipped_rules
        if any(word in rule.resolved_summary for word in present)
    ]
    assert still == []  # ", for 5m" is put behind them
