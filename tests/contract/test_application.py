from __future__ import annotations

import random

import pytest

from monitor.contract.application import application_sql
from monitor.contract.changes import changes_of
from monitor.contract.repair import repair_of, similar_names
from monitor.contract.schema import MissingName, SchemaTables, doubt_of, missing_names
from monitor.contract.splitting import statements_in
from monitor.model.application import ApplicationSql
from tests.support.calls import steps

SCHEMA = SchemaTables(
    {
        "users": {
            "id": "int(11)",
            "email": "varchar(255)",
            "token_remaining": "int(11)",
        },
        "posts": {"id": "int(11)", "user_id": "int(11)", "title": "text"},
        "app_logs": {"id": "int(11)", "note": "text"},
    }
)


def read(**files: str) -> ApplicationSql:
    """Read files that are given by their names, in which `__` stands for a slash and `_` before the end for a dot."""
    named = [(_name(name), content) for name, content in files.items()]
    return application_sql(named, "app")


def _name(name: str) -> str:
    stem, _, ending = name.replace("__", "/").rpartition("_")
    return f"{stem}.{ending}"


def missing(application: ApplicationSql, schema: SchemaTables = SCHEMA) -> list[str]:
    """Return what is missing, each with the places of its statements."""
    sure = [one for one in application.statements if not doubt_of(one, schema)]
    found = missing_names(sure, schema, application.temporary_tables)
    return [
        f"{name}: {' '.join(f'{place.file}:{place.line}' for place in places)}"
        for name, places in found.items()
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"src__user_ts": "q(`SELECT id,\n tokens FROM users WHERE email = ${e}`)"},
            ["column users.tokens: src/user.ts:1"],
        ),
        ({"a_js": "q('SELECT u.id FROM users u JOIN plans p ON p.id = u.id')"}, ["table plans: a.js:1"]),
        # without a table's name: missing if none has it
        ({"a_js": "q('SELECT title, email FROM users, posts')"}, []),
        (
            {"a_js": "q('SELECT body FROM users, posts')"},
            ["column users or posts.body: a.js:1"],
        ),
        # pieces behind a statement, and what ends in the middle
        (
            {"a_php": "<?php $s = 'SELECT id FROM users WHERE ';\nif ($x) $s .= ' plan = ' . $y;"},
            ["column users.plan: a.php:2"],
        ),
        ({"a_py": "q('SELECT id FROM users WHERE id IN (' + ids + ')')"}, []),
        ({"a_py": "q(f'SELECT {cols} FROM {table} WHERE {cond}')"}, []),
        # a name of which only a part is known
        ({"a_php": "<?php q(\"SELECT note FROM {$prefix}logs\");"}, []),
        (
            {"a_php": "<?php q(\"SELECT level FROM {$prefix}logs\");"},
            ["column …logs.level: a.php:1"],
        ),
        ({"a_php": "<?php q(\"SELECT a FROM {$prefix}things\");"}, ["table …things: a.php:1"]),
        ({"a_php": "<?php q(\"INSERT INTO {$name}_0 SELECT 1 FROM users\");"}, []),
        # several in one literal
        (
            {"a_py": "q('''\nDELETE FROM users WHERE id = 1;\nDELETE FROM sessions WHERE id = 1''')"},
            ["table sessions: a.py:3"],
        ),
        # temporary tables are the application's own
        (
            {"a_py": "q('CREATE TEMPORARY TABLE work (n INT)')\nq('SELECT n FROM work')"},
            [],
        ),
        # sentences
        ({"a_js": "alert('Select a plan from the list'); alert('Update your settings')"}, []),
        ({"a_js": "q('select id from users where plan = 1')"}, ["column users.plan: a.js:1"]),
        # columns that are written
        ({"a_py": "q('INSERT INTO posts (id, body) VALUES (%s, %s)')"}, ["column posts.body: a.py:1"]),
        ({"a_py": "q('UPDATE posts SET body = %s WHERE id = %s')"}, ["column posts.body: a.py:1"]),
        # tables of other databases
        ({"a_py": "q('SELECT a FROM other.things'); q('SELECT x FROM app.users')"}, ["column users.x: a.py:1"]),
        # files of statements, logs
        ({"q_sql": "-- one\nSELECT id FROM users;\n\nSELECT plan\nFROM users"}, ["column users.plan: q.sql:4"]),
        (
            {"log_sql": "prisma:query SELECT `app`.`users`.`plan` FROM `app`.`users`\n"
             "Executing (default): SELECT id, body FROM posts;\n(0.001) SELECT x FROM users; args=()\n"},
            ["column users.plan: log.sql:1", "column posts.body: log.sql:2", "column users.x: log.sql:3"],
        ),
    ],
)  # fmt: skip
def test_what_statements_would_not_find(
    files: dict[str, str], expected: list[str]
) -> None:
    application = read(**files)
    assert missing(application) == expected
    assert application.unread == ()


def test_names_are_compared_as_the_server_does() -> None:
    application = read(a_py="q('SELECT ID, EMail FROM Users')")
    assert missing(application) == ["table Users: a.py:1"]
    assert missing(application, SchemaTables(SCHEMA.tables, ignores_case=True)) == []


def test_a_statement_that_the_parser_fails_at_is_one_that_is_not_read() -> None:
    content = (
        "q('SELECT id FROM TABLE(DATE_SUB(b 1)) x')\nq('SELECT tokens FROM users')"
    )
    application = read(a_js=content)
    assert [one.place.line for one in application.unread] == [1]
    assert missing(application) == ["column users.tokens: a.js:2"]


def test_what_looks_like_sql_and_cannot_be_read_is_listed_with_its_place() -> None:
    application = read(a_ts="\nq(`SELECT id FROM users WHERE WHERE id = 1`)")
    (unread,) = application.unread
    assert (unread.place.file, unread.place.line) == ("a.ts", 2)
    assert unread.place.head == "SELECT id FROM users WHERE WHERE id = 1"
    assert unread.why
    assert application.statements == ()


def test_migrations_are_not_checked_but_searched_for_the_repair() -> None:
    application = read(
        migrations__001_start_sql="CREATE TABLE users (id INT, old INT); INSERT INTO users (old) VALUES (1);",
        migrations__002_rows_sql="UPDATE users SET old = 2;",
        migrations__003_tokens_sql="\nALTER TABLE users ADD COLUMN tokens_remaining INT DEFAULT NULL AFTER old;",
        src__user_ts="q(`SELECT tokens_remaining FROM users`)",
    )
    assert missing(application) == ["column users.tokens_remaining: src/user.ts:1"]
    assert application.migrations == 3
    name = MissingName(("users",), "tokens_remaining")
    assert repair_of(name, application, SCHEMA) == (
        "migrations/003_tokens.sql:2 adds it: was it run?"
        " ALTER TABLE `users` ADD COLUMN `tokens_remaining` INT DEFAULT NULL;"
    )
    assert similar_names(name, SCHEMA) == ("token_remaining",)


def test_a_repair_that_is_copied_has_names_that_are_no_plain_words_too() -> None:
    application = read(
        migrations__1_sql="ALTER TABLE `my order` ADD COLUMN `key``s` INT NOT NULL;"
    )
    (added,) = application.changes
    name = MissingName((added.change.table,), added.change.column)
    assert repair_of(name, application, SCHEMA).endswith(
        " ALTER TABLE `my order` ADD COLUMN `key``s` INT NOT NULL;"
    )


def test_whatever_is_in_a_name_or_a_type_a_repair_is_one_line() -> None:
    broken = "email\ndrop table users; --\r\u2028\u202e"
    schema = SchemaTables(
        {"users": {broken: "enum('a\nb')", "mail": "text"}, "posts": {"id": "int"}},
        ignores_case=False,
    )
    repair = repair_of(MissingName(("posts",), broken), read(), schema)
    assert repair.startswith(
        "ALTER TABLE `posts` ADD COLUMN `email drop table users; --   ` enum('a b');"
    )
    similar = similar_names(MissingName(("users",), broken + "s"), schema)
    assert similar == ("email drop table users; --   ",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            MissingName(("posts",), "email"),
            "ALTER TABLE `posts` ADD COLUMN `email` varchar(255);"
            " (the type that columns of this name have elsewhere; look it up)",
        ),
        (MissingName(("posts",), "body"), "nothing in the directory adds it: its type must be looked up"),
        (MissingName(("plans",)), "nothing in the directory creates it: look for its CREATE TABLE"),
    ],
)  # fmt: skip
def test_a_repair_whose_type_is_not_known_says_so(
    name: MissingName, expected: str
) -> None:
    assert repair_of(name, read(), SCHEMA) == expected


def test_what_a_change_of_the_schema_adds() -> None:
    text = """ALTER TABLE `db`.`t` ADD COLUMN a INT NOT NULL DEFAULT 0 AFTER b, DROP COLUMN c,
        ADD INDEX i (a), ADD `x` decimal(3, 2) UNSIGNED"""
    assert [(one.table, one.column, one.definition) for one in changes_of(text)] == [
        ("t", "a", "INT NOT NULL DEFAULT 0"),
        ("t", "x", "decimal(3,2) UNSIGNED"),
    ]
    assert list(changes_of("DROP TABLE t")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ALTER TABLE t CHANGE d e VARCHAR(10) AFTER f", [("t", "e", "d")]),
        ("ALTER TABLE db.t CHANGE COLUMN IF EXISTS `d` `to` INT", [("t", "to", "d")]),
        ("ALTER TABLE t CHANGE d D BIGINT", []),
        ("ALTER TABLE t RENAME COLUMN g TO h", [("t", "h", "g")]),
        ("ALTER TABLE t RENAME INDEX i TO j, RENAME KEY k TO l", []),
        ("ALTER TABLE db.t RENAME TO db.u", [("u", "", "t")]),
        ("ALTER TABLE t RENAME AS u, DROP x", [("u", "", "t")]),
        ("ALTER TABLE t RENAME u", [("u", "", "t")]),
        ("RENAME TABLE t TO u, `db`.`v` TO `db`.`w`;", [("u", "", "t"), ("w", "", "v")]),
        ("RENAME TABLES IF EXISTS t WAIT 5 TO u", [("u", "", "t")]),
        ("RENAME TABLE t", []),
        ("RENAME USER a TO b", []),
        ("ALTER TABLE t", []),
        ("ALTER TABLE t CHANGE", []),
        ("ALTER TABLE t CHANGE a", []),
        ("RENAME TABLE TO", []),
    ],
)  # fmt: skip
def test_what_only_gets_another_name_is_no_new_one(
    text: str, expected: list[tuple[str, str, str]]
) -> None:
    found = list(changes_of(text))
    assert [(one.table, one.column, one.old_name) for one in found] == expected
    assert {one.definition for one in found} <= {""}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (MissingName(("bills",), "amount_cents"), "m/2_cents.sql:1 renames amount to it: was it run?"),
        (MissingName(("bills",), "due_on"), "m/2_cents.sql:2 renames due to it: was it run?"),
        (MissingName(("invoices",)), "m/3_name.sql:1 renames bills to it: was it run?"),
        # Nothing is to be added where it went by another name.
        (MissingName(("bills",), "amount"), "m/2_cents.sql:1 renames it to amount_cents"),
        (MissingName(("bills",)), "m/3_name.sql:1 renames it to invoices"),
    ],
)  # fmt: skip
def test_the_repair_of_what_was_renamed_adds_nothing(
    name: MissingName, expected: str
) -> None:
    application = read(
        m__1_start_sql="CREATE TABLE bills (id INT, amount INT, due DATE);",
        m__2_cents_sql="ALTER TABLE bills CHANGE amount amount_cents BIGINT NOT NULL;\n"
        "ALTER TABLE bills RENAME COLUMN due TO due_on;",
        m__3_name_sql="RENAME TABLE bills TO invoices;",
    )
    assert repair_of(name, application, SCHEMA) == expected


def test_a_statement_whose_end_is_not_known_stops_no_reading() -> None:
    application = read(
        a_js="q('ALTER TABLE ' + t); q('ALTER TABLE t'); q('SELECT a FROM users')"
    )
    assert missing(application) == ["column users.a: a.js:1"]


def test_routines_are_left_out_and_lines_stay() -> None:
    text = "SELECT 1;\nDELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 2; END//\nDELIMITER ;\nSELECT 3;"
    assert list(statements_in(text)) == [(1, "SELECT 1"), (5, "SELECT 3")]


def source_files(count: int) -> list[tuple[str, str]]:
    """Make files of 60 functions with a statement each, as an application has them."""
    rng = random.Random(7)
    body = "\n".join(
        f"export function f{n}(a: string) {{ return cache.get(`k${{a}}`, {{ x: 'it' + {n} }}); }}"
        for n in range(60)
    )
    return [
        (
            f"src/m{number}.ts",
            body
            + f"\nq(`SELECT u.id, p.title FROM users u JOIN posts p ON p.user_id = u.id"
            f" WHERE u.email = ${{e}} AND p.id > {rng.randrange(1000)} ORDER BY p.id LIMIT ${{n}}`);",
        )
        for number in range(count)
    ]


def test_a_file_takes_the_same_work_however_many_there_are() -> None:
    few, many = source_files(50), source_files(200)
    application = application_sql(many, "app")
    assert missing(application) == []
    assert len(application.statements) == 200
    # In calls: 6,000 are a millisecond or two, so that two thousand files take a few seconds.
    few_steps = steps(lambda: application_sql(few, "app"))
    many_steps = steps(lambda: application_sql(many, "app"))
    assert few_steps <= 50 * 6_500
    assert many_steps <= 4.1 * few_steps


@pytest.mark.parametrize("comments", [1, 60, 5000])
def test_comments_before_a_statement_are_passed_over_however_many_there_are(
    comments: int,
) -> None:
    before = "/* to\nselect * **/\n-- a line */\n" * comments
    application = read(
        a_js=f"q(`SELECT id FROM users`); q(`{before}.a {{}}`); q(`{before}(SELECT gone FROM users)`)"
    )
    line = 1 + 2 * 3 * comments
    assert [one.place.line for one in application.statements] == [1, line]
    assert missing(application) == [f"column users.gone: a.js:{line}"]


@pytest.mark.parametrize(
    "before",
    [
        "/* web, route='/users' */ ",
        "/*+ NO_ICP(users) */\n",
        "/* one */ /* two */\n-- three\n",
        "-- one\n-- two\n",
        "# one, it's so\n # two\n",
    ],
)
def test_a_file_whose_only_statement_has_a_comment_before_it_is_read(
    before: str,
) -> None:
    application = read(a_js=f"q(`{before}SELECT gone FROM users`)")
    assert missing(application) == [
        f"column users.gone: a.js:{1 + before.count(chr(10))}"
    ]


@pytest.mark.parametrize(
    "text", ["'/*", "<<<", "'--", "'--\n", "'#", "'#\n", "' ", "*/(", "/**/"]
)
def test_what_only_begins_like_a_statement_takes_no_long_look(text: str) -> None:
    assert read(a_js=text * 100_000).statements == ()
