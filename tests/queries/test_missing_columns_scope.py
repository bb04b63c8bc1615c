"""The schema query reads the tables that are asked for and no others, and says what it said when it read all."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.model.results import Cell
from monitor.model.settings import Query, Scalar, Statement
from tests.queries.conftest import Bench
from tests.queries.strategies import EXAMPLES
from tests.queries.tokens import create_tables
from tests.support.servers import PrivateMySQL

# What narrows the tables; without it the statement reads every table of the schema.
_NARROWED = re.compile(
    r"\n      AND \(\n          LOWER\(CONVERT.*?\n    LIMIT 1000000", re.S
)

_TABLES = [
    "users", "Users", "USERS", "user_subscriptions", "token_usage_history", "orders", "Orders",
    "ÄRGER", "ärger", "with space", "with'quote", 'with"double', "with\\backslash", "no\\null", "users2", "t_%",
]  # fmt: skip
_COLUMNS = ["id", "ID", "tokens_remaining", "Tokens_Left", "user_id", "is_active", "é"]
_TYPES = ["INT NULL", "INT NOT NULL", "VARCHAR(20) NULL", "BIGINT UNSIGNED NULL"]


def rows_of(
    bench: Bench, statement: str, values: dict[str, Scalar]
) -> list[tuple[Cell, ...]]:
    rows = bench.session.fetch(
        Statement(statement, tuple(values)),
        values,
        timeout=timedelta(seconds=20),
        max_rows=1000,
    )
    return sorted(rows.rows, key=repr)


def whole(query: Query) -> str:
    """The statement as it would be if it read every table."""
    text, count = _NARROWED.subn("", query.statement.text)
    assert count == 1
    return text


def quoted(name: str) -> str:
    return f"`{name}`"


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, dict[str, str]]:
    """Tables by name, each with its columns and their types."""
    names = draw(st.lists(st.sampled_from(_TABLES), max_size=6, unique_by=str.lower))
    columns = st.lists(
        st.sampled_from(_COLUMNS), min_size=1, max_size=5, unique_by=str.lower
    )
    return {
        name: {column: draw(st.sampled_from(_TYPES)) for column in draw(columns)}
        for name in names
    }


_NEEDS = st.lists(
    st.fixed_dictionaries(
        {
            "table": st.sampled_from(_TABLES),
            "column": st.sampled_from(_COLUMNS),
            "queries": st.just("mine"),
        }
    ),
    max_size=6,
)


def make(bench: Bench, tables: dict[str, dict[str, str]]) -> None:
    for name, columns in tables.items():
        inside = ", ".join(
            f"{quoted(column)} {kind}" for column, kind in columns.items()
        )
        bench.execute(f"CREATE TABLE {quoted(name)} ({inside})")


def drop(bench: Bench, tables: Sequence[str]) -> None:
    for name in tables:
        bench.execute(f"DROP TABLE {quoted(name)}")


def compare(
    bench: Bench, tables: dict[str, dict[str, str]], needs: list[dict[str, str]]
) -> None:
    """Both statements give the same rows on these tables."""
    query = bench.queries["missing_columns"]
    values = {**query.parameters, "needs": json.dumps(needs, ensure_ascii=False)}
    make(bench, tables)
    try:
        narrowed = rows_of(bench, query.statement.text, values)
        assert narrowed == rows_of(bench, whole(query), values)
        assert narrowed
    finally:
        drop(bench, list(tables))


@pytest.fixture(scope="module")
def plain(
    each_server: PrivateServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    bench = Bench(each_server, tmp_path_factory.mktemp("plain"))
    yield bench
    bench.close()


@EXAMPLES
@given(tables=schemas(), needs=_NEEDS)
def test_the_rows_are_those_of_a_statement_that_reads_every_table(
    plain: Bench, tables: dict[str, dict[str, str]], needs: list[dict[str, str]]
) -> None:
    compare(plain, tables, needs)


class _FoldingMySQL(PrivateMySQL):
    """A MySQL that folds names: it wants to know that when its data is made."""

    def _create_command(self) -> Sequence[str]:
        return (*super()._create_command(), "--lower-case-table-names=1")


@pytest.fixture(
    scope="module", params=["mariadb", pytest.param("mysql", marks=pytest.mark.mysql)]
)
def folding(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """A server that folds the names of tables to small letters."""
    kind = PrivateMariaDB if request.param == "mariadb" else _FoldingMySQL
    with tempfile.TemporaryDirectory(prefix="tm-") as folder:
        server = kind(Path(folder) / "s", options=("--lower-case-table-names=1",))
        with server:
            bench = Bench(server, tmp_path_factory.mktemp("folding"))
            yield bench
            bench.close()


@settings(EXAMPLES, max_examples=25)
@given(tables=schemas(), needs=_NEEDS)
def test_so_they_are_where_the_server_folds_the_names_of_tables(
    folding: Bench, tables: dict[str, dict[str, str]], needs: list[dict[str, str]]
) -> None:
    compare(folding, tables, needs)


def test_mariadb_scans_one_database_and_opens_the_tables_that_are_asked_for_alone(
    empty_schema: Bench,
) -> None:
    create_tables(empty_schema.connection)
    others = 40
    for number in range(others):
        empty_schema.execute(f"CREATE TABLE other{number} (id INT)")
    query = empty_schema.queries["missing_columns"]
    session = empty_schema.session
    if session.server.flavor.value != "mariadb":
        # MySQL keeps the definitions in tables of its own and opens none.
        return
    plan = rows_of(
        empty_schema, f"EXPLAIN {query.statement.text}", dict(query.parameters)
    )
    assert "Scanned 1 database" in repr(plan)
    assert "Scanned all" not in repr(plan)

    opened = opened_tables(empty_schema)
    empty_schema.execute("FLUSH TABLES")
    empty_schema.answer("missing_columns")

    assert opened_tables(empty_schema) - opened < others


def opened_tables(bench: Bench) -> int:
    """How many definitions the server has read so far."""
    with bench.connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Opened_table_definitions'")
        row = cursor.fetchone()
    assert row is not None
    return int(row[1])
