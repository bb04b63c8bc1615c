"""What delivery writes into the state: each outcome once, and as of now, whatever the state refuses."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from monitor.model.alerts import Delivery, Notification
from monitor.storage import State
from tests.notify.delivering import CLOCK, delivering
from tests.notify.far_end import Reported, alert, far_end, receiver, status, until

HOUR = timedelta(hours=1)
WAIT = 0.2
"""As jitter: what failed does not come again before the next."""
# A retry at once is the one change of `next_try_at` that counts no attempt.
NO_RETRY_NOW = """
CREATE TRIGGER no_retry_now BEFORE UPDATE OF next_try_at ON outbox WHEN NEW.attempts = OLD.attempts
BEGIN SELECT RAISE(ABORT, 'not now'); END
"""


def put(state: State, *keys: str) -> None:
    """Put notifications in the outbox, each about a rule of its own."""
    groups = [{"alertname": key, "target": "main"} for key in keys]
    made = [
        Notification("hook", key, group, (alert(),), CLOCK.now())
        for key, group in zip(keys, groups, strict=True)
    ]
    state.record({}, (), made)


def put_off(state: State) -> None:
    """Let all that waits have failed once, and be due in an hour."""
    for due in state.due("hook", now=CLOCK.now(), limit=9):
        tried = Delivery("hook", CLOCK.now(), 0.1, reason="timeout")
        state.failed(due, tried, next_try_at=CLOCK.now() + HOUR)


def test_what_cannot_be_read_at_the_end_is_given_up_as_of_now(tmp_path: Path) -> None:
    path, reported = tmp_path / "state.sqlite", Reported()
    with closing(State(str(path))) as state, far_end() as server:
        put(state, "spoilt", "good")
        put_off(state)
        with closing(sqlite3.connect(path, isolation_level=None)) as shell:
            shell.execute("UPDATE outbox SET alerts = 'none' WHERE key = 'spoilt'")
        with delivering(
            [receiver(server.url)], reported, state=state, jitter=WAIT
        ) as made:
            made.drain(20)
        past = {one.key: one for one in state.deliveries(9, is_over=True)}
        assert {key: one.is_given_up for key, one in past.items()} == {
            "spoilt": True,
            "good": False,
        }
        assert CLOCK.now() - HOUR < past["spoilt"].delivery.at <= CLOCK.now()
        state.prune_before(CLOCK.now() + HOUR)
        assert state.deliveries(9) == ()


def test_what_was_taken_is_recorded_once_also_where_the_next_step_fails(
    tmp_path: Path,
) -> None:
    path, reported = tmp_path / "state.sqlite", Reported()
    refusals = [status(500), status(500)]
    with closing(State(str(path))) as state, far_end(*refusals) as server:
        put(state, "later")
        put_off(state)
        put(state, "1", "2", "3")
        shell = sqlite3.connect(path, isolation_level=None)
        shell.execute(NO_RETRY_NOW)
        with (
            closing(shell),
            delivering(
                [receiver(server.url)], reported, state=state, jitter=WAIT
            ) as made,
        ):
            until(
                lambda: reported.reasons().count("internal") >= 2,
                seconds=30,
                meanwhile=made.poke,
            )
            taken = [
                past.key for past in state.deliveries(99) if not past.delivery.reason
            ]
            assert len(taken) == 1
            shell.execute("DROP TRIGGER no_retry_now")
            until(lambda: not state.outbox(), seconds=30, meanwhile=made.poke)
        taken = [past.key for past in state.deliveries(99) if not past.delivery.reason]
        assert sorted(taken) == ["1", "2", "3", "later"]
