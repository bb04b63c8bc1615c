"""Codes to reasons, as a table; and which words of a server may be shown."""

from __future__ import annotations

import pytest

from monitor.database.reasons import (
    ErrorKind,
    classify,
    is_answer,
    shown_message,
    syntax_error_excerpt,
)
from monitor.model.errors import Reason, message_with_excerpt

DOWN, DENIED, MISSING = Reason.TARGET_DOWN, Reason.ACCESS_DENIED, Reason.SCHEMA_MISSING


@pytest.mark.parametrize(
    ("code", "reason", "detail", "answered"),
    [
        (1040, DOWN, "full", True),
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
        (1203, DOWN, "quota", True),
        (1205, Reason.LOCK_WAIT, "", True),
        (1213, Reason.LOCK_WAIT, "", True),
        (1226, DOWN, "quota", True),
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
        (1184, DOWN, "lost", False),
        (3168, DOWN, "unreachable", False),
        (9001, DOWN, "backend", False),
        (9002, DOWN, "backend", False),
        (9003, Reason.QUERY_ERROR, "", True),
        (9004, DOWN, "backend", False),
        (9005, DOWN, "backend", False),
        (9006, DOWN, "backend", False),
        (9501, DOWN, "full", True),
        (0, Reason.INTERNAL, "protocol", False),
        (None, Reason.INTERNAL, "protocol", False),
    ],
)
def test_a_code_in_a_run_has_its_reason(
    code: int | None, reason: Reason, detail: str, answered: bool
) -> None:
    kind = classify(code, connecting=False)
    assert (kind.reason, kind.detail) == (reason, detail)
    assert is_answer(code) is answered


_PROXIES = [
    # ProxySQL
    (
        9001,
        "Max connect timeout reached while reaching hostgroup 0 after 10000ms",
        "backend",
    ),
    (9002, "Max connect failure while reaching hostgroup 20", "backend"),
    # MaxScale
    (2003, "Lost connection to backend server: network error (server1)", "unreachable"),
    (
        1927,
        "Connection killed by MaxScale: Router could not recover from connection errors",
        "lost",
    ),
    # RDS Proxy
    (9501, "Timed-out waiting to acquire database connection", "full"),
    (1105, "Timed-out waiting to acquire database connection", "backend"),
    # Vitess
    (
        1105,
        "target: ks.0.primary: primary is not serving, there is a reparent operation in progress",
        "backend",
    ),
    (
        1105,
        "target: ks.-80.replica: no healthy tablet available for 'keyspace:\"ks\"'",
        "backend",
    ),
    (
        1105,
        'vttablet: rpc error: code = Unavailable desc = connection error: desc = "transport"',
        "backend",
    ),
    (1105, "target: main.-.primary: vttablet: Connection Closed", "backend"),
    (1105, "operation not allowed in state NOT_SERVING", "backend"),
    # Galera, and a server that ends sessions
    (1047, "WSREP has not yet prepared node for application use", "unreachable"),
    (1184, "Aborted connection 7 to db: 'app' (init_connect command failed)", "lost"),
    (4031, "The client was disconnected by the server because of inactivity.", "lost"),
]


@pytest.mark.parametrize("connecting", [False, True])
@pytest.mark.parametrize(("code", "words", "detail"), _PROXIES)
def test_what_a_proxy_says_without_its_server_is_a_lost_target(
    code: int, words: str, detail: str, *, connecting: bool
) -> None:
    kind = classify(code, connecting=connecting, words=words)
    assert (kind.reason, kind.detail) == (DOWN, detail)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1105, "VT03018: NEXT used on a non-sequence table"),
        (1105, "syntax error at position 5 near 'FORM'"),
        (9003, "Command not supported"),
        (
            9006,
            "ProxySQL Error: connection is locked to hostgroup 10 but trying to reach hostgroup 20",
        ),
    ],
)
def test_what_a_proxy_says_of_the_statement_is_an_error_of_the_query(
    code: int, words: str
) -> None:
    assert classify(code, connecting=False, words=words).reason is Reason.QUERY_ERROR
    assert is_answer(code, words)


@pytest.mark.parametrize("code", [1044, 1049])
def test_a_database_that_we_may_not_enter_is_access_denied_at_connect(
    code: int,
) -> None:
    assert classify(code, connecting=True) == ErrorKind(DENIED, "database")


def test_a_lost_connection_is_always_a_lost_target_and_no_answer() -> None:
    for code in range(70_000):
        kind = classify(code, connecting=False)
        assert not kind.is_lost or (kind.reason is DOWN and not is_answer(code)), code


@pytest.mark.parametrize(
    ("code", "message", "shown"),
    [
        (1146, "Table 'app.users' doesn't exist", "Table 'app.users' doesn't exist"),
        (
            1054,
            "Unknown column 'u.gone' in 'SELECT'",
            "Unknown column 'u.gone' in 'SELECT'",
        ),
        (
            1045,
            "Access denied for user 'x'@'localhost'",
            "Access denied for user 'x'@'localhost'",
        ),
        (
            1064,
            "syntax to use near 'WHERE name = 'Jo'\nLIMIT' at line 3",
            "syntax to use near '…' at line 3",
        ),
        (
            1292,
            "Truncated incorrect DOUBLE value: 'se''cr\\'et'",
            "Truncated incorrect DOUBLE value: '…'",
        ),
        (1105, 'no route for "Jo O\'Hara"', "no route for '…'"),
        (1146, "Table 'jo@example.com' doesn't exist", "Table '…@…' doesn't exist"),
        (1105, "two\n  lines", "two lines"),
        (1105, "x" * 400, "x" * 299 + "…"),
    ],
)
def test_values_in_a_message_are_masked_and_names_are_not(
    code: int, message: str, shown: str
) -> None:
    assert shown_message(message, code) == shown


@pytest.mark.parametrize(
    ("code", "message", "excerpt"),
    [
        (
            1064,
            "syntax to use near 'FORM users\nWHERE x = 'jo@example.com'' at line 3",
            "FORM users WHERE x = '…@…'",
        ),
        (1064, f"syntax to use near '{'x' * 200}' at line 1", "x" * 99 + "…"),
        (1064, "no excerpt", ""),
        (1054, "Unknown column near 'secret' at line 1", ""),
    ],
)
def test_the_excerpt_of_a_syntax_error_is_kept_apart(
    code: int, message: str, excerpt: str
) -> None:
    assert syntax_error_excerpt(message, code) == excerpt
    assert not excerpt or excerpt not in shown_message(message, code)


def test_the_author_sees_the_excerpt_where_the_log_has_an_ellipsis() -> None:
    shown = "use near '…' at line 3"
    assert message_with_excerpt(shown, "FORM") == "use near 'FORM' at line 3"
    assert message_with_excerpt("cut …", "FORM") == "cut … (near 'FORM')"
    assert message_with_excerpt(shown, "") == shown
