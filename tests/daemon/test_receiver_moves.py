"""Receivers that a configuration renames, puts elsewhere, or has no more: who is told what, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.daemon.messages import NewConfig
from monitor.model.alerts import Delivery
from monitor.model.settings import Receiver, ReceiverSettings
from monitor.model.targets import PasswordSource
from monitor.notify.alertmanager.settings import AlertmanagerSettings
from monitor.notify.pagerduty.settings import PagerdutySettings
from monitor.notify.slack.settings import SlackSettings
from monitor.notify.webhook.settings import WebhookSettings
from monitor.storage import State
from tests.support.harness import HOOK, LOST, MINUTE, SECOND, Harness, usage

HERE = WebhookSettings("http://127.0.0.1:9/")
ELSEWHERE = WebhookSettings("http://pager.example/secret-of-the-address")
PAGER = replace(HOOK, name="pager")
FIRING = "TokenUsageStopped firing"
RESOLVED = "TokenUsageStopped resolved"


def reload(harness: Harness, *receivers: Receiver) -> None:
    """Let the configuration have these receivers from now on."""
    harness.config = replace(harness.config, receivers=receivers)
    harness.take(NewConfig(harness.config))
    harness.tick()


def hook(settings: ReceiverSettings) -> Receiver:
    """Return the receiver with other settings."""
    return replace(HOOK, settings=settings)


def posted(harness: Harness, receiver: str = "hook") -> list[str]:
    """Take what waits for a receiver, the watchdog's aside."""
    found: list[str] = []
    while due := harness.state.due(receiver, now=harness.at):
        found += [f"{alert.name} {alert.state}" for alert in due[0].alerts]
        harness.state.delivered(due[0], Delivery(receiver, harness.at, 0.0))
    return [line for line in found if "Watchdog" not in line]


@pytest.fixture
def harness() -> Harness:
    """Begin with a receiver that was notified of what fires."""
    harness = Harness()
    harness.take(NewConfig(harness.config))
    harness.run("usage", usage(5))
    assert posted(harness) == [FIRING]
    return harness


@pytest.mark.parametrize(
    "settings",
    [
        ELSEWHERE,
        WebhookSettings(url_file=Path("address")),
        SlackSettings("http://127.0.0.1:9/"),
        PagerdutySettings(PasswordSource(file=Path("key"))),
    ],
)
def test_a_receiver_that_a_reload_puts_elsewhere_is_told_what_fires_and_hears_its_end(
    harness: Harness, settings: ReceiverSettings
) -> None:
    reload(harness, hook(settings))
    assert posted(harness) == [FIRING]
    reload(harness, hook(settings))
    assert posted(harness) == [], "once"
    harness.run("usage", usage(0))
    assert posted(harness) == [RESOLVED]


def test_the_key_of_a_receiver_that_is_another_file_is_another_destination(
    harness: Harness,
) -> None:
    reload(harness, hook(PagerdutySettings(PasswordSource(file=Path("one")))))
    posted(harness)
    reload(harness, hook(PagerdutySettings(PasswordSource(file=Path("two")))))
    assert posted(harness) == [FIRING]


def test_a_receiver_that_a_restart_puts_elsewhere_is_told_what_fires(
    harness: Harness,
) -> None:
    there = replace(harness.config, receivers=(hook(ELSEWHERE),))
    again = harness.restarted(MINUTE, there)
    again.run("usage", usage(5))
    again.tick()
    assert posted(again) == [FIRING]
    once_more = again.restarted(MINUTE)
    once_more.run("usage", usage(5))
    once_more.tick()
    assert posted(once_more) == []


def test_who_is_sent_the_same_in_another_way_is_not_told_again(
    harness: Harness,
) -> None:
    other_way = replace(HERE, headers={"X-Team": "b"}, template="{}", hmac_secret=None)
    reload(harness, replace(hook(other_way), timeout=3 * SECOND))
    assert posted(harness) == []


def test_what_waits_for_a_receiver_is_sent_elsewhere_and_not_told_twice(
    harness: Harness,
) -> None:
    harness.run("usage", usage(0))
    assert posted(harness) == [RESOLVED]
    harness.after(MINUTE).run("usage", usage(5))
    reload(harness, hook(ELSEWHERE))
    assert posted(harness) == [FIRING]


def test_where_a_receiver_is_stands_in_no_file(tmp_path: Path) -> None:
    state = State(str(tmp_path / "state.sqlite"))
    harness = Harness(state=state)
    reload(harness, hook(ELSEWHERE))
    assert set(state.destinations()) == {"hook"}
    state.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"destination" in kept
    assert b"pager.example" not in kept
    assert b"secret-of-the-address" not in kept


def test_a_receiver_that_is_renamed_is_told_nothing_again_and_hears_the_end(
    harness: Harness,
) -> None:
    reload(harness, PAGER)
    assert posted(harness, "pager") == []
    harness.run("usage", usage(0))
    assert posted(harness, "pager") == [RESOLVED]


def test_what_waits_for_a_receiver_that_is_renamed_is_sent_under_the_new_name(
    harness: Harness,
) -> None:
    harness.run("usage", usage(0))
    pokes = harness.pokes
    harness.config = replace(harness.config, receivers=(PAGER,))
    harness.take(NewConfig(harness.config))
    assert harness.pokes > pokes
    assert posted(harness, "pager") == [RESOLVED]
    assert "hook" not in harness.state.outbox()


def test_a_receiver_that_is_renamed_while_there_is_no_data_hears_the_end(
    harness: Harness,
) -> None:
    for _ in range(4):
        harness.after(20 * SECOND).run("usage", LOST)
    reload(harness, PAGER)
    posted(harness, "pager")
    harness.after(MINUTE).run("usage", usage(0))
    assert RESOLVED in posted(harness, "pager")


def test_a_receiver_that_a_restart_renames_hears_the_end(harness: Harness) -> None:
    again = harness.restarted(MINUTE, replace(harness.config, receivers=(PAGER,)))
    again.run("usage", usage(0))
    assert posted(again, "pager") == [RESOLVED]


def test_of_two_that_were_in_one_place_none_is_taken_for_the_other(
    harness: Harness,
) -> None:
    reload(harness, HOOK, replace(HOOK, name="second"))
    posted(harness, "second")
    reload(harness, PAGER)
    assert posted(harness, "pager") == [FIRING]


def test_what_waits_for_a_receiver_that_is_gone_is_reported_and_kept_for_its_return(
    harness: Harness,
) -> None:
    harness.run("usage", usage(0))
    harness.reported()
    harness.at += MINUTE
    reload(harness, replace(PAGER, settings=ELSEWHERE))
    assert "1 wait for hook, which is gone, since 0:01:00" in harness.reported()
    assert posted(harness, "pager") == []
    reload(harness, HOOK)
    assert posted(harness) == [RESOLVED]


def test_what_waits_for_who_is_an_alertmanager_now_is_given_up_at_the_reload(
    harness: Harness,
) -> None:
    harness.run("usage", usage(0))
    harness.at += MINUTE
    harness.run("usage", usage(5))
    harness.reported()
    manager = AlertmanagerSettings(("http://127.0.0.1:9",), timedelta(minutes=1))
    reload(harness, hook(manager))
    assert harness.reported().count("given up unclaimed") == 2
    assert "hook" not in harness.state.outbox()
    reload(harness, HOOK)
    assert posted(harness) == [FIRING], "it was never told by a webhook"
