"""Write transitions as CSV, for a spreadsheet and what counts alerts; pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

from monitor.alerting.shown import shown_annotations
from monitor.model.alerts import Transition
from monitor.model.wording import format_number
from monitor.web.api import time_text

COLUMNS: Final = (
    "at",
    "change",
    "alertname",
    "target",
    "severity",
    "fingerprint",
    "value",
    "active_at",
    "fired_at",
    "resolved_at",
    "resolve_reason",
    "summary",
)
# A spreadsheet takes what begins so for a formula, and runs it.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def history_csv(transitions: Iterable[Transition]) -> str:
    """Return transitions as CSV with a header, in the order in which they are given."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for transition in transitions:
        writer.writerow(_row(transition))
    return text.getvalue()


def _row(transition: Transition) -> tuple[str, ...]:
    alert = transition.alert
    return (
        time_text(transition.at) or "",
        transition.change.value,
        _harmless(alert.name),
        _harmless(alert.scope.target),
        alert.severity.value,
        alert.fingerprint,
        format_number(alert.value),
        time_text(alert.active_at) or "",
        time_text(alert.fired_at) or "",
        time_text(alert.resolved_at) or "",
        _harmless(alert.resolve_reason),
        _harmless(shown_annotations(alert).get("summary", "")),
    )


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
