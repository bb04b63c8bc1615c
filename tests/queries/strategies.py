"""Random contents of the three tables, with every edge that the documentation or a real database knows."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.queries.tokens import Data, Subscription, Usage, User

EXAMPLES = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    # The schema lives as long as the module, and each example replaces all rows.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# Few values, so that they meet: equal limits, balances at a limit, plans that differ by their spelling alone.
_LIMITS = st.sampled_from([None, -5, 0, 30, 1000, 50000])
_BALANCES = st.sampled_from(
    [
        None,
        -1,
        0,
        3,
        99,
        100,
        299,
        300,
        999,
        1000,
        1499,
        1500,
        1999,
        2000,
        2_000_000_000,
    ]
)
_PLANS = st.sampled_from(
    ["pro", " Pro ", "PRO", "prö", "PRÖ", "pro-2", "pro_2", "basic", "", "  ", None]
)
_ACTIONS = st.sampled_from(
    ["rewrite", " Rewrite", "REWRITE ", "find:image", "prö", "pro", "", " ", None]
)
_AGES = st.sampled_from(
    [-86400, -1, 0, 1, 299, 300, 301, 3599, 3600, 3601, 86399, 86400, 86401, 40 * 86400]
)
_ACCOUNT_AGES = st.sampled_from([0, 604_799, 604_801])
_ACTIVE = st.sampled_from([1, 1, 1, 1, 0, None])


@st.composite
def _user_rows(draw: st.DrawFn, user_id: int) -> Data:
    """One user with their subscriptions and usage; sometimes only the rows are there and no user."""
    limits = draw(st.lists(_LIMITS, max_size=3))
    at_a_limit = [st.sampled_from(limits)] if limits else []
    exists = draw(st.sampled_from([True] * 7 + [False]))
    return Data(
        [User(user_id, draw(st.one_of(_BALANCES, *at_a_limit)), draw(_ACCOUNT_AGES))]
        if exists
        else [],
        [Subscription(user_id, limit, draw(_PLANS), draw(_ACTIVE)) for limit in limits],
        draw(_usages(st.just(user_id), 3)),
    )


def _usages(
    user_ids: st.SearchStrategy[int | None], most: int
) -> st.SearchStrategy[list[Usage]]:
    tokens = st.sampled_from([None, 0, 1, 300, 2000, -7])
    return st.lists(st.builds(Usage, user_ids, tokens, _ACTIONS, _AGES), max_size=most)


@st.composite
def contents(draw: st.DrawFn) -> Data:
    """Rows of up to eight users, and a few that belong to nobody."""
    parts = [
        draw(_user_rows(user_id)) for user_id in range(1, draw(st.integers(0, 8)) + 1)
    ]
    nobody: st.SearchStrategy[int | None] = st.none()
    parts.append(
        Data(
            [],
            draw(
                st.lists(st.builds(Subscription, nobody, _LIMITS, _PLANS), max_size=1)
            ),
        )
    )
    parts.append(Data([], [], draw(_usages(nobody, 1))))
    return Data(
        [row for part in parts for row in part.users],
        [row for part in parts for row in part.subscriptions],
        [row for part in parts for row in part.usages],
    )
