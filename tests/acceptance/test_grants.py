"""The account that `grants` prints is enough for every shipped query, and for nothing more."""

from __future__ import annotations

import json
from pathlib import Path

import pymysql
import pytest

from monitor.demo.mariadb import PrivateServer
from tests.acceptance.configs import token_system, write_config
from tests.acceptance.program import run_command

PASSWORD = "put a long random password here"


def test_the_printed_account_runs_every_shipped_query_and_can_write_nothing(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    token_system(server, server_schema)
    account = f"w_{server_schema}"
    (folder / "password").write_text(f"{PASSWORD}\n")
    config = write_config(
        folder, server, server_schema, target={"user": account, "password_file": "password"}
    )
    printed = run_command("grants", "--config", str(config))
    assert printed.returncode == 0, printed.stderr
    assert "MAX_USER_CONNECTIONS 5" in printed.stdout
    with server.connect() as connection, connection.cursor() as cursor:
        sql = "\n".join(line for line in printed.stdout.splitlines() if not line.startswith("--"))
        for statement in filter(None, map(str.strip, sql.split(";"))):
            cursor.execute(statement)
    checked = run_command("check", "--format", "json", "--config", str(config))
    assert checked.returncode == 0, checked.stdout
    assert {one["status"] for one in json.loads(checked.stdout)["checks"]} == {"ok"}
    with (
        pymysql.connect(
            unix_socket=str(server.socket), user=account, password=PASSWORD, database=server_schema
        ) as connection,
        connection.cursor() as cursor,
        pytest.raises(pymysql.err.OperationalError, match="command denied"),
    ):
        cursor.execute("DELETE FROM users")
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP USER {account}@localhost")


def test_a_target_that_is_not_there_is_bad_usage(server: PrivateServer, folder: Path) -> None:
    config = write_config(folder, server, "app")
    done = run_command("grants", "--target", "mian", "--config", str(config))
    assert done.returncode == 2
    assert 'no target "mian"' in done.stderr
