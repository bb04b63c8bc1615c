"""Of which table a walk's column is, where its file does not say: of the one that the statement reads first."""

from __future__ import annotations

import pytest

from monitor.config.sql.first_table import first_table
from monitor.config.sql.lexer import scan


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("SELECT COUNT(*) AS n FROM events WHERE id > :since", "events"),
        ("select count(*) as n from events e where e.id > :since", "events"),
        ("SELECT 1 AS n FROM `my_events`", "my_events"),
        ("SELECT 1 AS n FROM {events}", "{events}"),
        ("SELECT TRIM(' ' FROM name) AS n FROM events", "events"),
        ("SELECT MAX(EXTRACT(HOUR FROM LOWER(at))) AS n FROM events", "events"),
        ("WITH new AS (SELECT * FROM events) SELECT 1 AS n FROM new", "events"),
        ("SELECT 1 AS n FROM (SELECT id FROM events) new", "events"),
        ("SELECT 'a ) FROM b' AS n /* FROM c */ FROM events -- FROM d", "events"),
        ("SELECT 1 AS n", ""),
    ],
)
def test_the_table_is_the_first_that_is_read(sql: str, table: str) -> None:
    assert first_table(scan(sql)) == table
