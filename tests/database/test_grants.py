"""What a line of SHOW GRANTS says, and what of it is more than reading."""

from __future__ import annotations

import pytest

from monitor.database.grants import read_grant, surplus_of


@pytest.mark.parametrize(
    ("line", "text", "surplus"),
    [
        (
            "GRANT USAGE ON *.* TO `m`@`%` IDENTIFIED BY PASSWORD '*D821809F681A40A6E379B50D0463EFAE20BDD'",
            "USAGE on *.*",
            (),
        ),
        ("GRANT SELECT ON `app`.* TO `m`@`%`", "SELECT on `app`.*", ()),
        (
            "GRANT SELECT (`id`, `tokens_remaining`), UPDATE (`bio`) ON `app`.`users` TO `m`@`%`",
            "SELECT (`id`, `tokens_remaining`), UPDATE (`bio`) on `app`.`users`",
            ("UPDATE (`bio`)",),
        ),
        (
            "GRANT PROCESS, SLAVE MONITOR, SUPER ON *.* TO `m`@`%` WITH GRANT OPTION",
            "PROCESS, SLAVE MONITOR, SUPER, GRANT OPTION on *.*",
            ("SUPER", "GRANT OPTION"),
        ),
        ("GRANT SELECT ON *.* TO `m`@`%`", "SELECT on *.*", ("SELECT",)),
        ("GRANT SELECT ON `a TO b`.* TO `m`@`%`", "SELECT on `a TO b`.*", ()),
        (
            "GRANT ALL PRIVILEGES ON `app`.* TO `m`@`%`",
            "ALL PRIVILEGES on `app`.*",
            ("ALL PRIVILEGES",),
        ),
        (
            "GRANT EXECUTE ON PROCEDURE `app`.`p` TO `m`@`%`",
            "EXECUTE on PROCEDURE `app`.`p`",
            ("EXECUTE",),
        ),
        (
            "GRANT `readers`@`%`,`others`@`%` TO `m`@`%`",
            "role `readers`@`%`,`others`@`%`",
            (),
        ),
        ("GRANT `readers` TO `m`@`%`", "role `readers`", ()),
    ],
)
def test_a_grant_has_rights_and_what_is_more_than_reading(
    line: str, text: str, surplus: tuple[str, ...]
) -> None:
    grant = read_grant(line)
    assert grant is not None
    assert (str(grant), grant.surplus) == (text, surplus)


def test_the_surplus_of_an_account_is_one_right_after_the_other() -> None:
    assert surplus_of(
        [
            "GRANT FILE, SELECT ON *.* TO `m`@`%` IDENTIFIED BY PASSWORD '*D821809F681A'",
            "GRANT SELECT, INSERT ON `app`.* TO `m`@`%`",
            "SET DEFAULT ROLE `readers` FOR `m`@`%`",
        ]
    ) == ("FILE on *.*", "SELECT on *.*", "INSERT on `app`.*")


def test_a_line_that_grants_nothing_is_left_out() -> None:
    assert read_grant("SET DEFAULT ROLE `readers` FOR `m`@`%`") is None
