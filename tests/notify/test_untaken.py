"""A notification that fails each time while others are taken: the receiver's health says so until it is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from monitor.model.alerts import Notification
from monitor.storage import State
from tests.notify.delivering import CLOCK, delivering
from tests.notify.far_end import Reported, alert, far_end, receiver, status, until

FOR_LONG = 300.0


@pytest.fixture
def state() -> Iterator[State]:
    with closing(State()) as opened:
        yield opened


def put(state: State, *rules: str) -> None:
    """Put a notification about each of these rules in the outbox."""
    made = [
        Notification("hook", rule, {"alertname": rule}, (alert(),), CLOCK.now())
        for rule in rules
    ]
    state.record({}, (), made)


def test_one_that_fails_while_others_are_taken_is_said_until_it_is_taken_too(
    state: State,
) -> None:
    put(state, "Refused", "Taken")
    reported = Reported()
    with (
        far_end(status(500)) as server,
        delivering(
            [receiver(server.url)], reported, state=state, jitter=FOR_LONG
        ) as made,
    ):
        until(lambda: reported.reasons() == ["http_500", ""])
        put(state, "Another")
        made.poke()
        until(lambda: len(reported.deliveries) == 3)
        health = made.status()["hook"]
        assert (health.failing_since, health.waiting) == (None, 1)
        assert health.untaken is not None
        assert health.untaken.since == reported.deliveries[0].at
        assert health.untaken.reason == "http_500"
        made.drain(20)
        until(lambda: made.status()["hook"].waiting == 0)
        assert made.status()["hook"].untaken is None
