"""What the shipped queries must say: the documented queries' rows, put right in plain Python.

The corrections are two. A user with several active subscriptions counts once, with the highest limit,
then the lowest plan name, no limit last. A negative balance is a state of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from monitor.demo.mariadb import PrivateConnection
from tests.queries.tokens import Data, Usage

Series: TypeAlias = dict[tuple[str, ...], float]
"""Label values, in the order of the metric's labels, and the value."""

BALANCES = """
SELECT u.id, u.email, u.tokens_remaining, us.tokens_limit, us.plan_type,
       CASE WHEN u.tokens_remaining IS NULL THEN 'Needs Init' WHEN u.tokens_remaining = 0 THEN 'Empty'
            WHEN u.tokens_remaining < 1000 THEN 'Low' ELSE 'OK' END AS status
FROM users u LEFT JOIN user_subscriptions us ON u.id = us.user_id AND us.is_active = 1
WHERE us.is_active = 1 ORDER BY u.tokens_remaining ASC
"""
RECENT_USAGE = """
SELECT tuh.user_id, u.email, tuh.action, tuh.tokens_used, tuh.created_at
FROM token_usage_history tuh JOIN users u ON tuh.user_id = u.id ORDER BY tuh.created_at DESC LIMIT 20
"""
AT_LIMIT = """
SELECT u.id, u.email, u.tokens_remaining, us.tokens_limit
FROM users u JOIN user_subscriptions us ON u.id = us.user_id
WHERE u.tokens_remaining = us.tokens_limit AND us.is_active = 1
"""

WINDOWS = {"5m": 300, "1h": 3600, "24h": 86400}
WINDOW_METRICS = (
    "token_usage_recent_events",
    "token_usage_recent_tokens",
    "token_usage_recent_users",
    "token_usage_future_events",
)
COSTS = {
    "ai_rewrite": 2000,
    "seo_title": 300,
    "meta_description": 400,
    "write_more": 1500,
    "find_image": 100,
}
GRACE = 7 * 86400
_NOTHING = Data()
_STATUSES = {"Needs Init": "needs_init", "Empty": "empty", "Low": "low", "OK": "ok"}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A user with an active subscription, once, with the one that decides."""

    id: int
    balance: int | None
    limit: int | None
    plan: str
    status: str

    @property
    def gives_tokens(self) -> bool:
        """Return whether the plan would fill up an empty balance."""
        return self.limit is not None and self.limit > 0

    @property
    def is_blocked(self) -> bool:
        """Return whether nothing but a person can help this user."""
        return self.status == "negative" or (not self.balance and not self.gives_tokens)

    @property
    def is_served(self) -> bool:
        """Return whether the cheapest feature works at the next click, with auto-initialisation."""
        if not self.balance:
            return self.gives_tokens
        return self.balance >= min(COSTS.values())


def spelled(name: str | None) -> str:
    """Write a plan or an action as in labels."""
    return (name or "").strip(" ").lower() or "none"


def subscribers(connection: PrivateConnection) -> tuple[Subscriber, ...]:
    """Ask the documented balance query and keep one row per user: the one that decides."""
    deciding: dict[int, Subscriber] = {}
    for user_id, _, balance, limit, plan, status in _ask(connection, BALANCES):
        state = "negative" if balance is not None and balance < 0 else _STATUSES[status]
        row = Subscriber(user_id, balance, limit, spelled(plan), state)
        deciding[user_id] = min(row, deciding.get(user_id, row), key=_rank)
    return tuple(deciding.values())


def balances(
    connection: PrivateConnection, found: Sequence[Subscriber]
) -> dict[str, Series]:
    """Return every series of the query `balances`."""
    return {
        **by_state(found),
        **at_limit(connection, found),
        **conflicting(connection),
        **_served_ratio(found),
    }


def by_state(found: Iterable[Subscriber]) -> dict[str, Series]:
    """Return the series that count balances by their state and add them up."""
    metrics: dict[str, Series] = defaultdict(lambda: defaultdict(float))
    for row in found:
        for status in ("needs_init", "negative", "empty", "low", "ok"):
            metrics["token_subscribers"][row.plan, status] += row.status == status
        metrics["token_subscribers_below_share"][(row.plan,)] += (
            row.balance is not None
            and row.limit is not None
            and 0 <= row.balance < 0.1 * row.limit
        )
        metrics["token_subscribers_served"][(row.plan,)] += row.is_served
        metrics["token_balance_tokens"][(row.plan,)] += row.balance or 0
        metrics["token_limit_tokens"][(row.plan,)] += row.limit or 0
    return {name: dict(series) for name, series in metrics.items()}


def unhealthy(found: Sequence[Subscriber], data: Data = _NOTHING) -> dict[str, Series]:
    """Return every series of the query `uninitialized`, where all are counted."""
    negative = [row.plan for row in found if row.status == "negative"]
    blocked = [row.plan for row in found if row.is_blocked]
    return {
        **_uninitialized(found),
        **_by_plan("token_subscribers_negative", negative),
        **_by_plan("token_subscribers_blocked", blocked),
        **_low_balances(found),
        **_unable_actions(found),
        **_overdue(found, data),
        "token_subscribers_counted_in_part": dict.fromkeys(
            [("unhealthy",), ("emptied",), ("critical",)], 0.0
        ),
    }


def looks(connection: PrivateConnection) -> dict[str, int]:
    """Return how many each of the three looks of `uninitialized` counts: first subscriptions, then users."""
    dearest = max(1000, *COSTS.values())
    rows = [(row[0], row[2]) for row in _ask(connection, BALANCES)]
    balances = dict(rows).values()
    return {
        "unhealthy": sum(one is None or one < dearest for _, one in rows),
        "emptied": sum(one is None or one <= 0 for one in balances),
        "critical": sum(one is None or one < 0 for one in balances),
    }


def _uninitialized(found: Iterable[Subscriber]) -> dict[str, Series]:
    """Return both balances for each plan that has one of them."""
    series: Series = {}
    for row in found:
        if not row.balance and row.gives_tokens:
            for balance, is_it in (
                ("null", row.balance is None),
                ("zero", row.balance == 0),
            ):
                series[row.plan, balance] = series.get((row.plan, balance), 0) + is_it
    return {"token_subscribers_uninitialized": series} if series else {}


def overdue_users(found: Iterable[Subscriber], data: Data) -> list[Subscriber]:
    """Return whose balance is NULL and should not be: who used something, or all if most have none."""
    users = {usage.user_id for usage in data.usages}
    return [
        row
        for row in _without_balance(found)
        if row.id in users or _have_most_none(data)
    ]


def never_used(found: Iterable[Subscriber], data: Data) -> list[Subscriber]:
    """Return whose balance is NULL, not being overdue, though the account is old."""
    old = {user.id for user in data.users if user.age_seconds > GRACE}
    found = _without_balance(found)
    overdue = overdue_users(found, data)
    return [row for row in found if row.id in old and row not in overdue]


def _without_balance(found: Iterable[Subscriber]) -> list[Subscriber]:
    return [row for row in found if row.balance is None and row.gives_tokens]


def _have_most_none(data: Data) -> bool:
    accounts = {user.id: user for user in data.users}
    sample = [
        accounts[row.user_id].balance
        for row in data.subscriptions
        if row.is_active == 1 and (row.limit or 0) > 0 and row.user_id in accounts
    ]
    some = len(sample) - sample.count(None)
    return len(sample) >= 3 and some * (10 if len(sample) < 100 else 2) < len(sample)


def _overdue(found: Sequence[Subscriber], data: Data) -> dict[str, Series]:
    series: Series = {}
    for row in overdue_users(found, data):
        series[row.plan, "null"] = series.get((row.plan, "null"), 0) + 1
    judged: Series = {("usage",): 1.0, ("account_age",): 1.0}
    counted = {"token_subscribers_overdue": series} if series else {}
    plans = [row.plan for row in never_used(found, data)]
    return {
        **counted,
        **_by_plan("token_subscribers_never_used", plans),
        "token_subscribers_overdue_judged": judged,
    }


def _low_balances(found: Iterable[Subscriber]) -> dict[str, Series]:
    low = [row.plan for row in found if row.status in ("empty", "low")]
    return _by_plan("token_subscribers_below_low_balance", low)


def _unable_actions(found: Sequence[Subscriber]) -> dict[str, Series]:
    """Return the series of each feature, which are always there."""
    series: Series = {
        (action,): float(
            sum(row.balance is not None and row.balance < cost for row in found)
        )
        for action, cost in COSTS.items()
    }
    return {"token_subscribers_unable": series}


def _served_ratio(found: Sequence[Subscriber]) -> dict[str, Series]:
    if not found:
        return {}
    served = sum(row.is_served for row in found)
    return {"token_subscribers_served_ratio": {(): served / len(found)}}


def at_limit(
    connection: PrivateConnection, found: Iterable[Subscriber]
) -> dict[str, Series]:
    """Ask the documented query for balances at the limit; right are those at the limit that decides."""
    deciding = {row.id: row for row in found}
    users = {
        row[0] for row in _ask(connection, AT_LIMIT) if row[3] == deciding[row[0]].limit
    }
    return _by_plan(
        "token_subscribers_at_limit", [deciding[user].plan for user in users]
    )


def conflicting(connection: PrivateConnection) -> dict[str, Series]:
    """Return who has several rows in the documented balance query."""
    rows = Counter(row[0] for row in _ask(connection, BALANCES))
    return {
        "token_subscribers_conflicting": {
            (): float(sum(count > 1 for count in rows.values()))
        }
    }


def without_limit(data: Data) -> dict[str, Series]:
    """Count active subscriptions by the size of their limit, also of users that are gone; and those without one."""
    active = [
        row
        for row in data.subscriptions
        if row.is_active == 1 and row.user_id is not None
    ]
    useless = [spelled(row.plan) for row in active if not (row.limit or 0) > 0]
    sizes = Counter((spelled(row.plan), _digits(row.limit)) for row in active)
    by_size: Series = {size: float(count) for size, count in sizes.items()}
    found = _by_plan("token_subscriptions_without_limit", useless)
    return {**found, "token_subscriptions": by_size} if by_size else found


def sampled_limits(data: Data) -> dict[str, Series]:
    """Return the series of `missing_limits`, where it looks at all subscriptions."""
    active = [row for row in data.subscriptions if row.is_active == 1]
    if not active:
        return {}
    sampled: Counter[tuple[str, ...]] = Counter()
    useless: Counter[tuple[str, ...]] = Counter()
    for row in active:
        sampled[(spelled(row.plan),)] += 1
        useless[(spelled(row.plan),)] += not (row.limit or 0) > 0
    return {
        "token_subscriptions_sampled": {plan: float(n) for plan, n in sampled.items()},
        "token_subscriptions_sampled_without_limit": {
            plan: float(n) for plan, n in useless.items()
        },
    }


def newest_users(data: Data, looked_at: int) -> dict[str, Series]:
    """Return the series of `newest_users`."""
    newest = sorted({user.id for user in data.users}, reverse=True)[:looked_at]
    subscribed = {row.user_id for row in data.subscriptions if row.is_active == 1}
    without = [user for user in newest if user not in subscribed]
    return {
        "token_newest_users": {(): float(len(newest))},
        "token_newest_users_unsubscribed": {(): float(len(without))},
    }


def _digits(limit: int | None) -> str:
    return str(len(str(limit))) if limit is not None and limit > 0 else "0"


def recent_usage(usages: Sequence[Usage]) -> dict[str, Series]:
    """Return the series of `recent_usage`: three windows for each action of the last day."""
    day = [usage for usage in usages if usage.age_seconds < WINDOWS["24h"]]
    metrics: dict[str, Series] = defaultdict(dict)
    for action in {spelled(usage.action) for usage in day}:
        rows = [usage for usage in day if spelled(usage.action) == action]
        for window, seconds in WINDOWS.items():
            within = [usage for usage in rows if usage.age_seconds < seconds]
            users = {usage.user_id for usage in within if usage.user_id is not None}
            metrics["token_usage_recent_events"][action, window] = len(within)
            metrics["token_usage_recent_tokens"][action, window] = sum(
                usage.tokens or 0 for usage in within
            )
            metrics["token_usage_recent_users"][action, window] = len(users)
        metrics["token_usage_future_events"][(action,)] = sum(
            usage.age_seconds < 0 for usage in rows
        )
    return dict(metrics)


def last_usage(usages: Sequence[Usage], now_seconds: float) -> dict[str, Series]:
    """Return the series of `last_usage`, and the age that its rule judges."""
    if not usages:
        return {"token_usage_history_empty": {(): 1.0}}
    age = min(
        (usage.age_seconds for usage in usages if usage.age_seconds >= 0), default=0
    )
    return {
        "token_usage_history_empty": {(): 0.0},
        "token_usage_last_event_timestamp_seconds": {(): now_seconds - age},
        "token_usage_silence_seconds": {(): float(age)},
    }


def unsubscribed_users(data: Data) -> dict[str, Series]:
    """Return the series of `usage_without_subscription`."""
    subscribed = {row.user_id for row in data.subscriptions if row.is_active == 1}
    used = {row.user_id for row in data.usages if row.age_seconds < WINDOWS["24h"]}
    users = used & {user.id for user in data.users}
    return {"token_usage_unsubscribed_users": {(): float(len(users - subscribed))}}


def _rank(row: Subscriber) -> tuple[bool, int, str]:
    return (row.limit is None, -(row.limit or 0), row.plan)


def _by_plan(metric: str, plans: Iterable[str]) -> dict[str, Series]:
    series: Series = {(plan,): float(count) for plan, count in Counter(plans).items()}
    return {metric: series} if series else {}


def _ask(connection: PrivateConnection, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
