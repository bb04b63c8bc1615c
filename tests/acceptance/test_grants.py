"""The account that `grants` prints is enough for every shipped query, and for nothing more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from monitor.demo.mariadb import PrivateServer
from tests.acceptance.configs import (
    in_seconds,
    only_ours,
    token_system,
    two_files,
    write_config,
)
from tests.acceptance.program import run_command, running
from tests.database.targets import run_as_root

PASSWORD = "put a long random password here"
BEYOND = {
    "transactions": "SELECT COUNT(*) AS v FROM information_schema.INNODB_TRX",
    "threads": "SELECT COUNT(*) AS v FROM information_schema.PROCESSLIST",
    "metrics": "SELECT COUNT(*) AS v FROM performance_schema.threads",
    "sys": "SELECT COUNT(*) AS v FROM sys.processlist",
    "locks": "SELECT COUNT(*) AS v FROM sys.innodb_lock_waits",
    "other": "SELECT COUNT(*) AS v FROM `o_ther%`.`th``ings`",
    "function": "SELECT `o_ther%`.one() AS v",
    "replica": "SHOW REPLICA STATUS",
}


@pytest.fixture
def account(server: PrivateServer, server_schema: str) -> Iterator[str]:
    """Yield a name that no account has; what was made of it is gone afterwards."""
    yield f"w_{server_schema}"
    run_as_root(server, f"DROP USER IF EXISTS 'w_{server_schema}'@localhost")


def grant(server: PrivateServer, config: Path, *, commented: bool = False) -> None:
    """Run what `grants` prints, also what it has commented out if that is asked for."""
    printed = run_command("grants", "--config", str(config))
    assert printed.returncode == 0, printed.stderr
    lines = printed.stdout.splitlines()
    if commented:
        lines = [
            line.removeprefix("-- ") if line.startswith("-- GRANT") else line
            for line in lines
        ]
    sql = "\n".join(line for line in lines if not line.startswith("--"))
    run_as_root(server, *filter(None, map(str.strip, sql.split(";"))))


def test_the_printed_account_runs_every_shipped_query_and_can_write_nothing(
    server: PrivateServer, server_schema: str, account: str, folder: Path
) -> None:
    token_system(server, server_schema)
    (folder / "password").write_text(f"{PASSWORD}\n")
    config = write_config(
        folder,
        server,
        server_schema,
        target={"user": account, "password_file": "password"},
    )
    grant(server, config, commented=True)
    checked = run_command("check", "--format", "json", "--config", str(config))
    assert checked.returncode == 0, checked.stdout
    assert {one["status"] for one in json.loads(checked.stdout)["checks"]} == {"ok"}
    with (
        pymysql.connect(
            unix_socket=str(server.socket),
            user=account,
            password=PASSWORD,
            database=server_schema,
        ) as connection,
        connection.cursor() as cursor,
        pytest.raises(pymysql.err.OperationalError, match="command denied"),
    ):
        cursor.execute("DELETE FROM users")


@pytest.fixture
def schemas(server: PrivateServer) -> Iterator[str]:
    """Make a schema with an underscore, one that the underscore would let in too, and one beside them."""
    names = ("my_app", "myXapp", "o_ther%")
    run_as_root(
        server,
        *(f"CREATE DATABASE `{name}`" for name in names),
        "CREATE TABLE `o_ther%`.`th``ings` (n INT)",
        "CREATE TABLE `myXapp`.`secrets` (n INT)",
        "CREATE FUNCTION `o_ther%`.one() RETURNS INT DETERMINISTIC NO SQL RETURN 1",
    )
    yield "my_app"
    run_as_root(server, *(f"DROP DATABASE `{name}`" for name in names))


def test_what_queries_need_beyond_the_schema_is_printed_and_found_lacking_before_a_run(
    server: PrivateServer, schemas: str, account: str, folder: Path
) -> None:
    (folder / "password").write_text(PASSWORD)
    for name, sql in BEYOND.items():
        two_files(folder, name, sql=sql, toml='summary = "s"\nmax_rows = 100000\n')
    target = {"user": account, "password_file": "password"}
    config = str(only_ours(write_config(folder, server, schemas, target=target)))
    run_as_root(
        server,
        f"CREATE USER '{account}'@localhost IDENTIFIED BY '{PASSWORD}'",
        rf"GRANT SELECT ON `my\_app`.* TO '{account}'@localhost",
    )
    before = json.loads(
        run_command("check", "--schema", "--format", "json", "--config", config).stdout
    )
    assert {one["query"] for one in before["checks"] if one["status"] == "ok"} == set()
    connected = run_command("validate", "--connect", "--config", config)
    assert connected.returncode == 2
    assert re.findall(r"^  (\w+): ok$", connected.stdout, re.MULTILINE) == ["threads"]
    assert (
        "warning: sees only its own threads: the account lacks PROCESS"
        in connected.stdout
    )
    run_as_root(server, f"DROP USER '{account}'@localhost")
    grant(server, Path(config))
    after = json.loads(
        run_command("check", "--format", "json", "--config", config).stdout
    )
    assert {one["query"]: one["status"] for one in after["checks"]} == dict.fromkeys(
        BEYOND, "ok"
    ), after
    schema = run_command("check", "--schema", "--config", config)
    assert schema.returncode == 0, schema.stdout
    assert (
        "warning: more rights"
        not in run_command("validate", "--connect", "--config", config).stdout
    )
    connection = pymysql.connect(
        unix_socket=str(server.socket), user=account, password=PASSWORD
    )
    with (
        connection,
        connection.cursor() as cursor,
        pytest.raises(pymysql.err.OperationalError, match="denied"),
    ):
        cursor.execute("SELECT * FROM `myXapp`.`secrets`")


def test_statistics_that_an_account_sees_nothing_of_are_no_zero_without_a_word(
    mariadb: PrivateServer, schema: str, folder: Path
) -> None:
    run_as_root(
        mariadb,
        f"CREATE USER w_{schema}@localhost IDENTIFIED BY '{PASSWORD}'",
        f"GRANT SELECT ON {schema}.* TO w_{schema}@localhost",
    )
    (folder / "password").write_text(PASSWORD)
    sql = "SELECT COUNT(*) AS v FROM information_schema.user_statistics"
    two_files(folder, "accounts", sql=sql, toml='summary = "s"\n')
    target = {"user": f"w_{schema}", "password_file": "password"}
    config = str(only_ours(write_config(folder, mariadb, schema, target=target)))
    try:
        warning = "sees only its own statistics: the account lacks PROCESS"
        assert (
            f"warning: {warning}"
            in run_command("validate", "--connect", "--config", config).stdout
        )
        assert run_command("check", "--schema", "--config", config).returncode == 1
        run_as_root(mariadb, f"GRANT PROCESS ON *.* TO w_{schema}@localhost")
        assert (
            warning
            not in run_command("validate", "--connect", "--config", config).stdout
        )
        assert run_command("check", "--schema", "--config", config).returncode == 0
    finally:
        run_as_root(mariadb, f"DROP USER w_{schema}@localhost")


def test_two_targets_of_one_account_get_one_account_with_room_for_both(
    server: PrivateServer, server_schema: str, account: str, folder: Path
) -> None:
    token_system(server, server_schema)
    (folder / "password").write_text(PASSWORD)
    twin = f'[targets.twin]\nunix_socket = "{server.socket}"\nuser = "{account}"\ndatabase = "mysql"\n'
    twin += 'queries = ["own"]\npassword_file = "password"\n'
    two_files(
        folder,
        "own",
        sql=f"SELECT COUNT(*) AS v FROM {server_schema}.users",
        toml='summary = "s"',
    )
    target = {"user": account, "password_file": "password", "except": ["own"]}
    config = write_config(folder, server, server_schema, extra=twin, target=target)
    config.write_text('query_dirs = ["queries"]\n' + config.read_text())
    printed = run_command("grants", "--target", "twin", "--config", str(config)).stdout
    assert printed == run_command("grants", "--config", str(config)).stdout
    assert (
        printed.count("CREATE USER"),
        printed.count("MAX_USER_CONNECTIONS 16;"),
    ) == (1, 1)
    assert printed.count("\nGRANT SELECT") == 2
    grant(server, config)
    assert run_command("check", "--config", str(config)).returncode == 0


def test_needs_are_looked_for_where_no_schema_query_does(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    run_as_root(server, f"CREATE TABLE {server_schema}.things (n INT)")
    toml = 'summary = "s"\nneeds = ["things.n", "things.gone", "nothing.at_all"]\n'
    toml += '[rules.Own]\ncolumn = "v"\nabove = 0\nseverity = "info"\nsummary = "s"\n'
    toml += 'evidence = "SELECT n FROM elsewhere LIMIT 10"\n'
    two_files(folder, "own", sql="SELECT n AS v FROM things", toml=toml)
    config = str(only_ours(write_config(folder, server, server_schema)))
    done = run_command("check", "--schema", "--config", config)
    assert done.returncode == 2
    missing = "nothing.at_all, things.gone are missing"
    assert missing in done.stdout
    connected = run_command("validate", "--connect", "--config", config)
    assert connected.returncode == 2
    assert f"  own: {missing}\n" in connected.stdout
    assert (
        "    warning: Own would come without evidence: schema_missing: "
        in connected.stdout
    )
    note = 'note: no schema query, such as missing_columns, runs on target "main": what own needs is looked for'
    assert note in run_command("validate", "--config", config).stdout


def test_two_monitors_and_a_check_fit_beside_each_other(
    server: PrivateServer, server_schema: str, account: str, folder: Path
) -> None:
    token_system(server, server_schema)
    (folder / "password").write_text(PASSWORD)
    target = {"user": account, "password_file": "password"}
    slow = 'summary = "s"\ninterval = "1s"\ntimeout = "800ms"\n'
    for number in range(3):
        two_files(
            folder, f"slow{number}", sql=f"SELECT SLEEP(5) + {number} AS v", toml=slow
        )
    config = write_config(
        folder, server, server_schema, target=target, extra=in_seconds("1s", "800ms")
    )
    config.write_text('query_dirs = ["queries"]\n' + config.read_text())
    grant(server, config)
    states = [
        {"TOKEN_MONITOR_STATE_DIRECTORY": str(folder / name)} for name in ("one", "two")
    ]
    with (
        running(config, environ=states[0]) as one,
        running(config, environ=states[1]) as two,
    ):
        for daemon in (one, two):
            # each sends its KILL for what is over its time
            daemon.wait_for("run.failed", reason="timeout")
        for _ in range(3):
            checked = run_command(
                "check",
                "missing_columns",
                "last_usage",
                "slow0",
                "--config",
                str(config),
            )
            assert "target_down" not in checked.stdout
            assert "timeout" in checked.stdout
        for daemon in (one, two):
            assert [
                event
                for event in daemon.events
                if event["event"] in ("target.lost", "kill.failed")
            ] == []


def test_the_account_has_room_for_every_shard_that_watches_its_targets(
    folder: Path,
) -> None:
    path = folder / "config.toml"
    table = 'host = "db"\nuser = "u"\ndatabase = "d"\n'
    path.write_text(f'shard = "auto/5"\nreplicas = 2\n[targets.main]\n{table}')
    printed = run_command("grants", "--config", str(path)).stdout
    assert "MAX_USER_CONNECTIONS 16;" in printed


def test_a_target_that_is_not_there_is_bad_usage(
    server: PrivateServer, folder: Path
) -> None:
    config = write_config(folder, server, "app")
    done = run_command("grants", "--target", "mian", "--config", str(config))
    assert done.returncode == 2
    assert 'no target "mian"' in done.stderr
