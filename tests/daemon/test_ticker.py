"""The thread that ticks each second, and what becomes of it when what it calls raises."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest

from monitor.daemon.ticker import Ticker
from monitor.timing.clock import AnchoredClock
from tests.database.targets import wait_until


def test_a_tick_that_raises_is_reported_and_no_sign_of_life_and_the_next_one_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[str] = []
    monkeypatch.setattr(
        threading, "excepthook", lambda args: reported.append(str(args.exc_value))
    )
    clock = AnchoredClock()
    may_succeed = threading.Event()
    ticked: list[datetime] = []

    def on_tick(now: datetime) -> None:
        if not may_succeed.is_set():
            raise ValueError("a bug")
        ticked.append(now)

    ticker = Ticker(clock, on_tick)
    started_at = clock.now()
    ticker.start()
    try:
        wait_until(lambda: reported, "the first tick was reported")
        loop, _awake_since = ticker.sign(clock.now())
        assert loop.is_alive
        # Two clocks are read one after the other.
        assert (loop.last_at - started_at).total_seconds() < 0.5
        may_succeed.set()
        wait_until(lambda: ticked, "the next tick came")
        wait_until(
            lambda: ticker.sign(clock.now())[0].last_at > loop.last_at,
            "it is a sign of life",
        )
    finally:
        ticker.stop()
    assert set(reported) == {"a bug"}
