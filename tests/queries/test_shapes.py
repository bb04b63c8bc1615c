"""The shipped queries on tables of other shapes: views, generated columns, other types and collations."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from monitor.collector.explain import plan, plan_evidence
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from tests.queries.conftest import Bench
from tests.queries.tokens import (
    Data,
    Subscription,
    Usage,
    User,
    create_tables,
    replace_rows,
)
from tests.support.servers import PrivateMySQL

QUERIES = Path(__file__).parents[2] / "queries"
Found: TypeAlias = Mapping[str, tuple[object, object]]

_BALANCES = [None, None, 0, 3, 100, 299, 999, 1000, 2000, 5000, 50000]
_PLANS = ["pro", " Pro ", "prö", "basic", None]
_LIMITS = [None, 0, 1000, 5000, 50000, 100]
# Whole numbers not below 0: every type can hold them. A user in four has two active subscriptions.
DATA = Data(
    [User(number, _BALANCES[number % 11]) for number in range(1, 60)],
    [
        Subscription(number, _LIMITS[number % 6], _PLANS[number % 5])
        for number in range(1, 62)
    ]
    + [
        Subscription(number, _LIMITS[number % 5], _PLANS[number % 3])
        for number in range(1, 60, 4)
    ]
    + [
        Subscription(number, 70000, "old", [0, None][number % 2])
        for number in range(1, 60, 7)
    ],
    [
        Usage(
            number,
            100 * number,
            ["rewrite", "Rewrite ", "prö", None][number % 4],
            number * 97,
        )
        for number in range(1, 60)
    ],
)


@dataclass(frozen=True)
class Shape:
    """How the tables are changed, and which servers can have it so."""

    changes: tuple[str, ...]
    servers: tuple[str, ...] = ("mariadb", "mysql")
    is_expected: bool = True
    """Whether the schema query finds nothing odd about it."""


def _view(table: str, columns: str) -> tuple[str, str]:
    view = f"CREATE VIEW {table} AS SELECT {columns} FROM {table}_base"
    return f"RENAME TABLE {table} TO {table}_base", view


def _converted(charset: str, collation: str) -> tuple[str, ...]:
    return tuple(
        f"ALTER TABLE {table} CONVERT TO CHARACTER SET {charset} COLLATE {collation}"
        for table in ("users", "user_subscriptions", "token_usage_history")
    )


def _balances(number: str) -> Shape:
    return Shape(
        (
            f"ALTER TABLE users MODIFY tokens_remaining {number} NULL",
            f"ALTER TABLE user_subscriptions MODIFY tokens_limit {number} NULL",
            f"ALTER TABLE token_usage_history MODIFY tokens_used {number} NULL",
        ),
        # A balance goes below 0, and a sum of parts is no integer.
        is_expected=number == "INT",
    )


_IDS = (
    ("users", "id", "NOT NULL"),
    ("user_subscriptions", "user_id", "NULL"),
    ("token_usage_history", "user_id", "NULL"),
)
_OF_ID = "CONCAT('018f0000-0000-7000-8000-', LPAD(HEX({column}), 12, '0'))"


def _ids(kind: str, value: str, *, between: str = "VARCHAR(36)") -> tuple[str, ...]:
    """Make ids of another type, in the order that they have."""
    changes = []
    for table, column, null in _IDS:
        # A larger number is not yet there where the largest is changed first.
        written = value.format(column=f"CAST({column} AS UNSIGNED)")
        changes += [
            f"ALTER TABLE {table} MODIFY {column} {between} {null}",
            f"UPDATE {table} SET {column} = {written} ORDER BY {column} DESC",
            f"ALTER TABLE {table} MODIFY {column} {kind} {null}",
        ]
    return tuple(changes)


_COLUMNS = {
    "users": "id email username password full_name avatar_url bio is_active is_verified role"
    " tokens_remaining created_at updated_at",
    "user_subscriptions": "nr user_id tokens_limit plan_type is_active",
    "token_usage_history": "nr user_id tokens_used action created_at",
}


def _columns_of_our_names() -> Iterator[str]:
    """Yield what gives each table columns of all names that the queries make up: also a user has a state."""
    texts = [file.read_text() for file in QUERIES.glob("*.sql")]
    texts += [file.read_text() for file in QUERIES.glob("*.toml")]
    named = re.findall(r"\bAS `?([a-z_0-9]+)`?", "\n".join(texts))
    # A history with a column id would be read by it.
    names = sorted(set(named) - {"id", "binary", "char", "datetime", "decimal"})
    for table, own in _COLUMNS.items():
        others = [name for name in names if name not in own.split()]
        added = [f"ADD `{name}` VARCHAR(20) NULL" for name in others]
        yield f"ALTER TABLE {table} {', '.join(added)}"
        mixed = [
            f"`{name}` = CONCAT('of', MOD({own.split()[0]}, 3))" for name in others
        ]
        yield f"UPDATE {table} SET {', '.join(mixed)}"


_ALL = {
    "users": "*",
    "user_subscriptions": "*",
    "token_usage_history": "*",
}
_EXPRESSIONS = {
    "users": "id, email, username, COALESCE(tokens_remaining, NULL) AS tokens_remaining",
    "user_subscriptions": (
        "user_id, tokens_limit + 0 AS tokens_limit, CONCAT(plan_type, '') AS plan_type,"
        " CASE is_active WHEN 1 THEN 1 ELSE 0 END AS is_active"
    ),
    "token_usage_history": (
        "user_id, tokens_used * 1 AS tokens_used, CONCAT(action, '') AS action,"
        " created_at + INTERVAL 0 SECOND AS created_at"
    ),
}
SHAPES: dict[str, Shape] = {
    "view": Shape(
        tuple(step for table, columns in _ALL.items() for step in _view(table, columns))
    ),
    "view with expressions": Shape(
        tuple(
            step
            for table, columns in _EXPRESSIONS.items()
            for step in _view(table, columns)
        )
    ),
    "view over a join": Shape(
        (
            "CREATE TABLE wallets AS SELECT id, tokens_remaining FROM users",
            "ALTER TABLE users DROP COLUMN tokens_remaining",
            "RENAME TABLE users TO users_base",
            "CREATE VIEW users AS SELECT b.*, w.tokens_remaining"
            " FROM users_base b LEFT JOIN wallets w USING (id)",
        )
    ),
    "columns of our names": Shape(tuple(_columns_of_our_names())),
    "generated columns": Shape(
        (
            "ALTER TABLE users RENAME COLUMN tokens_remaining TO base",
            "ALTER TABLE users ADD tokens_remaining INT GENERATED ALWAYS AS (base + 0) VIRTUAL",
            "ALTER TABLE user_subscriptions RENAME COLUMN tokens_limit TO base",
            "ALTER TABLE user_subscriptions ADD tokens_limit INT GENERATED ALWAYS AS (base * 1) STORED",
        )
    ),
    "invisible columns": Shape(
        (
            "ALTER TABLE users MODIFY tokens_remaining INT INVISIBLE NULL",
            "ALTER TABLE user_subscriptions MODIFY tokens_limit INT INVISIBLE NULL",
            "ALTER TABLE token_usage_history MODIFY created_at DATETIME INVISIBLE NULL",
        ),
        servers=("mariadb",),
    ),
    "invisible columns of MySQL": Shape(
        (
            "ALTER TABLE users MODIFY tokens_remaining INT NULL INVISIBLE",
            "ALTER TABLE user_subscriptions MODIFY tokens_limit INT NULL INVISIBLE",
            "ALTER TABLE token_usage_history MODIFY created_at DATETIME NULL INVISIBLE",
        ),
        servers=("mysql",),
    ),
    "partitions": Shape(
        (
            "ALTER TABLE users DROP KEY email",
            *(
                f"ALTER TABLE {table} PARTITION BY HASH ({key}) PARTITIONS 3"
                for table, key in (
                    ("users", "id"),
                    ("user_subscriptions", "nr"),
                    ("token_usage_history", "nr"),
                )
            ),
        )
    ),
    **{
        f"collation {collation}": Shape(
            _converted(collation.partition("_")[0], collation)
        )
        for collation in (
            "latin1_swedish_ci",
            "utf8mb4_bin",
            "utf8mb4_unicode_ci",
            "utf8mb4_general_ci",
        )
    },
    "collation utf8mb4_0900_ai_ci": Shape(
        _converted("utf8mb4", "utf8mb4_0900_ai_ci"), servers=("mysql",)
    ),
    "collation uca1400_ai_ci": Shape(
        _converted("utf8mb4", "uca1400_ai_ci"), servers=("mariadb",)
    ),
    "collation utf8mb4_nopad_bin": Shape(
        _converted("utf8mb4", "utf8mb4_nopad_bin"), servers=("mariadb",)
    ),
    **{
        f"numbers as {number}": _balances(number)
        for number in (
            "INT UNSIGNED",
            "BIGINT UNSIGNED",
            "MEDIUMINT UNSIGNED",
            "DECIMAL(20,4)",
            "DOUBLE",
        )
    },
    "numbers as VARCHAR(20)": _balances("VARCHAR(20)"),
    **{
        f"is_active as {kind}": Shape(
            (f"ALTER TABLE user_subscriptions MODIFY is_active {kind} NULL",),
            is_expected=kind != "CHAR(1)",
        )
        for kind in ("BIT(1)", "SMALLINT UNSIGNED", "CHAR(1)")
    },
    "plans and actions as ENUM": Shape(
        (
            "ALTER TABLE user_subscriptions MODIFY plan_type ENUM('pro', ' Pro ', 'prö', 'basic', 'old')"
            " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            "ALTER TABLE token_usage_history MODIFY action ENUM('rewrite', 'Rewrite ', 'prö')"
            " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        )
    ),
    "times as DATETIME(6)": Shape(
        ("ALTER TABLE token_usage_history MODIFY created_at DATETIME(6)",)
    ),
    "times as TIMESTAMP": Shape(
        ("ALTER TABLE token_usage_history MODIFY created_at TIMESTAMP NULL",)
    ),
    "ids as BINARY(16)": Shape(
        _ids(
            "BINARY(16)", f"UNHEX(REPLACE({_OF_ID}, '-', ''))", between="VARBINARY(36)"
        )
    ),
    "ids as VARBINARY(20)": Shape(
        # Quotes, commas and a NUL are bytes as others are.
        _ids(
            "VARBINARY(20)",
            """CONCAT(UNHEX('2C275C00FF'), LPAD({column}, 4, '0'))""",
            between="VARBINARY(36)",
        )
    ),
    "ids as UUID": Shape(_ids("UUID", _OF_ID), servers=("mariadb",)),
    "ids as CHAR(36)": Shape(_ids("CHAR(36)", _OF_ID)),
    "ids as text that looks like hexadecimal": Shape(
        _ids("VARCHAR(36)", "CONCAT('0x', LPAD(HEX({column}), 8, '0'))")
    ),
    "ids as BIGINT UNSIGNED beyond a BIGINT": Shape(
        _ids(
            "BIGINT UNSIGNED",
            "{column} + 9223372036854775807",
            between="BIGINT UNSIGNED",
        )
    ),
    "ids as BIGINT UNSIGNED": Shape(
        (
            "ALTER TABLE users MODIFY id BIGINT UNSIGNED NOT NULL",
            "ALTER TABLE user_subscriptions MODIFY user_id BIGINT UNSIGNED NULL",
            "ALTER TABLE token_usage_history MODIFY user_id VARCHAR(36) NULL",
        )
    ),
}


OF_THE_SHAPE = {"headroom", "schema_facts", "statements_failing"}
"""Queries that say what tables are like, or what others did on the server, and not what is in the tables."""
OF_TYPES = (
    "token_schema_column_mismatch",
    "token_schema_column_largest",
    "finding",
)
"""What is said of the types themselves."""
BY_INDEX = {
    "token_subscribers_overdue",
    "token_subscribers_overdue_judged",
    "token_subscribers_never_used",
}
"""What depends on whether use can be looked up: of a view no index is known (tests/queries/test_overdue.py)."""


def answers(bench: Bench) -> dict[str, tuple[object, object]]:
    """What every shipped query gives: samples of its metrics, and which examples it finds."""
    found: dict[str, tuple[object, object]] = {}
    for name in bench.queries.keys() - OF_THE_SHAPE:
        success = bench.answer(name).success
        samples = {
            (sample.metric, sample.labels, sample.value)
            for sample in success.samples
            if sample.metric not in OF_TYPES and sample.metric not in BY_INDEX
        }
        examples = {
            key: sorted(str(row.get("user_id")) for row in rows)
            for key, rows in success.evidence.items()
            if key[0] != "TokenBalancesUninitialized"
        }
        found[name] = (samples, {key: len(rows) for key, rows in examples.items()})
    return found


def oddities(bench: Bench) -> list[object]:
    return [
        sample.labels
        for sample in bench.answer("missing_columns").success.samples
        if sample.metric in ("token_schema_column_mismatch", "finding")
        and sample.value != 0
    ]


@pytest.fixture(scope="module")
def usual(
    each_server: PrivateServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Found]:
    """What the queries give on the documented tables."""
    bench = Bench(each_server, tmp_path_factory.mktemp("usual"))
    try:
        create_tables(bench.connection)
        replace_rows(bench.connection, DATA)
        yield answers(bench)
    finally:
        bench.close()


@pytest.mark.parametrize("name", list(SHAPES))
def test_every_query_says_the_same_on_tables_of_every_shape(
    empty_schema: Bench, usual: Found, name: str
) -> None:
    shape = SHAPES[name]
    if empty_schema.session.server.flavor not in shape.servers:
        return
    create_tables(empty_schema.connection)
    replace_rows(empty_schema.connection, DATA)
    empty_schema.execute(*shape.changes)
    assert answers(empty_schema) == usual
    assert (oddities(empty_schema) == []) is shape.is_expected
    if name.startswith("ids as"):
        _can_be_planned(empty_schema)


def _can_be_planned(bench: Bench) -> None:
    """Plan each query with its evidence, as `validate --connect` does; those too that read forward by an id."""
    bench.execute("ALTER TABLE token_usage_history RENAME COLUMN nr TO id")
    for query in bench.queries.values():
        plan(query, bench.session)
        for rule in query.rules:
            plan_evidence(rule, query, bench.session)


def test_the_largest_unsigned_limit_is_the_highest_and_fails_no_query(
    empty_schema: Bench,
) -> None:
    most = 2**64 - 1
    create_tables(empty_schema.connection)
    empty_schema.execute(
        "ALTER TABLE user_subscriptions MODIFY tokens_limit BIGINT UNSIGNED NULL"
    )
    users = [User(1, 50), User(2, 5)]
    rows = [
        Subscription(1, most, "unlimited"),
        Subscription(1, 10, "basic"),
        Subscription(2, 10, "basic"),
    ]
    replace_rows(
        empty_schema.connection, Data(users, rows, [Usage(1, 5, "rewrite", 60)])
    )
    for query in empty_schema.queries:
        empty_schema.answer(query)
    limits = empty_schema.series("balances")["token_limit_tokens"]
    assert limits == {("unlimited",): float(most), ("basic",): 10.0}


@pytest.mark.parametrize(
    "names",
    [
        ("subscriber", "subscription", "plan"),
        ("subscribers", "plans", "seen"),
        ("present", "wanted", "expected"),
        ("users", "stopped", "critical"),
    ],
    ids=" ".join,
)
def test_tables_may_be_called_as_one_would_call_a_part_of_a_query(
    empty_schema: Bench, usual: Found, names: tuple[str, str, str], tmp_path: Path
) -> None:
    create_tables(empty_schema.connection)
    replace_rows(empty_schema.connection, DATA)
    called = dict(zip(_COLUMNS, names, strict=True))
    for before, now in called.items():
        if before != now:
            empty_schema.execute(f"RENAME TABLE {before} TO `{now}`")
    empty_schema.queries = empty_schema.load(tmp_path, called)
    found = answers(empty_schema)
    by_data = found.keys() - {"missing_columns", "application_columns"}
    assert {name: found[name] for name in by_data} == {
        name: usual[name] for name in by_data
    }


class _FoldingMySQL(PrivateMySQL):
    """A MySQL that folds names of tables; it must know that when it makes its data directory."""

    def _create_command(self) -> Sequence[str]:
        return (*super()._create_command(), "--lower-case-table-names=1")


@pytest.fixture
def folding(each_server: PrivateServer) -> Iterator[PrivateServer]:
    """A server that writes the names of tables in lower case, whatever was asked for."""
    make = _FoldingMySQL if isinstance(each_server, PrivateMySQL) else PrivateMariaDB
    with make(
        Path(tempfile.mkdtemp(prefix="tm-")), options=("--lower-case-table-names=1",)
    ) as server:
        yield server


def test_names_of_tables_in_any_case_are_found_where_the_server_folds_them(
    folding: PrivateServer, usual: Found, tmp_path: Path
) -> None:
    names = {
        "users": "Users",
        "user_subscriptions": "User_Subscriptions",
        "token_usage_history": "TOKEN_USAGE_HISTORY",
    }
    bench = Bench(folding, tmp_path)
    try:
        create_tables(bench.connection)
        replace_rows(bench.connection, DATA)
        assert answers(bench) == usual
        bench.queries = bench.load(tmp_path, names)
        assert oddities(bench) == []
        found = answers(bench)
        assert {name: found[name] for name in found if name != "missing_columns"} == {
            name: usual[name] for name in usual if name != "missing_columns"
        }
    finally:
        bench.close()
