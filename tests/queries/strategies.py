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

_LIMITS = st.sampled_from([None, -5, 0, 1, 30, 100, 1000, 10000, 50000, 2_000_000_000])
_BALANCES = st.one_of(
    _LIMITS,
    st.sampled_from(
        [None, 0, -1, -2_000_000_000, 3, 99, 100, 299, 300, 399, 400, 999, 1001, 1499, 1500, 1999, 2000]
    ),
)
_PLANS = st.sampled_from(
    ["pro", " Pro ", "PRO", "basic", "Basic", "enterprise", "pro-2", "pro_2", "prö", "PRÖ", "", "  ", None]
)
_ACTIONS = st.sampled_from(
    ["rewrite", " Rewrite", "REWRITE ", "seo_title", "find:image", "prö", "pro", "", " ", None]
)
_AGES = st.sampled_from(
    [-86400, -3600, -1, 0, 1, 299, 300, 301, 3599, 3600, 3601, 86399, 86400, 86401, 40 * 86400]
)
# More ids than users: rows of users who do not exist.
_ANY_USER = st.integers(1, 8)

users = st.lists(st.builds(User, st.integers(1, 6), _BALANCES), max_size=6, unique_by=lambda user: user.id)
subscriptions = st.lists(
    st.builds(
        Subscription, st.one_of(st.none(), _ANY_USER), _LIMITS, _PLANS, st.sampled_from([1, 1, 1, 1, 0, None])
    ),
    max_size=12,
)
usages = st.lists(
    st.builds(
        Usage, st.one_of(st.none(), _ANY_USER), st.sampled_from([None, 0, 1, 300, 2000, -7]), _ACTIONS, _AGES
    ),
    max_size=12,
)
contents = st.builds(Data, users, subscriptions, usages)
