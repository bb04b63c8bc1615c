"""Which rights a statement needs beyond its schema, read from its text."""

from __future__ import annotations

import pytest

from monitor.config.sql.required_privileges import (
    required_privileges,
    sees_only_its_own,
    system_tables,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT id FROM users u JOIN app.subscriptions s ON s.user_id = u.id", []),
        ("SELECT u.a, b.c FROM users u, b WHERE u.x IN (SELECT s.a, s.b FROM s)", []),
        ("SELECT * FROM users, other.things", ["SELECT other.things"]),
        (
            "SELECT * FROM (other.things t CROSS JOIN `a b`.`c``d`)",
            ["SELECT a b.c`d", "SELECT other.things"],
        ),
        (
            "WITH x AS (SELECT 1 FROM other.things) SELECT a FROM x",
            ["SELECT other.things"],
        ),
        (
            "SELECT TRIM(LEADING '0' FROM u.code), EXTRACT(DAY FROM u.at) FROM users u",
            [],
        ),
        (
            "SELECT j.a FROM users u, JSON_TABLE(u.doc, '$' COLUMNS (a INT PATH '$')) j",
            [],
        ),
        (
            "SELECT 'FROM other.things' -- FROM other.things\nFROM users /* FROM other.things */",
            [],
        ),
        ("SELECT other.f(1) FROM users", ["EXECUTE other.f"]),
        ("SELECT COUNT(*) FROM information_schema.COLUMNS", []),
        ("SELECT COUNT(*) FROM INFORMATION_SCHEMA.innodb_trx", ["PROCESS ."]),
        ("SELECT COUNT(*) FROM information_schema.processlist", ["PROCESS ."]),
        ("SELECT 1 FROM performance_schema.global_status", []),
        ("SELECT 1 FROM performance_schema.threads", ["SELECT performance_schema."]),
        (
            "SELECT 1 FROM sys.version",
            ["PROCESS .", "SELECT performance_schema.", "SELECT, EXECUTE sys."],
        ),
        ("SHOW GLOBAL STATUS LIKE 'Threads_connected'", []),
        ("SHOW FULL PROCESSLIST", ["PROCESS ."]),
        ("SHOW ENGINE INNODB STATUS", ["PROCESS ."]),
        ("/* all */ SHOW REPLICA STATUS", ["SLAVE MONITOR|REPLICATION CLIENT ."]),
        ("SHOW BINARY LOGS", ["BINLOG MONITOR|REPLICATION CLIENT ."]),
        ("SHOW REPLICAS", ["REPLICATION MASTER ADMIN|REPLICATION SLAVE ."]),
    ],
)
def test_what_a_statement_needs_beyond_its_schema(
    text: str, expected: list[str]
) -> None:
    found = [
        f"{'|'.join(dict.fromkeys((right.mariadb, right.mysql)))} {right.schema}.{right.name}"
        for right in required_privileges(text, "app")
    ]
    assert sorted(found) == expected


def test_tables_that_ask_for_a_right_only_when_they_are_read_are_named() -> None:
    text = "SELECT 1 FROM information_schema.INNODB_TRX t, information_schema.tables, information_schema.FILES"
    assert system_tables(text) == ("files", "innodb_trx")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SHOW PROCESSLIST", "threads"),
        ("SELECT 1 FROM information_schema.PROCESSLIST", "threads"),
        ("SELECT 1 FROM performance_schema.processlist", "threads"),
        ("SELECT processlist FROM users", ""),
        # reads the threads of performance_schema, which are all there
        ("SELECT 1 FROM sys.processlist", ""),
        ("SELECT 1 FROM information_schema.USER_STATISTICS", "statistics"),
        (
            "SELECT 1 FROM users u JOIN information_schema.client_statistics c",
            "statistics",
        ),
        ("SHOW USER_STATISTICS", "statistics"),
        ("SELECT 1 FROM app.user_statistics", ""),
        ("SHOW TABLES", ""),
    ],
)
def test_what_an_account_is_shown_only_its_own_of_is_known(
    text: str, expected: str
) -> None:
    assert sees_only_its_own(text) == expected
