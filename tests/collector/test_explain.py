"""Which statements are asked for a plan, and which have none."""

from __future__ import annotations

import pytest

from monitor.collector.explain import is_show


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SHOW TABLES", True),
        ("  -- SELECT\n# x\n/* SELECT\n*/ show status", True),
        ("SELECT 1 -- SHOW", False),
        ("-- SHOW", False),
        ("(SELECT 1)", False),
    ],
)
def test_a_show_is_recognised_behind_its_comments(text: str, expected: bool) -> None:
    assert is_show(text) is expected
