"""Who has no balance and should have one: sign-ups and imports are in order, whatever a schema has to judge it by."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.collector.execute import answer
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
    written_at,
)

HOUR = 3600


@pytest.fixture
def bench(empty_schema: Bench) -> Bench:
    create_tables(empty_schema.connection)
    empty_schema.execute("ALTER TABLE token_usage_history DROP KEY user_id")
    return empty_schema


def fill(
    bench: Bench, *nulls: User, well: int = 10, usages: tuple[Usage, ...] = ()
) -> None:
    users = [User(user, 4000, GRACE) for user in range(1, well + 1)] + [*nulls]
    subscriptions = [Subscription(user.id, 5000, "pro") for user in users]
    replace_rows(bench.connection, Data(users, subscriptions, usages))


def overdue(bench: Bench, **parameters: int) -> float:
    found = bench.series("uninitialized", **parameters)
    return found.get("token_subscribers_overdue", {}).get(("pro", "null"), 0)


def never_used(bench: Bench, **parameters: int) -> float:
    found = bench.series("uninitialized", **parameters)
    return found.get("token_subscribers_never_used", {}).get(("pro",), 0)


def judged(bench: Bench) -> dict[tuple[str, ...], float]:
    return bench.series("uninitialized")["token_subscribers_overdue_judged"]


INDEXES = {
    "user_id": "CREATE INDEX by_user ON token_usage_history (user_id, created_at)",
    "created_at": "CREATE INDEX by_time ON token_usage_history (created_at)",
}


def test_sign_ups_and_a_mass_import_without_use_are_no_finding(bench: Bench) -> None:
    bench.execute(INDEXES["user_id"])
    fill(bench, *(User(user, None, HOUR) for user in range(101, 401)), well=100)

    found = bench.series("uninitialized")

    assert found["token_subscribers_uninitialized"]["pro", "null"] == 300
    assert "token_subscribers_overdue" not in found
    assert bench.answer("uninitialized").success.evidence == {}


@pytest.mark.parametrize("index", ["user_id", "created_at"])
def test_who_used_something_is_found_by_either_index_however_young(
    bench: Bench, index: str
) -> None:
    bench.execute(INDEXES[index])
    used = Usage(11, 300, "seo_title", HOUR)
    fill(bench, User(11, None), User(12, None), usages=(used,))

    assert overdue(bench) == 1
    assert judged(bench) == {("usage",): 1, ("account_age",): 1}


def test_usage_of_long_ago_counts_where_it_can_be_looked_up_by_user(
    bench: Bench,
) -> None:
    used = Usage(11, 300, "seo_title", 90 * 86400)
    bench.execute(INDEXES["created_at"])
    fill(bench, User(11, None), usages=(used,))
    assert overdue(bench) == 0
    bench.execute(INDEXES["user_id"])
    assert overdue(bench) == 1


@pytest.mark.parametrize("index", ["user_id", "created_at"])
def test_who_never_used_anything_is_counted_apart_once_the_account_is_old(
    bench: Bench, index: str
) -> None:
    bench.execute(INDEXES[index])
    used = Usage(13, 300, "seo_title", HOUR)
    young, old = User(11, None, GRACE - 1), User(12, None, GRACE + 1)
    fill(bench, young, old, User(13, None, 2 * GRACE), usages=(used,))
    assert overdue(bench) == 1
    assert never_used(bench) == 1
    assert never_used(bench, grace=GRACE + 2) == 0
    assert bench.answer("uninitialized").success.evidence.keys() == {
        ("TokenBalancesUninitialized", (("balance", "null"), ("plan", "pro")))
    }


def test_where_usage_cannot_be_judged_an_account_older_than_grace_should_have_a_balance(
    bench: Bench,
) -> None:
    fill(bench, User(11, None, GRACE - 1), User(12, None, GRACE + 1))
    assert overdue(bench) == 1
    assert overdue(bench, grace=GRACE + 2) == 0
    assert judged(bench) == {("usage",): 0, ("account_age",): 1}


@pytest.mark.parametrize("kind", ["DATETIME", "TIMESTAMP"])
def test_the_age_of_an_account_is_by_the_zone_of_its_column(
    bench: Bench, kind: str
) -> None:
    # A TIMESTAMP is written in the zone of the connection.
    bench.execute("SET time_zone = '+02:00'")
    bench.execute(f"ALTER TABLE users MODIFY created_at {kind} NULL")
    zone = timedelta(hours=2)
    fill(bench, User(11, None), User(12, None))
    for user, age in ((11, GRACE - 60), (12, GRACE + 60)):
        at = written_at(age, zone)
        bench.execute(f"UPDATE users SET created_at = '{at}' WHERE id = {user}")
    query = bench.queries["uninitialized"]
    found = bench.series_of(query, history_time_zone="+02:00")
    assert found["token_subscribers_overdue"] == {("pro", "null"): 1}


def test_without_the_columns_age_only_usage_is_judged_and_that_is_said(
    bench: Bench,
) -> None:
    bench.execute(INDEXES["user_id"])
    used = Usage(11, 300, "seo_title", HOUR)
    fill(bench, User(11, None, 2 * GRACE), User(12, None, 2 * GRACE), usages=(used,))
    bench.execute("ALTER TABLE users DROP COLUMN created_at")
    assert overdue(bench) == 1
    assert judged(bench) == {("usage",): 1, ("account_age",): 0}


def test_where_nothing_can_be_judged_every_null_counts(bench: Bench) -> None:
    fill(bench, User(11, None), User(12, None))
    bench.execute("ALTER TABLE users DROP COLUMN created_at")
    assert judged(bench) == {("usage",): 0, ("account_age",): 0}
    assert overdue(bench) == 2


def test_a_column_that_was_added_anew_is_a_finding_about_everybody(
    bench: Bench,
) -> None:
    # Nobody has used anything yet, and all accounts are young: most of the first subscriptions have no balance.
    fill(bench, *(User(user, None) for user in range(100, 250)), well=0)
    assert overdue(bench) == 150
    assert never_used(bench) == 0


@pytest.mark.parametrize("index", ["user_id", "created_at"])
def test_of_few_subscribers_most_may_not_have_begun_yet(
    bench: Bench, index: str
) -> None:
    bench.execute(INDEXES[index])
    fresh = [User(user, None, HOUR) for user in range(11, 16)]
    fill(bench, *fresh, well=3)
    assert overdue(bench) == 0
    fill(bench, *(User(user, None, HOUR) for user in range(11, 101)), well=9)
    assert overdue(bench) == 90
    fill(bench, *(User(user, None, HOUR) for user in range(11, 101)), well=10)
    assert overdue(bench) == 90
    fill(bench, *(User(user, None, HOUR) for user in range(11, 100)), well=10)
    assert overdue(bench) == 0


def test_where_none_of_few_subscribers_has_a_balance_all_of_them_should(
    bench: Bench,
) -> None:
    bench.execute(INDEXES["user_id"])
    fill(bench, *(User(user, None, HOUR) for user in range(11, 16)), well=0)
    assert overdue(bench) == 5
    fill(bench, User(11, None, HOUR), User(12, None, HOUR), well=0)
    assert overdue(bench) == 0


def test_who_has_no_limit_or_no_subscription_is_not_waited_for(
    bench: Bench,
) -> None:
    bench.execute(INDEXES["user_id"])
    users = [User(1, None, 2 * GRACE), User(2, None, 2 * GRACE)]
    replace_rows(bench.connection, Data(users, [Subscription(1, 0, "pro")]))
    assert overdue(bench) == 0


def test_an_account_that_may_only_select_sees_what_it_is_judged_by(
    bench: Bench,
) -> None:
    bench.execute(INDEXES["user_id"])
    fill(bench, User(11, None, 2 * GRACE))
    name = f"o{bench.schema}"
    bench.execute(f"CREATE USER {name}@localhost")
    bench.execute(f"GRANT SELECT ON {bench.schema}.* TO {name}@localhost")
    try:
        with bench.as_user(name) as session:
            session.connection.execute(f"SET SESSION timestamp = {NOW.timestamp():.0f}")
            found = answer(bench.queries["uninitialized"], session).success
    finally:
        bench.execute(f"DROP USER {name}@localhost")
    assert {
        one.labels: one.value
        for one in found.samples
        if one.metric == "token_subscribers_overdue_judged"
    } == {(("by", "usage"),): 1, (("by", "account_age"),): 1}
