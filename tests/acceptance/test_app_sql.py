"""`check --app-sql`: the application's own statements against a real database, before a deployment."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET  # written by ourselves
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.mariadb import PrivateServer
from tests.acceptance.configs import only_ours, two_files, write_config
from tests.acceptance.program import run_command

OK, WARNING, CRITICAL, UNKNOWN = range(4)

CODE = """
import { db } from './db';
export async function balance(id: number) {
  const [row] = await db.query(`SELECT u.tokens_remaining, s.tokens_limit
    FROM users u JOIN user_subscriptions s ON s.user_id = u.id WHERE u.id = ${id}`);
  await db.query("UPDATE users SET tokens_remaining = ? WHERE id = ?", [row.tokens_limit, id]);
}
"""
MIGRATION = "-- tokens\nALTER TABLE users ADD COLUMN tokens_remaining INT DEFAULT NULL AFTER email;\n"

Check = Callable[..., tuple[int, str]]


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """Make an application whose code reads a column that a migration of it adds."""
    folder = tmp_path / "app"
    (folder / "src").mkdir(parents=True)
    (folder / "migrations").mkdir()
    (folder / "src" / "tokens.ts").write_text(CODE)
    (folder / "migrations" / "0042_tokens.sql").write_text(MIGRATION)
    return folder


@pytest.fixture
def check(
    server: PrivateServer, server_schema: str, folder: Path, application: Path
) -> Check:
    """Return a call of `check --app-sql` on a database without that column, and its exit code and output."""
    _execute(
        server,
        server_schema,
        "CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(255), token_remaining INT)",
        "CREATE TABLE user_subscriptions (user_id INT, tokens_limit INT)",
    )
    two_files(folder, "one", sql="SELECT 1 AS n", toml='summary = "one"\n')
    config = str(only_ours(write_config(folder, server, server_schema)))

    def run(*arguments: str) -> tuple[int, str]:
        given = ("--app-sql", str(application), "--config", config)
        done = run_command("check", *given, *arguments)
        return done.returncode, done.stdout

    return run


def _execute(server: PrivateServer, schema: str, *statements: str) -> None:
    with server.connect(schema) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _document(output: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(output)["application"][0]
    return document


def test_a_deploy_without_its_migration_is_refused_and_the_migration_named(
    check: Check, application: Path
) -> None:
    code, output = check()
    place = f"{application}/src/tokens.ts"
    assert code == CRITICAL
    paragraph = output.split("\n\n")[1].splitlines()
    assert paragraph[0].startswith(
        "CRITICAL application SQL on main: 2 statements in 2 files of"
    )
    assert paragraph[1:] == [
        "  the column users.tokens_remaining is missing; renamed? there is token_remaining",
        f"    {place}:4: SELECT u.tokens_remaining, s.tokens_limit FROM users u JOIN"
        " user_subscriptions s ON s.user_id = u.id…",
        f"    {place}:6: UPDATE users SET tokens_remaining = ? WHERE id = ?",
        f"    repair: {application}/migrations/0042_tokens.sql:2 adds it: was it run?"
        " ALTER TABLE `users` ADD COLUMN `tokens_remaining` INT DEFAULT NULL;",
    ]


def test_after_the_migration_the_deploy_may_go_on(
    check: Check, server: PrivateServer, server_schema: str
) -> None:
    _execute(server, server_schema, *MIGRATION.splitlines()[1:])
    code, output = check("--schema")
    assert code == OK
    assert output.splitlines()[-1].startswith("OK: 1 query on 1 target")


def test_what_a_program_reads_of_it(check: Check) -> None:
    code, output = check("--format", "json")
    assert code == CRITICAL == json.loads(output)["exit_code"]
    document = _document(output)
    (missing,) = document["missing"]
    assert (document["status"], document["statements"], document["migrations"]) == (
        "critical",
        2,
        1,
    )
    assert (missing["tables"], missing["column"], missing["similar"]) == (
        ["users"],
        "tokens_remaining",
        ["token_remaining"],
    )
    assert [place["line"] for place in missing["statements"]] == [4, 6]


def test_what_a_pipeline_reads_of_it(check: Check, application: Path) -> None:
    code, output = check("--format", "junit")
    suites = ET.fromstring(output)
    queries, statements = suites
    assert code == CRITICAL
    assert (queries.get("tests"), queries.get("failures")) == ("1", "0")
    assert (statements.get("tests"), statements.get("failures")) == ("2", "1")
    failure = statements[1][0]
    assert failure.tag == "failure"
    assert failure.get("message") == (
        "the column users.tokens_remaining is missing; renamed? there is token_remaining"
    )


def test_annotations_stand_at_the_statements(check: Check, application: Path) -> None:
    code, output = check("--format", "github")
    assert code == CRITICAL
    first, second, last = output.splitlines()
    title = "title=column users.tokens_remaining is missing on main"
    assert first.startswith(
        f"::error file={application}/src/tokens.ts,line=4,{title}::the column "
    )
    assert second.startswith(
        f"::error file={application}/src/tokens.ts,line=6,{title}::"
    )
    assert "%0AUPDATE users SET tokens_remaining = ? WHERE id = ?%0A" in second
    assert last.startswith("CRITICAL: 1 query on 1 target")


def test_one_line_for_nagios_names_what_is_missing(check: Check) -> None:
    code, output = check("--format", "nagios")
    assert code == CRITICAL
    assert output.startswith(
        "TOKEN-MONITOR CRITICAL - the column users.tokens_remaining is missing;"
    )
    assert len(output.splitlines()) == 1


def test_what_is_of_another_database_can_be_left_out(check: Check) -> None:
    assert check("--app-ignore", "users.tokens_*")[0] == OK
    assert check("--app-ignore", "users")[0] == OK
    assert check("--app-ignore", "user_*")[0] == CRITICAL


def test_a_folder_without_statements_cannot_be_told_of(
    check: Check, application: Path
) -> None:
    (application / "src" / "tokens.ts").write_text("export const x = 1;\n")
    code, output = check()
    assert code == UNKNOWN
    assert f"could not tell: no statement was found in {application}" in output


def test_a_folder_that_is_not_there_is_bad_usage(check: Check) -> None:
    assert check("--app-sql", "/nowhere")[0] == UNKNOWN


def test_what_the_account_may_not_see_is_unknown_and_not_missing(
    check: Check, server: PrivateServer, server_schema: str, folder: Path
) -> None:
    _execute(
        server,
        server_schema,
        *MIGRATION.splitlines()[1:],
        f"CREATE USER 'half_{server_schema}'@'localhost' IDENTIFIED BY 'secret'",
        f"GRANT SELECT ON `{server_schema}`.users TO 'half_{server_schema}'@'localhost'",
    )
    (folder / "password").write_text("secret")
    target = {"user": f"half_{server_schema}", "password_file": "password"}
    only_ours(write_config(folder, server, server_schema, target=target))
    code, output = check()
    assert code == UNKNOWN
    assert "could not tell: the account may not see table user_subscriptions" in output


def test_a_target_that_is_down_cannot_be_told_of(
    check: Check, server: PrivateServer, server_schema: str, folder: Path
) -> None:
    target = {"unix_socket": str(folder / "nobody.sock")}
    only_ours(write_config(folder, server, server_schema, target=target))
    code, output = check("--format", "json")
    assert code == UNKNOWN
    assert _document(output)["message"].startswith("target_down: ")
