from __future__ import annotations

import pymysql
import pytest

from monitor.demo.mariadb import PrivateServer
from tests.support.servers import PrivateMySQL


def test_a_shared_server_has_an_empty_database_for_each_test(
    server: PrivateServer, server_schema: str
) -> None:
    with server.connect(server_schema) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        assert cursor.fetchall() == ()


@pytest.mark.mysql
def test_mysql_is_version_9_and_lets_root_in_by_tcp(mysql: PrivateMySQL) -> None:
    assert mysql.port is not None
    with (
        pymysql.connect(host="127.0.0.1", port=mysql.port, user="root") as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT VERSION()")
        assert str(cursor.fetchall()[0][0]).startswith("9.")
