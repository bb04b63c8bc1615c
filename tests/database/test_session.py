"""Statements on real servers: what comes back, and how each failure is named and leaves the connection."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from monitor.database import Database, runnable_sql
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.model.errors import QueryError, Reason, TargetError
from monitor.model.results import ColumnType, Rows
from monitor.model.settings import Flavor, Scalar, Statement
from monitor.model.targets import PasswordSource
from tests.database.conftest import Databases
from tests.database.targets import (
    RUNAWAY,
    TEN_MILLION_ROWS,
    fetch,
    fetch_in,
    id_of,
    run_as_root,
    running_away,
    sessions_of,
    target_for,
    wait_until,
)


def failure_of(run: Callable[[], object]) -> QueryError:
    with pytest.raises(QueryError) as caught:
        run()
    return caught.value


def test_a_result_comes_as_columns_and_cells(database: Database) -> None:
    rows = fetch(
        database,
        "SELECT 7 AS whole, 12.50 AS exact, 2.5e0 AS rough, NULL AS nothing, 'grün 🪙' AS words,"
        " CAST('2026-03-01' AS DATE) AS day, CAST('2026-03-01 04:05:06' AS DATETIME) AS moment,"
        " CAST('-01:02:03' AS TIME) AS span, CAST('a' AS BINARY) AS raw, 18446744073709551615 AS big",
    )
    assert rows == Rows(
        (
            "whole",
            "exact",
            "rough",
            "nothing",
            "words",
            "day",
            "moment",
            "span",
            "raw",
            "big",
        ),
        (
            (
                7,
                Decimal("12.50"),
                2.5,
                None,
                "grün 🪙",
                date(2026, 3, 1),
                datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC).replace(tzinfo=None),
                -timedelta(hours=1, minutes=2, seconds=3),
                b"a",
                18446744073709551615,
            ),
        ),
        (
            *(ColumnType.NUMBER,) * 4,
            *(ColumnType.TEXT, ColumnType.DATE, ColumnType.DATETIME, ColumnType.TIME),
            *(ColumnType.BINARY, ColumnType.NUMBER),
        ),
    )


def test_no_rows_are_a_result(database: Database) -> None:
    assert fetch(database, "SELECT digit FROM digits WHERE digit > 100") == Rows(
        ("digit",), (), (ColumnType.NUMBER,)
    )


VALUES: tuple[Scalar, ...] = (
    "it's",
    'say "no"',
    "back\\slash",
    "100 %s %(x)s",
    "🪙",
    "",
    "a\nb\0c\x1a",
    "' OR 1=1 -- ",
    -5,
    2**60,
    0.1,
    True,
)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_arrives_as_it_was_given(database: Database, value: Scalar) -> None:
    (row,) = fetch(
        database, "SELECT %(value)s AS value, '5 %%' AS percent", {"value": value}
    ).rows
    assert row == (value, "5 %")


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_the_runnable_sql_gives_the_same(database: Database, value: Scalar) -> None:
    statement = Statement("SELECT %(value)s AS value", ("value",))
    with database.lease(deadline_seconds=20) as session:
        sql = session.statement_sql(statement, {"value": value, "unused": 1})
        assert fetch_in(session, sql).rows == ((value,),)
    assert runnable_sql(statement, {"value": value}) == sql


def test_quotes_are_safe_where_the_backslash_escapes_nothing(
    databases: Databases, server: PrivateServer, server_schema: str
) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.sql_mode")
        ((before,),) = cursor.fetchall()
    run_as_root(server, f"SET GLOBAL sql_mode = '{before},NO_BACKSLASH_ESCAPES'")
    try:
        database = databases.open(target_for(server, schema=server_schema))
        for value in ("\\' OR 1=1 -- ", "it's", "\\"):
            assert fetch(
                database, "SELECT %(value)s AS value", {"value": value}
            ).rows == ((value,),)
    finally:
        run_as_root(server, f"SET GLOBAL sql_mode = '{before}'")


def test_a_percent_sign_is_only_itself_without_parameters(database: Database) -> None:
    assert fetch(database, "SELECT '5 % %s %%' AS percent").rows == (("5 % %s %%",),)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "no value for :value"),
        ({"value": float("nan")}, "the value of :value cannot be bound"),
        ({"value": "\udc80"}, "the value of :value cannot be bound"),
    ],
    ids=["missing", "nan", "no text"],
)
def test_a_value_that_cannot_be_bound_is_a_query_error(
    database: Database, values: dict[str, Scalar], words: str
) -> None:
    statement = Statement("SELECT %(value)s AS value", ("value",))
    with database.lease(deadline_seconds=20) as session:
        error = failure_of(
            lambda: session.fetch(
                statement, values, timeout=timedelta(seconds=1), max_rows=1
            )
        )
        assert (error.reason, error.message) == (Reason.QUERY_ERROR, words)
        assert fetch_in(session, "SELECT 1 AS one").rows == ((1,),)


@pytest.mark.parametrize(
    ("sql", "reason", "code", "words"),
    [
        ("SELECT gone FROM digits", Reason.SCHEMA_MISSING, 1054, "'gone'"),
        (
            "SELECT 1 AS one FROM gone",
            Reason.SCHEMA_MISSING,
            1146,
            "gone' doesn't exist",
        ),
        ("SELEC 'jo@example.com'", Reason.QUERY_ERROR, 1064, "near '…' at line 1"),
        (
            "SELECT a.digit FROM digits a, digits b WHERE digit = 1",
            Reason.QUERY_ERROR,
            1052,
            "ambiguous",
        ),
        ("DELETE FROM digits", Reason.QUERY_ERROR, 1792, "READ ONLY transaction"),
    ],
    ids=["column", "table", "syntax", "ambiguous", "write"],
)
def test_an_error_of_the_server_is_named_and_leaves_the_connection(
    database: Database,
    server: PrivateServer,
    sql: str,
    reason: Reason,
    code: int,
    words: str,
) -> None:
    with database.lease(deadline_seconds=20) as session:
        before = id_of(session)
        error = failure_of(lambda: fetch_in(session, sql))
        assert (error.reason, error.code) == (reason, code)
        assert words in error.message
        assert "example.com" not in error.message
        assert not isinstance(error, TargetError)
        assert fetch_in(session, "SELECT COUNT(*) AS n FROM digits").rows == ((10,),)
        assert id_of(session) == before


def test_a_right_that_was_taken_away_is_access_denied(
    databases: Databases, server: PrivateServer, schema_with_digits: str, account: str
) -> None:
    database = databases.open(
        target_for(
            server,
            schema=schema_with_digits,
            user=account,
            password=PasswordSource(env="PASSWORD"),
        ),
        environ={"PASSWORD": "s3cret"},
    )
    assert fetch(database, "SELECT COUNT(*) AS n FROM digits").rows == ((10,),)
    run_as_root(
        server,
        f"REVOKE SELECT ON {schema_with_digits}.* FROM {account}@'%'",
        f"CREATE TABLE {schema_with_digits}.other (id INT)",
        f"GRANT SELECT ON {schema_with_digits}.other TO {account}@'%'",
    )
    error = failure_of(lambda: fetch(database, "SELECT COUNT(*) AS n FROM digits"))
    assert (error.reason, error.code) == (Reason.ACCESS_DENIED, 1142)
    assert "'digits'" in error.message or "`digits`" in error.message


def test_a_runaway_query_ends_at_its_timeout_on_the_server_too(
    database: Database, server: PrivateServer
) -> None:
    def is_ended_by_the_server() -> bool:
        started = time.monotonic()
        error = failure_of(lambda: fetch(database, RUNAWAY, seconds=0.5))
        assert error.reason is Reason.TIMEOUT
        assert 0.4 < time.monotonic() - started < 20
        return error.detail == "statement_limit" and error.code in (1969, 3024)

    # One that is busy or stands still for a third of a second is asked by us to end it.
    wait_until(is_ended_by_the_server, "it speaks first")
    wait_until(lambda: not sessions_of(server, running=True), "the query is gone")
    assert fetch(database, "SELECT 1 AS one").rows == ((1,),)


def test_a_sleep_that_was_cut_short_is_not_a_result(
    database: Database, server: PrivateServer
) -> None:
    error = failure_of(
        lambda: fetch(database, "SELECT SLEEP(30) AS slept", seconds=0.3)
    )
    assert error.reason is Reason.TIMEOUT
    wait_until(lambda: not sessions_of(server, running=True), "the query is gone")


# MySQL answers a killed SLEEP with a row, and no error
@pytest.mark.parametrize(
    "sql", [RUNAWAY, "SELECT SLEEP(20) AS slept"], ids=["runaway", "sleep"]
)
def test_a_query_that_ignores_its_limit_is_killed(
    database: Database, server: PrivateServer, sql: str
) -> None:
    def is_killed() -> bool:
        with database.lease(deadline_seconds=20) as session:
            is_mariadb = session.server.flavor is Flavor.MARIADB
            fetch_in(session, "SELECT 1 AS one", seconds=0.4)
            variable = "max_statement_time" if is_mariadb else "max_execution_time"
            session.connection.execute(f"SET SESSION {variable} = 0")
            started = time.monotonic()
            error = failure_of(lambda: fetch_in(session, sql, seconds=0.4))
            assert error.reason is Reason.TIMEOUT
            assert time.monotonic() - started < 15
            wait_until(
                lambda: not sessions_of(server, running=True), "the query is gone"
            )
            # a late KILL must not hit what comes next
            killed = session.connection.identity
            assert fetch_in(session, "SELECT 1 AS one").rows == ((1,),)
            assert session.connection.identity != killed
        return error.detail == "killed"

    # A server that is busy may not have ended it before we cut the connection.
    wait_until(is_killed, "it ends in time")
    wait_until(
        lambda: len(sessions_of(server)) == 1, "the connection for KILL is closed"
    )


def test_a_query_behind_a_lock_ends_with_lock_wait(
    database: Database, server: PrivateServer, server_schema: str
) -> None:
    with server.connect(server_schema) as owner, owner.cursor() as cursor:
        cursor.execute("LOCK TABLES digits WRITE")
        error = failure_of(
            lambda: fetch(database, "SELECT COUNT(*) AS n FROM digits", seconds=10)
        )
        assert (error.reason, error.code) == (Reason.LOCK_WAIT, 1205)


def test_an_idle_session_does_not_hold_up_alter_table(
    database: Database, server: PrivateServer, server_schema: str
) -> None:
    fetch(database, "SELECT COUNT(*) AS n FROM digits")
    started = time.monotonic()
    run_as_root(server, f"ALTER TABLE {server_schema}.digits ADD COLUMN more INT")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("kill", "reason", "code"),
    [("KILL QUERY", Reason.KILLED, 1317), ("KILL", Reason.TARGET_DOWN, 2013)],
    ids=["query", "connection"],
)
def test_a_query_that_somebody_killed_is_not_run_again(
    database: Database, server: PrivateServer, kill: str, reason: Reason, code: int
) -> None:
    fetch(database, "SELECT 1 AS one")
    errors: list[QueryError] = []
    run = threading.Thread(
        target=lambda: errors.append(
            failure_of(lambda: fetch(database, RUNAWAY, seconds=60))
        )
    )
    run.start()
    wait_until(lambda: running_away(server), "the query runs")
    (victim,) = running_away(server)
    run_as_root(server, f"{kill} {victim}")
    run.join(30)
    assert [(error.reason, error.code) for error in errors] == [(reason, code)]
    wait_until(lambda: not running_away(server), "it is gone")


def test_too_many_rows_end_the_query(database: Database, server: PrivateServer) -> None:
    started = time.monotonic()
    error = failure_of(
        lambda: fetch(database, TEN_MILLION_ROWS, seconds=60, max_rows=50)
    )
    assert (error.reason, error.message) == (
        Reason.TOO_MANY_ROWS,
        "more than 50 rows (max_rows)",
    )
    assert time.monotonic() - started < 40
    wait_until(lambda: not sessions_of(server, running=True), "the query is gone")
    assert fetch(database, "SELECT digit FROM digits", max_rows=10).rows[9] == (9,)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (
            "SELECT 1 AS id, 2 AS n, 3 AS id",
            'two columns are named "id"; give each an alias of its own',
        ),
        (
            "SELECT 1 AS id, REPEAT('x', 70000) AS words",
            'row 1, column "words": more than 64 KiB',
        ),
        (
            "SELECT REPEAT('x', 60000) AS a FROM digits d0, digits d1, digits d2",
            "the result has more than 16 MiB",
        ),
        ("SET @x = 1", "the statement gives no rows, not even none"),
    ],
    ids=["columns", "cell", "answer", "no table"],
)
def test_a_result_that_we_cannot_use_is_bad(
    database: Database, sql: str, words: str
) -> None:
    error = failure_of(lambda: fetch(database, sql, max_rows=1000))
    assert (error.reason, error.message) == (Reason.BAD_RESULT, words)
    assert fetch(database, "SELECT 1 AS one").rows == ((1,),)


def test_text_in_a_wrong_charset_is_an_internal_error_and_no_more(
    database: Database, mariadb: PrivateMariaDB
) -> None:
    with database.lease(deadline_seconds=20) as session:
        session.connection.execute("SET character_set_results = latin1")
        error = failure_of(lambda: fetch_in(session, "SELECT 'grün' AS words"))
        assert error.reason is Reason.INTERNAL
        assert fetch_in(session, "SELECT 'grün' AS words").rows == (("grün",),)


def test_the_server_says_who_it_is_and_which_limits_took_effect(
    database: Database, server: PrivateServer
) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION(), @@hostname")
        ((version, hostname),) = cursor.fetchall()
    with database.lease(deadline_seconds=20) as session:
        answered = session.server
        settings = fetch_in(
            session,
            "SELECT @@time_zone, @@lock_wait_timeout, @@wait_timeout, @@autocommit, @@character_set_client",
        ).rows
    assert answered.flavor is (
        Flavor.MARIADB if isinstance(server, PrivateMariaDB) else Flavor.MYSQL
    )
    assert (answered.version, answered.hostname, answered.read_only) == (
        version,
        hostname,
        False,
    )
    assert answered.limits == ("lock", "statement", "read_only")
    assert settings == (("+00:00", 2, 600, 1, "utf8mb4"),)


def test_a_percent_sign_that_is_not_doubled_is_a_query_error(
    database: Database,
) -> None:
    error = failure_of(
        lambda: fetch(database, "SELECT 5 % %(value)s AS rest", {"value": 2})
    )
    assert (error.reason, error.detail) == (Reason.QUERY_ERROR, "parameters")


def test_an_interrupt_stops_the_query_on_the_server_too(
    database: Database, server: PrivateServer
) -> None:
    def interrupt() -> None:
        wait_until(lambda: running_away(server), "the query runs")
        os.kill(os.getpid(), signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        fetch(database, RUNAWAY, seconds=60)
    interrupter.join()
    wait_until(lambda: not sessions_of(server), "query and connection are gone")
