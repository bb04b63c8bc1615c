from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.model.alerts import (
    Alert,
    AlertState,
    Change,
    Delivery,
    Notification,
    Scope,
    Transition,
)
from monitor.model.declared import NOTHING_NEW
from monitor.model.errors import StateError
from monitor.model.results import Sample
from monitor.model.settings import Labels, Severity
from monitor.storage import LastResult, OutboxView, State, StateLimits
from monitor.storage.serialization import (
    UnreadableError,
    alert_to_record,
    record_to_alert,
)
from monitor.timing.shift import moved
from tests.storage.older_state import OLDER_VERSIONS, make_older_state

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
SCOPE = Scope("Low", "main", "balances")


@pytest.fixture(params=["memory", "file"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    opened = State(
        ":memory:" if request.param == "memory" else str(tmp_path / "state.sqlite")
    )
    yield opened
    opened.close()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def alert(
    plan: str = "pro", *, state: AlertState = AlertState.FIRING, scope: Scope = SCOPE
) -> Alert:
    return Alert(
        scope,
        (("alertname", scope.rule), ("plan", plan)),
        Severity.CRITICAL,
        state,
        0.5,
        START,
        fired_at=at(60),
        resolved_at=at(120) if state is AlertState.RESOLVED else None,
        keep_since=at(61.5),
        annotations=(("summary", "low — “pro”"),),
        evidence=(
            {
                "user_id": 7,
                "balance": None,
                "share": 0.5,
                "is_new": True,
                "plan": "pro",
            },
        ),
        since_at_least=True,
        held=True,
        muted_by="0123456789abcdef",
        resolve_reason="rule_changed",
    )


def by_labels(*alerts: Alert) -> dict[Labels, Alert]:
    return {one.labels: one for one in alerts}


def resolved(plan: str, seconds: float) -> Transition:
    instant = at(seconds)
    gone = replace(alert(plan, state=AlertState.RESOLVED), resolved_at=instant)
    return Transition(Change.RESOLVED, gone, instant)


def notification(
    key: str,
    *,
    receiver: str = "hook",
    seconds: float = 0,
    rule: str = "Low",
    is_repeat: bool = False,
) -> Notification:
    group = {"alertname": rule, "target": "main"}
    return Notification(
        receiver, key, group, (alert(),), at(seconds), is_repeat=is_repeat
    )


def attempt(seconds: float, reason: str = "") -> Delivery:
    return Delivery(
        "hook", at(seconds), 0.25, reason=reason, message=reason and f"it was {reason}"
    )


def send_to_outbox(state: State, *notifications: Notification) -> None:
    state.record({}, (), notifications)


def the_due(state: State, seconds: float) -> Notification:
    (due,) = state.due("hook", now=at(seconds))
    return due


def the_due_of(state: State, key: str, seconds: float) -> Notification:
    return next(
        one for one in state.due("hook", now=at(seconds), limit=9) if one.key == key
    )


def test_an_alert_comes_back_as_it_was(state: State) -> None:
    bare = Alert(
        SCOPE, (("alertname", "Low"),), Severity.INFO, AlertState.PENDING, 1e300, START
    )
    state.record({SCOPE: by_labels(alert(), bare)}, (), ())
    assert state.active_alerts() == (bare, alert())


def test_a_value_that_is_nan_comes_back_as_nan(state: State) -> None:
    state.record({SCOPE: by_labels(replace(alert(), value=math.nan))}, (), ())
    assert math.isnan(state.active_alerts()[0].value)


def test_a_scopes_alerts_replace_those_that_it_had_and_no_others(state: State) -> None:
    other = Scope("Low", "second", "balances")
    state.record(
        {
            SCOPE: by_labels(alert("a"), alert("b")),
            other: by_labels(alert("c", scope=other)),
        },
        (),
        (),
    )
    state.record({SCOPE: by_labels(alert("b"))}, (), ())
    assert [dict(one.labels)["plan"] for one in state.active_alerts()] == ["b", "c"]
    state.record({SCOPE: {}}, (), ())
    assert [dict(one.labels)["plan"] for one in state.active_alerts()] == ["c"]


def test_what_one_result_changed_is_written_together_or_not_at_all(
    state: State,
) -> None:
    wrong = replace(notification("k"), group={"alertname": object()})  # type: ignore[dict-item] # it must fail
    with pytest.raises(TypeError):
        state.record({SCOPE: by_labels(alert())}, (resolved("pro", 1),), (wrong,))
    assert (state.active_alerts(), state.history(9), state.outbox()) == ((), (), {})
    state.record({SCOPE: by_labels(alert())}, (), ())
    assert state.active_alerts() == (alert(),)


def test_history_is_newest_first_and_may_be_narrowed(state: State) -> None:
    fired = Transition(Change.FIRED, alert("a"), at(1))
    elsewhere = Transition(
        Change.FIRED, alert("b", scope=Scope("Other", "second", "q")), at(2)
    )
    gone = resolved("a", 3)
    state.record({}, (fired, elsewhere), ())
    state.record({}, (gone,), ())
    assert state.history(9) == (gone, elsewhere, fired)
    assert state.history(1) == (gone,)
    assert state.history(9, alertname="Other") == (elsewhere,)
    assert state.history(9, target="main") == (gone, fired)
    assert state.history(9, since=at(2)) == (gone, elsewhere)


def test_recently_resolved_are_each_as_they_last_were(state: State) -> None:
    state.record({}, (resolved("a", 1), resolved("b", 10), resolved("a", 20)), ())
    assert state.recently_resolved(at(10), at(20)) == (
        resolved("b", 10).alert,
        resolved("a", 20).alert,
    )
    assert state.recently_resolved(at(10.000001), at(20)) == (resolved("a", 20).alert,)
    assert state.recently_resolved(at(0), at(19.999999)) == (
        resolved("a", 1).alert,
        resolved("b", 10).alert,
    )


@pytest.mark.parametrize(
    ("again", "is_listed"), [(AlertState.FIRING, False), (AlertState.PENDING, True)]
)
def test_what_fires_again_is_not_resolved(
    state: State, again: AlertState, is_listed: bool
) -> None:
    state.record({SCOPE: by_labels(alert("a", state=again))}, (resolved("a", 1),), ())
    assert bool(state.recently_resolved(START, at(9))) is is_listed


def test_the_outbox_gives_the_oldest_first_and_counts(state: State) -> None:
    send_to_outbox(
        state,
        notification("1"),
        notification("2", seconds=1, rule="Other", is_repeat=True),
    )
    send_to_outbox(state, notification("3", receiver="other", seconds=2))
    assert [due.is_repeat for due in state.due("hook", now=at(5), limit=9)] == [
        False,
        True,
    ]
    assert [due.key for due in state.due("hook", now=at(5))] == ["1"]
    assert [due.key for due in state.due("hook", now=at(5), limit=9)] == ["1", "2"]
    assert replace(the_due(state, 5), id=None) == notification("1")
    assert state.outbox() == {
        "hook": OutboxView(2, at(0)),
        "other": OutboxView(1, at(2)),
    }
    assert state.due("nobody", now=at(5)) == ()


def test_the_same_notification_is_kept_once(state: State) -> None:
    send_to_outbox(state, notification("1"))
    send_to_outbox(state, notification("1"), notification("1", receiver="other"))
    assert {name: view.waiting for name, view in state.outbox().items()} == {
        "hook": 1,
        "other": 1,
    }


def test_the_same_notification_again_changes_neither_place_nor_attempts(
    state: State,
) -> None:
    send_to_outbox(state, notification("1"), notification("2"))
    state.failed(the_due(state, 0), attempt(0, "timeout"), next_try_at=at(0))
    send_to_outbox(state, notification("1"))
    first = the_due(state, 0)
    assert (first.key, first.attempts) == ("1", 1)


def test_of_one_rule_and_target_a_later_one_never_overtakes_but_others_do(
    state: State,
) -> None:
    send_to_outbox(
        state, notification("1"), notification("2"), notification("3", rule="Other")
    )
    send_to_outbox(state, notification("4", rule="Third"))
    state.failed(the_due(state, 0), attempt(0, "timeout"), next_try_at=at(30))
    assert [due.key for due in state.due("hook", now=at(29.999), limit=9)] == ["3", "4"]
    assert state.next_try_at("hook") == at(0)
    first, *others = state.due("hook", now=at(30), limit=9)
    assert (first.key, first.attempts, [due.key for due in others]) == (
        "1",
        1,
        ["3", "4"],
    )
    state.delivered(first, attempt(30))
    assert [due.key for due in state.due("hook", now=at(30), limit=9)] == [
        "2",
        "3",
        "4",
    ]


def test_what_is_due_later_may_be_asked_for_and_what_of_it_cannot_be_read_is_given_up_now(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "state.sqlite")
    state = State(path)
    send_to_outbox(state, notification("1"), notification("2", rule="Other"))
    for due in state.due("hook", now=at(0), limit=9):
        state.failed(due, attempt(0, "timeout"), next_try_at=at(300))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE outbox SET alerts = 'none' WHERE key = '1'")
    connection.close()
    assert state.due("hook", now=at(5)) == ()
    assert [due.key for due in state.due("hook", now=at(5), whenever=True)] == ["2"]
    (past,) = state.deliveries(9, is_over=True)
    assert (past.key, past.delivery.reason, past.delivery.at) == (
        "1",
        "unreadable",
        at(5),
    )
    state.close()


def test_what_had_the_fewest_attempts_may_be_asked_for_first(state: State) -> None:
    send_to_outbox(state, notification("1"), notification("2", rule="Other"))
    state.failed(the_due(state, 0), attempt(0, "timeout"), next_try_at=at(0))
    due = state.due("hook", now=at(0), limit=9, least_tried_first=True)
    assert [(one.key, one.attempts) for one in due] == [("2", 0), ("1", 1)]


def test_all_that_waits_may_be_let_go_at_once(state: State) -> None:
    send_to_outbox(state, notification("1"), notification("2", receiver="other"))
    for receiver in ("hook", "other"):
        (due,) = state.due(receiver, now=at(0))
        state.failed(due, attempt(0, "timeout"), next_try_at=at(300))
    state.retry_now("hook", now=at(1))
    assert (state.next_try_at("hook"), state.next_try_at("other")) == (at(1), at(300))


def test_what_was_delivered_is_gone_and_kept_in_the_history(state: State) -> None:
    send_to_outbox(state, notification("1"))
    state.failed(the_due(state, 0), attempt(0, "refused"), next_try_at=at(1))
    state.delivered(the_due(state, 1), attempt(1))
    assert (state.outbox(), state.next_try_at("hook")) == ({}, None)
    taken, failed = state.deliveries(9)
    assert (taken.delivery, taken.key, taken.is_given_up, taken.alerts) == (
        attempt(1),
        "1",
        False,
        (),
    )
    assert (failed.delivery, failed.is_given_up) == (attempt(0, "refused"), False)


def test_what_was_given_up_is_kept_with_its_alerts(state: State) -> None:
    send_to_outbox(state, notification("1"), notification("2"))
    state.failed(the_due(state, 0), attempt(0, "http_400"), next_try_at=None)
    assert the_due(state, 0).key == "2"
    (dead,) = state.deliveries(9)
    assert (dead.is_given_up, dead.alerts, dead.delivery.recoverable) == (
        True,
        (alert(),),
        False,
    )


def test_of_each_notification_the_end_is_listed_with_its_attempts_and_what_it_was_about(
    state: State,
) -> None:
    many = replace(
        notification("1"), alerts=(alert("a"), alert("b"), resolved("c", 1).alert)
    )
    send_to_outbox(state, many, notification("2", rule="Other"))
    for second in (0, 1):
        state.failed(
            the_due_of(state, "1", second),
            attempt(second, "timeout"),
            next_try_at=at(second + 1),
        )
    state.delivered(the_due_of(state, "1", 2), attempt(2))
    state.failed(the_due_of(state, "2", 2), attempt(2, "http_400"), next_try_at=None)
    send_to_outbox(state, notification("3"))
    (expired,) = state.expire("hook", now=at(1) + timedelta(hours=24))
    assert expired.reason == "expired"
    assert [
        (past.key, past.is_given_up, past.attempts, past.summary)
        for past in state.deliveries(9, is_over=True)
    ] == [
        ("3", True, 0, "Low on main: 1 firing"),
        ("2", True, 1, "Low on main: 1 firing"),
        ("1", False, 3, "Low on main: 2 firing, 1 resolved"),
    ]
    assert [past.key for past in state.deliveries(1, is_over=True)] == ["3"]
    assert [past.attempts for past in state.deliveries(9)] == [0, 1, 3, 2, 1]


def test_history_is_bounded() -> None:
    state = State(limits=StateLimits(history_rows=3))
    for second in range(10):
        state.record({}, (resolved("a", second),), (notification(str(second)),))
        state.delivered(the_due(state, 99), attempt(second))
    assert [past.at for past in state.history(99)] == [at(9), at(8), at(7)]
    assert [past.key for past in state.deliveries(99)] == ["9", "8", "7"]
    state.close()


def test_that_there_were_too_many_transitions_is_told_from_that_some_were_too_old() -> (
    None
):
    state = State(limits=StateLimits(history_rows=3))
    assert state.history_cut_at() is None
    for second in range(2):
        state.record({}, (resolved("a", second),), ())
    assert state.history_cut_at() is None
    for second in range(2, 10):
        state.record({}, (resolved("a", second),), ())
    assert state.history_cut_at() == at(7)
    state.prune_before(at(8))
    assert state.history_cut_at() is None
    state.close()


def test_many_threads_may_ask_and_write(state: State) -> None:
    def work(number: int) -> None:
        scope = Scope("Low", str(number), "balances")
        for turn in range(20):
            key = f"{number}-{turn}"
            state.record(
                {scope: by_labels(alert(scope=scope))},
                (),
                (notification(key, receiver=str(number)),),
            )
            state.outbox()
            (due,) = state.due(str(number), now=START)
            state.delivered(due, attempt(turn))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(state.active_alerts()), state.outbox(), len(state.deliveries(999))) == (
        4,
        {},
        80,
    )


def test_a_file_remembers(tmp_path: Path) -> None:
    path = str(tmp_path / "state.sqlite")
    first = State(path)
    first.record({SCOPE: by_labels(alert())}, (resolved("a", 1),), (notification("1"),))
    first.close()
    second = State(path)
    assert second.active_alerts() == (alert(),)
    assert second.history(9) == (resolved("a", 1),)
    assert the_due(second, 0).key == "1"
    second.close()


def test_the_state_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 11")
    connection.close()
    with pytest.raises(
        StateError, match="has state of version 11; this program knows 10"
    ):
        State(str(path))


@pytest.mark.parametrize("version", OLDER_VERSIONS)
def test_the_state_of_an_earlier_version_is_read_and_renewed(
    tmp_path: Path, version: str
) -> None:
    state = State(str(make_older_state(tmp_path, version)))
    bare = Alert(
        SCOPE, (("alertname", "Low"),), Severity.INFO, AlertState.PENDING, 1e300, START
    )
    reported = replace(alert(), notified=(("hook", at(60)),))
    assert state.active_alerts() == (bare, reported)
    assert state.history(9) == (resolved("basic", 1),)
    assert replace(the_due(state, 9), id=None) == notification("2", seconds=1)
    assert [past.alerts for past in state.deliveries(9)] == [(alert(),)]
    assert state.read_mark("alive") == at(90)
    state.save_results([LastResult("main", "balances", at(1))])
    assert state.warnings == ()
    state.close()


def test_keys_of_another_version_are_left_out_and_missing_ones_take_their_default() -> (
    None
):
    record = alert_to_record(alert())
    record["of_the_future"] = {"a": [1]}
    for name in ("evidence", "held", "muted_by", "keep_since", "annotations"):
        del record[name]
    plain = replace(
        alert(), evidence=(), held=False, muted_by=None, keep_since=None, annotations=()
    )
    assert record_to_alert(record) == plain


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "sleeping"},
        {"scope": ["Low"]},
        {"labels": None},
        {"value": "much"},
        {"active_at": "noon"},
        {"active_at": 3},
        {"evidence": 3},
    ],
)
def test_what_is_not_an_alert_says_so(wrong: dict[str, object]) -> None:
    with pytest.raises(UnreadableError):
        record_to_alert({**alert_to_record(alert()), **wrong})


def test_an_alert_without_a_scope_says_so() -> None:
    record = alert_to_record(alert())
    del record["scope"]
    with pytest.raises(UnreadableError, match="scope"):
        record_to_alert(record)


@pytest.mark.parametrize(
    "spoilt", ["", "[]", "[" * 100_000, "{}", '{"scope": 1}', "null"]
)
def test_a_row_that_cannot_be_read_is_left_out_and_reported(
    tmp_path: Path, spoilt: str
) -> None:
    path = str(tmp_path / "state.sqlite")
    state = State(path)
    state.record(
        {SCOPE: by_labels(alert("a"), alert("c"))},
        (resolved("a", 1), resolved("b", 2)),
        (),
    )
    connection = sqlite3.connect(path, isolation_level=None)
    fingerprint = alert("a").fingerprint
    for table in ("alerts", "transitions"):
        connection.execute(
            f"UPDATE {table} SET alert = ? WHERE fingerprint = ?", (spoilt, fingerprint)
        )
    connection.close()
    assert state.active_alerts() == (alert("c"),)
    assert state.history(9) == (resolved("b", 2),)
    assert state.recently_resolved(START, at(9)) == (resolved("b", 2).alert,)
    tables = {warning.split(" cannot")[0] for warning in state.warnings}
    assert tables == {"a row of alerts", "a row of transitions"}
    state.close()


def test_a_notification_that_cannot_be_read_does_not_hold_up_the_rest(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "state.sqlite")
    state = State(path)
    send_to_outbox(
        state, *(notification(str(number), rule=str(number)) for number in range(5))
    )
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE outbox SET alerts = 'none' WHERE key IN ('0', '1')")
    connection.execute("UPDATE outbox SET labels = '[3]' WHERE key = '2'")
    connection.execute("UPDATE outbox SET next_try_at = 'soon' WHERE key = '3'")
    connection.close()
    assert [due.key for due in state.due("hook", now=at(9), limit=9)] == ["4"]
    past = state.deliveries(9)
    assert [(one.key, one.is_given_up, one.delivery.reason) for one in past] == [
        (key, True, "unreadable") for key in "3210"
    ]
    assert past[0].alerts == (alert(),)
    assert "a row of outbox cannot be read and is given up" in state.warnings[0]
    state.close()


def test_last_results_come_back_and_replace_each_other(state: State) -> None:
    sample = Sample("token_subscribers", (("plan", "pro"), ("status", "low")), 3.0)
    first = LastResult(
        "main", "balances", at(1), at(1), "ok", samples=(sample,), sample_count=1
    )
    failed = LastResult(
        "main",
        "usage",
        at(2),
        None,
        "failed",
        "timeout",
        "took 10 s",
        3,
        at(0),
        sample_count=0,
    )
    state.save_results([failed, first])
    assert state.last_results() == (first, failed)
    again = replace(first, run_at=at(61), success_at=at(61), samples=())
    state.save_results([replace(again, sample_count=0)])
    assert state.last_results() == (replace(again, sample_count=0), failed)
    state.save_results([])
    assert len(state.last_results()) == 2


def test_at_most_200_samples_are_kept_and_how_many_there_were(state: State) -> None:
    samples = tuple(
        Sample("m", (("n", str(number)),), math.inf) for number in range(201)
    )
    state.save_results([LastResult("main", "balances", at(1), samples=samples)])
    (kept,) = state.last_results()
    assert (kept.samples, kept.sample_count) == (samples[:200], 201)


def test_what_waited_too_long_is_given_up_and_reported(state: State) -> None:
    send_to_outbox(
        state,
        notification("old"),
        notification("new", seconds=2),
        notification("x", receiver="o"),
    )
    day = timedelta(hours=24)
    assert state.expire("hook", now=START + day) == ()
    now = at(1) + day
    (reported,) = state.expire("hook", now=now)
    assert reported == Delivery(
        "hook",
        now,
        0.0,
        reason="expired",
        message="not taken within 24 h",
        recoverable=False,
    )
    assert {name: view.waiting for name, view in state.outbox().items()} == {
        "hook": 1,
        "o": 1,
    }
    (past,) = state.deliveries(9)
    assert (past.key, past.is_given_up, past.alerts, past.delivery) == (
        "old",
        True,
        (alert(),),
        reported,
    )
    assert state.expire("hook", now=now) == ()


def test_what_nobody_takes_any_more_is_counted_and_given_up_with_the_old_history(
    state: State,
) -> None:
    send_to_outbox(
        state,
        notification("1", receiver="gone"),
        notification("2", receiver="gone", seconds=9),
    )
    send_to_outbox(state, notification("3"))
    state.record({}, (resolved("a", 1), resolved("b", 10)), ())
    state.save_results(
        [LastResult("main", "old", at(1)), LastResult("main", "new", at(9))]
    )
    (reported,) = state.prune_before(
        at(5), receivers=["hook", "other"], now=at(99)
    ).given_up
    assert (reported.receiver, reported.reason, reported.recoverable, reported.at) == (
        "gone",
        "unclaimed",
        False,
        at(99),
    )
    assert state.outbox()["gone"] == OutboxView(1, at(9))
    assert [past.key for past in state.deliveries(9)] == ["1"]
    assert [change.at for change in state.history(9)] == [at(10)]
    assert [result.query for result in state.last_results()] == ["new"]
    assert the_due(state, 9).key == "3"
    assert [one.receiver for one in state.prune_before(at(5)).given_up] == ["hook"]


def test_a_repeat_is_left_out_while_anything_of_its_rule_and_target_waits(
    state: State,
) -> None:
    send_to_outbox(state, notification("1"))
    send_to_outbox(
        state,
        notification("2", is_repeat=True),
        notification("3", rule="Other", is_repeat=True),
    )
    assert [due.key for due in state.due("hook", now=at(9), limit=9)] == ["1", "3"]
    state.delivered(the_due(state, 0), attempt(0))
    send_to_outbox(state, notification("4", is_repeat=True))
    assert [due.key for due in state.due("hook", now=at(9), limit=9)] == ["3", "4"]


def test_what_waits_moves_with_the_clock_and_all_that_it_is_about(state: State) -> None:
    send_to_outbox(state, notification("1"))
    state.failed(the_due(state, 0), attempt(0, "timeout"), next_try_at=at(300))
    day = timedelta(days=1)
    state.move(-day, {SCOPE: by_labels(moved(alert(), -day))}, NOTHING_NEW)
    (due,) = state.due("hook", now=at(0) - day)
    assert (due.created_at, due.alerts) == (at(0) - day, (moved(alert(), -day),))
    assert state.active_alerts() == (moved(alert(), -day),)


def forget(state: State, before: float, now: float) -> None:
    """Forget what is older than that, as the daemon does."""
    while not state.prune_before(at(before), now=at(now)).is_all:
        pass


@pytest.mark.parametrize("ahead", [150, 1_000_000])
def test_what_a_clock_that_was_ahead_wrote_keeps_nothing_that_is_older(
    state: State, ahead: float
) -> None:
    times = [*[ahead] * 30, *range(100)]
    state.record({}, [resolved("a", seconds) for seconds in times], ())
    forget(state, before=60, now=120)
    # And what is of the future went with what came after it.
    kept = [one.at for one in state.history(999)]
    assert kept == [at(seconds) for seconds in range(99, 59, -1)]


def test_what_a_clock_that_was_ahead_wrote_is_forgotten_by_that_time_where_it_is_past(
    state: State,
) -> None:
    times = [*[100] * 30, *range(90)]
    state.record({}, [resolved("a", seconds) for seconds in times], ())
    forget(state, before=60, now=120)
    assert {one.at for one in state.history(999)} == {
        at(100),
        *(at(seconds) for seconds in range(60, 90)),
    }
    forget(state, before=101, now=160)
    assert state.history(999) == ()


def test_what_is_of_the_future_stays_until_what_came_after_it_is_old(
    state: State,
) -> None:
    state.record({}, [resolved("a", 500), resolved("a", 100)], ())
    forget(state, before=60, now=120)
    assert len(state.history(9)) == 2


def test_what_a_clock_that_was_behind_wrote_takes_nothing_along(state: State) -> None:
    times = [100, 101, -1_000_000, 102]
    state.record({}, [resolved("a", seconds) for seconds in times], ())
    forget(state, before=60, now=120)
    assert [one.at for one in state.history(9)] == [at(102), at(101), at(100)]


def test_the_last_result_of_a_job_is_of_now_at_the_latest(state: State) -> None:
    state.save_results([LastResult("main", "balances", at(1_000_000))])
    forget(state, before=60, now=120)
    assert [one.run_at for one in state.last_results()] == [at(120)]
    forget(state, before=121, now=180)
    assert state.last_results() == ()
