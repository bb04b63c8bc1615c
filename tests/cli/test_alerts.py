"""An alert in full, as `explain` writes it."""

from __future__ import annotations

from datetime import UTC, datetime

from monitor.cli.alerts import alert_lines
from monitor.model.alerts import Alert, AlertState, Scope
from monitor.model.settings import Severity, labels_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_it_says_who_is_new_and_what_it_explains_and_no_ids() -> None:
    alert = Alert(
        Scope("Null", "main", "nulls"),
        labels_of({"alertname": "Null", "plan": "pro"}),
        Severity.CRITICAL,
        AlertState.FIRING,
        3.0,
        AT,
        fired_at=AT,
        annotations=labels_of(
            {"affected": "since it fired: 1 new, 2 ongoing", "explained": "Low (1)"}
        ),
        members=("4711", "4712"),
    )
    assert list(alert_lines(alert, [alert])) == [
        "  firing since 2026-03-01 12:00:00 UTC, fired 2026-03-01 12:00:00: plan=pro",
        "    since it fired: 1 new, 2 ongoing",
        "    explains, and so mutes: Low (1)",
    ]
