"""The one look at the unhealthy where there are more than it counts: what it says is true, and it says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.lower_bounds import LowerBound
from tests.queries import oracle
from tests.queries.conftest import Bench
from tests.queries.oracle import Series
from tests.queries.strategies import EXAMPLES, contents
from tests.queries.tokens import Data, Subscription, User, replace_rows

# Which look has to be complete for a series to be exact, by its metric and last label.
LOOK_OF: Mapping[tuple[str, str], str] = {
    ("token_subscribers_uninitialized", "null"): "critical",
    ("token_subscribers_uninitialized", "zero"): "emptied",
    ("token_subscribers_overdue", "null"): "critical",
    ("token_subscribers_never_used", ""): "critical",
    ("token_subscribers_negative", ""): "critical",
    ("token_subscribers_blocked", ""): "emptied",
    ("token_subscribers_below_low_balance", ""): "unhealthy",
    ("token_subscribers_unable", ""): "unhealthy",
}


WHOLE = {"token_subscribers_counted_in_part", "token_subscribers_overdue_judged"}


def look_of(metric: str, labels: Sequence[str]) -> str:
    names_a_balance = metric.endswith(("_uninitialized", "_overdue"))
    last = labels[-1] if names_a_balance else ""
    return LOOK_OF[metric, last]


def flat(found: Mapping[str, Series]) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (metric, labels): value
        for metric, series in found.items()
        for labels, value in series.items()
        if metric not in WHOLE
    }


@EXAMPLES
@given(data=contents(), max_counted=st.integers(1, 6))
def test_what_is_counted_in_part_is_a_lower_bound_and_what_is_not_is_exact(
    tokens: Bench, data: Data, max_counted: int
) -> None:
    replace_rows(tokens.connection, data)
    subscribers = oracle.subscribers(tokens.connection)

    found = tokens.series("uninitialized", max_counted=max_counted)

    in_part = {
        look: number >= max_counted
        for look, number in oracle.looks(tokens.connection).items()
    }
    assert found["token_subscribers_counted_in_part"] == {
        (look,): float(is_part) for look, is_part in in_part.items()
    }
    said, true = flat(found), flat(oracle.unhealthy(subscribers, data))
    assert said.keys() <= true.keys()
    for (metric, labels), value in true.items():
        shown = said.get((metric, labels), 0.0)
        if in_part[look_of(metric, labels)]:
            assert shown <= value
        else:
            assert shown == value


def test_the_result_names_every_series_that_was_counted_in_part(tokens: Bench) -> None:
    users = [User(user, 700) for user in range(1, 4)]
    replace_rows(tokens.connection, Data(users, _subscriptions(users)))

    success = tokens.answer("uninitialized", max_counted=3).success

    unable = {
        LowerBound("token_subscribers_unable", (("action", action),))
        for action in oracle.COSTS
    }
    assert set(success.lower_bounds) == {
        LowerBound("token_subscribers_below_low_balance"),
        *unable,
    }
    assert tokens.answer("uninitialized", max_counted=4).success.lower_bounds == ()


@pytest.mark.parametrize(
    ("many", "one", "metric"),
    [
        pytest.param(700, -1, "token_subscribers_negative", id="low, one negative"),
        pytest.param(700, None, "token_subscribers_uninitialized", id="low, one NULL"),
        pytest.param(700, 0, "token_subscribers_uninitialized", id="low, one at 0"),
        pytest.param(0, None, "token_subscribers_uninitialized", id="0, one NULL"),
        pytest.param(0, -1, "token_subscribers_negative", id="0, one negative"),
    ],
)
def test_what_is_worse_is_counted_in_full_beside_many_that_are_less_bad(
    tokens: Bench, many: int, one: int | None, metric: str
) -> None:
    # the one is the last by its id, and without an index on the balance the last that is read
    users = [*(User(user, many) for user in range(1, 21)), User(21, one)]
    data = Data(users, _subscriptions(users, plan_of_last="rare"))
    replace_rows(tokens.connection, data)

    found = tokens.series("uninitialized", max_counted=5)

    balance = {None: ("null",), 0: ("zero",)}.get(one, ())
    assert found[metric]["rare", *balance] == 1
    in_part = {bound.metric for bound in _bounds(tokens)}
    assert "token_subscribers_negative" not in in_part


def test_a_user_with_several_subscriptions_counts_once_also_where_counting_stops(
    tokens: Bench,
) -> None:
    users = [User(user, None) for user in range(1, 9)]
    subscriptions = [
        Subscription(user.id, limit, plan)
        for user in users
        for limit, plan in ((0, "nothing"), (900, "pro"))
    ]
    replace_rows(tokens.connection, Data(users, subscriptions))

    for max_counted in range(1, 9):
        found = tokens.series("uninitialized", max_counted=max_counted)
        assert found["token_subscribers_uninitialized"] == {
            ("pro", "null"): max_counted,
            ("pro", "zero"): 0,
        }
        assert "token_subscribers_blocked" not in found


def test_users_without_a_subscription_use_up_nothing_of_what_is_counted(
    tokens: Bench,
) -> None:
    users = [User(user, None) for user in range(1, 21)]
    replace_rows(tokens.connection, Data(users, [Subscription(20, 900, "pro")]))

    found = tokens.series("uninitialized", max_counted=2)

    assert found["token_subscribers_uninitialized"]["pro", "null"] == 1
    assert set(found["token_subscribers_counted_in_part"].values()) == {0}


def _bounds(bench: Bench) -> tuple[LowerBound, ...]:
    return bench.answer("uninitialized", max_counted=5).success.lower_bounds


def _subscriptions(
    users: Sequence[User], plan_of_last: str = "pro"
) -> list[Subscription]:
    plans = ["pro"] * (len(users) - 1) + [plan_of_last]
    return [
        Subscription(user.id, 5000, plan)
        for user, plan in zip(users, plans, strict=True)
    ]
