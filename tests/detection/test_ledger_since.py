"""From when on a ledger counted what it tells, so that what came of a deployment ends with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detection.ledger import looping
from monitor.detection.ledger_facts import values_of
from monitor.detection.ledger_since import counted_since
from monitor.detection.ledger_told import (
    OF_CALLS,
    ongoing_drifts,
    overwriting_events,
    told_events,
)
from monitor.model.ledger import (
    DriftEvent,
    DriftKind,
    LedgerMemory,
    LedgerSettings,
    LedgerUser,
    OngoingDrift,
    Refill,
    UserId,
)
from monitor.model.walks import LedgerFact

BEGAN = datetime(2026, 11, 30, tzinfo=UTC)
LOWER = DriftKind.LOWER
MINUTE, HOUR = 60.0, 3600.0
SETTINGS = LedgerSettings()


def looked(memory: LedgerMemory, at: float, *events: DriftEvent) -> LedgerMemory:
    """Return what is remembered after a look that found these events."""
    memory = replace(memory, looked_at=at, events=(*memory.events, *events))
    return replace(memory, drifts=ongoing_drifts(memory))


def doubled(user: int, at: float) -> DriftEvent:
    return DriftEvent(at, user, DriftKind.DOUBLE, -5)


def since_of(memory: LedgerMemory, fact: LedgerFact) -> dict[str, float]:
    """Return since when each kind was counted, or "" what has none."""
    since = counted_since(fact, memory, SETTINGS)
    return {dict(labels).get("kind", ""): at for labels, at in since.items()}


def test_a_drift_that_goes_on_counts_from_when_its_last_few_events_began_it_anew() -> (
    None
):
    memory = LedgerMemory(BEGAN)
    seen = []
    for minute in range(10):
        at = MINUTE * minute
        memory = looked(memory, at, doubled(minute % 4, at))
        seen.append(since_of(memory, LedgerFact.DRIFT_EVENTS).get("double"))
    # Three events of two users begin one.
    assert seen == [None, None, *(MINUTE * minute for minute in range(8))]


def test_a_drift_that_is_over_counts_from_then_until_it_is_told_no_more() -> None:
    memory = LedgerMemory(BEGAN)
    for user in range(5):
        at = MINUTE * user
        memory = looked(memory, at, doubled(user, at))
    seen = []
    for minute in range(5, 21):
        memory = looked(memory, MINUTE * minute)
        seen.append(since_of(memory, LedgerFact.DRIFT_EVENTS).get("double"))
    assert seen == [2 * MINUTE] * 14 + [None] * 2


def test_above_the_limit_ten_users_are_needed() -> None:
    above = [
        DriftEvent(MINUTE * user, user, DriftKind.ABOVE_LIMIT, 5) for user in range(12)
    ]
    memory = LedgerMemory(BEGAN, looked_at=12 * MINUTE, events=tuple(above))
    since = since_of(memory, LedgerFact.DRIFT_EVENTS)
    assert since == {"above_limit": 2 * MINUTE}


def test_of_what_is_told_for_a_quarter_of_an_hour_the_first_of_each_kind_counts() -> (
    None
):
    events = (doubled(1, 0.0), doubled(2, HOUR), doubled(3, HOUR + MINUTE))
    memory = LedgerMemory(BEGAN, looked_at=HOUR + 2 * MINUTE, events=events)
    for fact in (LedgerFact.DRIFT_USERS, LedgerFact.DRIFT_TOKENS):
        assert since_of(memory, fact) == {"double": HOUR}


@pytest.mark.parametrize(("balance", "since"), [(70, {"": 0.0}), (0, {})])
def test_a_balance_that_was_written_over_counts_from_then_unless_it_is_empty_now(
    balance: int, since: dict[str, float]
) -> None:
    users: dict[UserId, LedgerUser] = {
        one: LedgerUser(one, tracked_at=0.0, used_at=0.0, balance=balance)
        for one in range(30)
    }
    event = DriftEvent(0.0, 1, DriftKind.OVERWRITTEN, -50, users=30)
    memory = LedgerMemory(BEGAN, looked_at=MINUTE, events=(event,), users=users)
    assert since_of(memory, LedgerFact.OVERWRITTEN_USERS) == since


def users_with(**balances: int) -> dict[UserId, LedgerUser]:
    """Return tracked users by their names, with these balances."""
    return {
        name: LedgerUser(name, tracked_at=0.0, used_at=0.0, balance=balance)
        for name, balance in balances.items()
    }


def wiped(user: UserId, at: float) -> DriftEvent:
    return DriftEvent(at, user, DriftKind.WIPED, -50)


def test_what_was_written_over_counts_from_when_the_rest_would_be_told_alone() -> None:
    users = users_with(a=70, b=70, c=70, d=70)
    crowd = DriftEvent(0.0, "a", DriftKind.OVERWRITTEN, -50, users=30)
    later = [wiped(user, HOUR / 2 + MINUTE * n) for n, user in enumerate("bcdb")]
    seen = []
    for count in range(5):
        events = (crowd, *later[:count])
        at = events[-1].at + MINUTE
        memory = LedgerMemory(BEGAN, looked_at=at, events=events, users=users)
        seen.append(since_of(memory, LedgerFact.OVERWRITTEN_USERS))
    # Three that became 0 together are told by themselves.
    assert seen == [
        *[{"": 0.0}] * 3,
        {"": HOUR / 2},
        {"": HOUR / 2 + MINUTE},
    ]


def test_of_what_was_written_over_who_has_nothing_has_it_now_and_may_be_enough() -> (
    None
):
    events = tuple(wiped(user, MINUTE * n) for n, user in enumerate("abcd"))
    memory = LedgerMemory(BEGAN, looked_at=4 * MINUTE, events=events)
    few = replace(memory, users=users_with(a=70, b=70, c=0, d=0))
    assert since_of(few, LedgerFact.OVERWRITTEN_USERS) == {"": MINUTE}
    enough = replace(memory, users=users_with(a=70, b=0, c=0, d=0))
    assert since_of(enough, LedgerFact.OVERWRITTEN_USERS) == {}


def test_a_crowd_stays_one_when_more_happens_to_the_user_who_stands_for_it() -> None:
    crowd = DriftEvent(0.0, "a", DriftKind.OVERWRITTEN, -50, users=30)
    events = (crowd, wiped("a", MINUTE))
    memory = LedgerMemory(BEGAN, looked_at=2 * MINUTE, events=events)
    assert tuple(overwriting_events(memory)) == events
    assert list(values_of(LedgerFact.OVERWRITTEN_USERS, memory)) == [((), 30.0)]


def refilled(*refills: Refill, at: float) -> LedgerMemory:
    """Return what is remembered at an instant by when these were seen."""
    known = LedgerMemory(BEGAN, looked_at=at, refills=refills)
    return replace(known, looping=looping(refills, at, SETTINGS))


def test_refills_count_from_the_first_of_them_and_a_loop_from_its_last_three() -> None:
    refills = [
        Refill(5.0, 3, "pro", 0),
        Refill(10.0, 1, "pro", 1),
        *(Refill(20.0 + n, 2, "pro", 1) for n in range(4)),
    ]
    memory = refilled(*refills, at=30.0)
    assert since_of(memory, LedgerFact.AUTO_INITIALIZATIONS_HOUR) == {"": 10.0}
    assert since_of(memory, LedgerFact.REFILLED_USERS) == {"": 21.0}
    memory = refilled(*refills[:4], at=30.0)
    assert since_of(memory, LedgerFact.REFILLED_USERS) == {}


def test_balances_that_are_full_again_count_from_the_last_two_of_the_third_user() -> (
    None
):
    refills = [
        Refill(HOUR * n, user, "pro", 0)
        for n, user in enumerate([1, 1, 2, 2, 3, 1, 3, 4, 4])
    ]
    memory = refilled(*refills, at=9 * HOUR)
    assert since_of(memory, LedgerFact.REFILLED_USERS) == {"": 2 * HOUR}
    fewer = refilled(*refills[:7], at=9 * HOUR)
    assert since_of(fewer, LedgerFact.REFILLED_USERS) == {"": HOUR}


REFILLS = st.lists(
    st.tuples(st.floats(1, HOUR), st.integers(1, 5), st.integers(0, 2)), max_size=20
)


@given(REFILLS)
def test_it_is_the_latest_instant_from_which_on_the_refills_would_be_told(
    gaps: list[tuple[float, int, int]],
) -> None:
    refills: list[Refill] = []
    at = 0.0
    for gap, user, times in gaps:
        at += gap
        refills.append(Refill(at, user, "pro", times))
    told = [
        first.at
        for place, first in enumerate(refills)
        if looping(refills[place:], at, SETTINGS)
    ]
    since = since_of(refilled(*refills, at=at), LedgerFact.REFILLED_USERS)
    assert since == ({"": max(told)} if told else {})


def test_what_says_how_it_is_now_counts_from_nowhere() -> None:
    memory = LedgerMemory(BEGAN, looked_at=30.0, events=(doubled(1, 0.0),))
    for fact in (LedgerFact.TRACKED_USERS, LedgerFact.STOPPED_CALLS):
        assert counted_since(fact, memory, SETTINGS) == {}


EVENTS = st.lists(
    st.tuples(
        st.floats(1, 2 * HOUR), st.integers(1, 4), st.sampled_from(["double", "amount"])
    ),
    min_size=1,
    max_size=14,
)


@given(EVENTS)
def test_it_is_the_latest_instant_from_which_on_the_events_would_be_told(
    gaps: list[tuple[float, int, str]],
) -> None:
    events: list[DriftEvent] = []
    at = 0.0
    for gap, user, kind in gaps:
        at += gap
        events.append(DriftEvent(at, user, DriftKind(kind), -5))
    told = OngoingDrift(LOWER, 0.0, DriftKind.DOUBLE)
    memory = LedgerMemory(BEGAN, looked_at=at, events=tuple(events), drifts=(told,))
    ends = [*_suffixes_that_begin_a_drift(events), events[0].at]
    assert since_of(memory, LedgerFact.DRIFT_EVENTS) == {"double": max(ends)}


def _suffixes_that_begin_a_drift(events: Sequence[DriftEvent]) -> Iterator[float]:
    """Yield the beginnings of those last events that are several within a quarter of an hour, or slow calls."""
    for place, first in enumerate(events):
        rest = events[place:]
        windows = [
            [one for one in rest if begin.at <= one.at < begin.at + 900.0]
            for begin in rest
        ]
        is_quick = any(
            len(some) >= 3 and len({one.user for one in some}) >= 2 for some in windows
        )
        calls = [[one for one in rest if one.kind is kind] for kind in OF_CALLS]
        is_slow = any(
            len(some) >= 5 and len({one.user for one in some}) >= 3 for some in calls
        )
        if is_quick or is_slow:
            yield first.at


def test_what_came_slowly_and_ended_is_not_taken_up_again() -> None:
    memory = LedgerMemory(BEGAN)
    for user in range(5):
        at = HOUR * user
        memory = looked(memory, at, doubled(user, at))
    assert [one.kind for one in told_events(memory)] == [DriftKind.DOUBLE]
    told = []
    for minute in range(1, 6 * 60):
        memory = looked(memory, 4 * HOUR + MINUTE * minute)
        told.append(bool(told_events(memory)))
    # It goes on for three hours after the last one, and is over then, though the five are remembered for longer.
    assert told == [True] * 179 + [False] * 180
