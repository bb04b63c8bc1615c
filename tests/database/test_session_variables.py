"""What a session's variables are set to, and that nobody gets an answer of a session that is not so."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator

import pymysql
import pytest

from monitor.database import Database
from monitor.database.dialect import session_variables
from monitor.database.session_variables import Effect, Variable, normalized
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.model.errors import QueryError, Reason, TargetError
from monitor.model.settings import Flavor
from tests.database.conftest import Databases
from tests.database.proxy import (
    Listener,
    Proxy,
    error_packet,
    result_packets,
    serve_session,
)
from tests.database.targets import (
    PASSWORD,
    fetch,
    fetch_in,
    id_of,
    run_as_root,
    target_at,
    target_for,
    verdict_on,
)
from tests.database.unstated_variables import UNSTATED
from tests.support.hostile_variables import hostile_values

_NOT_CLASSIFIED = (
    "decide what a SELECT would do if a server had another value: state it"
    " in monitor/database/session_variables.py, with a hostile value in tests/support/hostile_variables.py,"
    " or put it into tests/database/unstated_variables.py with the reason why it may have any"
)

# What the driver sets itself after the login, which is not swallowed.
_BY_DRIVER = {
    *(
        "character_set_client",
        "character_set_results",
        "character_set_connection",
        "collation_connection",
    ),
    "autocommit",
}


def flavor_of(server: PrivateServer) -> Flavor:
    return Flavor.MARIADB if isinstance(server, PrivateMariaDB) else Flavor.MYSQL


def stated_on(server: PrivateServer) -> tuple[Variable, ...]:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        ((version,),) = cursor.fetchall()
    return session_variables(flavor_of(server), str(version))


def session_variables_of(server: PrivateServer) -> set[str]:
    """List what a session may set: MariaDB says so, MySQL is asked for each."""
    with server.connect() as connection, connection.cursor() as cursor:
        if isinstance(server, PrivateMariaDB):
            cursor.execute(
                "SELECT LOWER(variable_name) FROM information_schema.system_variables"
                " WHERE variable_scope LIKE 'SESSION%' AND read_only = 'NO'"
            )
            return {str(name) for (name,) in cursor.fetchall()}
        cursor.execute("SHOW SESSION VARIABLES")
        names = {str(name) for name, _ in cursor.fetchall()}
        return {name for name in names if _is_of_session(cursor, name)}


def _is_of_session(cursor: pymysql.cursors.Cursor, name: str) -> bool:
    try:
        cursor.execute(f"SET SESSION {name} = DEFAULT")
    except pymysql.MySQLError as error:
        # a variable of the server alone, or of nobody
        return error.args[0] not in (1229, 1238)
    return True


def test_every_session_variable_of_the_server_is_stated_or_known_to_do_no_harm(
    server: PrivateServer,
) -> None:
    known = {variable.name for variable in stated_on(server)} | set(UNSTATED)
    assert session_variables_of(server) - known == set(), _NOT_CLASSIFIED


def test_no_variable_is_both_stated_and_left_alone(server: PrivateServer) -> None:
    assert {variable.name for variable in stated_on(server)} & set(UNSTATED) == set()


def test_every_stated_variable_has_a_hostile_value_to_be_tried_with(
    server: PrivateServer,
) -> None:
    assert {variable.name for variable in stated_on(server)} - set(
        hostile_values(flavor_of(server))
    ) == set()


def test_a_session_has_every_variable_as_it_is_stated(
    database: Database, server: PrivateServer
) -> None:
    with database.lease(deadline_seconds=20) as session:
        assert session.server.altered == ()
        assert session.server.unstated == ()
        for variable in stated_on(server):
            ((found,),) = session.connection.execute(f"SELECT {variable.expression}")
            assert variable.is_right(found), variable


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "ON"),
        (0, "off"),
        ("2.000", 2),
        ("B,a", "A,B"),
        (None, ""),
        ("utf8mb4", "UTF8MB4"),
        ("1E3", 1000),
    ],
)
def test_one_value_has_one_spelling(one: object, other: object) -> None:
    assert normalized(one) == normalized(other)


@pytest.mark.parametrize(
    ("one", "other"), [(0, 1), ("", 0), ("utf8mb4", "utf8mb3"), ("a", "a,b")]
)
def test_two_values_are_not_one(one: object, other: object) -> None:
    assert normalized(one) != normalized(other)


@pytest.mark.parametrize(
    ("version", "flavor", "name", "value"),
    [
        ("10.5.9-MariaDB", Flavor.MARIADB, "old_mode", "''"),
        ("5.5.5-10.11.6-MariaDB", Flavor.MARIADB, "old_mode", "'UTF8_IS_UTF8MB3'"),
        ("11.4.2-MariaDB", Flavor.MARIADB, "character_set_collations", "''"),
        (
            "11.8.1-MariaDB",
            Flavor.MARIADB,
            "collation_connection",
            "utf8mb4_uca1400_ai_ci",
        ),
        ("5.7.44", Flavor.MYSQL, "collation_connection", "utf8mb4_general_ci"),
        ("8.4.0", Flavor.MYSQL, "collation_connection", "utf8mb4_0900_ai_ci"),
    ],
)
def test_a_value_is_what_this_version_has_by_default(
    version: str, flavor: Flavor, name: str, value: str
) -> None:
    assert [
        one.value for one in session_variables(flavor, version) if one.name == name
    ] == [value]


@pytest.fixture
def swallowing(own_mariadb: PrivateMariaDB) -> Iterator[Proxy]:
    """A proxy that answers OK to SET SESSION and does nothing."""
    with Proxy(own_mariadb.port or 0) as proxy:
        proxy.from_client = lambda sent: (
            b"\x03DO 0" if sent.startswith(b"\x03SET SESSION") else sent
        )
        yield proxy


def test_a_proxy_that_swallows_what_we_set_is_found_by_each_variable(
    databases: Databases, swallowing: Proxy, own_mariadb: PrivateMariaDB
) -> None:
    hostile = hostile_values(Flavor.MARIADB)
    # init_connect is not for those with all rights
    run_as_root(
        own_mariadb,
        "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 's3cret'",
        "GRANT SELECT ON app.* TO reader@'127.0.0.1'",
    )
    for variable in stated_on(own_mariadb):
        if not variable.value:
            continue
        doubled = hostile[variable.name].replace("'", "''")
        run_as_root(
            own_mariadb,
            f"SET GLOBAL init_connect = 'SET SESSION {variable.name} = {doubled}'",
        )
        database = databases.open(
            target_at(swallowing.port, user="reader"), environ=PASSWORD
        )
        with database.lease(deadline_seconds=20) as session:
            server = session.server
            with pytest.raises(QueryError) as caught:
                fetch_in(session, "SELECT 1 AS one")
        assert caught.value.reason is Reason.BAD_RESULT
        if variable.name in _BY_DRIVER:
            continue
        if variable.effect is Effect.ANSWER:
            assert variable.name in caught.value.message, variable
        else:
            assert (
                variable.name in server.unstated or variable.limit not in server.limits
            ), variable


def test_a_session_that_cannot_be_believed_is_not_kept(
    databases: Databases, swallowing: Proxy
) -> None:
    database = databases.open(target_at(swallowing.port), environ=PASSWORD)
    with pytest.raises(QueryError, match="not as we set it"):
        fetch(database, "SELECT 1 AS one")
    swallowing.from_client = None
    assert fetch(database, "SELECT 1 AS one").rows == ((1,),)


def test_what_is_right_though_the_setting_was_refused_or_swallowed_is_no_fault(
    databases: Databases, swallowing: Proxy, own_mariadb: PrivateMariaDB
) -> None:
    for variable in stated_on(own_mariadb):
        if variable.value != "DEFAULT":
            run_as_root(own_mariadb, f"SET GLOBAL {variable.assignment}")
    database = databases.open(target_at(swallowing.port), environ=PASSWORD)
    with database.lease(deadline_seconds=20) as session:
        assert (session.server.altered, session.server.unstated) == ((), ())
        assert session.server.limits == ("lock", "statement", "read_only")
        assert fetch_in(session, "SELECT 1 AS one").rows == ((1,),)


def test_a_limit_that_was_refused_for_a_moment_is_set_on_the_next_session(
    databases: Databases, own_mariadb: PrivateMariaDB
) -> None:
    with Proxy(own_mariadb.port or 0) as proxy:
        proxy.from_client = lambda sent: sent.replace(
            b"max_statement_time", b"no_statement_time"
        )
        database = databases.open(target_at(proxy.port), environ=PASSWORD)
        with database.lease(deadline_seconds=20) as session:
            assert "statement" not in session.server.limits
        proxy.from_client = None
        proxy.listener.drop_all()
        with database.lease(deadline_seconds=20) as session:
            assert session.server.limits == ("lock", "statement", "read_only")


def test_a_session_that_became_another_clients_is_not_lent_again(
    database: Database, server: PrivateServer
) -> None:
    for variable in stated_on(server):
        # the statement's limit is ours to change with each run, and KILL stands behind it
        if not variable.value or variable.limit == "statement":
            continue
        with database.lease(deadline_seconds=20) as session:
            before = id_of(session)
            session.connection.execute(
                f"SET SESSION {variable.name} = {hostile_values(flavor_of(server))[variable.name]}"
            )
        with database.lease(deadline_seconds=20) as session:
            assert id_of(session) != before, variable
            assert session.server.altered == ()


def test_our_own_changes_keep_the_session(database: Database) -> None:
    with database.lease(deadline_seconds=20) as session:
        before = id_of(session)
        fetch_in(session, "SELECT 1 AS one", seconds=3)
        session.use_time_zone("-05:00")
        assert fetch_in(session, "SELECT @@time_zone AS zone", seconds=4).rows == (
            ("-05:00",),
        )
    with database.lease(deadline_seconds=20) as session:
        assert id_of(session) == before
        assert fetch_in(session, "SELECT @@time_zone AS zone").rows == (("+00:00",),)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (9001, "Max connect timeout reached while reaching hostgroup 0 after 10000ms"),
        (
            1105,
            "target: ks.0.primary: primary is not serving, there is a reparent operation in progress",
        ),
        (1184, "Aborted connection 7 to db: 'app' (init_connect command failed)"),
    ],
)
def test_a_proxy_that_has_lost_its_server_is_a_lost_target(
    databases: Databases, code: int, words: str
) -> None:
    is_away = threading.Event()

    def answer(sql: str) -> bytes | None:
        if is_away.is_set() and sql.startswith("SELECT"):
            return error_packet(1, code, words)
        return (
            result_packets(("one",), (("1",),)) if sql.startswith("SELECT 1") else None
        )

    def talk(client: socket.socket) -> None:
        serve_session(client, answer, is_away=is_away)

    with Listener(talk) as listener:
        database = databases.open(target_at(listener.port), environ=PASSWORD)
        with database.lease(deadline_seconds=20) as session:
            fetch_in(session, "SELECT 1 AS one")
            is_away.set()
            with pytest.raises(TargetError) as caught:
                fetch_in(session, "SELECT 1 AS one")
            assert (caught.value.reason, caught.value.code) == (
                Reason.TARGET_DOWN,
                code,
            )
        # its login and its ping are the proxy's own, and work
        reason, _, found = verdict_on(database)
        assert (reason, found) == (Reason.TARGET_DOWN, code)


def test_what_a_server_does_not_know_costs_a_round_trip_once(
    databases: Databases,
) -> None:
    asked: list[str] = []

    def answer(sql: str) -> bytes | None:
        asked.append(sql)
        unknown = re.search(r"use_secondary_engine|windowing_use_high_precision", sql)
        return (
            error_packet(1, 1193, f"Unknown system variable '{unknown[0]}'")
            if unknown
            else None
        )

    def talk(client: socket.socket) -> None:
        serve_session(client, answer)

    with Listener(talk) as listener:
        database = databases.open(
            target_at(listener.port, max_connections=2), environ=PASSWORD
        )
        with database.lease(deadline_seconds=20) as session:
            assert session.server.unstated == ("unproven",)
            first = [sql for sql in asked if "sql_select_limit" in sql]
            asked.clear()
            with database.lease(deadline_seconds=20):
                second = [sql for sql in asked if "sql_select_limit" in sql]
    assert [sql.split()[0] for sql in first] == [
        "SET",
        "SET",
        "SET",
        "SELECT",
        "SELECT",
        "SELECT",
    ]
    # it answered no SELECT
    assert [sql.split()[0] for sql in second] == ["SET"]


def test_a_limit_of_rows_that_a_server_gives_to_all_cuts_no_result_of_ours(
    databases: Databases, server: PrivateServer, schema_with_digits: str
) -> None:
    run_as_root(server, "SET GLOBAL sql_select_limit = 3")
    try:
        database = databases.open(target_for(server, schema=schema_with_digits))
        assert len(fetch(database, "SELECT digit FROM digits").rows) == 10
        with pytest.raises(QueryError) as caught:
            fetch(database, "SELECT digit FROM digits", max_rows=5)
        assert caught.value.reason is Reason.TOO_MANY_ROWS
    finally:
        run_as_root(server, "SET GLOBAL sql_select_limit = 18446744073709551615")
