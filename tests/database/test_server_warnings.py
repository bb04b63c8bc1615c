"""What a server remarks on its own answer: what spoils a result, what is only reported, what it hides."""

from __future__ import annotations

import re

import pytest

from monitor.collector.execute import execute
from monitor.database import Database
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.model.errors import QueryError, Reason
from monitor.model.results import Success
from monitor.model.settings import Job
from monitor.timing.clock import AnchoredClock
from tests.database.conftest import Databases
from tests.database.proxy import Proxy
from tests.database.targets import (
    PASSWORD,
    a_query,
    fetch,
    fetch_in,
    id_of,
    target_at,
    target_for,
)

_ON_BOTH = [
    ("SELECT LENGTH(GROUP_CONCAT(REPEAT('x', 600000))) AS n FROM digits", 1260),
    ("SELECT CAST('12 kg' AS SIGNED) AS n", 1292),
    ("SELECT COUNT(*) AS n FROM (SELECT 'jo@example.com' AS c) t WHERE c = 5", 1292),
    ("SELECT CAST('2026-99-99' AS DATE) AS n", 1292),
    ("SELECT 1 / 0 AS n", 1365),
    ("SELECT digit / (digit - 5) AS n FROM digits", 1365),
    ("SELECT STR_TO_DATE('nope', '%Y-%m-%d') AS n", 1411),
    ("SELECT CAST(1e30 AS DECIMAL(5,2)) AS n", 1264),
]
_ON_MARIADB = [
    ("SELECT COUNT(*) AS n FROM digits a, digits b LIMIT ROWS EXAMINED 5", 1931),
    ("SELECT JSON_EXTRACT('{bad', '$') AS n", 4038),
    ("SELECT CONVERT(_utf8mb4 0xF09F9880 USING latin1) AS n", 1977),
]


@pytest.mark.parametrize(("sql", "code"), _ON_BOTH, ids=range(len(_ON_BOTH)))
def test_a_result_that_the_server_calls_incomplete_or_altered_is_bad(
    database: Database, sql: str, code: int
) -> None:
    with database.lease(deadline_seconds=20) as session:
        before = id_of(session)
        with pytest.raises(QueryError) as caught:
            fetch_in(session, sql)
        assert (caught.value.reason, caught.value.code) == (Reason.BAD_RESULT, code)
        assert "incomplete or altered" in caught.value.message
        assert not re.search("example|12 kg|nope|99-99", caught.value.message)
        # the connection is in order: nothing is left unread
        assert fetch_in(session, "SELECT 1 AS one").warnings == ()
        assert id_of(session) == before


@pytest.mark.parametrize(("sql", "code"), _ON_MARIADB, ids=range(len(_ON_MARIADB)))
def test_what_only_mariadb_takes_for_a_success_is_bad_too(
    databases: Databases,
    mariadb: PrivateMariaDB,
    mariadb_digits: str,
    sql: str,
    code: int,
) -> None:
    database = databases.open(target_for(mariadb, schema=mariadb_digits))
    with pytest.raises(QueryError) as caught:
        fetch(database, sql)
    assert (caught.value.reason, caught.value.code) == (Reason.BAD_RESULT, code)


@pytest.fixture
def mariadb_digits(mariadb: PrivateMariaDB, schema: str) -> str:
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE digits (digit INT PRIMARY KEY)")
        cursor.execute(
            "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)"
        )
    return schema


@pytest.mark.mysql
def test_a_warning_that_spoils_nothing_is_reported_with_the_data(
    databases: Databases, mysql: PrivateServer
) -> None:
    target = target_for(mysql)
    query = a_query(
        "found",
        "SELECT 1 && 1 AS n",
        evidence="SELECT 1 / 0 AS n",
        seconds=5,
        max_rows=5,
    )
    clock = AnchoredClock()
    outcome = execute(
        Job(target, query), clock.now(), databases.open(target), clock
    ).outcome
    assert isinstance(outcome, Success)
    (warning,) = outcome.warnings
    assert (warning.code, "deprecated" in warning.message) == (1287, True)
    # evidence that is spoilt fails the evidence only
    assert [
        error.partition(": the server")[0] for error in outcome.evidence_errors
    ] == ["Found: bad_result"]


def test_more_warnings_than_the_server_lists_are_bad(
    database: Database, server: PrivateServer
) -> None:
    with database.lease(deadline_seconds=20) as session:
        session.connection.execute("SET SESSION max_error_count = 0")
        with pytest.raises(QueryError) as caught:
            fetch_in(session, "SELECT 1 / 0 AS n")
        assert caught.value.reason is Reason.BAD_RESULT
        assert "counts 1 warnings on its answer and tells 0" in caught.value.message


def test_a_proxy_that_answers_show_warnings_itself_makes_the_result_doubtful(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    with Proxy(own_mariadb.port or 0) as proxy:
        proxy.from_client = lambda sent: (
            b"\x03DO 0" if sent == b"\x03SHOW WARNINGS" else sent
        )
        database = databases.open(target_at(proxy.port), environ=PASSWORD)
        assert fetch(database, "SELECT 1 AS one").warnings == ()
        with pytest.raises(QueryError) as caught:
            fetch(database, "SELECT 1 / 0 AS n")
        assert caught.value.reason is Reason.BAD_RESULT


def test_warnings_that_may_not_be_seen_make_the_result_doubtful(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    with Proxy(own_mariadb.port or 0) as proxy:
        proxy.from_client = lambda sent: (
            b"\x03SHOW REFUSED" if sent == b"\x03SHOW WARNINGS" else sent
        )
        database = databases.open(target_at(proxy.port), environ=PASSWORD)
        with database.lease(deadline_seconds=20) as session:
            before = id_of(session)
            with pytest.raises(QueryError) as caught:
                fetch_in(session, "SELECT 1 / 0 AS n")
            assert caught.value.reason is Reason.BAD_RESULT
            assert "counts 1 warnings on its answer" in caught.value.message
            # the refusal is about the warnings: the connection is in order
            assert fetch_in(session, "SELECT 1 AS one").warnings == ()
            assert id_of(session) == before


def test_warnings_cost_nothing_where_there_are_none(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    sent: list[bytes] = []

    def note(packet: bytes) -> bytes:
        sent.append(packet)
        return packet

    with Proxy(own_mariadb.port or 0) as proxy:
        proxy.from_client = note
        database = databases.open(target_at(proxy.port), environ=PASSWORD)
        with database.lease(deadline_seconds=20) as session:
            fetch_in(session, "SELECT 1 AS one")
            sent.clear()
            fetch_in(session, "SELECT 2 AS two")
    assert sent == [b"\x03SELECT 2 AS two"]
