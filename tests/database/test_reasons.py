"""Codes to reasons, as a table; and which words of a server may be shown."""

from __future__ import annotations

import pytest

from monitor.database.reasons import Verdict, is_answer, shown_message, verdict_of
from monitor.errors import Reason

DOWN, DENIED, MISSING = Reason.TARGET_DOWN, Reason.ACCESS_DENIED, Reason.SCHEMA_MISSING


@pytest.mark.parametrize(
    ("code", "reason", "detail", "answered"),
    [
        (1040, DOWN, "capacity", True),
        (1044, DENIED, "privilege", True),
        (1045, DENIED, "login", True),
        (1047, DOWN, "unreachable", False),
        (1049, MISSING, "", True),
        (1052, Reason.QUERY_ERROR, "", True),
        (1053, DOWN, "lost", False),
        (1054, MISSING, "", True),
        (1064, Reason.QUERY_ERROR, "", True),
        (1129, DOWN, "host_blocked", True),
        (1130, DOWN, "host_blocked", True),
        (1142, DENIED, "privilege", True),
        (1143, DENIED, "privilege", True),
        (1146, MISSING, "", True),
        (1203, DOWN, "capacity", True),
        (1205, Reason.LOCK_WAIT, "", True),
        (1213, Reason.LOCK_WAIT, "", True),
        (1226, DOWN, "capacity", True),
        (1227, DENIED, "privilege", True),
        (1305, MISSING, "", True),
        (1317, Reason.KILLED, "", True),
        (1356, MISSING, "", True),
        (1370, DENIED, "privilege", True),
        (1792, Reason.QUERY_ERROR, "", True),
        (1820, DENIED, "login", True),
        (1835, Reason.INTERNAL, "protocol", False),
        (1927, DOWN, "lost", False),
        (1969, Reason.TIMEOUT, "statement_limit", True),
        (2003, DOWN, "unreachable", False),
        (2006, DOWN, "lost", False),
        (2013, DOWN, "lost", False),
        (2014, Reason.INTERNAL, "protocol", False),
        (2026, DOWN, "tls", False),
        (2055, DOWN, "lost", False),
        (2061, DENIED, "auth_plugin", False),
        (2999, Reason.INTERNAL, "protocol", False),
        (3024, Reason.TIMEOUT, "statement_limit", True),
        (4031, DOWN, "lost", False),
        (9001, Reason.QUERY_ERROR, "", True),
        (0, Reason.INTERNAL, "protocol", False),
        (None, Reason.INTERNAL, "protocol", False),
    ],
)
def test_a_code_in_a_run_has_its_reason(
    code: int | None, reason: Reason, detail: str, answered: bool
) -> None:
    verdict = verdict_of(code, connecting=False)
    assert (verdict.reason, verdict.detail) == (reason, detail)
    assert is_answer(code) is answered


@pytest.mark.parametrize("code", [1044, 1049])
def test_a_database_that_we_may_not_enter_is_access_denied_at_connect(code: int) -> None:
    assert verdict_of(code, connecting=True) == Verdict(DENIED, "database")


def test_a_lost_connection_is_always_a_lost_target_and_no_answer() -> None:
    for code in range(70_000):
        verdict = verdict_of(code, connecting=False)
        assert not verdict.lost or (verdict.reason is DOWN and not is_answer(code)), code


@pytest.mark.parametrize(
    ("code", "message", "shown"),
    [
        (1146, "Table 'app.users' doesn't exist", "Table 'app.users' doesn't exist"),
        (1054, "Unknown column 'u.gone' in 'SELECT'", "Unknown column 'u.gone' in 'SELECT'"),
        (1045, "Access denied for user 'x'@'localhost'", "Access denied for user 'x'@'localhost'"),
        (1064, "syntax to use near 'WHERE name = 'Jo'\nLIMIT' at line 3", "syntax to use near '…' at line 3"),
        (1292, "Truncated incorrect DOUBLE value: 'se''cr\\'et'", "Truncated incorrect DOUBLE value: '…'"),
        (1105, 'no route for "Jo O\'Hara"', "no route for '…'"),
        (1146, "Table 'jo@example.com' doesn't exist", "Table '…@…' doesn't exist"),
        (1105, "two\n  lines", "two lines"),
        (1105, "x" * 400, "x" * 299 + "…"),
    ],
)
def test_values_in_a_message_are_masked_and_names_are_not(code: int, message: str, shown: str) -> None:
    assert shown_message(message, code) == shown
