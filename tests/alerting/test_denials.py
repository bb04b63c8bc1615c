"""The GRANT that an alert prints is on what was refused, as the server's words and the statement say it."""

from __future__ import annotations

import pytest

from monitor.alerting.denials import grant_for

MARIADB = "SELECT command denied to user 'm'@'localhost' for table "
COLUMN = "SELECT command denied to user 'm'@'localhost' for column 'a' in table "
ROUTINE = "execute command denied to user 'm'@'localhost' for routine "


@pytest.mark.parametrize(
    ("message", "statement", "on"),
    [
        (f"{MARIADB}`app`.`users`", "SELECT 1 FROM users", "SELECT ON `app`.`users`"),
        (
            f"{MARIADB}`mysql`.`user`",
            "SELECT 1 FROM mysql.user",
            "SELECT ON `mysql`.`user`",
        ),
        (f"{COLUMN}'users'", "SELECT 1 FROM users", "SELECT ON `app`.`users`"),
        (f"{MARIADB}'user'", "SELECT 1 FROM mysql.user", "SELECT ON `mysql`.`user`"),
        (
            f"{MARIADB}'user'",
            "SELECT 1 FROM users u, `mysql` . `user`",
            "SELECT ON `mysql`.`user`",
        ),
        (
            f"{MARIADB}'threads'",
            "select 1 join performance_schema.threads t",
            "performance_schema`.`threads`",
        ),
        (
            f"{MARIADB}'user'",
            "SELECT u.user FROM user u JOIN mysql.user_2 x",
            "SELECT ON `app`.`user`",
        ),
        (f"{MARIADB}`app`.`a``b`", "SELECT 1", "SELECT ON `app`.`a``b`"),
        (f"{MARIADB}'a`b'", "SELECT 1", "SELECT ON `app`.`a``b`"),
        (f"{ROUTINE}'app.f'", "SELECT app.f()", "EXECUTE ON FUNCTION `app`.`f`"),
        (f"{ROUTINE}'crm.f'", "SELECT crm.f()", "EXECUTE ON FUNCTION `crm`.`f`"),
    ],
)
def test_the_grant_is_on_what_was_refused(
    message: str, statement: str, on: str
) -> None:
    grant = grant_for(
        message, statement=statement, database="app", account="'m'@'localhost'"
    )
    assert on in grant
    assert grant.endswith(" TO 'm'@'localhost';")
    assert grant.startswith("GRANT ")


def test_of_words_that_name_nothing_no_grant_is_made_up() -> None:
    words = "Access denied for user 'm'@'localhost' (using password: YES)"
    assert grant_for(words, statement="SELECT 1", database="app", account="'m'") == ""
