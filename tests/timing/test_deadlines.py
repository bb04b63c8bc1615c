"""Alarms ring at their deadlines, in order, and not after they were cancelled."""

from __future__ import annotations

import threading
import time

import pytest

from monitor.timing.deadlines import Watchdog
from tests.database.targets import wait_until
from tests.support.resource_limits import no_thread_to_be_had


@pytest.mark.slow
def test_alarms_ring_in_the_order_of_their_deadlines(watchdog: Watchdog) -> None:
    rung: list[str] = []
    started = time.monotonic()
    watchdog.after(1.0, lambda: rung.append("late"))
    watchdog.after(0.05, lambda: rung.append("early"))
    wait_until(lambda: len(rung) == 2, "both rang")
    assert rung == ["early", "late"]
    assert time.monotonic() - started >= 1.0


@pytest.mark.slow
def test_a_cancelled_alarm_does_not_ring(watchdog: Watchdog) -> None:
    rung: list[str] = []
    with watchdog.after(1.0, lambda: rung.append("cancelled")) as alarm:
        pass
    watchdog.after(1.1, lambda: rung.append("other"))
    wait_until(lambda: rung, "the other rang")
    assert rung == ["other"]
    assert not alarm.rang


def test_cancelling_waits_for_the_action_that_runs(watchdog: Watchdog) -> None:
    begun, finish, ended = threading.Event(), threading.Event(), threading.Event()

    def act() -> None:
        begun.set()
        finish.wait(30)
        ended.set()

    alarm = watchdog.after(0.0, act)
    assert begun.wait(30)
    threading.Timer(0.05, finish.set).start()
    alarm.cancel()
    assert ended.is_set()
    assert alarm.rang


def test_a_closed_watchdog_lets_nothing_wait() -> None:
    watchdog = Watchdog()
    rung: list[str] = []
    watchdog.after(5.0, lambda: rung.append("too late"))
    watchdog.close()
    with pytest.raises(RuntimeError):
        watchdog.after(1.0, lambda: None)
    assert not rung


def test_a_thousand_alarms_need_one_thread(watchdog: Watchdog) -> None:
    before = set(threading.enumerate())
    alarms = [watchdog.after(30.0, lambda: None) for _ in range(1000)]
    assert [thread.name for thread in set(threading.enumerate()) - before] == [
        "watchdog"
    ]
    for alarm in alarms:
        alarm.cancel()


def test_an_alarm_that_gets_no_thread_is_refused_and_the_next_one_rings(
    watchdog: Watchdog,
) -> None:
    rung: list[str] = []
    with (
        no_thread_to_be_had(),
        pytest.raises(RuntimeError, match="can't start new thread"),
    ):
        watchdog.after(0.0, lambda: rung.append("refused"))
    watchdog.after(0.05, lambda: rung.append("next"))
    wait_until(lambda: rung, "the next one rang")
    assert rung == ["next"]


def test_a_watchdog_that_never_got_its_thread_can_be_closed() -> None:
    watchdog = Watchdog()
    with (
        no_thread_to_be_had(),
        pytest.raises(RuntimeError, match="can't start new thread"),
    ):
        watchdog.after(0.0, lambda: None)
    watchdog.close()


def test_an_action_that_raises_is_reported_and_costs_no_other_alarm(
    watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[str] = []
    monkeypatch.setattr(
        threading, "excepthook", lambda args: reported.append(str(args.exc_value))
    )
    rung: list[str] = []
    watchdog.after(0.2, lambda: rung.append("other"))

    def fail() -> None:
        raise ValueError("a bug")

    watchdog.after(0.0, fail)
    wait_until(lambda: rung and reported, "the other rang")
    assert (rung, reported) == (["other"], ["a bug"])
