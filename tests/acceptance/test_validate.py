"""`validate`: the files alone, and with --connect the account's rights and the plans of the queries."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from tests.acceptance.configs import only_ours, token_system, two_files, write_config
from tests.acceptance.program import run_command
from tests.web.certificates import Authority


def execute(server: PrivateServer, schema: str, *statements: str) -> None:
    with server.connect(schema) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_a_good_configuration_is_summed_up_without_asking_any_server(
    mariadb: PrivateMariaDB, folder: Path
) -> None:
    hook = '[receivers.hook]\nkind = "webhook"\nurl = "http://127.0.0.1:9/x"'
    config = write_config(
        folder, mariadb, "app", extra=hook, target={"unix_socket": "/nowhere.sock"}
    )
    done = run_command("validate", "--config", str(config))
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(
        r"config.toml: ok: 1 target, \d+ queries, \d+ rules and \d+ of the monitor itself, 1 receiver\n",
        done.stdout,
    )


def test_all_problems_of_all_files_are_reported_at_once(
    mariadb: PrivateMariaDB, folder: Path
) -> None:
    config = write_config(
        folder, mariadb, "app", extra="[rules.TokenColumnMising]\nabove = 1"
    )
    config.write_text('query_dirs = ["queries"]\ncolour = 1\n' + config.read_text())
    two_files(
        folder,
        "own",
        sql="DELETE FROM users",
        toml='summary = "x"\ninterval = "1x"\ntimeout = "1s"',
    )
    done = run_command("validate", "--config", str(config))
    assert (done.returncode, done.stdout) == (2, "")
    *problems, count = done.stderr.splitlines()
    assert count == f"{len(problems)} problems"
    assert len(problems) >= 4
    for words in ("colour", 'did you mean "TokenColumnMissing"?', "DELETE", "1x"):
        assert words in done.stderr, words


def test_a_file_that_is_not_there_says_what_to_do(folder: Path) -> None:
    path = str(folder / "config.toml")
    done = run_command("validate", "--config", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"{path}: there is no such file in {folder}; name another with --config"
    )


def test_a_web_config_file_with_problems_is_a_problem(
    mariadb: PrivateMariaDB, folder: Path
) -> None:
    config = write_config(folder, mariadb, "app", extra='config_file = "web.yml"')
    (folder / "web.yml").write_text(
        "tls_server_config: {cert_file: no.pem, key_file: no.key}"
    )
    done = run_command("validate", "--config", str(config))
    assert done.returncode == 2
    assert f"tls_server_config.cert_file: no such file: {folder}/no.pem" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("days", "words"), [(60, ""), (3, "ends: 20"), (-1, "has ended: 20")]
)
def test_a_certificate_of_the_page_that_ends_soon_is_reported(
    days: int, words: str, mariadb: PrivateMariaDB, folder: Path
) -> None:
    config = write_config(folder, mariadb, "app", extra='config_file = "web.yml"')
    Authority(folder).issue("server", until=datetime.now(UTC) + timedelta(days=days))
    (folder / "web.yml").write_text(
        "tls_server_config: {cert_file: server.pem, key_file: server.key}"
    )
    done = run_command("validate", "--config", str(config))
    assert done.returncode == 0
    reported = [
        line for line in done.stdout.splitlines() if "certificate of the page" in line
    ]
    assert [words in line for line in reported] == ([True] if words else [])


def test_a_query_that_replaces_a_shipped_one_is_noted(
    mariadb: PrivateMariaDB, folder: Path
) -> None:
    config = write_config(folder, mariadb, "app")
    config.write_text('query_dirs = ["queries"]\n' + config.read_text())
    toml = 'summary = "x"\ninterval = "1m"\ntimeout = "1s"'
    two_files(folder, "last_rows", sql="SELECT 1 AS n", toml=toml)
    done = run_command("validate", "--config", str(config))
    assert done.returncode == 0
    assert (
        'note: query "last_rows" of queries replaces the shipped one\n' in done.stdout
    )


@pytest.mark.parametrize("command", ["validate", "query", "healthcheck", "check"])
def test_every_command_takes_the_options_of_the_log_and_has_a_help(
    command: str,
) -> None:
    done = run_command(
        command, "--log-level", "error", "--log-format", "console", "--help"
    )
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("--config", "--log-level", "--log-format", "Exit codes:"):
        assert words in done.stdout, words


def test_connected_it_shows_rights_and_plans_and_never_the_hash_of_the_password(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    token_system(server, server_schema)
    user = f"{server_schema}_reader"
    execute(
        server,
        server_schema,
        # or the server does it some time, and plans otherwise from then on
        "ANALYZE TABLE users, user_subscriptions, token_usage_history",
        f"CREATE USER {user}@localhost IDENTIFIED BY 'right'",
        f"GRANT SELECT, UPDATE ON {server_schema}.* TO {user}@localhost",
        f"GRANT SELECT (id, email), DELETE ON {server_schema}.users TO {user}@localhost",
    )
    target = {"user": user, "password_env": "PASSWORD"}
    config = str(write_config(folder, server, server_schema, target=target))
    done = run_command(
        "validate", "--connect", "--config", config, environ={"PASSWORD": "right"}
    )
    execute(server, server_schema, f"DROP USER {user}@localhost")
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        f"  warning: more rights than a monitor needs: UPDATE on `{server_schema}`.*\n"
        in done.stdout
    )
    assert (
        f"more rights than a monitor needs: DELETE on `{server_schema}`.`users`\n"
        in done.stdout
    )
    assert "  rights: USAGE on *.*\n" in done.stdout
    assert "IDENTIFIED" not in done.stdout
    assert "*D8" not in done.stdout
    assert re.search(
        r"^  balances: ok\n +TABLE +TYPE +KEY +ROWS +EXTRA\n", done.stdout, re.MULTILINE
    )
    assert re.search(r"^ +s +ref +user_id +\d+ ", done.stdout, re.MULTILINE)
    assert "reads the whole table" not in done.stdout


def test_a_full_scan_of_a_big_table_is_noted(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    execute(
        server,
        server_schema,
        "CREATE TABLE big (n INT)",
        "INSERT INTO big WITH RECURSIVE d AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM d WHERE n < 600)"
        " SELECT a.n FROM d a, d b",
        "ANALYZE TABLE big",
    )
    toml = 'summary = "x"\ninterval = "1m"\ntimeout = "5s"'
    two_files(
        folder, "scan", sql="SELECT COUNT(*) AS c FROM big WHERE n = 3", toml=toml
    )
    config = only_ours(write_config(folder, server, server_schema))
    done = run_command("validate", "--connect", "--config", str(config))
    assert done.returncode == 0
    note = (
        r"^    note: reads the whole table big, about \d\d\d,\d\d\d rows, at each run$"
    )
    assert re.search(note, done.stdout, re.MULTILINE)


def test_a_query_that_cannot_be_planned_is_reported_with_its_reason(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    token_system(mariadb, schema)
    execute(mariadb, schema, "ALTER TABLE users DROP COLUMN tokens_remaining")
    done = run_command(
        "validate", "--connect", "--config", str(write_config(folder, mariadb, schema))
    )
    assert done.returncode == 2
    assert (
        "  balances: schema_missing: Unknown column 'u.tokens_remaining'" in done.stdout
    )
    assert "  last_usage: ok\n" in done.stdout


def test_each_target_has_its_own_queries_and_one_that_is_down_says_why(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    token_system(mariadb, schema)
    twin = f'[targets.twin]\nunix_socket = "{mariadb.socket}"\nuser = "root"\ndatabase = "{schema}"\n'
    twin += 'queries = ["balances"]\n'
    dead = f'[targets.dead]\nunix_socket = "{folder}/nobody.sock"\nuser = "root"\ndatabase = "app"'
    config = write_config(
        folder, mariadb, schema, extra=twin + dead, target={"queries": ["last_*"]}
    )
    done = run_command("validate", "--connect", "--config", str(config))
    assert done.returncode == 2
    parts = {part.partition(":")[0]: part for part in done.stdout.split("\n\n")[1:]}
    planned = {
        name: re.findall(r"^  (\w+): ok$", part, re.MULTILINE)
        for name, part in parts.items()
    }
    assert planned == {
        "main": ["last_rows", "last_usage"],
        "twin": ["balances"],
        "dead": [],
    }
    assert parts["dead"].strip() == "dead: target_down: No such file or directory"


def test_a_query_that_asks_for_the_time_in_another_zone_than_the_servers_is_reported(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    toml = 'summary = "Ours"\n[metrics.own_n]\nhelp = "h"\nvalue = "n"\n'
    two_files(folder, "own", sql="SELECT NOW() > '2026-01-01' AS n", toml=toml)
    config = only_ours(write_config(folder, mariadb, schema))
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL time_zone = '-05:00'")
        try:
            reported = run_command(
                "validate", "--connect", "--config", str(config)
            ).stdout
            text = config.read_text()
            config.write_text(
                text.replace(
                    "[targets.main]\n", '[targets.main]\ntime_zone = "server"\n'
                )
            )
            quiet = run_command("validate", "--connect", "--config", str(config)).stdout
        finally:
            cursor.execute("SET GLOBAL time_zone = 'SYSTEM'")
    assert "own: ok" in reported
    assert (
        "warning: uses NOW() in a session at +00:00, and the server's own zone is -05:00"
        in reported
    )
    assert "own: ok" in quiet
    assert "uses NOW()" not in quiet


def test_connected_it_names_the_zone_to_set_for_a_history_in_local_time(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    token_system(server, server_schema)
    execute(
        server,
        server_schema,
        "ALTER TABLE token_usage_history MODIFY created_at DATETIME",
        "UPDATE token_usage_history SET created_at = created_at + INTERVAL 7 HOUR",
    )
    config = write_config(folder, server, server_schema)
    done = run_command("validate", "--connect", "--config", str(config))
    assert done.returncode == 0
    reported = r"  warning: \d+ rows of the usage history are up to \d h \d+ min in the future\. .*\"\+07:00\""
    assert re.search(reported, done.stdout)


def test_connected_it_says_that_the_server_does_not_know_a_zone(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    token_system(mariadb, schema)
    zone = '[parameters]\nhistory_time_zone = "Asia/Saigonn"'
    config = write_config(folder, mariadb, schema, extra=zone)
    done = run_command("validate", "--connect", "--config", str(config))
    assert done.returncode == 2
    assert (
        'the server does not know the time zone "Asia/Saigonn" (history_time_zone)'
        in done.stdout
    )


def test_connected_it_names_columns_of_a_type_that_statements_cannot_work_with(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    token_system(mariadb, schema)
    execute(
        mariadb,
        schema,
        "ALTER TABLE user_subscriptions MODIFY is_active CHAR(1) NULL",
    )
    config = write_config(folder, mariadb, schema)
    done = run_command("validate", "--config", str(config), "--connect")
    assert (
        "    warning: user_subscriptions.is_active is char NULL, expected is tinyint or"
        in done.stdout
    )
    assert "that is compared with 1" in done.stdout
