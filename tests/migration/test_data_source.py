"""Data source names of SQLAlchemy and of Go's driver to their parts."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.migration.data_source import DataSource, is_ours, read_source, scheme_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("mysql://u:p@h/d", DataSource("h", 3306, "", "u", "p", "d")),
        ("mysql+pymysql://u:p@h:3307/d", DataSource("h", 3307, "", "u", "p", "d")),
        ("mariadb://u@h", DataSource("h", 3306, "", "u")),
        ("mysql://u:p%40%2F@h/d", DataSource("h", 3306, "", "u", "p@/", "d")),
        ("mysql://u@[::1]:3307/d", DataSource("::1", 3307, "", "u", "", "d")),
        ("mysql:///d", DataSource("default", 3306, "", "", "", "d")),
        ("u:p@tcp(h:3307)/d", DataSource("h", 3307, "", "u", "p", "d")),
        ("u@tcp([::1])/d", DataSource("::1", 3306, "", "u", "", "d")),
        ("mysql://u:p%40@tcp(h)/", DataSource("h", 3306, "", "u", "p%40")),
        ("u:p@/s:w?@tcp(h)/d", DataSource("h", 3306, "", "u", "p@/s:w?", "d")),
        ("u@unix(/run/m.sock)/d", DataSource("default", 3306, "/run/m.sock", "u", "", "d")),
        ("mysql://mysql:p@tcp(h)/d", DataSource("h", 3306, "", "mysql", "p", "d")),
        (
            "mysql://u@h/d?unix_socket=/run/m.sock&charset=utf8mb4",
            DataSource("h", 3306, "/run/m.sock", "u", "", "d", {"charset": "utf8mb4"}),
        ),
        (
            "u@tcp(h)/d?tls=true&time_zone=%27%2B02%3A00%27",
            DataSource("h", 3306, "", "u", "", "d", {"tls": "true", "time_zone": "'+02:00'"}),
        ),
    ],
)  # fmt: skip
def test_a_data_source_is_cut_into_its_parts(text: str, parts: DataSource) -> None:
    assert read_source(text, "default") == parts


def test_what_is_no_address_is_refused_without_a_word_of_it() -> None:
    with pytest.raises(ValueError, match="no address") as raised:
        read_source("u:secret@tcp(h:port:3306)/d", "default")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "scheme", "ours"),
    [
        ("mysql+pymysql://h/d", "mysql", True),
        ("MariaDB://h/d", "mariadb", True),
        ("my://h/d", "my", True),
        ("postgresql+psycopg2://h/d", "postgresql", False),
        ("sqlite:///file", "sqlite", False),
        ("u:p@tcp(h)/d", "", False),
    ],
)
def test_the_kind_of_database_is_its_scheme(text: str, scheme: str, ours: bool) -> None:
    assert (scheme_of(text), is_ours(scheme_of(text))) == (scheme, ours)


# Those that a file of configuration may hold: no control characters, no half characters.
WORDS = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=9)


@given(user=WORDS, password=WORDS, database=WORDS)
def test_a_url_gives_back_what_was_quoted_into_it(
    user: str, password: str, database: str
) -> None:
    user, password, database = (
        word.replace("(", "") for word in (user, password, database)
    )
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    text = f"mysql://{login}@h:3307/{quote(database, safe='')}"
    found = read_source(text, "default")
    assert (found.user, found.password, found.database) == (user, password, database)
    assert (found.host, found.port) == ("h", 3307)


@given(password=WORDS)
def test_a_password_of_gos_driver_is_taken_as_it_is(password: str) -> None:
    found = read_source(f"mysql://u:{password}@tcp(h:3307)/d", "default")
    assert (found.user, found.password, found.address) == ("u", password, "h:3307")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("u@tcp(h)/d", "h:3306"),
        ("u@tcp([::1]:3307)/d", "[::1]:3307"),
        ("u@unix(/run/m.sock)/d", "/run/m.sock"),
    ],
)
def test_an_address_is_shown_as_their_driver_shows_it(text: str, shown: str) -> None:
    assert read_source(text, "default").address == shown
