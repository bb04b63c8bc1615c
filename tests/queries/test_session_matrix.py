"""Whatever a server's variables are, a shipped query gives what the pristine server gives, or fails.

A cell is a variable, a way to leave a hostile value behind (SET GLOBAL, init_connect) and a server; each runs
every shipped query, and one that feels what many variables do, over a connection of its own. The output of
`pytest -s` counts the cells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

import pymysql
import pytest

from monitor.collector.execute import answer
from monitor.database import Database, Session
from monitor.database.dialect import session_variables
from monitor.database.session_variables import Effect
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.model.errors import QueryError, SampleError
from monitor.model.settings import Flavor, Query
from monitor.model.targets import Target
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog
from tests.database.targets import fetch_in, run_as_root
from tests.queries.conftest import Bench
from tests.queries.tokens import (
    Data,
    Subscription,
    Usage,
    User,
    create_tables,
    replace_rows,
)
from tests.support.hostile_variables import hostile_values

_PLANS = ("professional-yearly-a", "professional-yearly-b", "starter", "free", "größer")
_SEEN = Data(
    [User(number, (None, -3, 0, 500, 700, 99)[number % 6]) for number in range(1, 61)],
    [
        *(
            Subscription(
                number, (700, 700, None, 0, 900)[number % 5], _PLANS[number % 5]
            )
            for number in range(1, 61)
        ),
        *(Subscription(number, 800, "starter") for number in range(8, 61, 7)),
        # names that only their ends tell apart decide which of two equal limits counts
        Subscription(1, 700, _PLANS[0]),
        Subscription(4, None, None),
    ],
    [
        Usage(
            1 + number % 60,
            300,
            ("ai_rewrite", "seo_title", None)[number % 3],
            200 + number * 600,
        )
        for number in range(200)
    ],
)
_PROBE = r"""
SELECT p.plan_type AS plan, COUNT(*) AS many, LENGTH(GROUP_CONCAT(p.plan_type)) AS joined, 1 / 3 AS third,
    WEEK('2026-01-01') AS week_number, MONTHNAME('2026-03-01') AS month_name,
    '1' || '0' AS bars, "text" AS text,
    NOT 1 BETWEEN -5 AND 5 AS negated, 'a\nb' AS two_lines, '' IS NULL AS nothing, COLLATION('x') AS collated,
    'a b' REGEXP 'a b' AS matched, TIMESTAMPDIFF(HOUR, UTC_TIMESTAMP(), NOW()) AS zone,
    YEAR(NOW()) > 2001 AS is_now, CHARSET(CONVERT('x' USING utf8mb4)) AS charset, 'grün' AS green,
    (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
     SELECT COUNT(*) FROM n) AS steps,
    COLLATION(CONVERT('x' USING utf8mb4)) AS converted
FROM user_subscriptions p GROUP BY p.plan_type ORDER BY p.plan_type
"""


# On MySQL an account that only reads may not set it, so init_connect fails; too little memory to sort in.
# Where a plan is looked for among all orders of the tables, a slow machine does not find it within the time limit.
_MAY_FAIL = {"max_error_count", "sort_buffer_size", "optimizer_prune_level"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A hostile value and how it was left behind: what to run as the server's owner before and after."""

    variable: str
    way: str
    hostile: str

    def set_up(self) -> str:
        if self.way == "GLOBAL":
            return f"SET GLOBAL {self.variable} = {self.hostile}"
        doubled = self.hostile.replace("'", "''")
        return f"SET GLOBAL init_connect = 'SET SESSION {self.variable} = {doubled}'"


class Matrix:
    """A server with data, an account that init_connect holds for, and what the pristine server answers."""

    def __init__(self, bench: Bench, server: PrivateServer) -> None:
        self.server = server
        self.flavor = (
            Flavor.MARIADB if isinstance(server, PrivateMariaDB) else Flavor.MYSQL
        )
        # What an account that may read the schema alone is refused has nothing to compare.
        self.queries: Mapping[str, Query] = {
            name: query
            for name, query in bench.queries.items()
            if not query.off_without_right
        }
        self.target: Target = replace(bench.target, user="reader")
        self.pristine = self.answers()

    def answers(self, *, set_behind_our_back: str = "") -> dict[str, object]:
        """Run everything over a new connection; a failure is its error."""
        with closing(Watchdog()) as watchdog:
            database = Database(self.target, secrets=SecretReader(), watchdog=watchdog)
            with closing(database):
                try:
                    with database.lease(deadline_seconds=20) as session:
                        if set_behind_our_back:
                            session.connection.execute(
                                f"SET SESSION {set_behind_our_back}"
                            )
                        return {
                            name: self._answer(name, session)
                            for name in (*self.queries, "probe")
                        }
                except QueryError as error:
                    return dict.fromkeys((*self.queries, "probe"), error)

    def _answer(self, name: str, session: Session) -> object:
        try:
            if name == "probe":
                return fetch_in(session, _PROBE).rows
            query = self.queries[name]
            success = answer(query, session).success
        except (QueryError, SampleError) as error:
            return error
        # the age of the newest row grows, and so does that of the server
        growing = {"token_usage_silence_seconds", "token_server_uptime_seconds"}
        exported = {metric.name for metric in query.metrics if metric.exported}
        exported -= growing
        samples = frozenset(
            sample for sample in success.samples if sample.metric in exported
        )
        # examples have no order of their own
        evidence = {
            key: Counter(map(str, rows)) for key, rows in success.evidence.items()
        }
        return (samples, success.missing, evidence, success.evidence_errors)

    @contextmanager
    def hostile(self, cell: Cell) -> Iterator[None]:
        """Leave the hostile value behind for a while; raises the server's word where it does not take it."""
        variable = "init_connect" if cell.way == "init_connect" else cell.variable
        with self.server.connect() as connection, connection.cursor() as cursor:
            # of a variable that only a session has there is no global value
            cursor.execute(f"SELECT @@GLOBAL.{variable}")
            ((before,),) = cursor.fetchall()
            cursor.execute(cell.set_up())
            try:
                yield
            finally:
                cursor.execute(f"SET GLOBAL {variable} = %s", (before,))


@pytest.fixture(scope="module")
def matrix(
    each_server: PrivateServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Matrix]:
    bench = Bench(each_server, tmp_path_factory.mktemp("matrix"))
    try:
        create_tables(bench.connection)
        replace_rows(bench.connection, _SEEN)
        # the bench's data is as of its own NOW
        bench.execute(
            "UPDATE token_usage_history SET created_at ="
            " UTC_TIMESTAMP() - INTERVAL TIMESTAMPDIFF(SECOND, created_at, '2026-03-10 12:30:00') SECOND"
        )
        run_as_root(
            each_server,
            "CREATE USER reader@localhost",
            f"GRANT SELECT ON {bench.schema}.* TO reader@localhost",
        )
        yield Matrix(bench, each_server)
    finally:
        run_as_root(each_server, "DROP USER IF EXISTS reader@localhost")
        bench.close()


def cells(matrix: Matrix) -> list[Cell]:
    return [
        Cell(variable, way, hostile)
        for variable, hostile in hostile_values(matrix.flavor).items()
        for way in ("GLOBAL", "init_connect")
    ]


def test_every_cell_is_equal_or_failed(matrix: Matrix) -> None:
    errors = {
        name: str(found)
        for name, found in matrix.pristine.items()
        if isinstance(found, QueryError | SampleError)
    }
    assert errors == {}
    counted: Counter[str] = Counter()
    different, failed, refused = [], {}, {}
    for cell in cells(matrix):
        try:
            with matrix.hostile(cell):
                found = matrix.answers()
        except pymysql.MySQLError as error:
            counted["not to be had"] += 1
            refused[cell.variable, cell.way] = str(error)
            continue
        counted["cells"] += 1
        for name, expected in matrix.pristine.items():
            if found[name] == expected:
                counted["equal"] += 1
            elif isinstance(found[name], QueryError | SampleError):
                counted["failed"] += 1
                failed[cell.variable, cell.way] = str(found[name])
            else:
                different.append((cell, name, found[name], expected))
    print(  # noqa: T201
        f"\n{matrix.flavor}: {dict(counted)}; failed: {failed}; not to be had: {refused}"
    )
    assert different == []
    assert {variable for variable, _ in failed} <= _MAY_FAIL


# What no query here can feel: it takes writes of others, an insert of one's own, a cluster, tables with
# versions or a hidden key, a day that passes, words of errors, SHOW CREATE; or it matters with another only.
_UNFELT = {
    *(
        "autocommit",
        "tx_isolation",
        "transaction_isolation",
        "sql_auto_is_null",
        "wsrep_dirty_reads",
    ),
    *(
        "system_versioning_asof",
        "show_gipk_in_create_table_and_information_schema",
        "use_secondary_engine",
    ),
    *(
        "information_schema_stats_expiry",
        "lc_messages",
        "sql_quote_show_create",
        "sql_big_selects",
    ),
    *(
        "windowing_use_high_precision",
        "default_collation_for_utf8mb4",
        "standard_compliant_cte",
    ),
    *("old", "old_mode"),
}


def test_what_the_matrix_runs_feels_a_variable_that_is_not_stated(
    matrix: Matrix,
) -> None:
    hostile = hostile_values(matrix.flavor)
    unfelt = {
        variable.name
        for variable in session_variables(
            matrix.flavor, "10.11" if matrix.flavor is Flavor.MARIADB else "9.0"
        )
        if variable.effect is Effect.ANSWER
        and matrix.answers(
            set_behind_our_back=f"{variable.name} = {hostile[variable.name]}"
        )
        == matrix.pristine
    }
    assert unfelt <= _UNFELT


def test_a_table_whose_rows_a_session_leaves_out_is_not_an_empty_one(
    matrix: Matrix,
) -> None:
    found = matrix.answers(set_behind_our_back="sql_select_limit = 0")

    for name in ("balances", "subscriptions_without_limit"):
        assert isinstance(found[name], SampleError), name
        assert "0 rows where the server must give one" in str(found[name])
