"""What the server itself saw fail: statements of other accounts, where no contract knows what they need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pymysql
import pytest

from monitor.collector.execute import OFF, answer, is_off
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.model.errors import QueryError
from monitor.model.results import Success
from tests.acceptance.configs import write_config
from tests.acceptance.program import run_command
from tests.queries.conftest import Bench
from tests.queries.tokens import create_tables
from tests.support.servers import PrivateMySQL, forget_failures

NAME = "statements_failing"
KEYS = {
    "users": "id",
    "user_subscriptions": "user_id",
    "token_usage_history": "id, user_id",
}
"""By which columns the shipped queries go through each table."""


@pytest.fixture(
    scope="module", params=["mariadb", pytest.param("mysql", marks=pytest.mark.mysql)]
)
def counting(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateServer]:
    """Start a server of this module's own, whose performance_schema is on and has seen nothing yet."""
    kind = {"mariadb": PrivateMariaDB, "mysql": PrivateMySQL}[request.param]
    folder = tmp_path_factory.mktemp(request.param) / "db"
    with kind(folder, options=("--performance-schema=ON",)) as server:
        yield server


@pytest.fixture
def bench(counting: PrivateServer, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(counting, tmp_path)
    try:
        create_tables(bench.connection)
        bench.execute("CREATE USER IF NOT EXISTS shop@localhost, monitor@localhost")
        for account in ("shop", "monitor"):
            bench.execute(f"GRANT SELECT ON {bench.schema}.* TO {account}@localhost")
        bench.execute("GRANT SELECT ON performance_schema.* TO monitor@localhost")
        forget_failures(counting)
        yield bench
    finally:
        bench.close()


def looked(bench: Bench, account: str = "monitor") -> Success:
    with bench.as_user(account) as session:
        return answer(bench.queries[NAME], session).success


def failing(success: Success) -> dict[str, dict[str, str]]:
    return {
        dict(one.labels)["code"]: dict(one.details)
        for one in success.samples
        if one.metric == "token_server_statements_failing" and one.value
    }


def use_a_feature(bench: Bench) -> None:
    """Do what code does that was deployed before its migration."""
    with (
        pymysql.connect(
            unix_socket=str(bench.server.socket), user="shop", database=bench.schema
        ) as connection,
        connection.cursor() as cursor,
    ):
        for user in (1, 2, 3):
            with pytest.raises(pymysql.MySQLError):
                cursor.execute(f"SELECT bonus_tokens, bio FROM users WHERE id = {user}")


def test_statements_of_the_application_that_fail_are_seen_at_the_next_look(
    bench: Bench,
) -> None:
    use_a_feature(bench)
    found = failing(looked(bench))
    code = "1054" if isinstance(bench.server, PrivateMySQL) else "any"
    assert list(found) == [code]
    text = found[code]["statement_text"]
    assert "bonus_tokens" in text
    assert "?" in text
    assert "3" not in text
    assert (found[code]["accounts"] == "shop") == (code == "1054")


def test_what_we_ourselves_were_refused_is_no_finding(bench: Bench) -> None:
    with bench.as_user("monitor") as session:
        for query in ("uninitialized", "last_usage"):
            text = bench.queries[query].statement.text.replace("users", "nobody")
            with pytest.raises(pymysql.MySQLError):
                session.connection.driver.query(text)
        found = answer(bench.queries[NAME], session).success
    assert "nobody" not in str(failing(found))


@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("keeps_keys", [True, False])
def test_no_shipped_query_that_lost_a_right_is_a_finding(
    bench: Bench, table: str, *, keeps_keys: bool
) -> None:
    bench.execute("ALTER TABLE token_usage_history CHANGE nr id INT AUTO_INCREMENT")
    bench.execute("INSERT INTO users (id, email) VALUES (1, 'one'), (2, 'two')")
    for other in ("user_subscriptions", "token_usage_history"):
        bench.execute(f"INSERT INTO {other} (user_id) VALUES (1), (2)")
    bench.execute(f"REVOKE SELECT ON {bench.schema}.* FROM monitor@localhost")
    granted = {**dict.fromkeys(KEYS, ""), table: f"({KEYS[table]})"}
    if not keeps_keys:
        del granted[table]
    for other, columns in granted.items():
        bench.execute(f"GRANT SELECT{columns} ON {other} TO monitor@localhost")
    for query in bench.queries.values():
        with bench.as_user("monitor") as session, suppress(QueryError):
            answer(query, session)
    found = failing(looked(bench)).values()
    # MySQL knows the accounts, and the one of another test is among them.
    assert [one for one in found if one["accounts"] != "shop"] == []


def test_errors_of_long_ago_are_no_finding(bench: Bench) -> None:
    use_a_feature(bench)
    with bench.as_user("monitor") as session:
        session.connection.execute("SET SESSION timestamp = UNIX_TIMESTAMP() + 360")
        found = answer(bench.queries[NAME], session).success
    assert failing(found) == {}


def test_without_the_right_it_is_off_and_says_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    query = bench.queries[NAME]
    with bench.as_user("shop") as session, pytest.raises(QueryError) as refused:
        answer(query, session)
    assert is_off(query, refused.value)
    assert not is_off(bench.queries["last_usage"], refused.value)
    assert OFF.is_silent_about("token_server_statements_failing", (("code", "1054"),))
    config = write_config(tmp_path, bench.server, bench.schema, target={"user": "shop"})
    done = run_command("validate", "--connect", "--config", str(config))
    assert f"{NAME}: off; token-monitor grants prints the right" in done.stdout
    assert "access_denied" not in done.stdout
    granted = run_command("grants", "--config", str(config)).stdout
    assert f"-- only if {NAME} is to run, which is off without:" in granted
    assert "-- GRANT SELECT ON `performance_schema`.* TO 'shop'@'localhost';" in granted


def test_a_server_that_counts_nothing_has_no_series(tokens: Bench) -> None:
    success = tokens.answer(NAME).success
    if not isinstance(tokens.server, PrivateMySQL):
        assert success.samples == ()


def test_what_a_tool_does_to_its_copy_of_a_table_is_no_finding(bench: Bench) -> None:
    if isinstance(bench.server, PrivateMySQL):
        return  # it counts by account: ignored_accounts names the tool's
    for _ in range(3):
        with suppress(pymysql.err.ProgrammingError, pymysql.err.OperationalError):
            bench.execute("INSERT INTO _users_gho (id, lost) SELECT id, id FROM users")
        with suppress(pymysql.err.ProgrammingError, pymysql.err.OperationalError):
            bench.execute("DELETE FROM _users_new WHERE id = 1")
    assert failing(looked(bench)) == {}
    use_a_feature(bench)
    assert failing(looked(bench)) != {}
