"""What was given up before its receiver had it: what still fires is told again, and what ended is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.daemon.messages import NewConfig
from monitor.model.alerts import Delivery
from monitor.model.settings import Config
from monitor.storage import State
from tests.support.harness import (
    HOOK,
    MINUTE,
    Harness,
    a_config,
    balances,
    usage,
)

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)


def hearing(*repeat_interval: timedelta) -> Config:
    """Return a configuration whose receiver hears again of what fires, never unless said."""
    (interval,) = repeat_interval or (timedelta(0),)
    return replace(a_config(), receivers=(replace(HOOK, repeat_interval=interval),))


def firing(harness: Harness, passed: timedelta, age: float = 5) -> None:
    """Let the alert be found again every five minutes for so long."""
    end = harness.at + passed
    while harness.at < end:
        harness.at += 5 * MINUTE
        harness.run("usage", usage(age))
        harness.tick()


def expired(harness: Harness) -> list[str]:
    """Let the receiver's worker give up what is too old, as it does before each attempt."""
    return [one.reason for one in harness.state.expire("hook", now=harness.at)]


def posted(harness: Harness) -> list[str]:
    """Take what waits, the watchdog's aside."""
    return [line for line in harness.posted() if "Watchdog" not in line]


@pytest.mark.parametrize("interval", [timedelta(0), 4 * HOUR])
def test_what_still_fires_when_its_notification_was_given_up_is_told_at_once(
    interval: timedelta,
) -> None:
    harness = Harness(hearing(interval))
    harness.run("usage", usage(5))
    firing(harness, DAY + 5 * MINUTE)
    assert expired(harness) == ["expired"]
    harness.tick()
    assert posted(harness) == ["TokenUsageStopped firing"]
    harness.tick()
    assert posted(harness) == [], "once"
    harness.run("usage", usage(0))
    assert posted(harness) == ["TokenUsageStopped resolved"]


def test_what_waited_while_we_were_off_for_longer_is_told_when_it_is_found_again() -> (
    None
):
    harness = Harness(hearing())
    harness.run("usage", usage(5))
    again = harness.restarted(26 * HOUR)
    assert expired(again) == ["expired"]
    again.run("usage", usage(5))
    again.tick()
    assert posted(again) == ["TokenUsageStopped firing"]


def test_what_was_given_up_just_before_the_process_was_killed_is_told_after_it(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "state.sqlite")
    before = Harness(hearing(), state=State(path))
    before.run("usage", usage(5))
    before.at += DAY + MINUTE
    assert expired(before) == ["expired"]
    before.state.close()
    after = Harness(hearing(), state=State(path), at=before.at + MINUTE)
    after.take(NewConfig(after.config))
    after.run("usage", usage(5))
    after.tick()
    assert posted(after) == ["TokenUsageStopped firing"]
    assert after.state.given_up() == {}, "what the alerts say needs no mark"
    after.state.close()


def test_the_end_of_what_was_given_up_is_told_to_nobody() -> None:
    harness = Harness(hearing())
    harness.run("usage", usage(5))
    harness.at += DAY + MINUTE
    assert expired(harness) == ["expired"]
    harness.run("usage", usage(0))
    harness.tick()
    assert posted(harness) == []


def test_who_was_told_since_is_not_told_again_for_what_was_given_up() -> None:
    harness = Harness(hearing())
    harness.run("usage", usage(5))
    harness.at += HOUR
    harness.run("usage", usage(0))
    harness.at += HOUR
    harness.run("usage", usage(5))
    harness.at += 23 * HOUR + MINUTE
    assert expired(harness) == ["expired", "expired"]
    harness.tick()
    assert posted(harness) == ["TokenUsageStopped firing"], "the second one waits"
    harness.tick()
    assert posted(harness) == []


def test_a_repeat_that_was_given_up_is_made_again_and_its_receiver_hears_the_end() -> (
    None
):
    harness = Harness(hearing(4 * HOUR))
    harness.run("usage", usage(5))
    assert posted(harness) == ["TokenUsageStopped firing"]
    firing(harness, 5 * HOUR)
    harness.at += DAY
    assert expired(harness) == ["expired"]
    harness.run("usage", usage(0))
    assert posted(harness) == ["TokenUsageStopped resolved"]


def test_who_could_not_be_told_again_as_something_waited_is_as_soon_as_that_is_taken() -> (
    None
):
    harness = Harness(hearing(4 * HOUR))
    harness.run("usage", usage(5))
    firing(harness, 7 * HOUR)
    assert posted(harness) == ["TokenUsageStopped firing"]
    firing(harness, 5 * MINUTE)
    assert posted(harness) == ["TokenUsageStopped firing"], "due since three hours"
    firing(harness, HOUR)
    assert posted(harness) == []


def test_what_is_due_again_beside_news_of_the_same_rule_comes_when_that_is_taken() -> (
    None
):
    harness = Harness(hearing(HOUR))
    for minute in range(63):
        plans = {"pro": 3, "free": 2} if minute > 59 else {"pro": 3}
        harness.run("balances", balances(**plans))
        harness.tick()
        if minute == 2:
            assert posted(harness) == ["TokenBalances firing"]
        harness.at += MINUTE
    assert posted(harness) == ["TokenBalances firing"], "of the other plan"
    harness.run("balances", balances(**plans))
    harness.tick()
    assert posted(harness) == ["TokenBalances firing"], "again"


def test_what_is_left_for_a_receiver_that_is_gone_is_told_when_it_comes_back() -> None:
    harness = Harness(hearing())
    harness.run("usage", usage(5))
    there = harness.config
    harness.take(NewConfig(replace(there, receivers=())))
    harness.at += there.state.retention + HOUR
    harness.tick()
    assert "given up unclaimed" in harness.reported()
    harness.take(NewConfig(there))
    harness.run("usage", usage(5))
    harness.tick()
    assert posted(harness) == ["TokenUsageStopped firing"]


def test_a_notification_that_is_refused_for_good_is_not_told_again() -> None:
    harness = Harness(hearing())
    harness.run("usage", usage(5))
    for due in harness.state.due("hook", now=harness.at, limit=9):
        refused = Delivery("hook", harness.at, 0.1, reason="http_400")
        harness.state.failed(due, refused, next_try_at=None)
    firing(harness, HOUR)
    assert posted(harness) == [], "what it says is the same, and so is the answer"
