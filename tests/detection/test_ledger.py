"""The ledger over a simulated application: what is wrong is found and named, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.collector.ledger_statements import tokens_of
from monitor.detection.ledger_crowd import stopped_calls, storm_users
from monitor.detection.ledger_facts import values_of
from monitor.detection.ledger_kinds import (
    LedgerDifference,
    calls_for,
    kind_of,
    refills_in,
)
from monitor.detection.ledger_told import counts_by_kind, ongoing_drifts
from monitor.model.binary_keys import key_hash
from monitor.model.ledger import (
    DriftEvent,
    DriftKind,
    LedgerMemory,
    LedgerSettings,
    LedgerUser,
    Tokens,
    UsageRow,
    UserId,
)
from monitor.model.walks import LedgerFact
from monitor.storage.ledger_positions import packed_ledger, unpacked_ledger
from tests.support.ledger_day import (
    BEGAN,
    COSTS,
    System,
    Watcher,
    something_healthy,
)

Gap = Callable[[random.Random], float]

GAPS: Mapping[str, Gap] = MappingProxyType(
    {
        "at once": lambda choose: choose.uniform(0.005, 0.1),
        "a few up to a minute": lambda choose: (
            choose.uniform(10, 60)
            if choose.random() < 0.01
            else choose.uniform(0.005, 0.1)
        ),
        "up to a minute": lambda choose: choose.uniform(0, 60),
        "six seconds or so": lambda choose: min(60, choose.expovariate(1 / 6)),
    }
)


def late(choose: random.Random) -> float:
    """Commit a twentieth of the rows up to 40 s after they got their number."""
    return choose.uniform(0, 40) if choose.random() < 0.05 else 0.0


# What is wrong


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("undeducted", "undeducted"),
        ("unlogged", "unlogged"),
        ("double", "double"),
        ("sign", "sign"),
        ("amount", "amount"),
        ("less", "amount"),
    ],
)
def test_a_fault_of_one_call_in_a_hundred_is_found_in_three_minutes_and_named_in_five(
    fault: str, kind: str
) -> None:
    watcher = Watcher(System(seed=3, users=800, per_second=10))
    for _ in range(12):
        memory = watcher.look()
    assert memory.events == ()
    watcher.system.fault = fault
    told = [counts_by_kind(watcher.look()) for _ in range(10)]

    assert any(told[:6])
    assert list(told[-1]) == [DriftKind(kind)]


def test_users_who_are_never_quiet_are_judged_where_calls_are_logged_at_once() -> None:
    watcher = Watcher(System(seed=5, users=60, per_second=20))
    for _ in range(20):
        memory = watcher.look()
    ((_, unjudged),) = values_of(LedgerFact.UNJUDGED_RATIO, memory)
    assert unjudged < 1
    watcher.system.fault = "undeducted"
    for _ in range(6):
        memory = watcher.look()
    assert list(counts_by_kind(memory)) == [DriftKind.UNDEDUCTED]


def test_of_users_who_are_never_quiet_and_logged_late_a_bound_tells_what_is_lost() -> (
    None
):
    system = System(seed=5, users=6, per_second=2, gap=GAPS["up to a minute"])
    watcher = Watcher(system)
    for _ in range(10):
        watcher.look()
    for person in system.people.values():
        person.balance = (person.balance or 0) // 3
    for _ in range(12):
        memory = watcher.look()
    assert list(counts_by_kind(memory)) == [DriftKind.LOWER]


def test_a_call_that_is_logged_later_than_settle_is_taken_back_and_waited_for() -> None:
    system = System(seed=1, users=20, per_second=0.001)
    watcher = Watcher(system)
    _use(system)
    for _ in range(6):
        watcher.look()
    system.gap = lambda _choose: 200.0
    system.use(4)
    found = [watcher.look() for _ in range(12)]

    assert [len(memory.events) for memory in found][3:6] == [1, 1, 1]
    assert found[-1].events == ()
    assert found[-1].cancelled == 1
    # From then on twice that is waited.
    system.use(5)
    assert all(watcher.look().events == () for _ in range(10))


def test_what_was_taken_for_a_call_that_failed_late_and_is_given_back_is_taken_back() -> (
    None
):
    system = System(seed=1, users=20, per_second=0.001)
    watcher = Watcher(system)
    _use(system)
    for _ in range(6):
        watcher.look()
    person = system.people[4]
    assert person.balance is not None
    person.balance -= 700
    told = [watcher.look() for _ in range(5)][-1]
    assert [one.kind for one in told.events] == [DriftKind.UNLOGGED]
    person.balance += 700
    after = [watcher.look() for _ in range(8)][-1]
    assert (after.events, after.cancelled) == ((), 1)
    # Once: the same amount again is a credit, and no call.
    person.balance += 700
    again = [watcher.look() for _ in range(8)][-1]
    assert again.cancelled == 1


def test_refills_are_counted_also_where_balances_pass_zero_between_two_looks() -> None:
    system = System(seed=1, users=40, per_second=0.001)
    watcher = Watcher(system)
    _use(system)
    for _ in range(6):
        watcher.look()
    person = system.people[7]
    for _ in range(3):
        system.rows[next(system.ids)] = _row(system, 7, person.limit)
    memory = watcher.look()
    for _ in range(3):
        memory = watcher.look()

    assert memory.looping == {7: 3}
    assert memory.initializations[person.plan] == 3
    assert memory.events == ()


def test_many_active_users_who_are_filled_up_at_once_are_a_storm() -> None:
    system = System(seed=2, users=200, per_second=3)
    watcher = Watcher(system)
    for _ in range(12):
        memory = watcher.look()
    assert storm_users(memory) == 0
    # Not all alike, or it would be known what emptied them.
    for number in range(1, 71):
        system.people[number].balance = None if number % 2 else 0
    seen = [storm_users(watcher.look()) for _ in range(6)]
    assert max(seen) >= 10


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_balances_that_are_not_filled_up_any_more_are_missed_as_calls(
    share: float,
) -> None:
    system = System(seed=2, users=200, per_second=5)
    watcher = Watcher(system)
    for _ in range(20):
        memory = watcher.look()
    assert stopped_calls(memory) == 0
    system.refills = system.renews = False
    for number in range(1, int(200 * share) + 1):
        system.people[number].balance = 0
    for _ in range(20):
        memory = watcher.look()
        if stopped_calls(memory):
            break
    else:
        pytest.fail("not seen within ten minutes")
    system.refills = True
    for _ in range(3):
        memory = watcher.look()
    assert stopped_calls(memory) == 0


def test_who_uses_something_is_filled_up_also_where_the_balance_is_empty_at_each_look() -> (
    None
):
    system = System(seed=2, users=200, per_second=5)
    watcher = Watcher(system)
    for _ in range(20):
        watcher.look()

    for _ in range(20):
        memory = look_at_emptied(watcher, range(1, 41))
        assert told_of(LedgerFact.STOPPED_CALLS, memory) == 0


def test_a_quiet_night_on_which_balances_are_emptied_again_and_again_misses_no_calls() -> (
    None
):
    system = System(seed=3, users=40, per_second=1)
    watcher = Watcher(system)
    for _ in range(60):
        watcher.look()

    system.per_second = 0.05
    for _ in range(100):
        # Most of all calls were theirs: what the others make says little.
        memory = look_at_emptied(watcher, range(1, 36))
        assert told_of(LedgerFact.STOPPED_CALLS, memory) == 0


def test_calls_of_those_whose_balances_were_just_emptied_are_no_calls_of_others() -> (
    None
):
    system = System(seed=3, users=40, per_second=1)
    watcher = Watcher(system)
    for _ in range(60):
        watcher.look()
    look_at_emptied(watcher, range(1, 36))

    def fall_silent() -> None:
        system.per_second = 1e-9

    # Some of them use something, are filled up, and emptied before the next look; then nobody does anything.
    system.at(15.0, fall_silent)
    for _ in range(5):
        memory = look_at_emptied(watcher, range(1, 36))
        assert told_of(LedgerFact.STOPPED_CALLS, memory) == 0


@pytest.mark.parametrize("ends", ["subscriptions", "accounts"])
def test_that_those_who_wait_for_a_balance_leave_is_no_proof_that_it_is_filled_up(
    ends: str,
) -> None:
    system = System(seed=2, users=200, per_second=5)
    watcher = Watcher(system)
    for _ in range(20):
        watcher.look()
    system.refills = system.renews = False
    waiting = range(1, 41)
    for number in waiting:
        system.people[number].balance = None
    for _ in range(20):
        memory = watcher.look()
    told = told_of(LedgerFact.STOPPED_CALLS, memory)
    assert told >= 8
    for number in waiting:
        if ends == "subscriptions":
            system.people[number].is_active = False
        else:
            del system.people[number]
    for _ in range(20):
        watcher.look()
        watcher.restart()
        memory = watcher.look()
        assert stopped_calls(memory) == 0
        assert told_of(LedgerFact.STOPPED_CALLS, memory) >= told
    # Somebody is filled up.
    system.refills = True
    system.people[50].balance = 0
    watcher.look()
    system.use(50)
    memory = watcher.look()
    assert told_of(LedgerFact.STOPPED_CALLS, memory) == 0


def look_at_emptied(watcher: Watcher, users: Iterable[int]) -> LedgerMemory:
    """Look just after the balances of users were emptied."""

    def empty() -> None:
        for user in users:
            # Not all alike, or it would be known what emptied them.
            watcher.system.people[user].balance = None if user % 2 else 0

    watcher.system.at(watcher.interval - 0.01, empty)
    return watcher.look()


def told_of(fact: LedgerFact, memory: LedgerMemory) -> float:
    ((_, value),) = values_of(fact, memory)
    return value


# What is not


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("costs", [COSTS, (300,)], ids=["any amount", "one amount"])
def test_what_is_healthy_is_never_told(gap: str, costs: tuple[int | None, ...]) -> None:
    system = System(
        seed=11, users=150, per_second=4, gap=GAPS[gap], late=late, costs=costs
    )
    watcher = Watcher(system)
    for _ in range(60):
        something_healthy(system, watcher)
        memory = watcher.look()
        assert counts_by_kind(memory) == {}
        assert stopped_calls(memory) == storm_users(memory) == 0


@pytest.mark.parametrize("per_second", [0.5, 8])
def test_transactions_that_are_open_for_minutes_are_no_loss(per_second: float) -> None:
    def minutes(choose: random.Random) -> float:
        return choose.uniform(0, 540) if choose.random() < 0.05 else 0.0

    system = System(seed=12, users=300, per_second=per_second, open=minutes)
    watcher = Watcher(system)
    for _ in range(120):
        something_healthy(system, watcher)
        assert counts_by_kind(watcher.look()) == {}


def test_a_row_whose_transaction_is_open_for_minutes_after_the_deduction_is_taken_back() -> (
    None
):
    system = System(seed=1, users=20, per_second=0.001)
    watcher = Watcher(system)
    _use(system)
    for _ in range(6):
        watcher.look()
    system.late = lambda _choose: 400.0
    system.use(4)
    system.use(5)
    found = [watcher.look() for _ in range(20)]

    assert max(len(memory.events) for memory in found) == 2
    assert found[-1].events == ()
    assert found[-1].cancelled == 2


FRACTIONS = st.decimals("0.01", "2000", places=2) | st.decimals("1", "2000", places=9)


@given(st.lists(FRACTIONS, min_size=1, max_size=4), st.integers(), st.booleans())
@settings(max_examples=15)
def test_fractions_of_tokens_add_up_and_what_does_not_is_found(
    costs: list[Decimal], seed: int, is_faulty: bool
) -> None:
    amounts = tuple(map(tokens_of, costs))
    fault = "unlogged" if is_faulty else ""
    system = System(
        seed, users=60, per_second=2, costs=amounts, fault=fault, fault_share=0.1
    )
    watcher = Watcher(system)
    memory = watcher.look()
    for _ in range(25):
        memory = watcher.look()
        watcher.restart()
        assert watcher.memory == memory
        if not is_faulty:
            assert counts_by_kind(memory) == {}
    assert not is_faulty or counts_by_kind(memory)


@given(st.lists(FRACTIONS, max_size=30), st.sampled_from([Decimal, float, str]))
def test_numbers_of_any_type_add_up_as_the_server_computes_them(
    costs: list[Decimal], kind: Callable[[Decimal], Decimal | float | str]
) -> None:
    balance = begin = kind(Decimal(50_000))
    for cost in costs:
        # Text is computed with as DOUBLE.
        balance = (
            balance - cost
            if isinstance(balance, Decimal)
            else kind(float(balance) - float(cost))  # type: ignore[arg-type]
        )
    used = sum(tokens_of(kind(cost)) for cost in costs)
    if kind is Decimal or all(cost == round(cost, 6) for cost in costs):
        assert tokens_of(balance) + used == tokens_of(begin) == 50_000


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (None, 0),
        (12, 12),
        (Decimal("7.00"), 7),
        (Decimal("1.50"), Fraction(3, 2)),
        (0.1 + 0.2, Fraction(3, 10)),
        ("998.50", Fraction(1997, 2)),
        (Decimal("12345678901234567890.5"), Fraction(24691357802469135781, 2)),
    ],
)
def test_a_number_keeps_what_is_behind_its_point(
    cell: Decimal | float | str | None, expected: Fraction | int
) -> None:
    found = tokens_of(cell)
    assert (found, type(found)) == (expected, type(expected))


def test_the_memory_comes_back_from_the_state_as_it_was_and_is_small() -> None:
    system = System(seed=11, users=500, per_second=20, gap=GAPS["six seconds or so"])
    watcher = Watcher(system)
    for _ in range(15):
        something_healthy(system, watcher)
        memory = watcher.look()
    packed = packed_ledger(memory)
    assert unpacked_ledger(packed) == memory
    assert len(packed) < 80 * len(memory.users)


def test_the_same_users_are_tracked_whoever_else_comes() -> None:
    system = System(seed=4, users=400, per_second=50)
    watcher = Watcher(system)
    watcher.settings = _tracking(50)
    first = set(watcher.look().users) | set(watcher.look().users)
    for _ in range(8):
        memory = watcher.look()
    assert len(memory.users) == 50
    assert memory.sample < 2**32 - 1
    kept = set(memory.users)
    for _ in range(4):
        memory = watcher.look()
    assert set(memory.users) == kept
    assert kept & first


# Words


@pytest.mark.parametrize(
    ("tokens", "balance", "amounts", "kind"),
    [
        (300, 5000, (300, 400), DriftKind.UNDEDUCTED),
        (700, 5000, (300, 400), DriftKind.UNDEDUCTED),
        (600, 5000, (300, 400), DriftKind.SIGN),
        (250, 5000, (300, 400), DriftKind.AMOUNT),
        (5000, 9000, (300,), DriftKind.CREDIT),
        (5000, 12_000, (), DriftKind.ABOVE_LIMIT),
        (5000, 9700, (300,), None),
        (5000, 10_000, (), None),
        # 1500 was taken off before it was filled up, and logged between the others.
        (4000, 9300, (300, 1500, 400), None),
        (2200, 9300, (300, 1500, 400), DriftKind.UNDEDUCTED),
        (4000, 9301, (300, 1500, 400), DriftKind.CREDIT),
        (-300, 5000, (), DriftKind.UNLOGGED),
        (-300, 5000, (300, 400), DriftKind.DOUBLE),
        (-333, 5000, (300, 400), DriftKind.AMOUNT),
        (-600, 5000, (-300, 400), DriftKind.MISLOGGED),
        (-400, 5000, (300, 400, 0), DriftKind.MISLOGGED),
        (-5000, 0, (300,), DriftKind.WIPED),
        (-5700, -700, (), DriftKind.NEGATIVE),
        (-300, -100, (300, 400), DriftKind.DOUBLE),
        (-333, -100, (300, 400), DriftKind.AMOUNT),
    ],
)
def test_a_difference_is_named_by_what_explains_it_with_the_fewest_calls(
    tokens: int, balance: int, amounts: tuple[int, ...], kind: DriftKind | None
) -> None:
    assert kind_of(LedgerDifference(tokens, balance, 10_000, amounts)) is kind


@pytest.mark.parametrize(
    ("tokens", "balance", "amounts", "refills"),
    [
        (10_000, 500, (9500,), 1),
        (32_000, 500, (9500,), 3),
        (9_999, 500, (9500,), 0),
        (10_000, 10_001, (), 0),
        (10_400, 500, (10_000, 400), 0),
    ],
)
def test_refills_are_rounded_down(
    tokens: int, balance: int, amounts: tuple[int, ...], refills: int
) -> None:
    difference = LedgerDifference(tokens, balance, 10_000, amounts)
    assert refills_in(difference) == refills


@given(st.lists(st.integers(1, 40), max_size=8), st.integers(1, 120))
@settings(max_examples=200, deadline=None)
def test_the_fewest_calls_are_those_of_trying_all_of_them(
    amounts: list[int], tokens: int
) -> None:
    fewest = float("inf")
    for chosen in range(2 ** len(amounts)):
        some = [one for place, one in enumerate(amounts) if chosen >> place & 1]
        if sum(some) == tokens:
            fewest = min(fewest, len(some))
    assert calls_for(tokens, amounts) == fewest


def test_single_events_are_not_told_and_several_of_one_user_neither() -> None:
    unlogged, double = DriftKind.UNLOGGED, DriftKind.DOUBLE
    assert _told_at_once([_event(1, unlogged)] * 9) == {}
    assert _told_at_once([_event(1, unlogged), _event(2, unlogged)]) == {}
    three = [_event(user, double) for user in (1, 2, 3)]
    assert _told_at_once(three) == {double: 3}
    # What has no row has by chance the size of some other call, and now not.
    mixed = [*three, *(_event(user, DriftKind.AMOUNT) for user in (4, 5))]
    assert _told_at_once(mixed) == {unlogged: 5}
    assert _told_at_once(mixed[1:]) == {}
    credit = [_event(user, DriftKind.CREDIT, tokens=5) for user in range(20)]
    assert _told_at_once(credit) == {}
    above = [_event(user, DriftKind.ABOVE_LIMIT, tokens=5) for user in range(10)]
    assert _told_at_once(above[:9]) == {}
    assert _told_at_once(above) == {DriftKind.ABOVE_LIMIT: 10}


# A minute each: u unlogged, d double, a another amount, h by hand (wiped); below what it is told as,
# by its first letter, L as lower.
@pytest.mark.parametrize(
    ("events", "told"),
    [
        # One cause is one alert, for all that fewer events are left in the window for a while.
        ("u.u....u......u.u......u......u...", ".......uuuuuuuuuuuuuuuuuuuuuuuuuuu"),
        # It ends a quarter of an hour after the last one.
        ("uuu.................", "..uuuuuuuuuuuuuuu..."),
        # Few that do not agree wait two minutes for more.
        ("adu...................", "....LLLLLLLLLLLLL....."),
        ("aduaa.................", "...." + "u" * 15 + "..."),
        # Once it has a name it keeps it, whatever comes.
        ("ddd.aaaaaa...", "..ddddddddddd"),
        ("aaa....", "....aaa"),
        # What comes slowly and is as large as a call; what people do by hand does not come together.
        ("d" + 4 * ("." * 50 + "d") + "." * 60, "." * 204 + "d" * 61),
        ("h" + 9 * ("." * 30 + "h") + "..", "." * 282),
    ],
)
def test_a_drift_has_one_name_from_when_it_is_told_until_it_ends(
    events: str, told: str
) -> None:
    kinds = {
        "u": DriftKind.UNLOGGED,
        "d": DriftKind.DOUBLE,
        "a": DriftKind.AMOUNT,
        "h": DriftKind.WIPED,
    }
    memory, seen = LedgerMemory(BEGAN), ""
    for minute, letter in enumerate(events):
        at = 60.0 * minute
        if letter in kinds:
            event = _event(minute, kinds[letter], at)
            memory = replace(memory, events=(*memory.events, event))
        memory = replace(memory, looked_at=at)
        memory = replace(memory, drifts=ongoing_drifts(memory))
        letters = [_LETTERS.get(kind, kind[0]) for kind in counts_by_kind(memory)]
        seen += "".join(letters) or "."
    assert seen == told


_LETTERS = MappingProxyType({DriftKind.LOWER: "L"})


def test_what_an_update_without_where_did_is_not_told_once_more_of_who_was_active() -> (
    None
):
    system = System(seed=6, users=300, per_second=6)
    watcher = Watcher(system)
    for _ in range(12):
        watcher.look()
    for person in system.people.values():
        person.balance = (person.balance or 0) - 1500
    found = [watcher.look() for _ in range(20)]
    assert [counts_by_kind(memory) for memory in found] == [{}] * 20
    assert all(overwritten_users(memory) > 150 for memory in found)


def test_balances_that_all_became_null_are_no_storm_as_users_come_back() -> None:
    system = System(seed=2, users=200, per_second=3)
    watcher = Watcher(system)
    for _ in range(12):
        watcher.look()
    for person in system.people.values():
        person.balance = None
    found = [watcher.look() for _ in range(10)]
    assert sum(len(memory.leavings) for memory in found) > 100
    for memory in found:
        assert storm_users(memory) == overwritten_users(memory) == 0
        assert counts_by_kind(memory) == {}


def test_users_who_are_full_again_after_each_call_are_a_loop_and_renewals_are_none() -> (
    None
):
    system = System(seed=1, users=40, per_second=0.001)
    watcher = Watcher(system)
    _use(system)
    for _ in range(6):
        watcher.look()
    for _ in range(4):
        _fill_after_use(system, 7)
        for person in system.people.values():
            person.balance = (
                person.balance if person is system.people[7] else person.limit
            )
        memory = [watcher.look() for _ in range(5)][-1]

    assert memory.looping == {7: 3}
    assert sum(memory.initializations.values()) == 0
    assert counts_by_kind(memory) == {}


@pytest.mark.parametrize(
    ("users", "looping"), [((7, 8), {}), ((7, 8, 9), {7: 2, 8: 2, 9: 2})]
)
def test_several_who_are_full_again_after_each_call_are_a_loop_however_rarely_they_call(
    users: Sequence[int], looping: Mapping[int, int]
) -> None:
    system = System(seed=1, users=40, per_second=0.0001)
    watcher = Watcher(system)
    _use(system)
    for _ in range(6):
        watcher.look()
    for _ in range(3):
        for user in users:
            _fill_after_use(system, user)
        for _ in range(5):
            watcher.look()
        # Two hours until they call again: of an hour it is never more than once.
        system.run_until(system.seconds + 7200)
    assert watcher.look().looping == looping


def _fill_after_use(system: System, user: int) -> None:
    system.use(user)
    system.people[user].balance = system.people[user].limit


def _event(user: int, kind: DriftKind, at: float = 0.0, tokens: int = -5) -> DriftEvent:
    return DriftEvent(at, user, kind, tokens)


def _told_at_once(events: Sequence[DriftEvent]) -> Mapping[DriftKind, int]:
    memory = LedgerMemory(BEGAN, events=tuple(events))
    return counts_by_kind(replace(memory, drifts=ongoing_drifts(memory)))


def overwritten_users(memory: LedgerMemory) -> float:
    """Return what the fact says."""
    ((_, users),) = values_of(LedgerFact.OVERWRITTEN_USERS, memory)
    return users


# Five minutes each: w one more user has 0, n one has -7, W the first one 0 once more, o all have 5, z all have 0; 1
# the first one has a balance again, r all have. Below how many users are told as written over, + more than nine.
@pytest.mark.parametrize(
    ("events", "told"),
    [
        # What is done by hand does not come together.
        ("w...w...w...n", "............."),
        ("wWW.", "...."),
        ("wn..", "...."),
        # It goes on until few are left who were not repaired.
        ("wnww....1...r..", "..3444443333..."),
        ("wnw.r...", "..33...."),
        # That many balances are right again cannot be seen, unless they were empty.
        ("o.............", "++++++++++++.."),
        ("z..............r", "+++++++++++++++."),
    ],
)
def test_balances_that_were_written_over_are_told_until_they_are_repaired(
    events: str, told: str
) -> None:
    balances, memory, seen = dict.fromkeys(range(1, 101), 50), LedgerMemory(BEGAN), ""
    users = iter(balances)
    for place, letter in enumerate(events):
        at = 300.0 * place
        user = next(users) if letter in "wn" else 1
        changed = {
            "w": {user: 0},
            "n": {user: -7},
            "W": {user: 0},
            "o": dict.fromkeys(balances, 5),
            "z": dict.fromkeys(balances, 0),
            "1": {user: 50},
            "r": dict.fromkeys(balances, 50),
        }.get(letter, {})
        balances.update(changed)
        if letter in "wnWoz":
            kind = DriftKind.NEGATIVE if letter == "n" else DriftKind.WIPED
            kind = DriftKind.OVERWRITTEN if len(changed) > 1 else kind
            event = DriftEvent(at, user, kind, -50, len(changed))
            memory = replace(memory, events=(*memory.events, event))
        people: dict[UserId, LedgerUser] = {
            user: LedgerUser(user, 0.0, 0.0, balance=balance)
            for user, balance in balances.items()
        }
        memory = replace(memory, looked_at=at, users=people)
        number = overwritten_users(memory)
        seen += "." if not number else "+" if number > 9 else f"{number:g}"
    assert seen == told
    assert counts_by_kind(memory) == {}


def test_rows_without_a_number_are_told_by_the_rule_about_rows_and_not_as_drift() -> (
    None
):
    watcher = Watcher(System(seed=3, users=800, per_second=10))
    for _ in range(12):
        watcher.look()
    watcher.system.fault = "log_nothing"
    watcher.system.fault_share = 0.1
    for _ in range(10):
        memory = watcher.look()
    kinds = {event.kind for event in memory.events}
    assert kinds == {DriftKind.MISLOGGED}
    assert counts_by_kind(memory) == {}
    assert overwritten_users(memory) == 0


def test_every_fact_has_its_values() -> None:
    memory = LedgerMemory(BEGAN)
    for fact in LedgerFact:
        assert list(values_of(fact, memory)) or fact is LedgerFact.AUTO_INITIALIZATIONS


def _use(system: System) -> None:
    """Let everybody use something, so that they are tracked."""
    for user in list(system.people):
        system.use(user)
    system.run_until(system.seconds + 1)


def _row(system: System, user: int, tokens: Tokens) -> UsageRow:
    return UsageRow(max(system.rows, default=0) + 1, user, tokens, key_hash(str(user)))


def _tracking(users: int) -> LedgerSettings:
    return LedgerSettings(users=users)
