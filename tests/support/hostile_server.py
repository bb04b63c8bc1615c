"""A MariaDB as some hosters run it: every variable hostile at once, and an account that reads and no more.

The session matrix tries one variable at a time with single statements; this is for the whole program.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pymysql

from monitor.demo.mariadb import PrivateConnection, PrivateMariaDB
from monitor.model.settings import Flavor
from tests.support.hostile_variables import hostile_values
from tests.support.servers import free_port

HOSTILE_VARIABLE = "TOKEN_MONITOR_TEST_HOSTILE"
"""Set to anything it makes this server the shared one: any test can be run on it."""

PASSWORD = "a long password"
QUOTA = 8
"""MAX_USER_CONNECTIONS, as `grants` prints it."""

_OPTIONS = (
    "--character-set-server=latin1",
    "--collation-server=latin1_general_cs",
    "--default-time-zone=-05:00",
    "--lower-case-table-names=1",
    "--skip-name-resolve",
    "--max-connections=40",
    "--performance-schema=OFF",
)
_OF_ONE_SESSION = ("timestamp",)
"""What no server has globally: left behind by init_connect."""
_LOUD = ("sort_buffer_size",)
"""With as little as that statements fail, by an error that says so: nothing to be run on."""

_HARSHER = {
    "sql_mode": "'ORACLE,ANSI_QUOTES,EMPTY_STRING_IS_NULL'",
    "max_statement_time": "2",
}
"""Beside hostile_values(): the two that hosters are known for."""

_numbers = itertools.count()


class HostersMariaDB(PrivateMariaDB):
    """The server; its owner's own connections are sane, everybody else's are as its globals say."""

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        super().__init__(directory, port=port or free_port(), options=_OPTIONS)

    def start(self, *, timeout_seconds: float = 30.0) -> None:
        """Start it, and turn its variables hostile: after a restart again."""
        super().start(timeout_seconds=timeout_seconds)
        values = {**hostile_values(Flavor.MARIADB), **_HARSHER}
        with self.connect() as connection, connection.cursor() as cursor:
            for name, value in values.items():
                if name not in (*_OF_ONE_SESSION, *_LOUD):
                    cursor.execute(f"SET GLOBAL {name} = {value}")
            sets = ", ".join(
                f"{name} = {values[name]}"
                for name in (*_OF_ONE_SESSION, "sql_select_limit")
            )
            cursor.execute("SET GLOBAL init_connect = %s", (f"SET {sets}",))

    def connect(self, database: str | None = None) -> PrivateConnection:
        """Open a connection as root, with the variables of a fresh server."""
        connection = super().connect(database)
        with connection.cursor() as cursor:
            cursor.execute(
                "SET sql_mode = 'STRICT_TRANS_TABLES', autocommit = 1, sql_safe_updates = 0"
            )
            cursor.execute(
                "SET sql_select_limit = 18446744073709551615, sql_big_selects = 1, max_statement_time = 0,"
                " max_join_size = 18446744073709551615, max_error_count = 64, group_concat_max_len = 1048576,"
                " max_recursive_iterations = 1000"
            )
            cursor.execute("SET NAMES utf8mb4")
            cursor.execute("SET time_zone = '+00:00', tx_isolation = 'REPEATABLE-READ'")
        return connection


@contextmanager
def reader_of(server: PrivateMariaDB, schema: str) -> Iterator[str]:
    """Make the account that README has the operator make, on a schema; gives its name."""
    name = f"monitor{next(_numbers)}"
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"CREATE USER {name}@localhost IDENTIFIED BY '{PASSWORD}' WITH MAX_USER_CONNECTIONS {QUOTA}"
        )
        cursor.execute(f"GRANT SELECT ON {schema}.* TO {name}@localhost")
    yield name
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP USER {name}@localhost")


def is_hostile_to(server: PrivateMariaDB, account: str) -> bool:
    """Return whether a session of this account, left as it is, answers wrongly."""
    session = pymysql.connect(
        unix_socket=str(server.socket), user=account, password=PASSWORD
    )
    with closing(session), session.cursor() as cursor:
        cursor.execute("SELECT @@sql_select_limit, @@sql_mode, YEAR(NOW()) LIMIT 1")
        found = cursor.fetchone()
    return (
        found is not None
        and int(found[0]) < 10
        and "ORACLE" in str(found[1])
        and int(found[2]) < 2010
    )
