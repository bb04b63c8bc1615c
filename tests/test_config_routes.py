"""Receivers whose filters let nothing through: warned of, and not refused."""

from __future__ import annotations

from pathlib import Path

from monitor.config import load

FILE = Path(__file__).parent / "testdata" / "receiver_routes.toml"


def test_a_receiver_that_no_alert_reaches_is_warned_of_with_what_there_is() -> None:
    warnings = load(FILE, {}).warnings
    assert [warning.removeprefix("receiver_routes.toml:") for warning in warnings] == [
        '13: receivers.unknown_label.match.tagret: no alert has this label; did you mean "target"?',
        '18: receivers.unknown_values.match.alertname: no alert has it with "TokenColumnMising";'
        ' did you mean "TokenColumnMissing"?',
        '18: receivers.unknown_values.match.region: no alert has it with "us"; allowed: eu',
        '18: receivers.unknown_values.match.severity: no alert has it with "fatal";'
        " allowed: critical, info, warning",
        '18: receivers.unknown_values.match.target: no alert has it with "mian"; did you mean "main"?',
        '23: receivers.never_both.match.status: no alert has it with "ok"; allowed: negative',
        "29: receivers.too_quiet.match: no alert is let through by match and min_severity",
        "34: receivers.dead_mans_switch.watchdog: never comes: [rules.TokenMonitorWatchdog] is switched off",
    ]
