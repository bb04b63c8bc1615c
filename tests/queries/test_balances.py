"""Balances and subscriptions: on any data the shipped queries agree with the documented ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.results import EvidenceRow
from tests.queries import oracle
from tests.queries.conftest import Bench
from tests.queries.strategies import EXAMPLES, contents
from tests.queries.tokens import (
    DOCUMENTED_NAMES,
    SQL_WORDS,
    Data,
    Subscription,
    Usage,
    User,
    create_tables,
    replace_rows,
)


@EXAMPLES
@given(data=contents())
def test_the_balance_queries_agree_with_the_documented_ones(
    tokens: Bench, data: Data
) -> None:
    replace_rows(tokens.connection, data)
    found = oracle.subscribers(tokens.connection)

    assert tokens.series("balances") == oracle.balances(tokens.connection, found)
    assert tokens.series("uninitialized") == oracle.unhealthy(found, data)


@EXAMPLES
@given(data=contents())
def test_subscriptions_that_give_nothing_count_also_where_their_user_is_gone(
    tokens: Bench, data: Data
) -> None:
    replace_rows(tokens.connection, data)

    found = tokens.series("subscriptions_without_limit")

    assert found == oracle.without_limit(data)


@EXAMPLES
@given(data=contents())
def test_the_sample_of_limits_agrees_with_all_where_it_reaches_all(
    tokens: Bench, data: Data
) -> None:
    replace_rows(tokens.connection, data)

    assert tokens.series("missing_limits") == oracle.sampled_limits(data)


@EXAMPLES
@given(data=contents(), looked_at=st.integers(1, 12))
def test_of_the_newest_users_those_without_an_active_subscription_are_counted(
    tokens: Bench, data: Data, looked_at: int
) -> None:
    replace_rows(tokens.connection, data)

    found = tokens.series("newest_users", looked_at=looked_at)
    assert found == oracle.newest_users(data, looked_at)


def test_limits_of_a_plan_that_are_gone_are_found_in_a_sample(
    tokens: Bench,
) -> None:
    users = [User(user, 100) for user in range(1, 41)]
    subscriptions = [
        Subscription(
            user.id, 700 if user.id % 2 else None, "Pro" if user.id % 2 else "Team"
        )
        for user in users
    ]
    replace_rows(tokens.connection, Data(users, subscriptions))

    found = tokens.series("missing_limits", looked_at=30)
    assert found["token_subscriptions_sampled"] == {("pro",): 15.0, ("team",): 15.0}
    gone = found["token_subscriptions_sampled_without_limit"]
    assert gone == {("pro",): 0.0, ("team",): 15.0}


@EXAMPLES
@given(data=contents())
def test_evidence_names_users_of_the_state_and_plan_that_the_alert_is_about(
    tokens: Bench, data: Data
) -> None:
    replace_rows(tokens.connection, data)
    found = oracle.subscribers(tokens.connection)
    overdue = oracle.overdue_users(found, data)
    states: dict[str, Callable[[oracle.Subscriber], bool]] = {
        "TokenSubscribersBlocked": lambda row: row.is_blocked,
        "TokenBalancesNegative": lambda row: row.status == "negative",
        "TokenBalancesUninitialized": lambda row: row in overdue,
    }
    evidence = tokens.answer("uninitialized").success.evidence
    for rule, is_meant in states.items():
        named = {
            (dict(labels)["plan"], row["user_id"])
            for (name, labels), rows in evidence.items()
            for row in rows
            if name == rule
        }
        assert named == {(row.plan, row.id) for row in found if is_meant(row)}, rule


def test_empty_tables_give_no_plans_and_every_feature_at_zero(tokens: Bench) -> None:
    replace_rows(tokens.connection, Data())

    assert tokens.series("balances") == {"token_subscribers_conflicting": {(): 0.0}}
    assert tokens.series("uninitialized") == oracle.unhealthy(())


def test_the_highest_limit_decides_then_the_lowest_plan_name_and_no_limit_comes_last(
    tokens: Bench,
) -> None:
    subscriptions = [
        Subscription(1, 100, "basic"), Subscription(1, 900, "pro"),      # the higher limit
        Subscription(2, 500, "Team"), Subscription(2, 500, "basic"),     # the lower name
        Subscription(3, None, "basic"), Subscription(3, -1, "pro"),      # any limit before none
        Subscription(4, 900, "zoo"), Subscription(4, 900, "zoo"),        # equal rows count once
        Subscription(5, 999, "pro", 0), Subscription(5, 10, "basic"),    # not active
    ]  # fmt: skip
    users = [User(1, 100), User(2, 500), User(3, -1), User(4, 900), User(5, 5)]
    replace_rows(tokens.connection, Data(users, subscriptions))

    found = tokens.series("balances")

    limits = found["token_limit_tokens"]
    assert limits == {("pro",): 899.0, ("basic",): 510.0, ("zoo",): 900.0}
    at_limit = found["token_subscribers_at_limit"]
    assert at_limit == {("pro",): 1.0, ("basic",): 1.0, ("zoo",): 1.0}
    assert found["token_subscribers_conflicting"] == {(): 4.0}


def test_parameters_move_the_bounds(tokens: Bench) -> None:
    users = [User(1, 1), User(2, 1999), User(3, 2000), User(4, 4999)]
    replace_rows(
        tokens.connection,
        Data(users, [Subscription(user.id, 10000, "pro") for user in users]),
    )

    found = tokens.series("balances", low_balance=2000, low_share=0.5)
    assert found["token_subscribers"]["pro", "low"] == 2
    assert found["token_subscribers"]["pro", "ok"] == 2
    assert found["token_subscribers_below_share"] == {("pro",): 4.0}
    found = tokens.series("uninitialized", low_balance=2, cost_find_image=5000)
    assert found["token_subscribers_below_low_balance"] == {("pro",): 1.0}
    assert found["token_subscribers_unable"][("find_image",)] == 4


@pytest.mark.parametrize("plan", ["pro", "none"])
def test_evidence_is_at_most_ten_ids_and_balances_and_nothing_personal(
    tokens: Bench, plan: str
) -> None:
    users = [User(user, None) for user in range(1, 16)]
    subscriptions = [
        Subscription(user.id, 700, plan.replace("none", " ")) for user in users
    ]
    replace_rows(tokens.connection, Data(users, subscriptions))

    evidence = tokens.answer("uninitialized").success.evidence

    rows = evidence["TokenBalancesUninitialized", (("balance", "null"), ("plan", plan))]
    assert len(rows) == 10
    assert all(set(row) == {"user_id", "balance", "tokens_limit"} for row in rows)


def test_each_rule_about_users_shows_whom_it_means(tokens: Bench) -> None:
    users = [User(1, -4), User(2, 700), User(3, 50)]
    subscriptions = [
        Subscription(1, 700, "pro"),
        Subscription(2, 700, "pro"),
        Subscription(3, 700, "pro"),
    ]
    subscriptions.append(Subscription(3, 900, "pro"))
    replace_rows(
        tokens.connection, Data(users, subscriptions, [Usage(2, 300, "rewrite", 60)])
    )
    # Examples are looked up where a rule finds something; TokenBalancesLow begins at many users.
    found: dict[str, tuple[EvidenceRow, ...]] = {}
    for query in ("uninitialized", "balances"):
        for (rule, _), rows in tokens.answer(query).success.evidence.items():
            found[rule] = rows

    assert found == {
        "TokenSubscribersBlocked": (
            {"user_id": 1, "balance": -4, "tokens_limit": 700},
        ),
        "TokenBalancesNegative": ({"user_id": 1, "balance": -4, "tokens_limit": 700},),
        "TokenSubscriptionsConflicting": (
            {
                "user_id": 3,
                "active_subscriptions": 2,
                "lowest_limit": 700,
                "highest_limit": 900,
            },
        ),
    }


def test_many_low_balances_are_shown_by_plan(tokens: Bench) -> None:
    users = [User(user, 10) for user in range(1, 104)]
    plans = ["Pro" if user.id <= 101 else "basic" for user in users]
    subscriptions = [
        Subscription(user.id, 700, plan)
        for user, plan in zip(users, plans, strict=True)
    ]
    replace_rows(tokens.connection, Data(users, subscriptions))

    evidence = tokens.answer("uninitialized").success.evidence

    assert list(evidence) == [("TokenBalancesLow", (("plan", "pro"),))]
    assert {
        row["balance"] for row in evidence["TokenBalancesLow", (("plan", "pro"),)]
    } == {10}


def test_the_repair_names_what_has_a_word_of_sql_for_its_name(
    empty_schema: Bench,
) -> None:
    create_tables(empty_schema.connection, {**DOCUMENTED_NAMES, **SQL_WORDS})
    empty_schema.execute(
        "INSERT INTO `order` (`key`, email) VALUES (1, 'a')",
        "INSERT INTO `group` (`select`, `range`, plan_type, `from`) VALUES (1, 900, 'pro', 1)",
    )
    rules = {rule.name: rule for rule in empty_schema.queries["uninitialized"].rules}
    repair = rules["TokenBalancesUninitialized"].annotations["repair"]
    for name, word in SQL_WORDS.items():
        repair = repair.replace(f"{{{name}}}", word)
    empty_schema.execute(*[part for part in repair.split(";") if part.strip()])
    with empty_schema.connection.cursor() as cursor:
        cursor.execute("SELECT `limit` FROM `order`")
        assert cursor.fetchall() == ((900,),)


def test_the_repair_counts_whom_it_would_fill_names_its_risks_first_and_works(
    tokens: Bench,
) -> None:
    users = [User(1, None), User(2, 0), User(3, 7), User(4, None)]
    limits = [
        Subscription(1, 700, "pro"),
        Subscription(1, 900, "pro"),
        Subscription(2, 50, "pro"),
    ]
    replace_rows(
        tokens.connection,
        Data(users, [*limits, Subscription(3, 90, "pro"), Subscription(4, 0, "x")]),
    )
    rules = {rule.name: rule for rule in tokens.queries["uninitialized"].rules}
    repair = rules["TokenBalancesUninitialized"].annotations["repair"]
    places = [
        repair.index(word)
        for word in ("Before you run", "spent everything", "SELECT COUNT", "\nUPDATE")
    ]
    assert places == sorted(places)
    for name in SQL_WORDS:
        repair = repair.replace(f"{{{name}}}", name)
    count, update, verify = [part for part in repair.split(";") if part.strip()]
    with tokens.connection.cursor() as cursor:
        cursor.execute(count)
        assert cursor.fetchall() == ((2, 1),)
        cursor.execute(update)
        cursor.execute("SELECT id, tokens_remaining FROM users ORDER BY id")
        assert cursor.fetchall() == ((1, 900), (2, 50), (3, 7), (4, None))
        cursor.execute(verify)
        assert cursor.fetchall() == ((0,),)
