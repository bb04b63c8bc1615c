"""Texts for a terminal: tables, records, and nothing that it would obey."""

from __future__ import annotations

import pytest

from monitor.cli.output import records, table, table_or_records


def test_a_table_aligns_what_is_wide_and_ends_no_line_with_blanks() -> None:
    shown = table(
        [("漢字", "1", ""), ("é", "22", "x")], ("NAME", "N", "MORE"), right=(1,)
    )
    assert shown == "NAME   N  MORE\n漢字   1\né     22  x"


def test_a_table_keeps_to_its_lines_and_obeys_nothing() -> None:
    assert table([("a\nb\x1b[2J",)], ("NAME",)) == "NAME\na\\nb\\x1b[2J"
    assert (
        records([("a\nb\x1b[2J",)], ("text",)) == "-- row 1\ntext  a\n      b\\x1b[2J"
    )


def test_what_fits_is_a_table_and_what_does_not_stands_below_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    assert table_or_records([("1", "2")], ("a", "b")) == "a  b\n1  2"
    assert (
        table_or_records([("1", "2" * 10)], ("a", "b"))
        == "-- row 1\na  1\nb  2222222222"
    )
    assert table_or_records([], ("a" * 20,)) == "a" * 20
