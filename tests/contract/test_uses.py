from __future__ import annotations

import pytest
from sqlglot import exp

from monitor.contract.needs import needs_of
from monitor.contract.parsing import ParseError, parsed
from monitor.contract.uses import uses_of
from monitor.model.application import HOLE


def named(sql: str, database: str = "") -> str:
    """Return what a statement names: its tables, then each column behind the tables that may have it."""
    uses = uses_of(parsed(sql), database)
    columns = [f"{'|'.join(use.tables)}.{use.column}" for use in uses.columns]
    return " ".join([*uses.tables, "-", *columns])


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", "-"),
        ("SELECT a, b FROM t WHERE c = 1", "t - t.a t.b t.c"),
        ("SELECT COUNT(*) FROM t", "t -"),
        ("SELECT SQL_CACHE a FROM t", "t - t.a"),
        ("SELECT t.a, u.b FROM t JOIN u ON t.id = u.t_id", "t u - t.id u.t_id t.a u.b"),
        # without a table's name: of any of them
        ("SELECT a FROM t, u", "t u - t|u.a"),
        ("SELECT a FROM t JOIN u USING (id)", "t u - t|u.id t|u.a"),
        ("SELECT x.a FROM t x", "t - t.a"),
        ("SELECT X.a FROM t AS x", "t - t.a"),
        # what the statement makes itself
        ("SELECT d.n FROM (SELECT a AS n FROM t) d", "t - t.a"),
        ("SELECT n FROM (SELECT a AS n FROM t) d", "t - t.a"),
        ("SELECT d.b FROM (SELECT * FROM t) d", "t - t.b"),
        ("SELECT d.b FROM (SELECT x.*, 1 AS n FROM t x) d", "t - t.b"),
        ("WITH c AS (SELECT a FROM t) SELECT a, c.a FROM c", "t - t.a"),
        ("WITH c (n) AS (SELECT a FROM t) SELECT n FROM c", "t - t.a"),
        (
            "WITH RECURSIVE c AS (SELECT a FROM t UNION ALL SELECT c.a + 1 FROM c) SELECT a FROM c",
            "t - t.a",
        ),
        ("SELECT a AS n FROM t GROUP BY n HAVING n > 1 ORDER BY n", "t - t.a"),
        ("SELECT a AS n FROM t WHERE n > 1", "t - t.a t.n"),
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY a", "t u - t.a u.b"),
        # sub-selects see what is around them, derived tables do not
        (
            "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.b = t.c AND d = 1)",
            "t u - t.a u.b t.c u|t.d",
        ),
        (
            "SELECT l.b FROM t JOIN LATERAL (SELECT u.b FROM u WHERE u.x = t.y) l ON TRUE",
            "t u - u.b u.x t.y",
        ),
        ("SELECT a FROM (t, u) LEFT JOIN v ON v.x = t.y", "t u v - v.x t.y t|u|v.a"),
        # changes
        ("INSERT INTO t (a, b) VALUES (1, DEFAULT)", "t - t.a t.b"),
        ("INSERT INTO t SET a = 1", "t - t.a"),
        ("INSERT t VALUES (1)", "t -"),
        ("REPLACE INTO t (a) SELECT b FROM u", "t u - t.a u.b"),
        (
            "INSERT IGNORE INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE b = VALUES(c)",
            "t - t.a t.b",
        ),
        ("UPDATE LOW_PRIORITY t SET a = b + 1 WHERE c = 2", "t - t.a t.b t.c"),
        (
            "UPDATE t x JOIN u ON u.i = x.j SET x.a = u.b, c = 1",
            "t u - u.i t.j t.a u.b t|u.c",
        ),
        ("DELETE FROM t WHERE a = 1 ORDER BY b LIMIT 3", "t - t.a t.b"),
        ("DELETE x FROM t x JOIN u ON u.i = x.j", "t u - u.i t.j"),
        ("DELETE FROM x USING t x JOIN u ON u.i = x.j", "t u - u.i t.j"),
        # of other databases, and what only the application knows
        ("SELECT c.a FROM information_schema.columns c", "-"),
        ("SELECT a, b FROM other.t, u", "u -"),
        (f"SELECT {HOLE}, a FROM t WHERE {HOLE} = b", "t - t.a t.b"),
        (f"SELECT a FROM {HOLE} WHERE b = 1", "-"),
        (f"SELECT t.a FROM t {HOLE}", "t - t.a"),
        (
            "SELECT j.a, t.b FROM t, JSON_TABLE('[]', '$' COLUMNS (a INT PATH '$')) j",
            "t - t.b",
        ),
        # rows without a table
        (
            "SELECT a FROM (VALUES ROW(1), ROW(2)) v JOIN t ON t.b = v.column_0",
            "t - t.b",
        ),
        ("SELECT a, n FROM (VALUES (1), (2)) v(n), t", "t - t.a"),
        ("SELECT v.n FROM (VALUES ROW((SELECT MAX(a) FROM t))) v(n)", "t - t.a"),
        ("WITH c AS (VALUES ROW(1)) SELECT t.a, c.n FROM c, t", "t - t.a"),
        ("SELECT a FROM t UNION VALUES ROW(1)", "t - t.a"),
        ("VALUES ROW(1) UNION SELECT a FROM t", "t - t.a"),
        ("INSERT INTO t (a) SELECT * FROM (VALUES ROW(1)) v", "t - t.a"),
        ("UPDATE t JOIN (VALUES ROW(1)) v(n) ON n = t.a SET t.b = n", "t - t.a t.b"),
        ("DELETE t FROM t JOIN (VALUES ROW(1)) v(n) ON n = a", "t - t.a"),
        # what only MariaDB's Oracle mode, or no server of ours, knows
        ("SELECT n, b FROM (SELECT a AS n FROM t)", "t - t.a"),
        ("SELECT t.a FROM t, UNNEST(t.b) u", "t - t.b t.a"),
        # words that look like columns, and what is one all the same
        ("DELETE FROM t WHERE a < UTC_TIMESTAMP - INTERVAL 9 DAY", "t - t.a"),
        ("SELECT utc_date, DATE_SUB(Utc_Time, INTERVAL 1 HOUR) FROM t", "t -"),
        ("UPDATE t SET a = UTC_TIMESTAMP", "t - t.a"),
        ("SELECT CURRENT_ROLE, ROWNUM, SYSDATE, a FROM t", "t - t.a"),
        ("SELECT UNIQUE (a) FROM t", "t -"),
        ("SELECT _rowid, t._rowid, `_rowid`, a FROM t", "t - t.a"),
        ("SELECT t.utc_date, `UTC_TIME` FROM t", "t - t.utc_date t.UTC_TIME"),
        (
            "SELECT DATE_FORMAT(a, GET_FORMAT(DATE, 'EUR')), date FROM t",
            "t - t.a t.date",
        ),
        ("SELECT GET_FORMAT(`DATETIME`, a) FROM t", "t - t.a"),
        ("INSERT INTO t (a) SELECT NEXTVAL(s) FROM u", "t u - t.a"),
        ("SELECT LASTVAL(s), SETVAL(s, a), f(s) FROM t", "t - t.a t.s"),
        ("SELECT seq, a FROM seq_1_to_9 JOIN t", "t -"),
        ("SELECT s.seq FROM `seq_5_to_1_step_2` s", "-"),
        ("SELECT a FROM seq_of_1_to_9", "seq_of_1_to_9 - seq_of_1_to_9.a"),
        ("SHOW TABLES", "-"),
        ("SELECT a FROM dual", "-"),
        ("SET @a = 1", "-"),
    ],
)
def test_what_a_statement_names(sql: str, expected: str) -> None:
    assert named(sql) == expected


def test_a_table_that_is_qualified_by_our_own_database_is_ours() -> None:
    assert named("SELECT app.t.a, b FROM app.t", "App") == "t - t.a t.b"


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT FROM WHERE", "Expected table name but got"),
        ("SELECT 1; SELECT 2", "holds 2 statements"),
        ("", "holds 0 statements"),
        ("SELECT a FROM TABLE(DATE_SUB(b 1)) x", "could not be read"),
    ],
)
def test_what_cannot_be_read_says_why_in_one_line(sql: str, why: str) -> None:
    with pytest.raises(ParseError, match=f"^{why}") as caught:
        parsed(sql)
    assert "\n" not in str(caught.value)


def test_a_tree_that_nobody_expects_is_a_fault_of_its_statement() -> None:
    with pytest.raises(ParseError, match=r"^is of a form that is not known$"):
        uses_of(exp.Select(from_=exp.From()))


def test_needs_keep_the_parameters_that_stand_for_names() -> None:
    statements = (
        "SELECT u.{tokens} FROM {users} u JOIN plans p ON p.id = u.plan_id WHERE p.x > :low",
    )
    assert needs_of(statements) == (
        "plans.id",
        "plans.x",
        "{users}.plan_id",
        "{users}.{tokens}",
    )


def test_a_column_that_several_tables_may_have_is_no_need_of_any() -> None:
    assert needs_of(["SELECT a, t.b FROM t JOIN u ON t.i = u.i"]) == (
        "t.b",
        "t.i",
        "u.i",
    )


def test_what_one_server_alone_reads_is_no_need() -> None:
    assert needs_of(["SELECT t.a, t.b FROM t", "SELECT t.b, t.c FROM t"]) == ("t.b",)
