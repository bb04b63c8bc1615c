"""The application's statements against real servers: what is missing, what may not be seen, what it costs."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.collector.execute import answer
from monitor.config.queries.parameters import tables_of
from monitor.contract.application import application_sql
from monitor.database import Session
from monitor.model.results import Success
from monitor.model.settings import Query
from tests.queries.conftest import Bench
from tests.queries.tokens import create_tables

NAME = "application_columns"


@pytest.fixture
def fresh(empty_schema: Bench) -> Bench:
    """The documented tables, to be broken."""
    create_tables(empty_schema.connection)
    return empty_schema


def query_for(bench: Bench, *statements: str) -> Query:
    """Return the query of an application that sends these statements."""
    query = bench.queries[NAME]
    assert query.contract is not None
    code = "\n".join(
        f"q({json.dumps(statement, ensure_ascii=False)})" for statement in statements
    )
    application = application_sql([("src/app.js", code)], bench.schema)
    assert len(application.statements) == len(statements)
    return replace(
        query,
        contract=replace(query.contract, application=application),
        parameters={**query.parameters, **tables_of(application)},
    )


def look(bench: Bench, *statements: str, session: Session | None = None) -> Success:
    query = query_for(bench, *statements)
    return answer(query, session or bench.session).success


def missing(success: Success) -> list[str]:
    """Return what an alert would be about, with where it is named."""
    return [
        f"{dict(one.details)['subject']} at {dict(one.details)['needed_by']}"
        for one in success.samples
        if one.metric == "finding"
    ]


def names(success: Success) -> dict[str, float]:
    return {
        dict(one.labels)["state"]: one.value
        for one in success.samples
        if one.metric == "token_contract_names"
    }


def test_what_the_application_names_and_the_database_lacks_is_found(
    fresh: Bench,
) -> None:
    statements = (
        "SELECT u.id, u.nickname FROM users u WHERE u.EMAIL = ?",
        "INSERT INTO orders (id, total) VALUES (?, ?)",
        "SELECT total FROM users, user_subscriptions",
    )
    found = look(fresh, *statements)
    assert missing(found) == [
        "column users.nickname at src/app.js:1",
        "table orders at src/app.js:2",
        "column users or user_subscriptions.total at src/app.js:3",
    ]
    # users, user_subscriptions, users.id, users.EMAIL
    assert names(found) == {"present": 4, "missing": 3, "unknown": 0}
    fresh.execute(
        "ALTER TABLE users ADD COLUMN Nickname INT, ADD COLUMN total INT",
        "CREATE TABLE orders (id INT, total INT)",
    )
    assert missing(look(fresh, *statements)) == []


@pytest.mark.parametrize(
    "table", ["with space", "ärger", "we'ird", "a-b", "t$1", "order", "back\\slash"]
)
def test_a_table_of_any_name_is_found(fresh: Bench, table: str) -> None:
    fresh.execute(f"CREATE TABLE `{table}` (`the column` INT)")
    assert missing(look(fresh, f"SELECT `the column` FROM `{table}`")) == []
    assert len(missing(look(fresh, f"SELECT gone FROM `{table}`"))) == 1


def test_tables_whose_names_only_a_run_knows_whole_are_those_that_fit(
    fresh: Bench,
) -> None:
    fresh.execute(
        "CREATE TABLE archive_2026 (id INT)",
        "CREATE TABLE archive_2027 (id INT, note INT)",
    )
    query = query_for(fresh)
    assert query.contract is not None
    code = "q(`SELECT id, note FROM archive_${year}`); q(`SELECT gone FROM archive_${year}`)"
    application = application_sql([("src/app.js", code)], fresh.schema)
    query = replace(
        query,
        contract=replace(query.contract, application=application),
        parameters={**query.parameters, **tables_of(application)},
    )
    found = answer(query, fresh.session).success
    assert missing(found) == ["column archive_….gone at src/app.js:1"]


def test_a_view_counts_and_a_broken_one_is_as_good_as_gone(fresh: Bench) -> None:
    fresh.execute("CREATE VIEW members AS SELECT id, bio FROM users")
    statement = "SELECT m.bio FROM members m"
    assert missing(look(fresh, statement)) == []
    fresh.execute("ALTER TABLE users DROP COLUMN bio")
    assert missing(look(fresh, statement)) == ["table members at src/app.js:1"]


def test_what_the_account_may_not_see_is_unknown_and_not_missing(fresh: Bench) -> None:
    account = f"blind_{fresh.schema}"
    fresh.execute(
        f"CREATE USER {account}@localhost",
        f"GRANT SELECT (id, email), INSERT (role) ON {fresh.schema}.users TO {account}@localhost",
    )
    statements = (
        "SELECT u.bio, u.email, u.gone FROM users u",
        "SELECT s.user_id FROM user_subscriptions s",
    )
    with fresh.as_user(account) as session:
        found = look(fresh, *statements, session=session)
    assert not any(
        "bio" in one or "user_subscriptions" in one for one in missing(found)
    )
    assert {"table": "user_subscriptions"} in [dict(labels) for labels in found.silent]
    assert {"table": "users", "column": "bio"} in [
        dict(labels) for labels in found.silent
    ]
    fresh.execute(f"DROP USER {account}@localhost")


def test_a_schema_query_says_where_the_application_names_what_it_tells_of(
    fresh: Bench,
) -> None:
    needs = [
        {
            "table": "users",
            "column": "tokens_remaining",
            "queries": "",
            "application": "src/a.ts:3",
        },
        {
            "table": "users",
            "column": "gone",
            "queries": "mine",
            "application": "src/b.ts:4",
        },
        {"table": "users", "column": "absent", "queries": "mine"},
    ]
    fresh.execute("ALTER TABLE users DROP COLUMN tokens_remaining")
    query = fresh.queries["missing_columns"]
    query = replace(query, parameters={**query.parameters, "needs": json.dumps(needs)})
    samples = answer(query, fresh.session).success.samples
    impact = {
        dict(one.labels)["column"]: dict(one.details)["impact"]
        for one in samples
        if one.metric == "finding" and one.value
    }
    assert impact["tokens_remaining"].endswith(
        "HTTP 402 on every AI feature. Statements of the application name it: src/a.ts:3."
    )
    assert impact["gone"] == "Statements of the application name it: src/b.ts:4."
    assert impact["absent"].startswith("Only queries of this monitor ask for it (mine)")


def test_the_columns_that_a_schema_query_looks_for_are_those_that_it_is_said_to(
    fresh: Bench,
) -> None:
    contract = fresh.queries[NAME].contract
    assert contract is not None
    samples = fresh.samples("missing_columns", "token_schema_column_missing")
    looked_for = {
        f"{dict(one.labels)['table']}.{dict(one.labels)['column']}" for one in samples
    }
    assert {str(column) for column in contract.elsewhere} == looked_for


@pytest.mark.slow
def test_how_many_other_tables_there_are_costs_next_to_nothing(
    fresh: Bench, tmp_path: Path
) -> None:
    statements = [f"SELECT u.id, u.c{number} FROM users u" for number in range(30)]

    def seconds() -> float:
        began = time.perf_counter()
        look(fresh, *statements)
        return time.perf_counter() - began

    fresh.execute(
        *(f"ALTER TABLE users ADD COLUMN c{number} INT" for number in range(30))
    )
    alone = min(seconds() for _ in range(5))
    fresh.execute(
        *(f"CREATE TABLE other{number} (id INT, x INT)" for number in range(300))
    )
    among = min(seconds() for _ in range(5))
    assert among < 3 * alone + 0.02
