"""An outbox at its limit: changes are merged, no last state is lost, what is new waits outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model.alerts import (
    Alert,
    AlertState,
    Delivery,
    Notification,
    ReceiverHealth,
)
from monitor.model.declared import NOTHING_NEW
from monitor.model.results import Success
from monitor.model.settings import Metric
from monitor.storage import State, StateLimits
from monitor.storage.outbox_limits import USAGE
from tests.storage.test_state import alert, at
from tests.support.harness import (
    MINUTE,
    SECOND,
    Harness,
    a_config,
    a_query,
    a_rule,
    samples,
)

NAMES = "abcd"


def logged(number: int, rule: str, changes: dict[str, bool]) -> Notification:
    """Return which of these fire, and that the others resolved."""
    alerts = tuple(
        replace(
            alert(name, state=AlertState.FIRING if fires else AlertState.RESOLVED),
            value=float(number),
        )
        for name, fires in changes.items()
    )
    return Notification(
        "hook", str(number), {"alertname": rule, "target": "main"}, alerts, at(number)
    )


def taken(state: State) -> Iterator[Notification]:
    """Take everything, one after the other, as the receiver would."""
    while due := state.due("hook", now=at(10**6)):
        yield due[0]
        state.delivered(due[0], Delivery("hook", at(10**6), 0.0))


def last_states(
    notifications: list[Notification],
) -> dict[tuple[str, str], tuple[AlertState, float]]:
    return {
        (one.group["alertname"], name_of(logged)): (logged.state, logged.value)
        for one in notifications
        for logged in one.alerts
    }


def name_of(one: Alert) -> str:
    return dict(one.labels)["plan"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Low", "High"]),
            st.dictionaries(st.sampled_from(NAMES), st.booleans(), min_size=1),
        ),
        max_size=25,
    ),
    st.integers(0, 30),
)
def test_what_is_notified_at_last_is_the_same_with_a_limit_and_without(
    changes: list[tuple[str, dict[str, bool]]], limit: int
) -> None:
    """In order, whatever was merged, and what is next of each rule is what it was."""
    sent = [logged(number, rule, of) for number, (rule, of) in enumerate(changes)]
    with closing(State(limits=StateLimits(outbox_entries=limit or 1))) as state:
        for one in sent:
            state.bound_outbox(one.created_at)
            state.record({}, (), [one])
        got = list(taken(state))
    assert last_states(got) == last_states(sent)
    for rule in ("Low", "High"):
        of_rule = [one for one in got if one.group["alertname"] == rule]
        assert [one.key for one in of_rule[:1]] == [
            one.key for one in sent if one.group["alertname"] == rule
        ][:1]
        for name in NAMES:
            values = [
                logged.value
                for one in of_rule
                for logged in one.alerts
                if name_of(logged) == name
            ]
            assert values == sorted(set(values))


def test_an_alert_that_flaps_for_a_day_fits_in_a_small_outbox() -> None:
    with closing(State(limits=StateLimits(outbox_entries=20))) as state:
        for number in range(500):
            assert state.bound_outbox(at(number)) == frozenset()
            state.record({}, (), [logged(number, "Low", {"a": number % 2 == 0})])
        assert state.outbox()["hook"].waiting <= 20
        assert [one.alerts[0].value for one in taken(state)][-1] == 499.0


def test_what_cannot_be_read_is_left_where_it_is_and_the_rest_merged() -> None:
    with closing(State(limits=StateLimits(outbox_entries=4))) as state:
        for number in range(4):
            state.record({}, (), [logged(number, "Low", {"a": True})])
        state._disk.write(
            lambda c: c.execute("UPDATE outbox SET alerts = 'none' WHERE key = '2'")
        )
        state.bound_outbox(at(9))
        assert [one.alerts[0].value for one in taken(state)] == [0.0, 3.0]


def test_since_when_an_outbox_is_full_moves_with_the_clock() -> None:
    with closing(State(limits=StateLimits(outbox_entries=2))) as state:
        for number in range(3):
            state.record({}, (), [logged(number, str(number), {"a": True})])
        assert state.bound_outbox(at(9)) == {"hook"}
        state.move(timedelta(hours=1), {}, NOTHING_NEW)
        assert state.bound_outbox(at(3700)) == {"hook"}
        assert state.outbox()["hook"].full_since == at(3609)


def test_of_very_many_that_nobody_got_the_history_keeps_how_many_they_were() -> None:
    with closing(State()) as state:
        many = logged(0, "Low", dict.fromkeys(map(str, range(100)), True))
        state.record({}, (), [many, logged(1, "High", {"a": True})])
        state.expire("hook", now=at(1) + timedelta(hours=25))
        few, past = state.deliveries(9)
        assert (past.summary, past.alerts) == ("Low on main: 100 firing", ())
        assert [name_of(one) for one in few.alerts] == ["a"]


def test_how_much_waits_is_counted_without_a_look_at_what_waits() -> None:
    with closing(State()) as state:
        for asked in (
            USAGE,
            "SELECT receiver, count(*), min(created_at) FROM outbox GROUP BY receiver",
        ):
            plan = state._disk.rows(f"EXPLAIN QUERY PLAN {asked}")
            assert "USING COVERING INDEX outbox_waiting" in plan[0][-1]


MANY = a_query(
    "many",
    metrics=(Metric("m", "", ("k",), value="n"),),
    rules=(a_rule("Many", "m", summary="{k}"),),
)


@contextmanager
def crowded(limit: int = 10**6, size: int = 10**6) -> Iterator[Harness]:
    with closing(
        State(limits=StateLimits(outbox_entries=limit, outbox_bytes=size))
    ) as state:
        yield Harness(a_config(MANY), state=state)


def run(harness: Harness, names: list[str]) -> None:
    harness.after(2 * SECOND).run(
        "many", Success(samples("m", dict.fromkeys(names, 1.0), "k"), len(names))
    )


def churn(harness: Harness, times: int) -> None:
    """Let all label sets be new at each run, before a receiver that takes nothing."""
    for number in range(times):
        run(harness, [f"k{number}-{one}" for one in range(20)])


def size_of(harness: Harness) -> int:
    (size,) = harness.state._disk.rows("SELECT sum(size) FROM outbox")
    return int(size[0])


@pytest.mark.slow
def test_labels_without_end_before_a_receiver_that_takes_nothing_fill_its_outbox_and_no_more() -> (
    None
):
    with crowded(size=100_000) as harness:
        churn(harness, 40)
        full = [line for line in harness.reported() if "is full" in line]
        assert full
        assert set(full) == {"hook is full: 20 not told"}
        size = size_of(harness)
        assert size < 130_000
        churn(harness, 40)
        assert size_of(harness) == size
        assert harness.state.outbox()["hook"].full_since is not None


def test_what_was_not_notified_is_notified_when_there_is_room_and_what_was_notified_is_ended() -> (
    None
):
    with crowded(size=100_000) as harness:
        run(harness, ["known"])
        assert harness.posted() == ["Many firing"]
        churn(harness, 40)
        assert harness.state.bound_outbox(harness.at) == {"hook"}
        run(harness, ["late"])
        run(
            harness, ["late", "known"]
        )  # `known` had resolved, which the outbox took although it is full
        for notification in list(taken(harness.state)):
            ended = [
                name_k(one)
                for one in notification.alerts
                if one.state is AlertState.RESOLVED
            ]
            if "known" in ended:
                break
        else:
            pytest.fail("nobody was told that it ended")
        list(taken(harness.state))
        harness.after(3 * SECOND)
        harness.tick()
        waiting = [
            name_k(one)
            for due in taken(harness.state)
            for one in due.alerts
            if one.name == "Many"
        ]
        assert sorted(waiting) == ["known", "late"]


def name_k(one: Alert) -> str:
    return dict(one.labels).get("k", "")


def test_a_full_outbox_is_an_alert_after_five_minutes_until_it_has_room() -> None:
    harness = Harness()
    since = harness.at
    harness.health["hook"] = ReceiverHealth(
        waiting=9, oldest_at=since, full_since=since
    )
    harness.after(4 * MINUTE).tick()
    assert "TokenMonitorDeliveryFailing" not in harness.shown()
    harness.after(2 * MINUTE).tick()
    firing = next(
        one
        for one in harness.pipeline.snapshot.alerts
        if one.name == "TokenMonitorDeliveryFailing"
    )
    assert firing.state is AlertState.FIRING
    harness.health["hook"] = ReceiverHealth(waiting=5, oldest_at=since)
    harness.after(MINUTE).tick()
    assert "TokenMonitorDeliveryFailing" in harness.shown(), "it still has much to take"
    harness.health["hook"] = ReceiverHealth()
    harness.after(timedelta(seconds=5)).tick()
    assert harness.shown().get("TokenMonitorDeliveryFailing") == "resolved"
