"""Every column type of both servers as a value and as a label: the page is right, its advice works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.collector.execute import answer
from monitor.database import Session
from monitor.demo.mariadb import PrivateServer
from monitor.model.errors import QueryError, Reason, SampleError
from monitor.model.results import Sample
from monitor.model.schedules import Every
from monitor.model.settings import Metric, Query, Statement
from tests.queries.conftest import Bench

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"
_POINT = "ST_GeomFromText('POINT(1 2)')"
_LINE = "LINESTRING(0 0, 1 1)"
_AREA = "POLYGON((0 0, 0 1, 1 1, 0 0))"
NUMBERS = {
    "TINYINT",
    "BOOLEAN",
    "SMALLINT",
    "MEDIUMINT",
    "INT",
    "INT UNSIGNED",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
}
TEXTS = {
    "CHAR(20)",
    "VARCHAR(20)",
    "TINYTEXT",
    "TEXT",
    "MEDIUMTEXT",
    "LONGTEXT",
    "ENUM('ON','7')",
}
BYTES = {"BINARY(2)", "VARBINARY(20)", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB"}
# What is put into a column of each type; the first that can be a number, if there is one.
CONTENTS: dict[str, list[str]] = {
    **{name: ["1", "0"] for name in NUMBERS},
    "BIGINT UNSIGNED": ["18446744073709551615"],
    "YEAR": ["2026"],
    "DECIMAL(20,2)": ["12.50"],
    "BIT(1)": ["b'1'"],
    "BIT(64)": ["b'110001'"],
    **{name: ["'7'", "'ON'"] for name in TEXTS},
    "SET('ON','7')": ["'7'", "'ON'", "'ON,7'"],
    "JSON": ["'7'", "'\"pro\"'"],
    **{name: ["'12'"] for name in BYTES},
    "DATE": ["'2026-11-22'", "'0000-00-00'"],
    "DATETIME": ["'2026-11-22 14:05:12'", "'0000-00-00 00:00:00'"],
    "TIMESTAMP": ["'2026-11-22 14:05:12'", "'0000-00-00 00:00:00'"],
    "TIME": ["'-30:00:00'"],
    "GEOMETRY": [_POINT],
    "POINT": [_POINT],
    "LINESTRING": [f"ST_GeomFromText('{_LINE}')"],
    "POLYGON": [f"ST_GeomFromText('{_AREA}')"],
    "MULTIPOINT": ["ST_GeomFromText('MULTIPOINT(0 0, 1 1)')"],
    "MULTILINESTRING": ["ST_GeomFromText('MULTILINESTRING((0 0, 1 1))')"],
    "MULTIPOLYGON": ["ST_GeomFromText('MULTIPOLYGON(((0 0, 0 1, 1 1, 0 0)))')"],
    "GEOMETRYCOLLECTION": ["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2))')"],
    "UUID": ["'12345678-1234-1234-1234-123456789012'"],
    "INET4": ["'192.0.2.1'"],
    "INET6": ["'2001:db8::1'"],
    "VECTOR(2)": ["STRING_TO_VECTOR('[1,2]')"],
}
# Other spellings of a type, and types of servers that are not under test here.
SAME = {
    *(
        "DEC",
        "NUMERIC",
        "FIXED",
        "INTEGER",
        "DOUBLE PRECISION",
        "REAL",
        "BOOL",
        "INT1",
        "INT2",
        "INT3",
    ),
    *(
        "AUTO_INCREMENT",
        "INT4",
        "INT8",
        "CHAR BYTE",
        "NATIONAL VARCHAR",
        "SET",
        "ENUM",
        "SERIAL",
    ),
    *("BIT", "CHAR", "VARCHAR", "DECIMAL", "BINARY", "VARBINARY", "XMLTYPE"),
}


def table() -> dict[str, tuple[str, str, str]]:
    """Return the page's rows by type: server, as a value, as a label."""
    section = PAGE.read_text(encoding="utf-8").partition("### What a column may be")[2]
    rows = [
        line.strip("| ").split(" | ")
        for line in section.splitlines()
        if line.startswith("| `")
    ]
    return {row[0].strip("`"): (row[1], row[2], row[3]) for row in rows}


@pytest.fixture(scope="module")
def bench(
    each_server: PrivateServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """A schema of this module, for one small table after another."""
    bench = Bench(each_server, tmp_path_factory.mktemp("types"))
    try:
        yield bench
    finally:
        bench.close()


def test_the_page_has_every_type_that_is_tried() -> None:
    assert set(table()) == set(CONTENTS)


def test_the_page_has_every_type_that_the_servers_know(bench: Bench) -> None:
    with bench.connection.cursor() as cursor:
        if type(bench.server).__name__ == "PrivateMySQL":
            cursor.execute(
                "SELECT t.name FROM mysql.help_topic t JOIN mysql.help_category c USING (help_category_id)"
                " WHERE c.name = 'Data Types'"
            )
        else:
            cursor.execute(
                "SELECT UPPER(plugin_name) FROM information_schema.plugins WHERE plugin_type = 'DATA TYPE'"
            )
        known = {str(name) for (name,) in cursor.fetchall()}
    written = {re.sub(r"\(.*", "", name) for name in CONTENTS}
    unknown = {name for name in known if " DATA TYPE" not in name} - written - SAME
    assert {name for name in unknown if not re.search(r"[a-z]", name)} == set()


@pytest.mark.parametrize("name", sorted(CONTENTS))
def test_a_column_of_each_type_does_what_the_page_says_as_a_value_and_as_a_label(
    bench: Bench, name: str
) -> None:
    server, as_value, as_label = table()[name]
    flavor = {"mariadb": "MariaDB", "mysql": "MySQL"}[bench.session.server.flavor]
    if server not in ("both", flavor):
        return
    for content in CONTENTS[name]:
        bench.execute(
            "SET SESSION sql_mode = ''",
            "DROP TABLE IF EXISTS one",
            f"CREATE TABLE one (v {name} NULL)",
            f"INSERT INTO one VALUES ({content})",
        )
        _is_as_said(bench.session, as_value, content, as_label=False)
        _is_as_said(bench.session, as_label, content, as_label=True)


def _is_as_said(session: Session, said: str, content: str, *, as_label: bool) -> None:
    is_refused = said.startswith("refused") or (
        "else refused" in said and not re.fullmatch(r"'?[0-9.]+'?", content)
    )
    if not is_refused:
        (sample,) = _read(session, "v", as_label=as_label)
        assert (bool(dict(sample.labels)["n"])) if as_label else sample.value >= 0
        return
    with pytest.raises((SampleError, QueryError)) as caught:
        _read(session, "v", as_label=as_label)
    message = str(caught.value)
    if isinstance(caught.value, QueryError):
        assert caught.value.reason is Reason.BAD_RESULT
    if "no number" in said:
        return
    advised = [code for code in re.findall(r"`([^`]*…[^`]*)`", said) if code in message]
    assert advised, (message, said)
    for advice in advised:
        _can_be_followed(session, advice, content, said, as_label=as_label)


def _can_be_followed(
    session: Session, advice: str, content: str, said: str, *, as_label: bool
) -> None:
    if "of a point" in said or "leave it out" in said:
        expression = advice.replace("…", _POINT if "of a point" in said else "v")
        as_label = as_label or "leave it out" in said
    else:
        expression = advice.replace("…", "v")
    samples = _read(session, expression, as_label=as_label, null="skip")
    assert samples or content.startswith("'0000"), expression


def _read(
    session: Session, expression: str, *, as_label: bool, null: str = "error"
) -> tuple[Sample, ...]:
    select = f"SELECT {expression} AS n, 1 AS one FROM one"
    metric = (
        Metric("m", "h", labels=("n",), value="one")
        if as_label
        else Metric("m", "h", value="n", null="skip" if null == "skip" else "error")
    )
    query = Query(
        "one",
        "One",
        Statement(select),
        Every(timedelta(minutes=1)),
        timedelta(seconds=5),
        10,
        Path("one.toml"),
        metrics=(metric,),
    )
    return answer(query, session).success.samples


STATEMENTS = {
    "SHOW GLOBAL STATUS LIKE 'Threads_connected'": "Value",
    "SHOW VARIABLES LIKE 'max_connections'": "Value",
    "SELECT JSON_EXTRACT('{\"a\": 12.5}', '$.a') AS n": "n",
    "SELECT CONCAT(1, 2) AS n": "n",
    "SELECT CAST(7 AS CHAR) AS n": "n",
}


@pytest.mark.parametrize("sql", list(STATEMENTS))
def test_numbers_that_servers_write_as_text_are_values(bench: Bench, sql: str) -> None:
    metric = Metric("m", "h", value=STATEMENTS[sql])
    query = Query(
        "one",
        "One",
        Statement(sql),
        Every(timedelta(minutes=1)),
        timedelta(seconds=5),
        10,
        Path("one.toml"),
        metrics=(metric,),
    )
    (sample,) = answer(query, bench.session).success.samples
    assert sample.value > 0
