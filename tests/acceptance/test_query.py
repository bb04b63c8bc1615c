"""`query`: what a person sees of one query, by hand, at 3 a.m."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from tests.acceptance.configs import only_ours, token_system, two_files, write_config
from tests.acceptance.program import run_command

WIDE = {"COLUMNS": "300"}


def execute(server: PrivateServer, schema: str, *statements: str) -> None:
    with server.connect(schema) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def config_with(
    folder: Path,
    server: PrivateServer,
    schema: str,
    sql: str,
    *,
    more: str = "",
    name: str = "own",
) -> str:
    two_files(
        folder,
        name,
        sql=sql,
        toml=f'summary = "Ours"\ninterval = "1m"\ntimeout = "5s"\n{more}',
    )
    return str(only_ours(write_config(folder, server, schema)))


def test_rows_samples_and_what_the_rules_say_are_shown(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    token_system(server, server_schema)
    execute(
        server, server_schema, "UPDATE users SET tokens_remaining = NULL WHERE id = 5"
    )
    config = str(write_config(folder, server, server_schema))
    done = run_command("query", "uninitialized", "--config", config, environ=WIDE)
    assert (done.returncode, done.stderr) == (0, "")
    title, _, shown = done.stdout.partition("\n\n")
    assert title.startswith("uninitialized on main (m")
    assert shown.startswith("2 rows:\nplan  null  zero  blocked  negative  ")
    _, samples, rules, evidence = shown.split("\n\n")
    assert samples.startswith(
        "13 samples:\n"
        'token_subscribers_uninitialized{balance="null",plan="pro"} 1\n'
        'token_subscribers_uninitialized{balance="zero",plan="pro"} 0\n'
        'token_subscribers_unable{action="ai_rewrite"} 0\n'
    )
    assert rules == (
        "rules, now and without their `for`:\n"
        "RULE                           SEVERITY  FINDS  WHERE\n"
        'TokenBalancesUninitialized     critical      1  {balance="null",plan="pro"} 1\n'
        "TokenBalancesNeverInitialized  info          -  needs the daemon, which remembers\n"
        "TokenSubscribersBlocked        critical      0  -\n"
        "TokenBalancesNegative          warning       0  -\n"
        "TokenBalancesLow               warning       -  needs the daemon, which remembers"
    )
    assert evidence == (
        'evidence of TokenBalancesUninitialized{balance="null",plan="pro"}:\n'
        "  user_id  balance  tokens_limit\n"
        "  5        NULL     200000\n"
    )


def test_the_last_rows_of_the_history_are_shown_without_personal_data(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    token_system(mariadb, schema)
    done = run_command(
        "query", "last_rows", "--config", str(write_config(folder, mariadb, schema))
    )
    lines = done.stdout.split("\n\n")[1].splitlines()
    assert (done.returncode, lines[0], len(lines)) == (0, "20 rows:", 22)
    assert lines[1].split() == [
        "user_id",
        "user_exists",
        "action",
        "tokens_used",
        "created_at",
    ]
    assert "@" not in done.stdout


def test_null_unicode_and_what_a_terminal_would_obey_keep_the_table_in_line(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    sql = (
        "SELECT '漢字' AS name, NULL AS n, 'x' AS more UNION ALL"
        " SELECT 'e\u0301t\u00e9', 2, CONCAT('a', CHAR(27 USING utf8mb4), '[31m')"
        " UNION ALL SELECT '', 10, 'NULL'"
    )
    config = config_with(folder, mariadb, schema, sql)
    done = run_command("query", "own", "--config", config, environ=WIDE)
    assert done.returncode == 0
    assert done.stdout.split("\n\n")[1] == (
        "3 rows:\nname     n  more\n漢字  NULL  x\ne\u0301t\u00e9      2  a\\x1b[31m\n        10  NULL\n"
    )


def test_rows_that_are_too_wide_for_the_terminal_or_have_lines_stand_one_below_the_other(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    config = config_with(
        folder,
        mariadb,
        schema,
        "SELECT 1 AS id, REPEAT('wide ', 5) AS text, NULL AS gone",
    )
    narrow = run_command("query", "own", "--config", config, environ={"COLUMNS": "30"})
    assert narrow.stdout.split("\n\n")[1] == (
        "1 row:\n-- row 1\nid    1\ntext  wide wide wide wide wide\ngone  NULL\n"
    )
    wide = run_command("query", "own", "--config", config, environ=WIDE)
    assert (
        wide.stdout.split("\n\n")[1].splitlines()[1]
        == "id  text                       gone"
    )
    config = config_with(folder, mariadb, schema, "SELECT 1 AS id, 'one\ntwo' AS text")
    lines = run_command("query", "own", "--config", config, environ=WIDE)
    assert (
        lines.stdout.split("\n\n")[1]
        == "1 row:\n-- row 1\nid    1\ntext  one\n      two\n"
    )


def test_no_rows_are_a_result(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    config = config_with(folder, mariadb, schema, "SELECT 1 AS n FROM DUAL WHERE 1 = 0")
    done = run_command("query", "own", "--config", config)
    assert (done.returncode, done.stdout.split("\n\n")[1]) == (0, "0 rows:\nn\n")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT n FROM no_such_table", "schema_missing: Table "),
        ("SELECT SLEEP(30) AS n", "timeout: "),
        (
            "SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4",
            "too_many_rows: ",
        ),
    ],
)
def test_a_query_that_fails_says_why(
    sql: str, reason: str, mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    config = config_with(folder, mariadb, schema, sql, more="max_rows = 3")
    if reason.startswith("timeout"):
        path = folder / "queries/own.toml"
        path.write_text(path.read_text().replace("5s", "200ms"))
    done = run_command("query", "own", "--config", config)
    assert done.returncode == 1
    assert done.stderr.startswith(f"own on main failed: {reason}")


def test_a_bad_result_shows_the_rows_that_are_bad(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    more = '[metrics.own_rows]\nhelp = "x"\nlabels = ["plan"]\nvalue = "n"'
    sql = "SELECT 'pro' AS plan, 1 AS n UNION ALL SELECT 'pro', 2"
    done = run_command(
        "query", "own", "--config", config_with(folder, mariadb, schema, sql, more=more)
    )
    assert done.returncode == 1
    assert "2 rows:\nplan  n\npro   1\npro   2\n" in done.stdout
    assert done.stderr.startswith("own on main failed: bad_result: row 2: ")


def test_a_target_that_is_down_fails_and_the_others_are_shown(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    config = Path(config_with(folder, mariadb, schema, "SELECT 42 AS answer"))
    dead = f'[targets.dead]\nunix_socket = "{folder}/nobody.sock"\nuser = "root"\ndatabase = "app"\n'
    config.write_text(config.read_text() + dead)
    done = run_command("query", "own", "--config", str(config))
    assert done.returncode == 1
    assert "42" in done.stdout
    assert done.stderr == "own on dead failed: target_down: No such file or directory\n"
    alone = run_command("query", "own", "--target", "main", "--config", str(config))
    assert (alone.returncode, alone.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("balancs",), 'did you mean "balances"?'),
        (("balances", "--target", "mian"), 'did you mean "main"?'),
    ],
)
def test_an_unknown_name_is_bad_usage(
    arguments: tuple[str, ...], words: str, mariadb: PrivateMariaDB, folder: Path
) -> None:
    done = run_command(
        "query", *arguments, "--config", str(write_config(folder, mariadb, "app"))
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_bad_configuration_fails(folder: Path) -> None:
    (folder / "config.toml").write_text("targets = 1")
    done = run_command("query", "balances", "--config", str(folder / "config.toml"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "targets" in done.stderr


SHIPPED = (
    "balances",
    "last_rows",
    "missing_columns",
    "recent_usage",
    "uninitialized",
)


def test_the_printed_sql_of_shipped_queries_runs_as_it_is(
    server: PrivateServer, server_schema: str, folder: Path
) -> None:
    token_system(server, server_schema)
    config = str(write_config(folder, server, server_schema))
    for name in SHIPPED:
        done = run_command("query", name, "--sql", "--config", config)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"-- {name} on main\n")
        assert done.stdout.endswith(";\n")
        with server.connect(server_schema) as connection, connection.cursor() as cursor:
            cursor.execute(done.stdout)
            assert cursor.description, name


def test_the_printed_sql_has_its_parameters_and_ends_outside_of_comments(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    sql = "SELECT :word AS word, '50%' AS share, :least AS least -- the end"
    more = '[parameters]\nword = "it\'s 5% \\\\ ü"\nleast = 3'
    config = config_with(folder, mariadb, schema, sql, more=more)
    done = run_command("query", "own", "--sql", "--config", config)
    assert done.stdout.endswith("-- the end\n;\n")
    # two statements: had the semicolon been part of the comment, this would be one that is wrong
    first, end, _ = done.stdout.rpartition("\n;\n")
    assert end
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute(first)
        assert cursor.fetchall() == (("it's 5% \\ ü", "50%", 3),)


def test_the_sql_of_each_kind_of_server_is_printed(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    config = config_with(folder, mariadb, schema, "SELECT 1 AS n")
    (folder / "queries/own.mysql.sql").write_text("SELECT 2 AS n")
    done = run_command("query", "own", "--sql", "--config", config)
    assert (
        done.stdout
        == "-- own on main\nSELECT 1 AS n;\n-- own on main (mysql)\nSELECT 2 AS n;\n"
    )


def test_a_syntax_error_shows_its_author_the_place(
    mariadb: PrivateMariaDB, schema: str, folder: Path
) -> None:
    sql = "-- who is there\nSELECT COUNT(*) AS n\nFORM users\nWHERE email = 'jo@example.com'"
    metric = '[metrics.own_n]\nhelp = "h"\nvalue = "n"\n'
    config = config_with(folder, mariadb, schema, sql, more=metric)
    place = "near 'FORM users WHERE email = '…@…'' at line 3"
    for command in (("query", "own"), ("check", "own"), ("validate", "--connect")):
        done = run_command(*command, "--config", config, environ=WIDE)
        assert done.returncode in (1, 2, 3)
        assert place in done.stdout + done.stderr, command
        assert "example.com" not in done.stdout + done.stderr
    # what is logged, even by hand, goes to other eyes
    done = run_command(
        "check", "own", "--config", config, "--log-level", "debug", environ=WIDE
    )
    assert "near '…' at line 3" in done.stderr
    assert "WHERE" not in done.stderr
