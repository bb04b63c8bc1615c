from __future__ import annotations

import json
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pymysql
import pytest

from monitor.demo.configuration import ConfigParts, configuration, create_account
from monitor.demo.incidents import ExpectedAlert
from monitor.demo.mariadb import PrivateMariaDB
from monitor.demo.program import started_address
from monitor.demo.timeline import Timeline, plan
from monitor.demo.webhook import Received, WebhookReceiver


@pytest.mark.parametrize(
    ("for_seconds", "expected"),
    [
        (None, Timeline(8.0, 33.0, None)),
        (60.0, Timeline(8.0, 33.0, 60.0)),
        (20.0, Timeline(4.0, 11.0, 20.0)),
    ],
)
def test_the_incident_begins_when_all_is_well_and_ends_about_half_way(
    for_seconds: float | None, expected: Timeline
) -> None:
    assert plan(for_seconds) == expected


def test_the_verdict_needs_the_alert_to_fire_after_the_break_and_to_resolve_after_the_fix() -> (
    None
):
    verdict = ExpectedAlert("TokenColumnMissing")
    verdict.saw("firing", "TokenColumnMissing", 1.0)
    assert (verdict.is_complete, verdict.sentence()) == (
        False,
        "ended before anything was broken",
    )
    verdict.broken_at = 8.0
    verdict.saw("firing", "TokenUsageStopped", 9.0)
    assert verdict.sentence() == "TokenColumnMissing did not fire"
    verdict.saw("firing", "TokenColumnMissing", 11.5)
    verdict.saw("resolved", "TokenColumnMissing", 12.0)
    assert (
        verdict.sentence()
        == "TokenColumnMissing fired 3.5 s after the break, but did not resolve"
    )
    verdict.fixed_at = 33.0
    verdict.saw("resolved", "TokenColumnMissing", 35.0)
    assert verdict.is_complete
    assert (
        verdict.sentence()
        == "TokenColumnMissing fired 3.5 s after the break, and resolved 2.0 s after the mending"
    )


def test_the_configuration_makes_every_query_and_rule_quick_and_leaves_the_rest() -> (
    None
):
    queries: dict[str, dict[str, Any]] = {
        "balances": {
            "interval": "5m",
            "rules": {
                "TokenBalancesLow": {
                    "above": 20,
                    "for": "10m",
                    "keep_firing_for": "5m",
                },
                "TokenBalancesNegative": {"above": 0},
            },
        },
        "last_usage": {"rules": {"TokenUsageStopped": {"above": 1800, "for": "1s"}}},
    }
    text = configuration(
        queries,
        ConfigParts(
            socket=Path('/tmp/a "b"/s.sock'),
            database="app",
            password_file=Path("/tmp/p"),
            webhook_url="http://127.0.0.1:1/",
            listen="127.0.0.1:0",
            state=Path("/tmp/state"),
        ),
    )
    assert tomllib.loads(text) == {
        "targets": {
            "demo": {
                "unix_socket": '/tmp/a "b"/s.sock',
                "user": "token_monitor",
                "password_file": "/tmp/p",
                "database": "app",
                "max_connections": 3,
            }
        },
        "receivers": {"demo": {"kind": "webhook", "url": "http://127.0.0.1:1/"}},
        "load": {"share": 1},
        "web": {"listen": "127.0.0.1:0"},
        "state": {"directory": "/tmp/state"},
        "queries": {
            "balances": {"interval": "2s", "timeout": "1500ms"},
            "last_usage": {"interval": "2s", "timeout": "1500ms"},
        },
        "rules": {
            "TokenBalancesLow": {"for": "2s", "keep_firing_for": "2s"},
            "TokenUsageStopped": {"above": 3},
            "TokenMonitorTargetDown": {"for": "2s"},
        },
    }


def test_the_account_can_read_its_schema_and_nothing_else(
    mariadb: PrivateMariaDB, schema: str, tmp_path: Path
) -> None:
    password_file = tmp_path / "password"
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        create_account(connection, schema, password_file)
        cursor.execute("CREATE TABLE t (a INT)")
        assert password_file.stat().st_mode & 0o077 == 0
        password = password_file.read_text().strip()
        try:
            with (
                pymysql.connect(
                    unix_socket=str(mariadb.socket),
                    user="token_monitor",
                    password=password,
                    database=schema,
                ) as account,
                account.cursor() as asked,
            ):
                asked.execute("SELECT COUNT(*) FROM t")
                for refused in (
                    "INSERT INTO t VALUES (1)",
                    "SELECT * FROM mysql.user",
                    "DROP TABLE t",
                ):
                    with pytest.raises(pymysql.err.OperationalError, match="denied"):
                        asked.execute(refused)
        finally:
            cursor.execute("DROP USER token_monitor@localhost")


def test_the_webhook_receiver_tells_of_each_alert_and_refuses_what_is_none() -> None:
    received: list[Received] = []
    body = {
        "version": "4",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "A"},
                "annotations": {"summary": "a is wrong"},
            },
            {"status": "resolved", "labels": {"alertname": "B"}, "annotations": {}},
        ],
    }
    with WebhookReceiver(received.append) as receiver:
        with urllib.request.urlopen(
            receiver.url, data=json.dumps(body).encode(), timeout=30
        ) as response:
            assert response.status == 200
        for bad in (b"{", b"[]", b'{"alerts": 1}', b'{"alerts": [{}]}'):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(receiver.url, data=bad, timeout=30)
            assert refused.value.code == 400
            refused.value.close()
    assert received == [
        Received("firing", "A", "a is wrong"),
        Received("resolved", "B", ""),
    ]


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ('{"event":"monitor.started","address":"127.0.0.1:4321"}\n', "127.0.0.1:4321"),
        ('{"event":"run.failed","message":"monitor.started"}\n', None),
        (
            "2026-11-22T10:00:00Z info     monitor.started  version=1 address=127.0.0.1:81 pid=1",
            "127.0.0.1:81",
        ),
        ("2026-11-22T10:00:00Z info     monitor.started  address=[::1]:81", "[::1]:81"),
        ("Traceback (most recent call last):", None),
    ],
)
def test_the_bound_address_is_read_from_the_log_in_both_formats(
    line: str, address: str | None
) -> None:
    assert started_address(line) == address
