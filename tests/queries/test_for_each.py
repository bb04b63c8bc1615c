"""One query for many: for each schema of a real server, and for each item of a list, in one run."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.collector.execute import answer, execute
from monitor.collector.findings import RunFindings
from monitor.config import load
from monitor.database import Database
from monitor.demo.mariadb import PrivateServer
from monitor.model.errors import Reason
from monitor.model.for_each import ItemOutcomes, Turns
from monitor.model.identifiers import quoted
from monitor.model.results import Failure, Outcome, Success
from monitor.model.settings import Job, labels_of
from monitor.notify.kinds import KINDS
from monitor.secrets.reader import SecretReader
from monitor.timing.clock import AnchoredClock
from monitor.timing.deadlines import Watchdog

_numbers = itertools.count()
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SCHEMAS = "SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name LIKE '{prefix}%' ORDER BY 1"
ORDERS = "SELECT state, COUNT(*) AS n FROM {name}.orders GROUP BY state ORDER BY state"
HOSTILE = (
    "plain",
    "with`tick",
    "with``two",
    "sp ace",
    "quo'te\"s",
    "back\\slash",
    "100%s %(name)s",
    "ünïcødé 日本",
    "semi;colon -- #",
    "orders`; DROP DATABASE x; --",
    "{name}",
    ":name",
    "x" * 50,
)
"""What a schema may be called on a server."""


class Shops:
    """Some schemas of one prefix on a server, each with a table of orders, and a query that reads them all."""

    def __init__(self, server: PrivateServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.prefix = f"shop{next(_numbers)}-"
        self.names: list[str] = []
        self._watchdog = Watchdog()
        self._databases: list[Database] = []

    def create(self, *names: str, states: Mapping[str, int] | None = None) -> None:
        """Make the schemas of these shops, with so many orders of each state."""
        for name in names:
            schema = self.prefix + name
            self.names.append(schema)
            orders = f"{quoted(schema)}.orders"
            self.run(f"CREATE DATABASE {quoted(schema)} CHARACTER SET utf8mb4")
            self.run(f"CREATE TABLE {orders} (id INT, state VARCHAR(20))")
            for state, count in (states or {"open": 2, "late": 1}).items():
                rows = ", ".join(f"({number}, '{state}')" for number in range(count))
                self.run(f"INSERT INTO {orders} VALUES {rows}")

    def run(self, *statements: str) -> None:
        """Execute statements as root."""
        with self.server.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def job(
        self,
        for_each: str = "",
        *,
        sql: str = ORDERS,
        more: str = "",
        user: str = "root",
    ) -> Job:
        """Load a query by the real loader; without another `for_each` for each of the schemas."""
        items = SCHEMAS.replace("{prefix}", self.prefix)
        for_each = for_each or f'sql = """{items}"""\nlabel = "shop"'
        queries = self.folder / "q"
        queries.mkdir(exist_ok=True)
        (queries / "orders.sql").write_text(sql, encoding="utf-8")
        (queries / "orders.toml").write_text(
            f"""summary = "Orders by shop"
timeout = "5s"
[for_each]
{for_each}
[metrics.app_orders]
help = "Orders"
labels = ["state"]
value = "n"
[rules.OrdersLate]
metric = "app_orders"
where = {{ state = "late" }}
above = 0
severity = "warning"
summary = "{{value}} late orders"
{more}""",
            encoding="utf-8",
        )
        path = self.folder / "config.toml"
        path.write_text(
            f"""query_dirs = ["q"]
shipped_queries = false
[targets.main]
unix_socket = "{self.server.socket}"
user = "{user}"
database = "information_schema"
"""
        )
        (job,) = load(path, {}, KINDS).jobs
        return job

    def database(self, job: Job) -> Database:
        """Return the database of a job's target."""
        database = Database(job.target, secrets=SecretReader(), watchdog=self._watchdog)
        self._databases.append(database)
        return database

    def answer(self, job: Job) -> RunFindings:
        """Run a job's query as a person does."""
        with self.database(job).lease(deadline_seconds=20) as session:
            return answer(job.query, session)

    def outcome(self, job: Job, turns: Turns | None = None) -> Outcome:
        """Run a job as the daemon does."""
        clock = AnchoredClock()
        return execute(
            job, NOW, self.database(job), clock, turns=turns or Turns()
        ).outcome

    def close(self) -> None:
        """Drop the schemas."""
        for database in self._databases:
            database.close()
        self._watchdog.close()
        self.run(*[f"DROP DATABASE {quoted(name)}" for name in self.names])


@pytest.fixture
def shops(server: PrivateServer, tmp_path: Path) -> Iterator[Shops]:
    """Return a server on which there are no shops yet."""
    with closing(Shops(server, tmp_path)) as shops:
        yield shops


def values_of(success: Success) -> dict[tuple[str, str], float]:
    """Return the values by shop (without the prefix) and state."""
    found = {}
    for sample in success.samples:
        labels = dict(sample.labels)
        shop = labels.get("shop", labels.get("name", "")).partition("-")[2]
        found[shop, labels["state"]] = sample.value
    return found


def succeeded(outcome: Outcome) -> Success:
    assert isinstance(outcome, Success), outcome
    return outcome


def items_of(outcome: Outcome) -> ItemOutcomes:
    assert isinstance(outcome, Success | Failure)
    assert outcome.items is not None
    return outcome.items


def test_each_schema_has_its_own_series_in_one_run(shops: Shops) -> None:
    shops.create("eu")
    shops.create("us", states={"open": 5})
    found = shops.answer(shops.job())
    assert values_of(found.success) == {
        ("eu", "late"): 1,
        ("eu", "open"): 2,
        ("us", "open"): 5,
    }
    assert found.rows.columns == ("shop", "state", "n")
    assert found.rows.rows[0] == (f"{shops.prefix}eu", "late", 1)
    assert found.success.row_count == 3
    assert found.success.items == ItemOutcomes(2)
    assert found.success.silent == ()


def test_whatever_a_schema_is_called_stays_within_its_quotes(shops: Shops) -> None:
    shops.create(*HOSTILE, states={"open": 1})
    success = succeeded(shops.outcome(shops.job()))
    assert items_of(success).failed == ()
    labels = {dict(sample.labels)["shop"] for sample in success.samples}
    assert labels == {shops.prefix + name for name in HOSTILE}
    assert {sample.value for sample in success.samples} == {1}


def test_a_name_that_is_no_schema_is_an_error_of_that_item_and_nothing_else(
    shops: Shops,
) -> None:
    shops.create("eu")
    eu = shops.prefix + "eu"
    injected = "x`.orders; DROP DATABASE `y"
    job = shops.job(
        f'items = [{{ name = "{eu}" }}, {{ name = "{injected}" }}]\nlabel = "shop"'
    )
    success = succeeded(shops.outcome(job))
    assert [one.name for one in items_of(success).failed] == [injected]
    assert {shop for shop, _ in values_of(success)} == {"eu"}


def test_a_denied_schema_fails_alone_and_its_alerts_are_left_as_they_are(
    shops: Shops,
) -> None:
    shops.create("eu", "us")
    us = shops.prefix + "us"
    user = f"u{next(_numbers)}"
    shops.run(
        f"CREATE USER '{user}'@'localhost'",
        f"GRANT SELECT ON {quoted(shops.prefix.replace('_', chr(92) + '_') + 'eu')}.* TO '{user}'@'localhost'",
        f"GRANT INSERT ON {quoted(us)}.* TO '{user}'@'localhost'",
    )
    try:
        success = succeeded(shops.outcome(shops.job(user=user)))
    finally:
        shops.run(f"DROP USER '{user}'@'localhost'")
    assert {shop for shop, _ in values_of(success)} == {"eu"}
    (failed,) = items_of(success).failed
    assert (failed.name, failed.reason) == (us, Reason.ACCESS_DENIED)
    assert success.silent == (labels_of({"shop": us}),)
    assert success.is_silent_about(
        "app_orders", labels_of({"shop": us, "state": "late"})
    )
    assert success.remark.startswith(f"1 of 2 items failed: {us}: access_denied: ")


def test_a_hundred_schemas_are_one_run_within_its_time(shops: Shops) -> None:
    names = [f"s{number:03}" for number in range(100)]
    shops.create(*names, states={"open": 1})
    job = shops.job()
    began = time.monotonic()
    success = succeeded(shops.outcome(job))
    assert time.monotonic() - began < 5
    assert items_of(success) == ItemOutcomes(100)
    assert [shop for shop, _ in values_of(success)] == names


def test_one_schema_more_than_allowed_is_an_error_that_says_so(shops: Shops) -> None:
    shops.create("a", "b", "c")
    items = SCHEMAS.replace("{prefix}", shops.prefix)
    failure = shops.outcome(
        shops.job(f'sql = """{items}"""\nlabel = "shop"\nmax_items = 2')
    )
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.TOO_MANY_ROWS
    assert failure.message == "[for_each]: more than 2 items (max_items)"


def test_rows_of_all_items_count_together(shops: Shops) -> None:
    shops.create("a", "b", "c")
    job = shops.job()
    query = replace(job.query, max_rows=5)
    failure = shops.outcome(replace(job, query=query))
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.TOO_MANY_ROWS
    assert failure.message == "more than 5 rows (max_rows) of all items"
    query = replace(job.query, max_rows=6)
    assert succeeded(shops.outcome(replace(job, query=query))).row_count == 6


def test_where_all_items_fail_the_query_fails_with_the_reason_of_the_first(
    shops: Shops,
) -> None:
    shops.create("a", "b")
    job = shops.job(sql="SELECT state, COUNT(*) AS n FROM {name}.nothing GROUP BY 1")
    failure = shops.outcome(job)
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.SCHEMA_MISSING
    assert failure.message.startswith(
        f"none of 2 items gave data: {shops.prefix}a: schema_missing: "
    )
    assert len(items_of(failure).failed) == 2


def test_without_any_schema_the_run_gives_zero_rows(shops: Shops) -> None:
    success = succeeded(shops.outcome(shops.job()))
    assert (success.samples, success.silent, success.items) == ((), (), ItemOutcomes(0))


def test_columns_of_an_item_have_the_word_over_parameters(shops: Shops) -> None:
    job = shops.job(
        'items = [{ name = "eu", days = 3 }, { name = "us" }]',
        sql="SELECT 'open' AS state, :days AS n",
        more="[parameters]\ndays = 7\n",
    )
    success = succeeded(shops.outcome(job))
    values = {dict(one.labels)["name"]: one.value for one in success.samples}
    assert values == {"eu": 3, "us": 7}


def test_other_columns_of_the_statement_are_parameters_too(shops: Shops) -> None:
    job = shops.job(
        "sql = \"SELECT 'eu' AS name, 3 AS days, 0.5 AS share UNION SELECT 'us', 4, 1.5\"\n"
        'columns = ["days", "share"]',
        sql="SELECT 'open' AS state, :days + :share AS n",
    )
    success = succeeded(shops.outcome(job))
    values = {dict(one.labels)["name"]: one.value for one in success.samples}
    assert values == {"eu": 3.5, "us": 5.5}


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT NULL AS name", '[for_each]: row 1: column "name" is a label and NULL'),
        (
            "SELECT '' AS name",
            '[for_each]: row 1: column "name" is empty, and names nothing',
        ),
        (
            "SELECT 'a' AS name UNION ALL SELECT 'a'",
            '[for_each]: two items are called "a"',
        ),
        ("SELECT 'a' AS shop", "[for_each]: lacks column name; its sql gives shop"),
    ],
)
def test_rows_that_name_no_item_fail_the_run(
    shops: Shops, sql: str, message: str
) -> None:
    job = shops.job(f'sql = "{sql}"', sql="SELECT 'open' AS state, 1 AS n")
    failure = shops.outcome(job)
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.BAD_RESULT
    assert failure.message.startswith(message)


def test_rows_that_cannot_be_read_are_an_error_of_their_item(shops: Shops) -> None:
    job = shops.job(
        'items = [{ name = "good", value = "1" }, { name = "bad", value = "x" }]',
        sql="SELECT 'open' AS state, :value AS n",
    )
    success = succeeded(shops.outcome(job))
    assert [dict(one.labels)["name"] for one in success.samples] == ["good"]
    (failed,) = items_of(success).failed
    assert (failed.name, failed.reason) == ("bad", Reason.BAD_RESULT)
    assert failed.message.startswith('row 1: column "n" is text that is not a number')


def test_a_column_called_like_the_label_is_an_error(shops: Shops) -> None:
    job = shops.job(
        'items = [{ name = "eu" }]', sql="SELECT 'open' AS state, 1 AS n, 2 AS Name"
    )
    failure = shops.outcome(job)
    assert isinstance(failure, Failure)
    assert 'a column "name", which is the label of the items' in failure.message


def test_evidence_is_of_the_item_that_was_found(shops: Shops) -> None:
    shops.create("eu", states={"late": 2})
    shops.create("us", states={"late": 1, "open": 1})
    job = shops.job(
        more='evidence = "SELECT id, :name AS shop FROM {name}.orders WHERE state = :state ORDER BY id"'
    )
    success = succeeded(shops.outcome(job))
    assert success.evidence_errors == ()
    found = {
        dict(labels)["shop"].partition("-")[2]: [row["id"] for row in rows]
        for (_, labels), rows in success.evidence.items()
    }
    assert found == {"eu": [0, 1], "us": [0]}


def test_what_gets_no_turn_fails_and_goes_first_the_next_time(shops: Shops) -> None:
    # A cross join that no server ends within the time; a SLEEP is answered at the limit.
    columns = "information_schema.columns"
    slow = f"SELECT 'open' AS state, COUNT(*) AS n FROM {columns} a, {columns} b, {columns} c WHERE :slow = 1"
    job = shops.job(
        'items = [{ name = "a", slow = 1 }, { name = "b", slow = 0 }, { name = "c", slow = 0 }]',
        sql=slow,
    )
    query = replace(job.query, timeout=job.query.timeout / 5)
    job = replace(job, query=query)
    first = shops.outcome(job)
    items = items_of(first)
    assert isinstance(first, Failure)
    assert first.reason is Reason.TIMEOUT
    assert items.turns == Turns(("b", "c"), frozenset("a"))
    assert str(items.failed[1]) == "b: timeout: its turn did not come within 1s"
    second = items_of(succeeded(shops.outcome(job, items.turns)))
    assert [one.name for one in second.failed] == ["a"]
    assert second.turns == Turns(slow=frozenset("a"))


def test_a_statement_that_is_off_ends_no_other(shops: Shops) -> None:
    """An item's timeout costs the connection at most: the next has another."""
    job = shops.job(
        'items = [{ name = "a", x = "1" }, { name = "b", x = "(" }, { name = "c", x = "2" }]',
        sql="SELECT 'open' AS state, ('a' REGEXP :x) + 0 AS n",
    )
    success = succeeded(shops.outcome(job))
    assert [one.name for one in items_of(success).failed] == ["b"]
    assert len(success.samples) == 2
