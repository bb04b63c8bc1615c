"""The read-only guard: what passes, and what is refused however it is dressed."""

from __future__ import annotations

import pytest

from monitor.config.sql.statement import read_template


def _refused(text: str) -> list[str]:
    return [fault.message for fault in read_template(text).faults({})]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 AS x",
        "select 1 as x",
        "  -- why\n/* how */ # what\n(SELECT 1 AS x) UNION (SELECT 2)",
        "SHOW GLOBAL STATUS LIKE 'Threads%'",
        "WITH a AS (SELECT 1 AS x) SELECT x FROM a",
        "with recursive a (n) as (select 1 union select n + 1 from a), `b c` AS (SELECT 2) (SELECT n FROM a)",
        "WITH RECURSIVE a AS (SELECT 1) CYCLE n, m RESTRICT SELECT * FROM a",
        "SELECT SLEEP(1)",
        "SELECT 'INTO OUTFILE', \"FOR UPDATE\", `into`, `get_lock` FROM t",
        "SELECT 1 AS x /* INTO OUTFILE */ -- FOR UPDATE",
        "SELECT x FROM t FORCE INDEX FOR ORDER BY (i)",
        "SELECT '/*! x */' AS x",
        "SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1 AS x",
        "SELECT updated_at, into_stock, lock_in, get_lock FROM t",
        "SELECT a FROM t WHERE b = ';';  -- one; really\n",
    ],
)
def test_a_read_only_statement_passes(text: str) -> None:
    assert _refused(text) == []


_VERBS = "is refused; allowed: SELECT, WITH … SELECT, SHOW"
_INTO = "INTO is refused: a health query writes nothing"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DELETE FROM users", f'"DELETE" {_VERBS}'),
        ("update users set a = 1", f'"update" {_VERBS}'),
        ("-- SELECT\nDROP TABLE users", f'"DROP" {_VERBS}'),
        ("(((DELETE FROM users)))", f'"DELETE" {_VERBS}'),
        ("SET @a = 1", f'"SET" {_VERBS}'),
        ("CALL p()", f'"CALL" {_VERBS}'),
        ("HANDLER t OPEN", f'"HANDLER" {_VERBS}'),
        ("'SELECT'", f"\"'SELECT'\" {_VERBS}"),
        ("((", f'"(" {_VERBS}'),
        ("WITH x AS (SELECT 1) DELETE FROM users", f'"DELETE" {_VERBS}'),
        (
            "WITH x AS (SELECT 1), y (a, b) AS (SELECT (2), 3) UPDATE users SET a = 1",
            f'"UPDATE" {_VERBS}',
        ),
        ("WITH x AS (SELECT ')') DELETE FROM users", f'"DELETE" {_VERBS}'),
        ("WITH x AS (SELECT 1 /* ) SELECT */) DELETE FROM users", f'"DELETE" {_VERBS}'),
        ("WITH `a) SELECT` AS (SELECT 1) (DELETE FROM users)", f'"DELETE" {_VERBS}'),
        (
            "WITH x DELETE FROM users",
            "WITH is not followed by NAME AS (…) and a SELECT",
        ),
        ("WITH", "WITH is not followed by NAME AS (…) and a SELECT"),
        ("WITH x AS (SELECT 1", f'"1" {_VERBS}'),
        ("WITH x AS (SELECT 1) CYCLE n DELETE", f'"DELETE" {_VERBS}'),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", _INTO),
        ("SELECT 1 into/**/dumpfile '/tmp/x'", _INTO),
        ("SELECT 1e5INTO OUTFILE '/tmp/x'", _INTO),
        ("SELECT 1.INTO @a", _INTO),
        ("SELECT a FROM t FOR UPDATE", "FOR UPDATE is refused: it locks rows"),
        ("SELECT a FROM t FOR /* x */\nSHARE", "FOR SHARE is refused: it locks rows"),
        ("SELECT (SELECT a FROM t FOR UPDATE)", "FOR UPDATE is refused: it locks rows"),
        (
            "SELECT a FROM t LOCK IN SHARE MODE",
            "LOCK IN SHARE MODE is refused: it locks rows",
        ),
        (
            "SELECT GET_LOCK('a', 1)",
            "GET_LOCK() is refused: it changes what others see",
        ),
        (
            "SELECT get_lock ('a', 1)",
            "GET_LOCK() is refused: it changes what others see",
        ),
        (
            "SELECT `Get_Lock`/* */('a', 1)",
            "GET_LOCK() is refused: it changes what others see",
        ),
        ('SELECT "get_lock"(1)', "GET_LOCK() is refused: it changes what others see"),
        ("SELECT NEXT VALUE FOR s", "NEXT VALUE FOR is refused: it moves a sequence"),
        (
            "SELECT 1 /*! INTO OUTFILE 'x' */",
            "/*! … */ hides code in a comment, which is refused",
        ),
        (
            "SELECT 1 /*!50000 INTO OUTFILE 'x' */",
            "/*! … */ hides code in a comment, which is refused",
        ),
        ("SELECT 1 /*M! + 1 */", "/*M! … */ hides code in a comment, which is refused"),
        (
            "SELECT\u00a01",
            "U+00A0 NO-BREAK SPACE is no blank to the server; write a plain one, or none",
        ),
        (
            "\ufeffSELECT 1",
            "U+FEFF ZERO WIDTH NO-BREAK SPACE is no blank to the server; write a plain one, or none",
        ),
        (
            "SELECT\u20091 FROM t",
            "U+2009 THIN SPACE is no blank to the server; write a plain one, or none",
        ),
        (
            "SELECT 1\u0085",
            "U+0085 is no blank to the server; write a plain one, or none",
        ),
        ("SELECT \u201ca", "U+201C LEFT DOUBLE QUOTATION MARK is no SQL; write ' or `"),
        ("SELECT 1 \u2014 comment", "U+2014 EM DASH is no SQL; write -"),
        (
            "SELECT COUNT\uff081)",
            "U+FF08 FULLWIDTH LEFT PARENTHESIS is no SQL; write (",
        ),
        (
            "SELECT 1\uff0c 2",
            "U+FF0C FULLWIDTH COMMA is no SQL; write the plain one of the keyboard",
        ),
        ("SELECT 1 \u2260 2", "U+2260 NOT EQUAL TO is no SQL outside of quotes"),
        ("SELECT 1; SELECT 2", "holds several statements; allowed: one"),
        ("SELECT 1;;DELETE FROM users;", "holds several statements; allowed: one"),
        ("SELECT 1 --;\n; -- \nDROP TABLE x", "holds several statements; allowed: one"),
    ],
)
def test_what_could_write_or_lock_is_refused(text: str, message: str) -> None:
    assert _refused(text) == [message]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '\u00a0\u201c' AS a",
        "SELECT 1 -- \u2014 so\u00a0be it",
        "SELECT `\u2260` FROM t",
        "SELECT gr\u00f6\u00dfe FROM t",
    ],
)
def test_any_character_may_stand_in_quotes_and_comments_and_letters_everywhere(
    text: str,
) -> None:
    assert _refused(text) == []
