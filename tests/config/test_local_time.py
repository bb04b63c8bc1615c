"""Which functions of a query answer in the session's time zone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.config.sql.local_time import local_time_functions
from monitor.model.conditions import Condition
from monitor.model.settings import Flavor, Query, Rule, Severity, Statement
from tests.database.targets import a_query


def of(sql: str) -> Query:
    return a_query("own", sql, seconds=5, max_rows=5)


@pytest.mark.parametrize(
    ("sql", "functions"),
    [
        ("SELECT now ( 6 )", ("NOW()",)),
        ("SELECT CURRENT_TIMESTAMP, localtime", ("CURRENT_TIMESTAMP()", "LOCALTIME()")),
        (
            "SELECT CURDATE(), SYSDATE(), CURTIME(), LOCALTIMESTAMP()",
            ("CURDATE()", "CURTIME()", "LOCALTIMESTAMP()", "SYSDATE()"),
        ),
        (
            "SELECT UNIX_TIMESTAMP(h.created_at), FROM_UNIXTIME(1)",
            ("FROM_UNIXTIME()", "UNIX_TIMESTAMP()"),
        ),
        ("SELECT UNIX_TIMESTAMP(), UTC_TIMESTAMP(), UTC_DATE()", ()),
        ("SELECT 'NOW()', `now`, \"CURDATE()\" -- NOW()\n/* CURDATE() */ # NOW()", ()),
        ("SELECT t.now, now AS n FROM t", ()),
        ("SELECT NOW", ()),
    ],
)
def test_functions_are_found_outside_of_texts_and_comments(
    sql: str, functions: tuple[str, ...]
) -> None:
    assert local_time_functions(of(sql)) == functions


def test_variants_and_evidence_count_too() -> None:
    rule = Rule(
        "R",
        "own",
        Condition("above"),
        Severity.INFO,
        "s",
        evidence=Statement("SELECT CURDATE()"),
    )
    query = replace(
        of("SELECT 1"),
        variants={Flavor.MYSQL: Statement("SELECT NOW()")},
        rules=(rule,),
    )
    assert local_time_functions(query) == ("CURDATE()", "NOW()")
