"""How receivers that speak Alertmanager's words are sent an alert; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from monitor.alerting.shown import shown_annotations
from monitor.model.alerts import Alert
from monitor.model.wording import format_number
from monitor.timing.durations import format_seconds

NEVER: Final = "0001-01-01T00:00:00Z"
"""Go's zero time, which Alertmanager and its receivers take for "not yet"."""


def generator_url(alert: Alert, external_url: str) -> str:
    """Return the address of the alert's own page, which shows it also when it is over."""
    if not external_url:
        return ""
    page = external_url.rstrip("/")
    fingerprint = alert.fingerprint
    return f"{page}/alerts/{fingerprint}"


def annotations_of(alert: Alert) -> dict[str, str]:
    """Return an alert's annotations, with its evidence as JSON, and how it ended; the dict is the caller's."""
    shown = shown_annotations(alert)
    annotations = as_strings(shown.items())
    if alert.evidence:
        rows = [dict(row) for row in alert.evidence]
        annotations["evidence"] = json.dumps(rows, ensure_ascii=False, default=str)
    if alert.resolve_reason:
        annotations["resolve_reason"] = alert.resolve_reason
    if alert.fired_for is not None:
        annotations["fired_for"] = format_seconds(alert.fired_for)
        if alert.peak is not None:
            annotations["peak"] = format_number(alert.peak)
    return annotations


def as_strings(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return names and values as strings, whatever came out of a stored state."""
    # One label that is not a string makes Alertmanager refuse the whole batch.
    return {str(name): str(value) for name, value in pairs}


def rfc3339(instant: datetime | None) -> str:
    """Write an instant in UTC with milliseconds; None is Go's zero time."""
    if instant is None:
        return NEVER
    in_utc = instant.astimezone(UTC)
    text = in_utc.isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
