"""Who of those that a shipped rule found was repaired, and who left: asked of a server when nobody is found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from monitor.alerting.affected import listed_in
from monitor.collector.left import with_left
from monitor.model.alerts import Alert, AlertState, Scope
from monitor.model.settings import Job, Severity, labels_of
from tests.queries.conftest import Bench
from tests.queries.oracle import GRACE
from tests.queries.tokens import (
    NOW,
    Data,
    Subscription,
    Usage,
    User,
    create_tables,
    replace_rows,
)


def ends_at() -> float:
    return time.monotonic() + 10


RULES = {
    "TokenBalancesUninitialized": ("null_users", None, 5000),
    "TokenSubscribersBlocked": ("blocked_users", None, 0),
    "TokenBalancesNegative": ("negative_users", -5, 5000),
}
"""Of each rule: a balance and a limit that it finds."""
HEALTHY = Subscription(100, 5000, "pro")


def fill(bench: Bench, balance: int | None, limit: int, users: Sequence[int]) -> None:
    found = [User(user, balance, 2 * GRACE) for user in users]
    subscriptions = [Subscription(user, limit, "pro") for user in users]
    healthy = [User(100, 700, 2 * GRACE)]
    # Who never used anything is judged by a jump (docs/adr/0046).
    usages = [Usage(user, 300, "seo_title", 3600) for user in users]
    data = Data([*healthy, *found], [HEALTHY, *subscriptions], usages)
    replace_rows(bench.connection, data)


def an_alert(bench: Bench, rule: str) -> Alert:
    """Return the alert about plan pro that a run of now makes."""
    query = bench.queries["uninitialized"]
    (judged,) = [one for one in query.rules if one.name == rule]
    (sample,) = [
        sample
        for sample in bench.answer("uninitialized").success.samples
        if sample.metric == judged.metric and dict(sample.labels)["plan"] == "pro"
    ]
    labels = {"alertname": rule, "severity": "critical", "target": "main"}
    alert = Alert(
        Scope(rule, "main", "uninitialized"),
        labels_of({**labels, **dict(sample.labels)}),
        Severity.CRITICAL,
        AlertState.FIRING,
        sample.value,
        NOW,
    )
    return replace(alert, members=listed_in(judged, sample))


def left_of(bench: Bench, alert: Alert) -> int | None:
    """Return what a run says of an alert; "found" where it finds it still."""
    job = Job(bench.target, bench.queries["uninitialized"])
    findings = bench.answer("uninitialized")
    session = bench.session
    after = with_left(findings, job, session, [alert], ends_at())
    assert after.success.evidence_errors == ()
    return after.success.left.get(alert.name, {}).get(alert.labels, -1)


@pytest.mark.parametrize("rule", RULES)
def test_who_was_repaired_did_not_leave_and_whose_subscription_ended_or_was_deleted_did(
    tokens: Bench, rule: str
) -> None:
    _, balance, limit = RULES[rule]
    fill(tokens, balance, limit, range(1, 7))
    alert = an_alert(tokens, rule)
    assert set(alert.members) == {"1", "2", "3", "4", "5", "6"}
    assert left_of(tokens, alert) == -1
    tokens.execute(
        "UPDATE users SET tokens_remaining = 700 WHERE id IN (1, 2)",
        "UPDATE user_subscriptions SET is_active = 0 WHERE user_id IN (2, 3)",
        "DELETE FROM user_subscriptions WHERE user_id = 4",
        "DELETE FROM user_subscriptions WHERE user_id IN (5, 6)",
        "DELETE FROM users WHERE id = 5",
        "UPDATE users SET tokens_remaining = 900 WHERE id = 6",
    )
    assert left_of(tokens, alert) == 3


@pytest.mark.parametrize("rule", RULES)
def test_while_others_are_still_found_it_is_asked_who_of_those_who_are_not_left(
    tokens: Bench, rule: str
) -> None:
    _, balance, limit = RULES[rule]
    fill(tokens, balance, limit, range(1, 21))
    alert = an_alert(tokens, rule)
    assert len(alert.members) == 20
    tokens.execute(
        "UPDATE users SET tokens_remaining = 700 WHERE id IN (1, 2)",
        "DELETE FROM user_subscriptions WHERE user_id IN (3, 4, 5)",
        "DELETE FROM users WHERE id = 5",
    )
    assert left_of(tokens, alert) == 3


@pytest.mark.parametrize("rule", RULES)
def test_who_is_on_another_plan_now_did_not_leave(tokens: Bench, rule: str) -> None:
    _, balance, limit = RULES[rule]
    fill(tokens, balance, limit, [1])
    alert = an_alert(tokens, rule)
    tokens.execute("UPDATE user_subscriptions SET plan_type = 'team' WHERE user_id = 1")
    assert left_of(tokens, alert) == 0


def test_who_left_is_known_of_ids_that_are_bytes(empty_schema: Bench) -> None:
    create_tables(empty_schema.connection)
    fill(empty_schema, None, 5000, range(1, 7))
    for table, column in (
        ("users", "id"),
        ("user_subscriptions", "user_id"),
        ("token_usage_history", "user_id"),
    ):
        empty_schema.execute(
            f"ALTER TABLE {table} MODIFY {column} VARBINARY(36)",
            f"UPDATE {table} SET {column} = UNHEX(CONCAT('018F', LPAD({column}, 28, '0')))",
            f"ALTER TABLE {table} MODIFY {column} BINARY(16)",
        )
    alert = an_alert(empty_schema, "TokenBalancesUninitialized")
    keys = [f"x'018F{user:028}'" for user in range(1, 7)]
    assert set(alert.members) == set(keys)
    empty_schema.execute(
        f"UPDATE users SET tokens_remaining = 700 WHERE id NOT IN ({keys[2]}, {keys[3]})",
        f"DELETE FROM user_subscriptions WHERE user_id IN ({keys[2]}, {keys[3]})",
    )
    assert left_of(empty_schema, alert) == 2


def test_what_cannot_be_looked_up_is_unknown_and_counts_as_a_failure_of_evidence(
    tokens: Bench,
) -> None:
    fill(tokens, None, 0, [1])
    alert = an_alert(tokens, "TokenSubscribersBlocked")
    fill(tokens, None, 0, [])
    job = Job(tokens.target, tokens.queries["uninitialized"])
    findings = tokens.answer("uninitialized")
    tokens.execute("RENAME TABLE users TO hidden")
    try:
        after = with_left(findings, job, tokens.session, [alert], ends_at())
    finally:
        tokens.execute("RENAME TABLE hidden TO users")
    assert after.success.left == {alert.name: {alert.labels: None}}
    (error,) = after.success.evidence_errors
    assert error.startswith("TokenSubscribersBlocked: schema_missing")


@pytest.mark.parametrize("kind", ["VARBINARY(32)", "VARCHAR(200)"])
def test_when_everybody_is_hit_the_list_of_long_ids_is_cut_and_no_count_is(
    empty_schema: Bench, kind: str
) -> None:
    fresh, count = empty_schema, 1_100
    create_tables(fresh.connection)
    users = [User(user, -5) for user in range(1, count + 1)]
    subscriptions = tuple(
        Subscription(user, 5000, "pro") for user in range(1, count + 1)
    )
    replace_rows(fresh.connection, Data(tuple(users), subscriptions))
    size = 32 if kind.startswith("VARBINARY") else 190
    for table, column, null in (
        ("users", "id", "NOT NULL"),
        ("user_subscriptions", "user_id", "NULL"),
    ):
        fresh.execute(
            f"ALTER TABLE {table} MODIFY {column} {kind} {null}",
            f"UPDATE {table} SET {column} = LPAD({column}, {size}, '0')",
        )
    (sample,) = fresh.samples("uninitialized", "token_subscribers_negative")
    assert sample.value == count
    listed = dict(sample.details)["negative_users"].split(",")
    assert 100 < len(listed) < 1_000
