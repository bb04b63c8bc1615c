"""The schema query: what is missing, what is of another type, and what the alert says of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.collector.execute import answer
from monitor.database import Session
from monitor.model.errors import QueryError, Reason
from monitor.model.settings import ColumnName
from tests.queries.conftest import Bench
from tests.queries.tokens import (
    DOCUMENTED_NAMES,
    OTHER_NAMES,
    SQL_WORDS,
    create_tables,
)

EXPECTED = {
    ("users", "id"),
    ("users", "tokens_remaining"),
    ("user_subscriptions", "user_id"),
    ("user_subscriptions", "tokens_limit"),
    ("user_subscriptions", "plan_type"),
    ("user_subscriptions", "is_active"),
    ("token_usage_history", "user_id"),
    ("token_usage_history", "tokens_used"),
    ("token_usage_history", "action"),
    ("token_usage_history", "created_at"),
}


@pytest.fixture
def fresh(empty_schema: Bench) -> Bench:
    """The documented tables, to be broken."""
    create_tables(empty_schema.connection)
    return empty_schema


def missing(bench: Bench) -> set[tuple[str, ...]]:
    series = bench.series("missing_columns")["token_schema_column_missing"]
    assert set(series) == EXPECTED
    return {labels for labels, value in series.items() if value == 1}


def findings(bench: Bench) -> dict[tuple[str, str], str]:
    """What TokenColumnMissing is about, with its subject."""
    samples = bench.samples("missing_columns", "finding")
    found = [sample for sample in samples if sample.value > 0]
    return {
        (dict(sample.labels)["table"], dict(sample.labels).get("column", "")): dict(
            sample.details
        )["subject"]
        for sample in found
    }


def mismatches(bench: Bench) -> dict[tuple[str, ...], float]:
    series = bench.series("missing_columns")["token_schema_column_mismatch"]
    return {labels: value for labels, value in series.items() if value != 0}


def test_in_the_documented_schema_nothing_is_missing_and_nothing_is_odd(
    fresh: Bench,
) -> None:
    assert missing(fresh) == set()
    assert findings(fresh) == {}
    assert mismatches(fresh) == {}
    assert fresh.answer("missing_columns").success.missing == frozenset()


@pytest.mark.parametrize(("table", "column"), sorted(EXPECTED - {("users", "id")}))
def test_one_column_that_is_gone_is_one_finding(
    fresh: Bench, table: str, column: str
) -> None:
    fresh.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO gone")

    assert missing(fresh) == {(table, column)}
    assert findings(fresh) == {(table, column): f"column {table}.{column}"}
    assert fresh.answer("missing_columns").success.missing == frozenset(
        {ColumnName(table, column)}
    )
    assert mismatches(fresh) == {}


def test_a_whole_table_that_is_gone_is_one_finding_and_each_of_its_columns_is_missing(
    fresh: Bench,
) -> None:
    fresh.execute("DROP TABLE user_subscriptions")

    assert missing(fresh) == {
        pair for pair in EXPECTED if pair[0] == "user_subscriptions"
    }
    assert findings(fresh) == {
        ("user_subscriptions", ""): (
            "table user_subscriptions (with is_active, plan_type, tokens_limit, user_id)"
        )
    }


def test_an_empty_schema_lacks_all_three_tables(empty_schema: Bench) -> None:
    assert missing(empty_schema) == EXPECTED
    assert {table for table, _ in findings(empty_schema)} == {
        table for table, _ in EXPECTED
    }
    assert len(findings(empty_schema)) == 3


def test_columns_are_found_whatever_the_case_of_their_names(fresh: Bench) -> None:
    fresh.execute(
        "ALTER TABLE users RENAME COLUMN tokens_remaining TO Tokens_Remaining"
    )

    assert missing(fresh) == set()


def test_a_column_of_the_same_name_in_another_schema_does_not_count(
    fresh: Bench,
) -> None:
    fresh.execute(
        f"CREATE DATABASE {fresh.schema}_copy",
        f"CREATE TABLE {fresh.schema}_copy.users AS SELECT * FROM users",
        "ALTER TABLE users DROP COLUMN tokens_remaining",
    )
    try:
        assert missing(fresh) == {("users", "tokens_remaining")}
    finally:
        fresh.execute(f"DROP DATABASE {fresh.schema}_copy")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "users MODIFY tokens_remaining VARCHAR(20) NULL",
            ("users", "tokens_remaining", "type"),
        ),
        (
            "users MODIFY tokens_remaining SMALLINT NULL",
            ("users", "tokens_remaining", "type"),
        ),
        (
            "users MODIFY tokens_remaining INT NOT NULL",
            ("users", "tokens_remaining", "nullable"),
        ),
        (
            "users MODIFY tokens_remaining INT UNSIGNED NULL",
            ("users", "tokens_remaining", "sign"),
        ),
        (
            "users ALTER tokens_remaining SET DEFAULT 0",
            ("users", "tokens_remaining", "default"),
        ),
        (
            "users MODIFY id INT NOT NULL, DROP PRIMARY KEY",
            ("users", "id", "key"),
        ),
        (
            "user_subscriptions MODIFY tokens_limit FLOAT",
            ("user_subscriptions", "tokens_limit", "type"),
        ),
        (
            "user_subscriptions MODIFY plan_type INT",
            ("user_subscriptions", "plan_type", "type"),
        ),
        (
            "user_subscriptions MODIFY is_active CHAR(1)",
            ("user_subscriptions", "is_active", "type"),
        ),
        (
            "user_subscriptions MODIFY is_active ENUM('Y', 'N')",
            ("user_subscriptions", "is_active", "type"),
        ),
        (
            "token_usage_history MODIFY created_at VARCHAR(30)",
            ("token_usage_history", "created_at", "type"),
        ),
        (
            "token_usage_history MODIFY tokens_used TEXT",
            ("token_usage_history", "tokens_used", "type"),
        ),
    ],
)
def test_another_type_is_a_mismatch_and_blocks_nothing(
    fresh: Bench, change: str, found: tuple[str, str, str]
) -> None:
    fresh.execute(f"ALTER TABLE {change}")

    assert mismatches(fresh) == {found: 1.0}
    assert missing(fresh) == set()


@pytest.mark.parametrize(
    "change",
    [
        "users MODIFY tokens_remaining BIGINT NULL",
        "users MODIFY tokens_remaining INT(6) NULL DEFAULT NULL",
        "users DROP PRIMARY KEY, ADD UNIQUE KEY (id)",
        "users DROP PRIMARY KEY, ADD PRIMARY KEY (id, email)",
        "user_subscriptions MODIFY tokens_limit BIGINT NOT NULL",
        "user_subscriptions MODIFY plan_type ENUM('basic', 'pro')",
        "user_subscriptions MODIFY is_active BOOLEAN",
        "user_subscriptions MODIFY is_active BIT(1)",
        "user_subscriptions MODIFY is_active INT",
        "user_subscriptions MODIFY user_id CHAR(36)",
        "token_usage_history MODIFY created_at TIMESTAMP NULL",
        "token_usage_history MODIFY created_at DATETIME(6)",
    ],
)
def test_a_type_that_does_the_same_is_no_mismatch(fresh: Bench, change: str) -> None:
    fresh.execute(f"ALTER TABLE {change}")

    assert mismatches(fresh) == {}


def test_what_a_column_can_hold_is_told_as_far_as_the_code_needs_it(
    fresh: Bench,
) -> None:
    def largest() -> dict[tuple[str, ...], float]:
        return fresh.series("missing_columns")["token_schema_column_largest"]

    balance, limit = (
        ("users", "tokens_remaining"),
        ("user_subscriptions", "tokens_limit"),
    )
    assert largest() == {balance: 8388607, limit: 8388607}
    fresh.execute("ALTER TABLE users MODIFY tokens_remaining SMALLINT NULL")
    fresh.execute("ALTER TABLE user_subscriptions MODIFY tokens_limit BIGINT UNSIGNED")
    assert largest() == {balance: 32767, limit: 8388607}
    fresh.execute("ALTER TABLE users MODIFY tokens_remaining SMALLINT UNSIGNED NULL")
    assert largest() == {balance: 65535, limit: 8388607}
    fresh.execute("ALTER TABLE users MODIFY tokens_remaining VARCHAR(20) NULL")
    assert largest() == {limit: 8388607}


_COLLATED = "VARCHAR(36) CHARACTER SET utf8mb4 COLLATE"


@pytest.mark.parametrize(
    ("of_users", "of_subscriptions", "is_told"),
    [
        ("utf8mb4_general_ci", "utf8mb4_unicode_ci", True),
        ("utf8mb4_general_ci", "utf8mb4_general_ci", False),
        ("utf8mb4_general_ci", "utf8mb4_bin", False),
        ("utf8mb4_bin", "utf8mb4_unicode_ci", False),
    ],
)
def test_ids_of_two_collations_are_told_where_the_server_cannot_compare_them(
    fresh: Bench, of_users: str, of_subscriptions: str, is_told: bool
) -> None:
    fresh.execute(
        f"ALTER TABLE users MODIFY id {_COLLATED} {of_users} NOT NULL",
        f"ALTER TABLE user_subscriptions MODIFY user_id {_COLLATED} {of_subscriptions} NULL",
    )
    if not is_told:
        assert mismatches(fresh) == {}
        fresh.answer("uninitialized")
        return
    assert mismatches(fresh) == {("user_subscriptions", "user_id", "collation"): 1.0}
    with pytest.raises(QueryError, match="ALTER TABLE … MODIFY … COLLATE") as caught:
        fresh.answer("uninitialized")
    assert caught.value.code == 1267
    (sample,) = [
        one
        for one in fresh.samples("missing_columns", "token_schema_column_mismatch")
        if one.value
    ]
    details = dict(sample.details)
    assert details["found"] == f"varchar NULL COLLATE {of_subscriptions}"
    assert details["wanted"] == f"COLLATE {of_users} as users.id"
    fresh.execute(
        f"ALTER TABLE user_subscriptions MODIFY user_id {_COLLATED} {of_users} NULL"
    )
    assert mismatches(fresh) == {}
    fresh.answer("uninitialized")


def test_an_is_active_of_words_is_told_with_what_it_is_compared_with(
    fresh: Bench,
) -> None:
    fresh.execute(
        "ALTER TABLE user_subscriptions MODIFY is_active CHAR(1) NULL",
        "INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type, is_active) VALUES (1, 5, 'pro', 'Y')",
    )
    with pytest.raises(QueryError, match="TokenColumnMismatch names what"):
        fresh.answer("missing_limits")
    (sample,) = [
        one
        for one in fresh.samples("missing_columns", "token_schema_column_mismatch")
        if one.value
    ]
    assert "that is compared with 1" in dict(sample.details)["wanted"]


def test_a_mismatch_says_what_it_is_and_what_it_should_be(fresh: Bench) -> None:
    fresh.execute("ALTER TABLE users MODIFY tokens_remaining INT NOT NULL")

    (sample,) = [
        s
        for s in fresh.samples("missing_columns", "token_schema_column_mismatch")
        if s.value == 1
    ]

    assert dict(sample.details) == {
        "found": "int NOT NULL",
        "wanted": "mediumint or int or bigint, signed, NULL allowed, DEFAULT NULL",
    }


def test_the_repair_of_the_balance_column_is_the_documented_one_and_works(
    fresh: Bench,
) -> None:
    fresh.execute(
        "ALTER TABLE users DROP COLUMN tokens_remaining",
        "INSERT INTO users (id, email) VALUES (1, 'a'), (2, 'b'), (3, 'c')",
        "INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type, is_active) VALUES"
        " (1, 100, 'basic', 1), (1, 900, 'pro', 1), (2, NULL, 'basic', 1), (3, 50, 'basic', 0)",
    )
    (sample,) = [
        sample
        for sample in fresh.samples("missing_columns", "finding")
        if sample.value == 1
    ]
    repair = dict(sample.details)["repair"]

    assert (
        "ALTER TABLE `users` ADD COLUMN `tokens_remaining` INT DEFAULT NULL AFTER role;"
        in repair
    )
    *changes, verification = [
        statement for statement in repair.split(";") if statement.strip()
    ]
    fresh.execute(*changes)
    with fresh.connection.cursor() as cursor:
        cursor.execute("SELECT id, tokens_remaining FROM users ORDER BY id")
        assert cursor.fetchall() == ((1, 900), (2, None), (3, None))
        cursor.execute(verification)
        assert cursor.fetchall() == ((0,),)
    assert findings(fresh) == {}


def test_the_repair_works_where_there_is_no_role_and_limits_are_text(
    fresh: Bench,
) -> None:
    fresh.execute(
        "ALTER TABLE users DROP COLUMN tokens_remaining, DROP COLUMN role",
        "ALTER TABLE user_subscriptions MODIFY tokens_limit VARCHAR(20) NULL",
        "INSERT INTO users (id, email) VALUES (1, 'a')",
        "INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type, is_active) VALUES"
        " (1, '9000', 'basic', 1), (1, '10000', 'pro', 1)",
    )
    *changes, _ = [one for one in detail(fresh, "repair").split(";") if one.strip()]
    fresh.execute(*changes)
    with fresh.connection.cursor() as cursor:
        cursor.execute("SELECT id, tokens_remaining FROM users")
        assert cursor.fetchall() == ((1, 10000),)


def detail(bench: Bench, name: str) -> str:
    """What the one finding says under this name."""
    (sample,) = [
        sample
        for sample in bench.samples("missing_columns", "finding")
        if sample.value == 1
    ]
    return dict(sample.details).get(name, "")


def test_the_repair_names_its_risks_first_and_counts_whom_it_would_fill_before_it_fills_them(
    fresh: Bench,
) -> None:
    fresh.execute("ALTER TABLE users DROP COLUMN tokens_remaining")
    lines = detail(fresh, "repair").splitlines()
    starts = [
        next(i for i, line in enumerate(lines) if word in line)
        for word in _REPAIR_STEPS
    ]
    assert starts == sorted(starts)


_REPAIR_STEPS = (
    "renamed and not dropped",
    "backup",
    "ALTER TABLE `users` ADD",
    "SELECT COUNT",
    "UPDATE `users`",
)


@pytest.mark.parametrize("table", ["users", "user_subscriptions"])
def test_a_column_that_was_renamed_is_named_as_what_the_missing_one_may_be(
    fresh: Bench, table: str
) -> None:
    old, new = {
        "users": ("tokens_remaining", "Tokens_Left"),
        "user_subscriptions": ("tokens_limit", "monthly_limit"),
    }[table]
    fresh.execute(
        f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}",
        f"ALTER TABLE {table} ADD age INT, ADD zip INT, ADD floor INT, ADD note TEXT",
    )
    said = detail(fresh, "renamed")
    assert f"expected by nobody: {new}, age, floor." in said
    assert f"Look at {new}" in detail(fresh, "repair")


@pytest.mark.parametrize("table", ["users", "user_subscriptions"])
def test_a_name_ends_no_comment_of_the_repair(fresh: Bench, table: str) -> None:
    old = {"users": "tokens_remaining", "user_subscriptions": "tokens_limit"}[table]
    new = "tokens_x\nDROP TABLE users;\r-- \x85\u2028\u202e*/"
    before = detail_lines(fresh, table, old, "tokens_left")
    fresh.execute(f"ALTER TABLE {table} RENAME COLUMN tokens_left TO {old}")
    lines = detail_lines(fresh, table, old, new)
    assert len(lines) == len(before)
    (named,) = [line for line in lines if "DROP TABLE" in line]
    assert named.startswith("-- ")
    assert "Look at tokens_x DROP TABLE users; --    */" in named
    assert "nobody: tokens_x DROP TABLE users; --    */" in detail(fresh, "renamed")


def detail_lines(bench: Bench, table: str, old: str, new: str) -> list[str]:
    """Return the lines of the repair once a column has another name."""
    bench.execute(f"ALTER TABLE {table} RENAME COLUMN `{old}` TO `{new}`")
    return detail(bench, "repair").splitlines()


def test_where_no_column_could_be_the_missing_one_nothing_is_said_of_a_new_name(
    fresh: Bench,
) -> None:
    fresh.execute("ALTER TABLE users DROP COLUMN tokens_remaining")
    assert detail(fresh, "renamed") == ""


def test_the_text_says_whom_a_missing_column_hurts(fresh: Bench) -> None:
    fresh.execute("ALTER TABLE users RENAME COLUMN tokens_remaining TO gone")
    assert "HTTP 402" in detail(fresh, "impact")
    fresh.execute(
        "ALTER TABLE users RENAME COLUMN gone TO tokens_remaining",
        "ALTER TABLE token_usage_history DROP COLUMN action",
    )
    assert "usage is not recorded" in detail(fresh, "impact")
    assert "402" not in detail(fresh, "impact")


def test_a_column_that_only_ones_own_query_needs_is_not_said_to_hurt_users(
    fresh: Bench,
) -> None:
    query = fresh.queries["missing_columns"]
    needs = [{"table": "users", "column": "nickname", "queries": "greetings, letters"}]
    query = replace(query, parameters={**query.parameters, "needs": json.dumps(needs)})
    (found,) = [
        one
        for one in answer(query, fresh.session).success.samples
        if one.metric == "finding" and one.value
    ]
    assert dict(found.details)["impact"] == (
        "Only queries of this monitor ask for it (greetings, letters);"
        " whether the application needs it too, the monitor does not know."
    )


def test_only_the_balance_column_comes_with_sql_to_copy(fresh: Bench) -> None:
    fresh.execute("ALTER TABLE token_usage_history DROP COLUMN action")

    (sample,) = [
        sample
        for sample in fresh.samples("missing_columns", "finding")
        if sample.value == 1
    ]

    assert "ALTER" not in dict(sample.details)["repair"]
    assert "token_usage_history.action" in dict(sample.details)["repair"]


def test_columns_that_other_queries_need_are_looked_for_too(fresh: Bench) -> None:
    query = fresh.queries["missing_columns"]
    needs = [
        {"table": "users", "column": "email"},
        {"table": "users", "column": "EMAIL"},
        {"table": "users", "column": "tokens_remaining"},
        {"table": "users", "column": "nickname"},
        {"table": "invoices", "column": "amount"},
    ]
    query = replace(query, parameters={**query.parameters, "needs": json.dumps(needs)})

    success = answer(query, fresh.session).success

    assert success.missing == frozenset(
        {ColumnName("users", "nickname"), ColumnName("invoices", "amount")}
    )
    found = {
        sample.labels
        for sample in success.samples
        if sample.metric == "finding" and sample.value == 1
    }
    assert found == {
        (("column", "nickname"), ("table", "users")),
        (("table", "invoices"),),
    }


def test_the_loader_hands_over_every_need_of_the_target(fresh: Bench) -> None:
    needed = {
        (str(need.table), str(need.column))
        for query in fresh.queries.values()
        for need in query.needs
    }
    given = json.loads(str(fresh.queries["missing_columns"].parameters["needs"]))

    assert needed <= {(need["table"], need["column"]) for need in given}
    by = {(need["table"], need["column"]): need["queries"] for need in given}
    assert by["users", "tokens_remaining"] == (
        "balances, headroom, last_usage, ledger, recent_usage and 2 more"
    )
    assert needed <= EXPECTED


@contextmanager
def blind(bench: Bench, *grants: str) -> Iterator[Session]:
    """A session of an account that has these rights alone."""
    account = f"blind_{bench.schema}"
    bench.execute(f"CREATE USER {account}@localhost IDENTIFIED BY ''")
    try:
        for grant in grants:
            right, _, table = grant.partition(" on ")
            bench.execute(
                f"GRANT {right} ON {bench.schema}.{table} TO {account}@localhost"
            )
        with bench.as_user(account) as session:
            yield session
    finally:
        bench.execute(f"DROP USER {account}@localhost")


_LOOKS = 60
SUBSCRIPTIONS = "SELECT on user_subscriptions"
HISTORY = "SELECT on token_usage_history"
_DENIED = {
    "whole table": ((), {"id", "tokens_remaining"}, (("table", "users"),)),
    "other columns": (("SELECT (email) on users",), {"id", "tokens_remaining"}, None),
    "one column": (
        ("SELECT (id) on users",),
        {"tokens_remaining"},
        (("column", "tokens_remaining"), ("table", "users")),
    ),
}


@pytest.mark.parametrize("case", list(_DENIED))
def test_a_lost_right_on_one_table_is_unknown_there_and_the_rest_is_reported(
    fresh: Bench, case: str
) -> None:
    grants, hidden, silent = _DENIED[case]
    fresh.execute("ALTER TABLE user_subscriptions DROP COLUMN tokens_limit")
    with blind(fresh, SUBSCRIPTIONS, HISTORY, *grants) as session:
        success = answer(fresh.queries["missing_columns"], session).success

    reported = {
        (labels["table"], labels["column"]): sample.value
        for sample in success.samples
        if sample.metric == "token_schema_column_missing"
        and (labels := dict(sample.labels))
    }
    unknown = {("users", column) for column in hidden}
    assert set(reported) == EXPECTED - unknown
    assert {name for name, value in reported.items() if value == 1} == {
        ("user_subscriptions", "tokens_limit")
    }
    found = [
        s.labels for s in success.samples if s.metric == "finding" and s.value == 1
    ]
    assert found == [(("column", "tokens_limit"), ("table", "user_subscriptions"))]
    assert success.missing == frozenset(
        {ColumnName("user_subscriptions", "tokens_limit")}
    )
    assert {(str(name.table), name.column) for name in success.unknown} == unknown
    assert silent is None or success.silent == (silent,)
    assert {failure.reason for failure in success.refusals} == {Reason.ACCESS_DENIED}
    assert "users" in success.refusals[0].message


def test_an_account_that_may_see_no_table_is_denied_and_no_table_called_missing(
    fresh: Bench,
) -> None:
    with (
        blind(fresh, "SHOW VIEW on *") as session,
        pytest.raises(QueryError) as caught,
    ):
        answer(fresh.queries["missing_columns"], session)
    assert caught.value.reason is Reason.ACCESS_DENIED


_CHANGES = {
    "copying ALTER": (
        "ALTER TABLE users MODIFY tokens_remaining BIGINT DEFAULT NULL, ALGORITHM=COPY",
        "ALTER TABLE users MODIFY tokens_remaining INT DEFAULT NULL, ALGORITHM=COPY",
    ),
    "swap of tables": (
        "CREATE TABLE users_new LIKE users",
        "RENAME TABLE users TO users_old, users_new TO users",
        "DROP TABLE users_old",
    ),
}


@pytest.mark.parametrize("change", list(_CHANGES))
def test_no_column_is_called_missing_while_its_table_is_changed_over_and_over(
    fresh: Bench, change: str
) -> None:
    """On MariaDB information_schema hides the table for moments, at the second look as at the first."""
    ended = threading.Event()

    def change_on() -> None:
        with (
            fresh.server.connect(fresh.schema) as connection,
            connection.cursor() as cursor,
        ):
            while not ended.is_set():
                for statement in _CHANGES[change]:
                    cursor.execute(statement)

    found: list[object] = []
    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change_on)
        try:
            for _ in range(_LOOKS):
                success = fresh.answer("missing_columns").success
                found += success.missing or ()
                found += [
                    one
                    for one in success.samples
                    if one.metric == "finding" and one.value > 0
                ]
        finally:
            ended.set()
        changing.result(timeout=20)
    assert found == []


def test_other_names_of_tables_and_columns_are_found_and_named(
    empty_schema: Bench, tmp_path: Path
) -> None:
    create_tables(empty_schema.connection, OTHER_NAMES)
    query = empty_schema.load(tmp_path, OTHER_NAMES)["missing_columns"]

    success = answer(query, empty_schema.session).success

    assert success.missing == frozenset()
    labels = {
        sample.labels
        for sample in success.samples
        if sample.metric == "token_schema_column_missing"
    }
    assert (("column", "my_tokens_remaining"), ("table", "Members")) in labels
    assert len(labels) == len(EXPECTED)
    assert set(DOCUMENTED_NAMES) == set(OTHER_NAMES)


def test_the_repair_works_where_names_are_words_of_sql(
    empty_schema: Bench, tmp_path: Path
) -> None:
    names = {**DOCUMENTED_NAMES, **SQL_WORDS}
    create_tables(empty_schema.connection, names)
    empty_schema.execute(
        "ALTER TABLE `order` DROP COLUMN `limit`",
        "INSERT INTO `order` (`key`, email) VALUES (1, 'a')",
        "INSERT INTO `group` (`select`, `range`, plan_type, `from`) VALUES (1, 900, 'pro', 1)",
    )
    query = empty_schema.load(tmp_path, names)["missing_columns"]
    (found,) = [
        one
        for one in answer(query, empty_schema.session).success.samples
        if one.metric == "finding" and one.value
    ]
    repair = dict(found.details)["repair"]
    *changes, _ = [one for one in repair.split(";") if one.strip()]
    empty_schema.execute(*changes)
    with empty_schema.connection.cursor() as cursor:
        cursor.execute("SELECT `limit` FROM `order`")
        assert cursor.fetchall() == ((900,),)


def test_a_broken_view_in_place_of_a_table_is_one_finding(fresh: Bench) -> None:
    with fresh.connection.cursor() as cursor:
        cursor.execute("RENAME TABLE users TO users_old")
        cursor.execute("CREATE VIEW users AS SELECT * FROM users_old")
        assert findings(fresh) == {}
        cursor.execute("DROP TABLE users_old")
    assert findings(fresh) == {("users", ""): "table users (with id, tokens_remaining)"}
    assert missing(fresh) == {("users", "id"), ("users", "tokens_remaining")}
