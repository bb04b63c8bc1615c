"""How much of their range ids and balances have used, and which columns have an index."""

from __future__ import annotations

import pytest

from tests.queries.conftest import Bench
from tests.queries.tokens import create_tables

INT, BIGINT = 2147483647, 9223372036854775807


@pytest.fixture
def fresh(empty_schema: Bench) -> Bench:
    """The documented tables, to be filled to the end."""
    create_tables(empty_schema.connection)
    return empty_schema


def headroom(bench: Bench, **parameters: int) -> dict[tuple[str, ...], float]:
    return dict(bench.series("headroom", **parameters)["token_headroom_ratio"])


def indexes(bench: Bench, **parameters: str) -> dict[tuple[str, ...], float]:
    found = bench.series("schema_facts", **parameters)
    return dict(found["token_schema_index_present"])


def test_an_id_near_the_end_of_its_type_is_told_by_its_counter(fresh: Bench) -> None:
    fresh.execute(
        "ALTER TABLE token_usage_history MODIFY nr INT NOT NULL AUTO_INCREMENT",
        f"ALTER TABLE token_usage_history AUTO_INCREMENT = {INT * 9 // 10}",
        "ALTER TABLE users MODIFY id TINYINT UNSIGNED NOT NULL AUTO_INCREMENT",
        "ALTER TABLE users AUTO_INCREMENT = 52",
    )
    found = headroom(fresh)
    assert found["token_usage_history", "nr"] == pytest.approx(0.9, abs=0.001)
    assert found["users", "id"] == pytest.approx(0.2, abs=0.001)


def test_the_highest_balance_of_few_users_is_looked_up_without_an_index(
    fresh: Bench,
) -> None:
    fresh.execute(
        f"INSERT INTO users (id, email, tokens_remaining) VALUES (1, 'a', {INT - 40000}), (2, 'b', NULL)",
    )
    assert headroom(fresh)["users", "tokens_remaining"] == pytest.approx(1, abs=0.001)
    assert ("users", "tokens_remaining") not in headroom(fresh, scanned_users=0)


def test_the_highest_balance_is_looked_up_where_there_is_an_index(fresh: Bench) -> None:
    fresh.execute(
        f"INSERT INTO users (id, email, tokens_remaining) VALUES (1, 'a', {INT // 2}), (2, 'b', -5)",
    )
    fresh.execute("CREATE INDEX of_balance ON users (tokens_remaining)")
    assert headroom(fresh)["users", "tokens_remaining"] == pytest.approx(0.5, abs=0.001)
    fresh.execute("ALTER TABLE users MODIFY tokens_remaining BIGINT NULL")
    assert headroom(fresh)["users", "tokens_remaining"] == pytest.approx(0, abs=0.001)
    fresh.execute(
        "UPDATE users SET tokens_remaining = 0",
        "ALTER TABLE users MODIFY tokens_remaining BIGINT UNSIGNED NULL",
        "UPDATE users SET tokens_remaining = 18446744073709551615",
    )
    assert headroom(fresh)["users", "tokens_remaining"] == pytest.approx(1, abs=0.001)


def test_of_many_users_none_is_read_without_an_index(fresh: Bench) -> None:
    rows = ", ".join(f"({number}, 'u{number}', {number})" for number in range(1, 5001))
    fresh.execute(f"INSERT INTO users (id, email, tokens_remaining) VALUES {rows}")
    # The server's own count of them, and not an estimate of a moment ago.
    fresh.execute("ANALYZE TABLE users")
    fresh.answer("headroom", scanned_users=1000)
    before = _rows_read(fresh)
    fresh.answer("headroom", scanned_users=1000)
    assert _rows_read(fresh) - before < 4000


def _rows_read(bench: Bench) -> int:
    reads = "('Handler_read_next', 'Handler_read_rnd_next', 'Handler_read_key')"
    with bench.connection.cursor() as cursor:
        cursor.execute(f"SHOW GLOBAL STATUS WHERE Variable_name IN {reads}")
        return sum(int(value) for _, value in cursor.fetchall())


def test_what_is_no_integer_or_no_table_has_no_headroom(fresh: Bench) -> None:
    fresh.execute(
        "ALTER TABLE users MODIFY tokens_remaining VARCHAR(20) NULL, ADD INDEX (tokens_remaining)",
        "RENAME TABLE user_subscriptions TO kept",
        "CREATE VIEW user_subscriptions AS SELECT * FROM kept",
    )
    assert {table for table, _ in headroom(fresh)} <= {"users", "token_usage_history"}
    assert ("users", "tokens_remaining") not in headroom(fresh)


def test_an_index_counts_by_its_first_column(fresh: Bench) -> None:
    before = indexes(fresh)
    assert before["users", "id"] == 1
    assert before["users", "tokens_remaining"] == 0
    fresh.execute("CREATE INDEX second ON users (email, tokens_remaining)")
    assert indexes(fresh)["users", "tokens_remaining"] == 0
    fresh.execute("CREATE INDEX first ON users (tokens_remaining, email)")
    assert indexes(fresh)["users", "tokens_remaining"] == 1
    fresh.execute("DROP INDEX first ON users")
    assert indexes(fresh)["users", "tokens_remaining"] == 0


def test_the_key_of_subscriptions_is_seen_to_go_whatever_its_name(fresh: Bench) -> None:
    # These tables call it otherwise.
    assert ("user_subscriptions", "id") not in indexes(fresh)
    assert indexes(fresh, subscription_id="nr")["user_subscriptions", "nr"] == 1
    fresh.execute("ALTER TABLE user_subscriptions RENAME COLUMN nr TO id")
    assert indexes(fresh)["user_subscriptions", "id"] == 1
    fresh.execute(
        "ALTER TABLE user_subscriptions MODIFY id INT NOT NULL, DROP PRIMARY KEY"
    )
    assert indexes(fresh)["user_subscriptions", "id"] == 0
    assert indexes(fresh)["user_subscriptions", "user_id"] == 1


def test_a_column_that_is_not_there_and_a_view_have_no_word_on_indexes(
    fresh: Bench,
) -> None:
    fresh.execute(
        "ALTER TABLE users DROP COLUMN tokens_remaining",
        "RENAME TABLE token_usage_history TO kept",
        "CREATE VIEW token_usage_history AS SELECT * FROM kept",
    )
    assert {table for table, _ in indexes(fresh)} == {"users", "user_subscriptions"}
    assert ("users", "tokens_remaining") not in indexes(fresh)
