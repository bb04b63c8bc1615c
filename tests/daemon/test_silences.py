"""Silences through the pipeline: who is notified when, what outlives the process; pictures of time."""

from __future__ import annotations

import queue
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.daemon.messages import Declare, NewConfig
from monitor.model.alerts import Alert, Change
from monitor.model.declared import DeclareRequest
from monitor.model.label_matchers import parse_matcher
from monitor.model.label_patterns import LabelPatterns
from monitor.model.settings import Config, Severity
from monitor.model.silences import (
    EXPIRED_KEPT,
    Acknowledge,
    AddSilence,
    EndSilence,
    MaintenanceWindow,
    Silence,
)
from monitor.storage import State
from monitor.timing.active_hours import read_active_hours
from tests.support.harness import (
    BALANCES,
    COLUMNS,
    HOOK,
    LOST,
    MINUTE,
    SECOND,
    START,
    TIMEOUT,
    USAGE,
    Harness,
    a_config,
    balances,
)

HOUR = 60 * MINUTE
NAME = "TokenBalances"


def watched(repeat: timedelta = timedelta(0), hold: timedelta = timedelta(0)) -> Config:
    (rule,) = BALANCES.rules
    query = replace(BALANCES, rules=(replace(rule, hold=hold),))
    hook = replace(HOOK, repeat_interval=repeat)
    return replace(a_config(COLUMNS, query, USAGE), receivers=(hook,))


def declare(one: Harness, request: DeclareRequest) -> None:
    """Hand over a request, and see that who waits for it is told."""
    answer: queue.SimpleQueue[None] = queue.SimpleQueue()
    one.take(Declare(request, answer))
    assert answer.get_nowait() is None


def silence(
    one: Harness,
    *matchers: str,
    id_: str = "s1",
    length: timedelta = HOUR,
    starts_in: timedelta = timedelta(0),
) -> None:
    starts_at = one.at + starts_in
    wanted = tuple(map(parse_matcher, matchers or (f"alertname={NAME}",)))
    asked = Silence(
        id_, wanted, starts_at, starts_at + length, one.at, "anna", "moving plans"
    )
    declare(one, AddSilence(asked))


def alert_of(one: Harness, name: str = NAME) -> Alert:
    return next(alert for alert in one.pipeline.active_alerts() if alert.name == name)


def fired_of(one: Harness) -> Alert:
    """Return the alert as it was when it first fired."""
    fired = [one_.alert for one_ in one.transitions if one_.change is Change.FIRED]
    return next(alert for alert in fired if alert.name == NAME)


def acknowledge(one: Harness, *, withdraws: bool = False) -> None:
    fingerprint = alert_of(one).fingerprint
    declare(one, Acknowledge(fingerprint, "ben", "on it", withdraws=withdraws))


def picture(one: Harness, values: str) -> str:
    """Let a run a minute, and a tick behind it, give each value of `pro`: what is posted then.

    Before a value: `[` a silence begins, `]` it is ended, `{` somebody acknowledges, `}` he withdraws that.
    Behind it what the receiver hears: F that it fires, R that it ended, `.` nothing. Of several runs one after
    the other each has its own mark.
    """
    marks = []
    for word in values.split():
        one.at += MINUTE
        if "[" in word:
            silence(one)
        if "]" in word:
            declare(one, EndSilence("s1", "anna"))
        one.run("balances", balances(pro=float(word.strip("[]{}"))))
        if "{" in word or "}" in word:
            acknowledge(one, withdraws="}" in word)
        one.tick()
        heard = [line for line in one.posted() if line.startswith(f"{NAME} ")]
        marks.append("".join(line.split()[1][0].upper() for line in heard) or ".")
    return " ".join(marks)


def test_nobody_hears_of_what_fires_in_a_silence_and_still_at_its_end() -> None:
    one = Harness(watched())
    assert picture(one, "0 [3 3 3 ]3 3 0") == ". . . . F . R"


def test_what_is_over_before_its_end_is_never_heard_of() -> None:
    one = Harness(watched())
    assert picture(one, "0 [3 3 0 3 0 ]0 0") == ". . . . . . . ."


def test_an_end_is_told_to_who_heard_the_beginning() -> None:
    one = Harness(watched())
    assert picture(one, "3 [3 0 3 3 ]3 0") == "F . R . . F R"


def test_who_heard_of_it_before_hears_at_the_end_that_it_still_fires() -> None:
    one = Harness(watched())
    assert picture(one, "3 [3 3 ]3 3 3 0") == "F . . F . . R"


def test_it_is_not_repeated_in_a_silence_and_counts_on_from_its_end() -> None:
    one = Harness(watched(repeat=2 * MINUTE))
    assert picture(one, "3 3 3 [3 3 3 ]3 3 3") == "F . F . . . F . F"


def test_a_for_goes_on_in_a_silence() -> None:
    one = Harness(watched(hold=3 * MINUTE))
    assert picture(one, "[3 3 ]3 3 3") == ". . . F ."


def test_it_ends_by_itself() -> None:
    one = Harness(watched())
    one.run("balances", balances(pro=3))
    assert len(one.posted()) == 1
    silence(one, length=10 * SECOND)
    one.after(9 * SECOND)
    assert one.posted() == []
    one.after(3 * SECOND)
    assert one.posted() == [f"{NAME} firing"]
    assert [line for line in one.heard if "silence" in line] == [
        "silence added",
        "silence started",
        "silence expired",
    ]


def test_one_that_is_to_come_begins_by_itself() -> None:
    one = Harness(watched())
    silence(one, starts_in=5 * SECOND, length=MINUTE)
    one.run("balances", balances(pro=3))
    assert one.posted() == [f"{NAME} firing"]
    one.after(9 * SECOND)
    assert alert_of(one).silence is not None
    one.after(MINUTE)
    assert one.posted() == [f"{NAME} firing"]
    assert alert_of(one).silence is None


def test_what_is_silenced_says_by_whom_until_when_and_why() -> None:
    one = Harness(watched())
    silence(one)
    silence(one, "target=main", id_="s2", length=2 * HOUR)
    one.run("balances", balances(pro=3))
    mark = alert_of(one).silence
    assert mark is not None
    assert mark.by == ("s1", "s2")
    assert mark.words == (
        "silenced by anna until 2026-03-01 14:00:00 UTC: moving plans"
    )
    assert fired_of(one).silence == mark


@pytest.mark.parametrize(
    ("matchers", "is_silenced"),
    [
        (("plan=pro",), True),
        (("plan=free",), False),
        (("plan!=free",), True),
        (("plan=~p.*",), True),
        (("plan=~p",), False),
        (("plan!~p.*",), False),
        (("plan=pro", "target=other"), False),
        (("nothing=",), True),
        (("region=eu", "severity=~critical|warning"), True),
    ],
)
def test_all_matchers_have_to_fit(matchers: tuple[str, ...], is_silenced: bool) -> None:
    one = Harness(watched())
    silence(one, *matchers)
    one.run("balances", balances(pro=3))
    assert (alert_of(one).silence is not None) is is_silenced
    assert one.posted() == ([] if is_silenced else [f"{NAME} firing"])


def test_nothing_about_the_monitor_itself_is_silenced() -> None:
    one = Harness(watched())
    silence(one, "alertname=~.*")
    for _ in range(6):
        one.run("balances", LOST)
        one.after(10 * SECOND)
    assert "TokenMonitorTargetDown firing" in one.posted()


def test_a_reminder_waits_for_no_one_who_knows() -> None:
    one = Harness(watched(repeat=2 * MINUTE))
    assert picture(one, "3 3 3 {3 3 3 3 3 0 3 3 3") == "F . F . . . . . R F . F"


def test_who_withdraws_it_is_reminded_again() -> None:
    one = Harness(watched(repeat=2 * MINUTE))
    assert picture(one, "3 {3 3 3 }3 3 3") == "F . . . F . F"


def test_what_is_acknowledged_in_a_silence_is_not_told_again_at_its_end() -> None:
    one = Harness(watched())
    assert picture(one, "3 [3 {3 ]3 3 0") == "F . . . . R"


def test_who_never_heard_of_it_hears_of_it_though_somebody_acknowledged_it() -> None:
    one = Harness(watched())
    assert picture(one, "[3 {3 ]3 3 0") == ". . F . R"


def test_the_end_says_who_acknowledged_it() -> None:
    one = Harness(watched())
    picture(one, "3 {3 0")
    known = one.transitions[-1].alert.acknowledged
    assert known is not None
    assert known.words == "acknowledged by ben at 2026-03-01 12:02:00 UTC: on it"
    assert f"{NAME} acknowledged by ben" in one.heard


def test_what_is_louder_is_nobodys() -> None:
    config = watched(repeat=2 * MINUTE)
    (rule,) = BALANCES.rules
    quiet = replace(rule, hold=timedelta(0), severity=Severity.WARNING)
    loud = replace(quiet, severity=Severity.CRITICAL)
    before = replace(BALANCES, rules=(quiet,))
    after = replace(BALANCES, rules=(loud,))
    config = replace(config, jobs=a_config(COLUMNS, before, USAGE).jobs)
    one = Harness(config)
    assert picture(one, "3 {3 3 3") == "F . . ."
    one.config = replace(config, jobs=a_config(COLUMNS, after, USAGE).jobs)
    one.take(NewConfig(one.config))
    assert picture(one, "3") == "F"
    assert alert_of(one).acknowledged is None


def test_what_is_pending_or_unknown_is_not_acknowledged() -> None:
    one = Harness(watched(hold=HOUR))
    one.run("balances", balances(pro=3))
    acknowledge(one)
    declare(one, Acknowledge("0" * 16))
    assert alert_of(one).acknowledged is None
    assert [line for line in one.heard if "acknowledged" in line] == []


@pytest.mark.parametrize("repeat", [timedelta(0), 4 * HOUR])
def test_what_still_fires_at_the_end_is_told_also_behind_what_waits_of_the_same_rule(
    repeat: timedelta,
) -> None:
    one = Harness(watched(repeat=repeat))
    assert picture(one, "3") == "F"
    silence(one, f"alertname={NAME}", "plan=pro", length=10 * MINUTE)
    # The receiver takes nothing, and another plan fires too.
    for _ in range(12):
        one.at += MINUTE
        one.run("balances", balances(pro=3, free=2))
        one.tick()
    heard = [line for line in one.posted() if line.startswith(f"{NAME} ")]
    assert heard == [f"{NAME} firing"] * 2
    assert one.posted() == []


def test_an_acknowledgement_that_the_disk_refused_is_not_logged_with_what_comes_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    one = Harness(watched(), state=State(str(path), busy_seconds=0.05))
    picture(one, "3")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        acknowledge(one)
    other.close()
    one.tick()
    one.run("balances", balances(pro=3))
    assert alert_of(one).acknowledged is None
    assert [line for line in one.heard if "acknowledged" in line] == []
    acknowledge(one)
    assert len([line for line in one.heard if "acknowledged" in line]) == 1
    one.state.close()


def test_a_restart_announces_nothing_and_forgets_nothing() -> None:
    one = Harness(watched())
    picture(one, "[3 {3")
    again = one.restarted(MINUTE)
    again.tick()
    again.run("balances", balances(pro=3))
    again.tick()
    assert again.posted() == []
    assert alert_of(again).acknowledged is not None
    mark = alert_of(again).silence
    assert mark is not None
    assert mark.by == ("s1",)
    assert again.pipeline.snapshot.silences == one.pipeline.snapshot.silences


def test_what_ended_while_nobody_was_there_is_told_by_who_comes_back() -> None:
    one = Harness(watched())
    assert picture(one, "[3 3") == ". ."
    again = one.restarted(2 * HOUR)
    again.tick()
    # Held until a run says that it still fires.
    assert again.posted() == []
    again.run("balances", balances(pro=3))
    again.tick()
    assert again.posted() == [f"{NAME} firing"]


def test_what_has_no_data_at_the_end_is_told_when_it_has() -> None:
    one = Harness(watched())
    assert picture(one, "3 [3 3") == "F . ."
    one.run("balances", TIMEOUT)
    declare(one, EndSilence("s1"))
    one.tick()
    assert one.posted() == []
    assert picture(one, "3") == "F"


def test_a_reload_keeps_it() -> None:
    one = Harness(watched())
    assert picture(one, "[3") == "."
    one.take(NewConfig(watched()))
    assert picture(one, "3 ]3") == ". F"


def test_the_clock_takes_it_along() -> None:
    one = Harness(watched())
    assert picture(one, "[3 3") == ". ."
    one.set_by = 3 * HOUR
    one.tick()
    assert picture(one, "3") == "."
    (kept,) = one.state.silences().values()
    assert kept.ends_at == START + MINUTE + 4 * HOUR
    assert one.pipeline.snapshot.silences == one.state.silences()


def test_the_end_of_a_maintenance_window_is_that_of_the_configuration_after_the_clock_was_set() -> (
    None
):
    window = MaintenanceWindow("today", until_at=START + 9 * HOUR)
    one = Harness(replace(watched(), maintenance=(window,)))
    assert picture(one, "3") == "."
    one.set_by = 3 * HOUR
    one.tick()
    (alert,) = (a for a in one.pipeline.active_alerts() if a.name == "TokenBalances")
    assert alert.silence is not None
    assert alert.silence.until == START + 9 * HOUR
    assert one.state.active_alerts() == one.pipeline.active_alerts()


def test_those_that_are_over_are_forgotten_after_some_days() -> None:
    one = Harness(watched())
    picture(one, "[0 ]0")
    one.asleep(EXPIRED_KEPT - MINUTE).tick()
    assert list(one.state.silences()) == ["s1"]
    one.asleep(MINUTE).tick()
    assert one.state.silences() == {}


def test_a_silence_in_place_of_another_ends_that_one() -> None:
    one = Harness(watched())
    silence(one)
    other = Silence(
        "s2", (parse_matcher("plan=free"),), one.at, one.at + HOUR, one.at, "anna"
    )
    declare(one, AddSilence(other, replaces="s1"))
    one.run("balances", balances(pro=3))
    assert one.posted() == [f"{NAME} firing"]
    states = [one_.state_at(one.at) for one_ in one.state.silences().values()]
    assert states == ["expired", "active"]


def test_a_window_silences_what_it_is_about_for_as_long_as_it_is_open() -> None:
    window = MaintenanceWindow(
        "nightly",
        (),
        (LabelPatterns("target", ("m*",)),),
        read_active_hours("Sun 12:02-12:04 UTC"),
        comment="backups",
    )
    one = Harness(replace(watched(), maintenance=(window,)))
    assert picture(one, "0 3 3 3 3 0") == ". . . F . R"
    assert [line for line in one.heard if "nightly" in line] == [
        "nightly open",
        "nightly closed",
    ]
    fired = fired_of(one).silence
    assert fired is not None
    assert fired.words == (
        "silenced by maintenance/nightly until 2026-03-01 12:04:00 UTC: backups"
    )


def test_a_window_that_a_reload_takes_away_silences_no_more() -> None:
    window = MaintenanceWindow("now", until_at=START + HOUR)
    one = Harness(replace(watched(), maintenance=(window,)))
    assert picture(one, "3 3") == ". ."
    one.take(NewConfig(watched()))
    one.tick()
    assert one.posted() == [f"{NAME} firing"]


def test_who_is_sent_all_that_is_active_gets_what_is_silenced_too() -> None:
    one = Harness(watched())
    picture(one, "[3")
    (shown,) = [one_ for one_ in one.pipeline.snapshot.alerts if one_.name == NAME]
    from monitor.notify.routing import wants

    assert shown.silence is not None
    assert wants(HOOK, shown)
