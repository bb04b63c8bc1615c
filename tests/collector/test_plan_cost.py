"""How many rows a plan reads, and what it reads as a whole: plans as both servers wrote them."""

from __future__ import annotations

from monitor.collector.plan_cost import LongScan, long_scans, rows_read
from monitor.model.results import Cell, Rows

MARIADB = ("id", "select_type", "table", "type", "key", "rows", "Extra")
ANALYZE = (*MARIADB, "r_rows", "filtered", "r_filtered")
MYSQL = ("id", "select_type", "table", "type", "key", "rows", "filtered", "Extra")


def plan(columns: tuple[str, ...], *rows: tuple[Cell, ...]) -> Rows:
    return Rows(columns, rows)


def test_of_a_join_each_row_leads_to_those_of_the_next_table() -> None:
    joined = plan(
        MARIADB,
        (1, "SIMPLE", "u", "ALL", None, 1_000_000, ""),
        (1, "SIMPLE", "s", "ref", "user_id", 2, ""),
    )
    assert rows_read(joined) == 3_000_000
    filtered = plan(
        MYSQL,
        (1, "SIMPLE", "u", "ALL", None, 1_000_000, 10.0, ""),
        (1, "SIMPLE", "s", "ref", "user_id", 2, 100.0, ""),
    )
    assert rows_read(filtered) == 1_200_000


def test_what_is_joined_by_a_hash_is_read_once() -> None:
    hashed = plan(
        MYSQL,
        (1, "SIMPLE", "u", "ALL", None, 1_000_000, 100.0, ""),
        (1, "SIMPLE", "s", "ALL", None, 900_000, 10.0, "Using join buffer (hash join)"),
    )
    assert rows_read(hashed) == 1_900_000


def test_results_in_between_are_not_counted_and_each_select_begins_anew() -> None:
    derived = plan(
        MARIADB,
        (1, "PRIMARY", "<derived2>", "ALL", None, 5_000_000, ""),
        (2, "DERIVED", "h", "range", "created_at", 3_600, ""),
        (3, "UNION", None, None, None, None, "No tables used"),
    )
    assert rows_read(derived) == 3_600
    assert list(long_scans(derived, "SELECT 1 FROM token_usage_history h")) == []


def test_a_large_table_that_is_read_as_a_whole_is_named_as_the_statement_names_it() -> (
    None
):
    text = "SELECT COUNT(*) FROM app.`users` AS u JOIN small s ON s.id = u.id"
    guessed = plan(
        MYSQL,
        (1, "SIMPLE", "u", "ALL", None, 2_000_000, 10.0, "Using where"),
        (1, "SIMPLE", "s", "ALL", None, 1_000, 100.0, ""),
    )
    assert list(long_scans(guessed, text)) == [
        LongScan("users", 2_000_000, 200_000, is_measured=False)
    ]
    counted = plan(
        ANALYZE,
        (1, "SIMPLE", "u", "ALL", None, 2_000_000, "", 1_990_000, 100.0, 0.1),
    )
    (scan,) = long_scans(counted, text)
    assert (scan.rows, round(scan.used), scan.is_measured) == (1_990_000, 1_990, True)
    assert round(scan.gain) == 1000
